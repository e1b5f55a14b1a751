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

// together trains the networks that judge together, which differ in their beginnings and in what they see when.
func together(examples []example) []*intent.Net {
	nets := make([]*intent.Net, ensemble)
	var wg sync.WaitGroup
	slots := make(chan struct{}, runtime.NumCPU())
	for i := range nets {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			nets[i] = train(examples, uint64(i))
		})
	}
	wg.Wait()
	return nets
}

// train learns from examples. The order and every choice come from the seed and the stream of it.
func train(examples []example, stream uint64) *intent.Net {
	random := rand.New(rand.NewPCG(seed, stream))
	l := newLearner(random)
	ordinary := byLanguage(examples)
	order := random.Perm(len(examples))
	for epoch := range epochs {
		random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		step := float32(rate * (1 - 0.9*float64(epoch)/epochs))
		for _, i := range order {
			e := &examples[i]
			l.learn(compose(e, ordinary[e.language], random), e.class, step)
		}
	}
	l.forget()
	return l.net
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

// judge lets networks judge sentences that were kept from them.
func judge(nets []*intent.Net, held []example) []judged {
	results := make([]judged, len(held))
	var p intent.Pass
	for i := range held {
		results[i] = judged{&held[i], intent.Judge(nets, intent.Words(held[i].pattern), &p)}
	}
	return results
}
