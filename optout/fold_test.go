package optout

import (
	"strings"
	"testing"

	"guichet.dev/guichet/conversation"
)

func TestFold(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                          "",
		" \t\n":                     "",
		"!?…":                       "",
		"Hello,  World":             "hello world",
		"don't":                     "dont",
		"d’accord":                  "daccord",
		"ÀÉÎÕÜ çñ ŞȘȚ Œuvre Straße": "aeiou cn sst oeuvre strasse",
		"e\u0301te\u0301":           "ete",
		"İ":                         "i",
		"a\u200bb\u00adc":           "abc",
		"👩\u200d🔧ok👍🏽":              "ok",
		"привет 你好":                 "привет 你好",
		"1,5":                       "1 5",
		"\xff stop":                 "stop",
	} {
		if got := Fold(in); got != want {
			t.Errorf("%q folds to %q, want %q", in, got, want)
		}
		if again := Fold(Fold(in)); again != Fold(in) {
			t.Errorf("%q folds further to %q", in, again)
		}
	}
}

// A phrase of two lists would mean one or the other by chance.
func TestWordsAreUnique(t *testing.T) {
	t.Parallel()
	for _, words := range []Words{{Stop: []string{"x"}, Start: []string{"X!"}}, {Stop: []string{"🛑"}}, {Stop: []string{strings.Repeat("x", 200)}}} {
		if _, err := New(Policy{Words: map[string]Words{"en": words}}, nil); conversation.CodeOf(err) != conversation.CodeInvalid {
			t.Errorf("%v: %v", words, err)
		}
	}
}
