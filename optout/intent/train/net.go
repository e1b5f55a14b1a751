package main

import (
	"math"
	"math/rand/v2"

	"guichet.dev/guichet/optout/intent"
)

// learner trains a network by AdaGrad: each parameter has its own step, smaller the more it has moved.
type learner struct {
	net      *intent.Net
	vectors  []float32
	things   []float32
	filter   [len(intent.Widths)][]float32
	bias     [intent.Hidden]float32
	out      [intent.Classes][intent.Hidden]float32
	outBias  [intent.Classes]float32
	join     [intent.Joins][intent.Hidden]float32
	joinBias [intent.Joins]float32
	joinOut  [intent.Classes][intent.Joins]float32
	pass     intent.Pass
	random   *rand.Rand
}

func newLearner(random *rand.Rand) *learner {
	n := &intent.Net{Vectors: make([]float32, intent.Buckets*intent.Dim)}
	n.Things = make([]float32, intent.Concepts()*intent.Dim)
	l := &learner{net: n, vectors: make([]float32, len(n.Vectors)), things: make([]float32, len(n.Things)), random: random}
	for i := range n.Things {
		n.Things[i] = float32(random.NormFloat64() * 0.3)
	}
	for i := range n.Vectors {
		n.Vectors[i] = float32(random.NormFloat64() * 0.1)
	}
	for k, width := range intent.Widths {
		size := intent.Filters * width * intent.Dim
		n.Filter[k], l.filter[k] = make([]float32, size), make([]float32, size)
		for i := range n.Filter[k] {
			n.Filter[k][i] = float32(random.NormFloat64() / math.Sqrt(float64(width*intent.Dim)))
		}
	}
	for c := range n.Out {
		for h := range n.Out[c] {
			n.Out[c][h] = float32(random.NormFloat64() * 0.1)
		}
		for j := range n.JoinOut[c] {
			n.JoinOut[c][j] = float32(random.NormFloat64() * 0.2)
		}
	}
	for j := range n.Join {
		for h := range n.Join[j] {
			n.Join[j][h] = float32(random.NormFloat64() * 0.1)
		}
	}
	return l
}

// forget clears the vectors of buckets that no word fell into: what was never learnt shall say nothing.
func (l *learner) forget() {
	for i, moved := range l.vectors {
		if moved == 0 {
			l.net.Vectors[i] = 0
		}
	}
}

// The share of filters and of what is known of words that is left out while learning, so that nothing depends on one alone.
const (
	droppedFilters   = 0.3
	droppedSpellings = 0.3 // the word is then what it stands for only
	droppedConcepts  = 0.1 // or what it is spelt like only
)

// learn does one step.
func (l *learner) learn(text string, class int, step float32) {
	words := intent.Words(text)
	for i := range words {
		switch drop := l.random.Float64(); {
		case drop < droppedSpellings && len(words[i].Concepts) > 0:
			words[i].Buckets = nil
		case drop < droppedSpellings+droppedConcepts:
			words[i].Concepts = nil
		}
	}
	n, p := l.net, &l.pass
	n.Run(words, p)
	var kept [intent.Hidden]float32
	for h := range kept {
		if l.random.Float64() >= droppedFilters {
			kept[h] = 1 / (1 - droppedFilters)
		}
	}
	for h := range p.Found {
		p.Found[h] *= kept[h]
	}
	n.Judge(p)
	likely := p.Likelihoods()
	var (
		back  [intent.Hidden]float32
		joins [intent.Joins]float32
	)
	for c := range likely {
		slope := float32(likely[c] - wanted(c, class))
		move(&n.OutBias[c], &l.outBias[c], slope, step)
		for h := range back {
			back[h] += slope * n.Out[c][h] * kept[h]
			if p.Found[h] > 0 {
				move(&n.Out[c][h], &l.out[c][h], slope*p.Found[h], step)
			}
		}
		for j := range joins {
			if p.Joined[j] > 0 {
				joins[j] += slope * n.JoinOut[c][j]
				move(&n.JoinOut[c][j], &l.joinOut[c][j], slope*p.Joined[j], step)
			}
		}
	}
	for j, slope := range joins {
		if slope == 0 {
			continue
		}
		move(&n.JoinBias[j], &l.joinBias[j], slope, step)
		for h := range back {
			back[h] += slope * n.Join[j][h] * kept[h]
			if p.Found[h] > 0 {
				move(&n.Join[j][h], &l.join[j][h], slope*p.Found[h], step)
			}
		}
	}
	l.backwards(&back, step)
}

// backwards moves filters and the vectors of words where each filter found most.
func (l *learner) backwards(back *[intent.Hidden]float32, step float32) {
	n, p := l.net, &l.pass
	slopes := make([]float32, len(p.Inputs))
	for k, width := range intent.Widths {
		span, half := width*intent.Dim, width/2
		for f := range intent.Filters {
			h := k*intent.Filters + f
			if p.At[h] < 0 || back[h] == 0 {
				continue
			}
			move(&n.Bias[h], &l.bias[h], back[h], step)
			begin := (p.At[h] + 2 - half) * intent.Dim
			for j := range span {
				slopes[begin+j] += back[h] * n.Filter[k][f*span+j]
				move(&n.Filter[k][f*span+j], &l.filter[k][f*span+j], back[h]*p.Inputs[begin+j], step)
			}
		}
	}
	for i, word := range p.Words {
		of := slopes[(i+2)*intent.Dim : (i+3)*intent.Dim]
		for _, c := range word.Concepts {
			at := int(c) * intent.Dim
			for d, s := range of {
				if s != 0 {
					move(&n.Things[at+d], &l.things[at+d], s, step)
				}
			}
		}
		scale := float32(1 / math.Sqrt(float64(max(len(word.Buckets), 1))))
		for _, b := range word.Buckets {
			at := int(b) * intent.Dim
			for d, s := range of {
				if s != 0 {
					move(&n.Vectors[at+d], &l.vectors[at+d], s*scale, step)
				}
			}
		}
	}
}

func move(weight, squares *float32, slope, step float32) {
	*squares += slope * slope
	*weight -= step * slope / float32(math.Sqrt(float64(*squares)+1e-3))
}
