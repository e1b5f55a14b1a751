package condition

import (
	"sync/atomic"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// plain are the letters that no rule of Unicode takes apart, as people type them without their keyboard, and those that
// Arabic keyboards and habits confuse.
var plain = map[rune]string{
	'ß': "ss", 'æ': "ae", 'œ': "oe", 'ø': "o", 'đ': "d", 'ð': "d", 'ł': "l", 'þ': "th", 'ħ': "h", 'ı': "i", 'ŋ': "n", 'ŧ': "t",
	'ς': "σ", 'ى': "ي", 'ة': "ه", 'ٱ': "ا", 'ی': "ي", 'ک': "ك", 'ـ': "", '’': "'", 'ʼ': "'", '‘': "'",
}

// sign is what the text functions know of a character.
type sign struct {
	folded    string // in lower case without accents
	space     bool
	separates bool // is no part of a word
	single    bool // is a word of its own, in scripts that are written without spaces
}

// page holds the signs of 256 characters, each made when it is first met: few of them are ever used, and finding out about
// a character takes long. Two who make the same sign make it alike.
type page [256]atomic.Pointer[sign]

var pages [0x30000 >> 8]atomic.Pointer[page]

func signOf(r rune) *sign {
	if int(r>>8) >= len(pages) {
		return &other // no letters yet, and private ones
	}
	p := pages[r>>8].Load()
	if p == nil {
		pages[r>>8].CompareAndSwap(nil, new(page))
		p = pages[r>>8].Load()
	}
	known := p[r&0xff].Load()
	if known == nil {
		known = newSign(r)
		p[r&0xff].Store(known)
	}
	return known
}

var other = sign{separates: true}

func newSign(r rune) *sign {
	folded := string(foldRune(r))
	if len(folded) > utf8.UTFMax {
		folded = string(unicode.ToLower(r)) // some characters stand for whole sentences: a text must not grow
	}
	return &sign{
		folded: folded, space: unicode.IsSpace(r), single: alone(r),
		separates: !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsMark(r),
	}
}

// foldRune returns a character in lower case without its accents.
func foldRune(r rune) []byte {
	r = unicode.ToLower(r)
	if letters, ok := plain[r]; ok {
		return []byte(letters)
	}
	var folded []byte
	for _, part := range norm.NFKD.String(string(r)) {
		letters, ok := plain[part]
		switch {
		case unicode.In(part, unicode.Mn, unicode.Cf):
		case ok:
			folded = append(folded, letters...)
		default:
			folded = utf8.AppendRune(folded, unicode.ToLower(part))
		}
	}
	return folded
}

// alone tells of the scripts that are written without spaces between words.
func alone(r rune) bool {
	return r > 0xe00 && unicode.IsLetter(r) &&
		unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}

// fold returns a text in lower case without accents, with one space where there was space, and none at its ends. It has at
// most four bytes for each character of the text.
func fold(s string) string {
	folded := make([]byte, 0, len(s)+8)
	pending := false
	for _, r := range s {
		sign := signOf(r)
		if sign.space {
			pending = len(folded) > 0
			continue
		}
		if pending && sign.folded != "" {
			folded, pending = append(folded, ' '), false
		}
		if sign == &other {
			folded = utf8.AppendRune(folded, r)
		}
		folded = append(folded, sign.folded...)
	}
	return string(folded)
}

// words returns the words of a folded text, each between spaces: " red shoes ". What is neither letter nor digit separates
// them, so that a phrase is found by its words in their order. The words of a text without any are " ".
func words(folded string) string {
	found := append(make([]byte, 0, len(folded)+2), ' ')
	apart := func() {
		if found[len(found)-1] != ' ' {
			found = append(found, ' ')
		}
	}
	for _, r := range folded {
		sign := signOf(r)
		if sign.separates || sign.single {
			apart()
		}
		if !sign.separates {
			found = utf8.AppendRune(found, r)
		}
		if sign.single {
			apart()
		}
	}
	apart()
	return string(found)
}
