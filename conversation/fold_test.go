package conversation

import "testing"

// Every phrase must be written as fold leaves it, or no message could ever equal it.
func TestWishesAreFolded(t *testing.T) {
	t.Parallel()
	for phrase := range wishes {
		if folded := fold(phrase); folded != phrase {
			t.Errorf("phrase %q folds to %q", phrase, folded)
		}
		if len(phrase) > longestWish/2 {
			t.Errorf("phrase %q is too long", phrase)
		}
	}
}

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
		if got := fold(in); got != want {
			t.Errorf("%q folds to %q, want %q", in, got, want)
		}
		if again := fold(fold(in)); again != fold(in) {
			t.Errorf("%q folds further to %q", in, again)
		}
	}
}

// A phrase of two lists would mean one or the other by chance.
func TestWishesAreUnique(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("a phrase with two meanings was accepted")
		}
	}()
	build(map[wish][]string{stopAll: {"x"}, startAll: {"x"}})
}
