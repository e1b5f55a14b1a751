package intent

import "math"

// Sizes of the network.
const (
	Dim     = 24 // of the vector of a word
	Filters = 48 // of each width
	Joins   = 24
	Classes = 3 // nothing, no more messages, no more advertising
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
	// What filters found is joined, so that "stop" and "do not" together are not the sum of both.
	Join     [Joins][Hidden]float32
	JoinBias [Joins]float32
	JoinOut  [Classes][Joins]float32
}

// Pass is what a message makes of the network, for learning.
type Pass struct {
	Words  []Word
	Inputs []float32 // words × Dim, with room for the widest filter around them
	At     [Hidden]int
	Found  [Hidden]float32
	Joined [Joins]float32
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
	n.Judge(p)
}

// Judge scores what the filters found.
func (n *Net) Judge(p *Pass) {
	for j := range p.Joined {
		sum := n.JoinBias[j]
		for h, found := range p.Found {
			sum += n.Join[j][h] * found
		}
		p.Joined[j] = max(sum, 0)
	}
	for c := range p.Scores {
		sum := n.OutBias[c]
		for h, found := range p.Found {
			sum += n.Out[c][h] * found
		}
		for j, joined := range p.Joined {
			sum += n.JoinOut[c][j] * joined
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
			if sum := n.Bias[h] + dot(weights, p.Inputs[begin:begin+span]); sum > p.Found[h] {
				p.Found[h], p.At[h] = sum, i
			}
		}
	}
}

// dot multiplies two vectors of one length, a multiple of four. Four sums at a time keep the processor busy. Where races are looked
// for, nearly all the time would go into its reads, which are of weights that never change and of one pass's own inputs.
//
//go:norace
func dot(a, b []float32) float32 {
	var s0, s1, s2, s3 float32
	for len(a) >= 4 && len(b) >= 4 {
		s0 += a[0] * b[0]
		s1 += a[1] * b[1]
		s2 += a[2] * b[2]
		s3 += a[3] * b[3]
		a, b = a[4:], b[4:]
	}
	return s0 + s1 + s2 + s3
}

// Likelihoods are those of the classes.
func (p *Pass) Likelihoods() [Classes]float64 { return Likelihoods(p.Scores) }
