package main

import (
	"math/rand/v2"
	"runtime"
	"sync"

	"guichet.dev/guichet/optout/intent"
)

// How is learnt, as the held-out sentences found it best.
const (
	seed       = 20261123
	ensemble   = 5 // networks that judge together
	epochs     = 20
	rate       = 0.05
	storyShare = 0.2  // of messages that get an ordinary sentence before or after them
	smooth     = 0.02 // likelihood that is left to the other classes, against being too sure
)

// together trains a panel: networks that differ in their beginnings and in what they see when, and the weights of phrases. It
// is as it will be embedded.
func together(examples []example) *intent.Model {
	m := &intent.Model{Nets: make([]intent.Packed, ensemble)}
	var wg sync.WaitGroup
	slots := make(chan struct{}, runtime.NumCPU())
	for i := range m.Nets {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			m.Nets[i] = intent.Pack(train(examples, uint64(i)))
		})
	}
	m.Phrases = weigh(examples)
	wg.Wait()
	return m
}

// train learns a network from examples. The order and every choice come from the seed and the stream of it.
func train(examples []example, stream uint64) *intent.Net {
	random := rand.New(rand.NewPCG(seed, stream))
	l := newLearner(random)
	rehearse(examples, epochs, rate, random, l.learn)
	l.forget()
	return l.net
}

// rehearse shows all examples again and again, each time in another order and in other words, in ever smaller steps.
func rehearse(examples []example, epochs int, rate float64, random *rand.Rand, learn func(text string, class int, step float32)) {
	ordinary := byLanguage(examples)
	order := random.Perm(len(examples))
	for epoch := range epochs {
		random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		step := float32(rate * (1 - 0.9*float64(epoch)/float64(epochs)))
		for _, i := range order {
			e := &examples[i]
			learn(compose(e, ordinary[e.language], random), e.class, step)
		}
	}
}

// byLanguage are the ordinary messages, for stories around others.
func byLanguage(examples []example) map[string][]*example {
	m := make(map[string][]*example)
	for i := range examples {
		if examples[i].class == 0 {
			m[examples[i].language] = append(m[examples[i].language], &examples[i])
		}
	}
	return m
}

// compose writes a message of an example, some with another sentence before or after it.
func compose(e *example, ordinary []*example, random *rand.Rand) string {
	text := expand(e.parts, random)
	if len(ordinary) > 0 && random.Float64() < storyShare {
		other := expand(ordinary[random.IntN(len(ordinary))].parts, random)
		if random.IntN(2) == 0 {
			text = other + ". " + text
		} else {
			text = text + ". " + other
		}
	}
	return augment(text, random)
}

// judged is an example that a model judged which had not seen it.
type judged struct {
	*example
	p [intent.Classes]float64
}

// judge lets a panel judge sentences that were kept from it.
func judge(panel *intent.Panel, held []example) []judged {
	results := make([]judged, len(held))
	var p intent.Pass
	for i := range held {
		results[i] = judged{&held[i], panel.Judge(intent.Words(held[i].pattern), &p)}
	}
	return results
}
