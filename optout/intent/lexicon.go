package intent

import (
	_ "embed"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

//go:embed lexicon.tsv
var lexiconFile string

// lexicon knows which words of nine languages stand for one thing: "parad", "hört" and "smettete" all for stopping. What the
// network learns about a thing in one language it knows in all.
type lexicon struct {
	concepts int
	words    map[string][]uint16
	stems    map[string][]uint16 // of words that begin so
	roots    map[string][]uint16 // of Arabic words that have it anywhere
}

// The lengths of stems and roots in characters.
const (
	longestStem  = 14
	shortestRoot = 2
	longestRoot  = 8
)

// theLexicon is that of the file: a concept, a tab, a language, a tab, words. A star stands for anything.
var theLexicon = sync.OnceValue(func() *lexicon {
	l := &lexicon{words: make(map[string][]uint16), stems: make(map[string][]uint16), roots: make(map[string][]uint16)}
	numbers := make(map[string]uint16)
	for line := range strings.Lines(lexiconFile) {
		fields := strings.SplitN(strings.TrimSpace(line), "\t", 3)
		concept, known := numbers[fields[0]]
		if !known {
			concept = uint16(len(numbers))
			numbers[fields[0]] = concept
		}
		for word := range strings.FieldsSeq(fields[2]) {
			switch plain := strings.Trim(word, "*"); {
			case strings.HasPrefix(word, "*"):
				l.roots[plain] = append(l.roots[plain], concept)
			case strings.HasSuffix(word, "*"):
				l.stems[plain] = append(l.stems[plain], concept)
			default:
				l.words[plain] = append(l.words[plain], concept)
			}
		}
	}
	l.concepts = len(numbers)
	return l
})

// of returns what a folded word stands for, each concept once.
func (l *lexicon) of(word string) (concepts []uint16) {
	seen := uint64(0)
	add := func(more []uint16) {
		for _, c := range more {
			if seen&(1<<c) == 0 {
				seen |= 1 << c
				concepts = append(concepts, c)
			}
		}
	}
	add(l.words[word])
	n := 0
	for i := range word {
		if n >= 2 {
			add(l.stems[word[:i]])
		}
		if n++; n > longestStem {
			break
		}
	}
	add(l.stems[word])
	if first, _ := utf8.DecodeRuneInString(word); unicode.Is(unicode.Arabic, first) {
		letters := []rune(word)
		letters = letters[:min(len(letters), longestPart)]
		for i := range letters {
			for size := shortestRoot; size <= longestRoot && i+size <= len(letters); size++ {
				add(l.roots[string(letters[i:i+size])])
			}
		}
	}
	return concepts
}

// Concepts is how many the lexicon knows.
func Concepts() int { return theLexicon().concepts }
