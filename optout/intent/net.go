package intent

import "math"

// Sizes of the network.
const (
	Dim     = 24 // of the vector of a word
	Filters = 48 // of each width
	Classes = 3  // nothing, no more messages, no more advertising
)

// Widths are how many words the filters look at together: enough for a negation, a verb and what it is about.
var Widths = [...]int{3, 5}

// Hidden is how many filters there are.
const Hidden = Filters * 2

// Net is a convolutional network over the words of a message. Each filter looks for something in a few neighbouring words, and
// only its strongest finding counts, wherever it stands: a wish is one even at the end of a long story.
type Net struct {
	Vectors []float32                // Buckets × Dim
	Things  []float32                // concepts of the lexicon × Dim
	Filter  [len(Widths)][]float32   // Filters × width × Dim
	Bias    [Hidden]float32          // of the filters
	Out     [Classes][Hidden]float32 // of what the filters found
	OutBias [Classes]float32
}

// Pass is what a message makes of the network, for learning.
type Pass struct {
	Words  []Word
	Inputs []float32 // words × Dim, with room for the widest filter around them
	At     [Hidden]int
	Found  [Hidden]float32
	Scores [Classes]float32
}

// margin is how many empty words stand before and after a message.
const margin = 2

// Run lets the network look at the words of a message.
func (n *Net) Run(words []Word, p *Pass) {
	p.Words = words
	size := (len(words) + 2*margin) * Dim
	if cap(p.Inputs) < size {
		p.Inputs = make([]float32, size)
	}
	p.Inputs = p.Inputs[:size]
	clear(p.Inputs)
	for i, word := range words {
		into := p.Inputs[(i+margin)*Dim : (i+margin+1)*Dim]
		for _, c := range word.Concepts {
			thing := n.Things[int(c)*Dim : int(c)*Dim+Dim]
			for d := range into {
				into[d] += thing[d]
			}
		}
		scale := float32(1 / math.Sqrt(float64(max(len(word.Buckets), 1))))
		for _, b := range word.Buckets {
			vector := n.Vectors[int(b)*Dim : int(b)*Dim+Dim]
			for d := range into {
				into[d] += vector[d] * scale
			}
		}
	}
	for k, width := range Widths {
		n.convolve(k, width, len(words), p)
	}
	for c := range p.Scores {
		sum := n.OutBias[c]
		for h, found := range p.Found {
			sum += n.Out[c][h] * found
		}
		p.Scores[c] = sum
	}
}

// convolve finds where each filter of a width finds most.
func (n *Net) convolve(k, width, words int, p *Pass) {
	span, half := width*Dim, width/2
	for f := range Filters {
		h := k*Filters + f
		weights := n.Filter[k][f*span : f*span+span]
		p.Found[h], p.At[h] = 0, -1
		for i := range words {
			begin := (i + margin - half) * Dim
			inputs := p.Inputs[begin : begin+span]
			sum := n.Bias[h]
			for j, w := range weights {
				sum += w * inputs[j]
			}
			if sum > p.Found[h] {
				p.Found[h], p.At[h] = sum, i
			}
		}
	}
}

// Likelihoods are those of the classes.
func (p *Pass) Likelihoods() (l [Classes]float64) {
	top := max(p.Scores[0], p.Scores[1], p.Scores[2])
	sum := 0.0
	for c := range l {
		l[c] = math.Exp(float64(p.Scores[c] - top))
		sum += l[c]
	}
	for c := range l {
		l[c] /= sum
	}
	return l
}
