package intent_test

import (
	"math"
	"os"
	"testing"

	"guichet.dev/guichet/optout/intent"
)

func classifier(t testing.TB) *intent.Intent {
	t.Helper()
	i, err := intent.Default()
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// What everybody would understand, and what only looks like a wish.
func TestKnownShapes(t *testing.T) {
	t.Parallel()
	i := classifier(t)
	_, ask := i.Thresholds()
	for text, want := range map[string]string{
		"can you stop by tomorrow": "no", "annuler ma commande": "no", "where is the bus stop?": "no", "stop sending me size 9, I wear 8": "no",
		"please don't stop writing to me": "no", "je ne reçois plus vos messages": "no", "thanks, that is all": "no", "": "no", "🙏": "no",
		"no more promos, keep my order updates": "marketing", "plus de pub s'il vous plaît, seulement mes factures": "marketing",
		"lose my number": "all", "ne m'écrivez plus jamais": "all", "please take me off your list, I don't want these messages": "all",
		"hören Sie auf mir zu schreiben": "all", "no quiero recibir más mensajes": "all", "nu-mi mai scrieți": "all",
	} {
		all, marketing := i.Classify(text)
		got := "no"
		switch {
		case all+marketing < ask:
		case all >= marketing:
			got = "all"
		default:
			got = "marketing"
		}
		if got != want {
			t.Errorf("%q: %s (%.3f, %.3f), want %s", text, got, all, marketing, want)
		}
	}
}

// The embedded model is the one that this corpus gives.
func TestModelIsOfTheCorpus(t *testing.T) {
	t.Parallel()
	hash, err := intent.CorpusHash(os.DirFS("corpus"))
	if err != nil {
		t.Fatal(err)
	}
	if name := classifier(t).Name(); name != "intent "+hash[:8] {
		t.Errorf("%s was trained on another corpus than %s: go run ./optout/intent/train", name, hash[:8])
	}
}

func FuzzClassify(f *testing.F) {
	for _, seed := range []string{"", "stop", "lose my number", "\xff\xfe", "…؟。", "a\u0301\u200d"} {
		f.Add(seed)
	}
	i := classifier(f)
	f.Fuzz(func(t *testing.T, text string) {
		all, marketing := i.Classify(text)
		if math.IsNaN(all) || math.IsNaN(marketing) || all < 0 || marketing < 0 || all+marketing > 1+1e-9 {
			t.Errorf("%q: %v, %v", text, all, marketing)
		}
	})
}

func BenchmarkClassify(b *testing.B) {
	i := classifier(b)
	const text = "Good morning, I bought a pair of shoes last week and since then I get a message every day. I never asked for that. " +
		"Please take my number off your list, I do not want to hear from you any more. The shoes are fine by the way, thank you. Kind regards, Maria"
	for b.Loop() {
		i.Classify(text)
	}
}
