package main

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"guichet.dev/guichet/optout/intent"
)

// How is learnt, as cross-validation found it best.
const (
	seed       = 20261123
	epochs     = 12
	rate       = 0.05
	storyShare = 0.3  // of messages that get an ordinary sentence before or after them
	smooth     = 0.02 // likelihood that is left to the other classes, against being too sure
)

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

const (
	folds    = 5
	messages = 3 // of each pattern that are judged
)

// crossValidate judges messages of every pattern by a model that saw nothing of its group.
func crossValidate(corpus []example) []judged {
	results := make([][]judged, folds)
	var wg sync.WaitGroup
	slots := make(chan struct{}, runtime.NumCPU())
	for fold := range folds {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			results[fold] = judge(corpus, fold)
		})
	}
	wg.Wait()
	return slices.Concat(results...)
}

// judge trains on all folds but one, and judges that.
func judge(corpus []example, fold int) (results []judged) {
	var learn, held []example
	for _, e := range corpus {
		if e.group%folds == fold {
			held = append(held, e)
		} else {
			learn = append(learn, e)
		}
	}
	net := train(learn, uint64(fold))
	random := rand.New(rand.NewPCG(seed, uint64(1000+fold)))
	ordinary := byLanguage(held)
	var p intent.Pass
	for i := range held {
		for range messages {
			net.Run(intent.Words(compose(&held[i], ordinary[held[i].language], random)), &p)
			results = append(results, judged{&held[i], p.Likelihoods()})
		}
	}
	return results
}
