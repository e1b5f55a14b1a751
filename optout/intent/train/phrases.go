package main

import (
	"math/rand/v2"

	"guichet.dev/guichet/optout/intent"
)

// How the weights of phrases are learnt.
const (
	phraseEpochs   = 16
	phraseRate     = 0.5
	droppedPhrases = 0.15 // the share that is left out while learning, so that nothing depends on one alone
	phraseStream   = 100  // apart from those of the networks
)

// weigh learns the weights of phrases.
func weigh(examples []example) intent.Phrases {
	random := rand.New(rand.NewPCG(seed, phraseStream))
	l := &weigher{weights: make([]float32, intent.Slots*intent.Classes), squares: make([]float32, intent.Slots*intent.Classes)}
	rehearse(examples, phraseEpochs, phraseRate, random, func(text string, class int, step float32) {
		seen := intent.PhrasesOf(intent.Words(text))
		kept := seen[:0]
		for _, slot := range seen {
			if random.Float64() >= droppedPhrases {
				kept = append(kept, slot)
			}
		}
		l.learn(kept, class, step)
	})
	return intent.PackPhrases(l.weights)
}

// weigher learns by AdaGrad, as learner does.
type weigher struct {
	weights, squares []float32 // slots × classes
}

func (l *weigher) learn(seen []uint32, class int, step float32) {
	scale := intent.PhraseScale(len(seen))
	var scores [intent.Classes]float32
	for _, slot := range seen {
		for c := range scores {
			scores[c] += l.weights[int(slot)*intent.Classes+c] * scale
		}
	}
	for c, likely := range intent.Likelihoods(scores) {
		slope := float32(likely-wanted(c, class)) * scale
		for _, slot := range seen {
			at := int(slot)*intent.Classes + c
			move(&l.weights[at], &l.squares[at], slope, step)
		}
	}
}

// wanted is the likelihood that a class shall have.
func wanted(c, class int) float64 {
	if c == class {
		return 1 - smooth + smooth/intent.Classes
	}
	return smooth / intent.Classes
}
