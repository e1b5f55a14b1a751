package search

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// letters are those that no rule of Unicode takes apart, as people type them without their keyboard.
var letters = map[rune]string{
	'ß': "ss", 'æ': "ae", 'œ': "oe", 'ø': "o", 'đ': "d", 'ð': "d", 'ł': "l", 'þ': "th", 'ħ': "h", 'ı': "i", 'ŋ': "n", 'ŧ': "t", 'ς': "σ",
}

// foldRune appends a letter in lower case without its accents.
func foldRune(to []byte, r rune) []byte {
	r = unicode.ToLower(r)
	if r < utf8.RuneSelf {
		return append(to, byte(r))
	}
	if plain, ok := letters[r]; ok {
		return append(to, plain...)
	}
	for _, part := range norm.NFKD.String(string(r)) {
		switch plain, ok := letters[part]; {
		case unicode.Is(unicode.Mn, part):
		case ok:
			to = append(to, plain...)
		default:
			to = utf8.AppendRune(to, unicode.ToLower(part))
		}
	}
	return to
}

// fold folds a whole text and keeps what is between the words.
func fold(text string) string {
	folded := make([]byte, 0, len(text))
	for _, r := range text {
		folded = foldRune(folded, r)
	}
	return strings.ToValidUTF8(string(folded), "")
}

// Bounds of what is looked at in one text.
const (
	maxTokens = 4000
	maxToken  = 100 // bytes, folded
)

// token is a word: folded, and where it stands in the text.
type token struct {
	word       string
	start, end int // bytes
}

// inWord tells whether a character belongs to a word: letters, digits and the marks on them.
func inWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r) }

// alone tells of the scripts that are written without spaces: each character counts as a word.
func alone(r rune) bool {
	return r > 0xe00 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}

// tokens returns the words of a text. What is neither letter nor digit separates them.
func tokens(text string) []token {
	var (
		found []token
		word  []byte
		start int
	)
	end := func(at int) {
		if len(word) > 0 {
			found = append(found, token{clip(word), start, at})
			word = word[:0]
		}
	}
	for i, r := range text {
		if len(found) >= maxTokens {
			return found
		}
		single := alone(r) && !unicode.IsMark(r)
		if !inWord(r) || r == utf8.RuneError || single {
			end(i)
		}
		if !inWord(r) || r == utf8.RuneError {
			continue
		}
		if len(word) == 0 {
			start = i
		}
		word = foldRune(word, r)
		if single {
			end(i + utf8.RuneLen(r))
		}
	}
	end(len(text))
	return found
}

// clip returns the beginning of a word that is too long to be kept whole. Compatibility forms may hold spaces and signs, such
// as the fraction ½: only letters and digits stay.
func clip(word []byte) string {
	s := string(word)
	for _, r := range s {
		if !inWord(r) {
			s = strings.Map(func(r rune) rune {
				if inWord(r) {
					return r
				}
				return -1
			}, s)
			break
		}
	}
	if len(s) > maxToken {
		s = strings.ToValidUTF8(s[:maxToken], "")
	}
	return s
}

// words returns the folded words of a text.
func words(text string) []string {
	found := tokens(text)
	list := make([]string, 0, len(found))
	for _, t := range found {
		if t.word != "" {
			list = append(list, t.word)
		}
	}
	return list
}
