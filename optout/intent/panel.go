package intent

import "math"

// Panel judges messages: some networks, and the weights of phrases. They err in different ways, and so the mean of what they say
// is better than any of them.
type Panel struct {
	Nets    []*Net
	Phrases *Phrases
}

// least is the likelihood that one side leaves to what it thinks impossible, so that it cannot overrule the other.
const least = 1e-6

// Judge returns how likely the classes are: the geometric mean of what the networks say on average and what the phrases say.
func (p *Panel) Judge(words []Word, pass *Pass) (l [Classes]float64) {
	for _, n := range p.Nets {
		n.Run(words, pass)
		for c, likely := range pass.Likelihoods() {
			l[c] += likely / float64(len(p.Nets))
		}
	}
	for c, likely := range p.Phrases.Judge(words) {
		l[c] = math.Sqrt((l[c] + least) * (likely + least))
	}
	return normalised(l)
}

// Likelihoods are what the scores of classes mean.
func Likelihoods(scores [Classes]float32) (l [Classes]float64) {
	top := max(scores[0], scores[1], scores[2])
	for c := range l {
		l[c] = math.Exp(float64(scores[c] - top))
	}
	return normalised(l)
}

// normalised lets likelihoods sum up to 1.
func normalised(l [Classes]float64) [Classes]float64 {
	sum := 0.0
	for _, likely := range l {
		sum += likely
	}
	for c := range l {
		l[c] /= sum
	}
	return l
}
