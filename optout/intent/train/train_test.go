package main

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"guichet.dev/guichet/optout/intent"
)

func TestPatternsExpand(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 1))
	for pattern, want := range map[string][]string{
		"stop": {"stop"}, "(please |)stop": {"please stop", "stop"}, "a (b(c|d)|e) f": {"a bc f", "a bd f", "a e f"},
	} {
		parts, rest, ok := parse(pattern, 0)
		if !ok || rest != "" {
			t.Errorf("%s: left over %q", pattern, rest)
		}
		var got []string
		for range 200 {
			if s := expand(parts[0], random); !slices.Contains(got, s) {
				got = append(got, s)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", pattern, got, want)
		}
	}
	if _, _, ok := parse("a (b", 0); ok {
		t.Error("an open parenthesis is taken")
	}
}

// orders are messages in which the order of words decides.
func orders() (examples []example) {
	for i, text := range []string{"(please |)stop (writing|texting) (me|us)", "(please |)do not stop (writing|texting) (me|us)", "(please |)stop (at|by) the (shop|station)"} {
		parts, _, _ := parse(text, 0)
		for range 40 {
			examples = append(examples, example{language: "en", class: map[int]int{0: 1}[i], parts: parts[0]})
		}
	}
	return examples
}

// Networks and phrases learn what the order of words decides; a network finds it in a long story, too.
func TestPanelLearns(t *testing.T) {
	t.Parallel()
	net, phrases := train(orders(), 1), weigh(orders())
	const story = "I bought shoes last week and they are fine. The parcel came on Monday. "
	var p intent.Pass
	for text, want := range map[string]bool{
		"stop texting us": true, "please do not stop texting us": false, "stop by the shop": false, story + "please stop writing me": true,
	} {
		words := intent.Words(text)
		net.Run(words, &p)
		if l := p.Likelihoods(); (l[1] > 0.5) != want {
			t.Errorf("%q: to the network %v", text, l)
		}
		if l := phrases.Judge(words); !strings.HasPrefix(text, story) && (l[1] > 0.5) != want {
			t.Errorf("%q: to the phrases %v", text, l)
		}
	}
}
