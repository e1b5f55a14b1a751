package intent

import (
	"iter"
	"strings"
	"unicode/utf8"

	"guichet.dev/guichet/optout"
)

const (
	// Buckets is how many vectors there are for words and their parts; those that fall into one bucket share one.
	Buckets = 1 << 15
	// maxWords of a message are looked at: the first and the last half of them, where wishes stand.
	maxWords = 80
	// stemLength is how many characters of a word stand for all its forms.
	stemLength = 5
	// longestPart bounds the parts of a long word that are looked at, in characters.
	longestPart = 20
)

// The kinds of buckets. Their numbers are part of the model.
const (
	kindWord = iota + 1
	kindStem
	kindPart
	kindEnd
)

// Word is what is seen of a word: how it is spelt, the buckets of itself, its beginning and its parts, so that other forms of it and
// typing errors are near, and what it stands for in the lexicon.
type Word struct {
	Text     string
	Buckets  []uint32
	Concepts []uint16
}

// elisions are apart from the word that they lean on ("n'écrivez", "dell'ordine"), but "don't" is one word.
var elisions = strings.NewReplacer("n't", "nt", "n’t", "nt", "'", " ", "’", " ")

// Words takes a message apart. The ends of sentences are words too.
func Words(text string) []Word {
	lexicon := theLexicon()
	words := []Word{{Text: "<", Buckets: []uint32{hash(kindEnd, "<")}}}
	for part, sign := range parts(text) {
		for word := range strings.FieldsSeq(optout.Fold(elisions.Replace(part))) {
			words = append(words, Word{word, buckets(word), lexicon.of(word)})
		}
		if sign != "" {
			words = append(words, Word{Text: sign, Buckets: []uint32{hash(kindEnd, sign)}})
		}
	}
	if len(words) > maxWords {
		words = append(words[:maxWords/2:maxWords/2], words[len(words)-maxWords/2:]...)
	}
	return words
}

// parts are the pieces of a text with the sign after each: the end of a sentence, a question, or a quotation mark.
func parts(text string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		begin, last := 0, ""
		for i, r := range text {
			sign := signs[r]
			if sign == "" {
				continue
			}
			if part := text[begin:i]; part != "" || sign != last {
				if !yield(part, sign) {
					return
				}
			}
			begin, last = i+utf8.RuneLen(r), sign
		}
		yield(text[begin:], ".")
	}
}

// signs are the words that stand for signs.
var signs = map[rune]string{
	'.': ".", '!': ".", ';': ".", '\n': ".", '…': ".", '。': ".", '?': "?", '؟': "?", ',': ",", '،': ",", ':': ",",
	'"': "q", '«': "q", '»': "q", '“': "q", '”': "q", '„': "q",
}

func buckets(word string) []uint32 {
	list := []uint32{hash(kindWord, word)}
	if utf8.RuneCountInString(word) < 3 {
		return list
	}
	list = append(list, hash(kindStem, stem(word)))
	marked := []rune("<" + word + ">")
	marked = marked[:min(len(marked), longestPart)]
	for size := 3; size <= 4; size++ {
		for i := 0; i+size <= len(marked); i++ {
			list = append(list, hash(kindPart, string(marked[i:i+size])))
		}
	}
	return list
}

func stem(word string) string {
	n := 0
	for i := range word {
		if n == stemLength {
			return word[:i]
		}
		n++
	}
	return word
}

// hash is a text's bucket.
func hash(kind byte, s string) uint32 { return mix(add(begin(kind), s)) % Buckets }

// The numbers of FNV-1a with 32 bits.
const (
	fnvOffset uint32 = 2166136261
	fnvPrime  uint32 = 16777619
)

// begin, add and mix are FNV-1a over a kind and some texts, mixed so that the low bits are good.
func begin(kind byte) uint32 { return (fnvOffset ^ uint32(kind)) * fnvPrime }

func add(h uint32, s string) uint32 {
	for i := range len(s) {
		h = (h ^ uint32(s[i])) * fnvPrime
	}
	return h
}

func mix(h uint32) uint32 {
	h ^= h >> 15
	h *= 2246822519
	return h ^ h>>13
}
