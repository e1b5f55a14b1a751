package optout

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Fold brings a message into the form in which phrases are compared: lower case, no accents, no punctuation or emoji, single
// spaces. Apostrophes vanish ("don't" becomes "dont"), everything else that is no letter or digit separates. Folding again
// changes nothing.
func Fold(s string) string {
	var b strings.Builder
	space := false
	for _, r := range norm.NFKD.String(strings.ToValidUTF8(s, " ")) {
		r = unicode.ToLower(r)
		switch {
		case unicode.Is(unicode.Mn, r) || r == '\'' || r == '’' || r == 'ʼ' || r == 'ـ' || unicode.Is(unicode.Cf, r):
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			if space && b.Len() > 0 {
				b.WriteByte(' ')
			}
			space = false
			if plain, ok := plain[r]; ok {
				b.WriteString(plain)
			} else {
				b.WriteRune(r)
			}
		default:
			space = true
		}
	}
	return b.String()
}

// plain are the letters that do not decompose but are written in several ways: Latin ligatures and strokes, and those that
// Arabic keyboards and habits confuse.
var plain = map[rune]string{
	'æ': "ae", 'œ': "oe", 'ø': "o", 'ß': "ss", 'ł': "l", 'đ': "d", 'ı': "i",
	'ى': "ي", 'ة': "ه", 'ٱ': "ا", 'ی': "ي", 'ک': "ك",
}
