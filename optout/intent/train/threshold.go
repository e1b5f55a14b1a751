package main

import (
	"cmp"
	"math"
	"slices"
)

// precisionWanted is the precision at which a wish is certain, on examples that were kept from the model.
const precisionWanted = 0.97

// ordinaryWeight is how many ordinary messages come for each wish, for the precision: the corpus has its own mixture.
const ordinaryWeight = 3.0

// askRecall is the share of wishes that shall reach a person, if they do not count at once.
const askRecall = 0.97

// thresholds returns the least likelihood from which precision is as wanted, and the one from which an agent is asked.
func thresholds(all []judged) (certain, ask float64) {
	certain = threshold(all, precisionWanted)
	var wishes []float64
	for _, j := range all {
		if j.class > 0 {
			wishes = append(wishes, wish(j))
		}
	}
	slices.Sort(wishes)
	return certain, min(wishes[int((1-askRecall)*float64(len(wishes)))], certain)
}

// threshold returns the least likelihood from which precision is as wanted. Precision is what the calibrated likelihoods promise,
// not a count of mistakes: there are few near the threshold, and each of them would move it.
func threshold(all []judged, precision float64) float64 {
	w := mixture(all)
	slope, offset := calibrate(all, w)
	surest := slices.SortedStableFunc(slices.Values(all), func(a, b judged) int { return cmp.Compare(wish(b), wish(a)) })
	right, total, best := 0.0, 0.0, 1.0
	for _, j := range surest {
		right += w.of(j) * logistic(slope*logOdds(j)+offset)
		total += w.of(j)
		if right/total >= precision {
			best = wish(j)
		}
	}
	return best
}

// weights are what an ordinary message and a wish count.
type weights [2]float64

func (w weights) of(j judged) float64 { return w[min(j.class, 1)] }

// mixture weighs messages so that ordinaryWeight ordinary ones come for each wish.
func mixture(all []judged) weights {
	wishes := 0
	for _, j := range all {
		wishes += min(j.class, 1)
	}
	return weights{ordinaryWeight * float64(wishes) / float64(max(len(all)-wishes, 1)), 1}
}

// calibrate finds how likely wishes really are: the logistic regression of being one on the log-odds of what was judged, by
// Newton's method.
func calibrate(all []judged, w weights) (slope, offset float64) {
	slope = 1
	for range 50 {
		var g0, g1, h00, h01, h11 float64
		for _, j := range all {
			x, y := logOdds(j), float64(min(j.class, 1))
			p := logistic(slope*x + offset)
			g0, g1 = g0+w.of(j)*(p-y), g1+w.of(j)*(p-y)*x
			h := w.of(j) * max(p*(1-p), 1e-9)
			h00, h01, h11 = h00+h, h01+h*x, h11+h*x*x
		}
		d := h00*h11 - h01*h01
		offset -= (h11*g0 - h01*g1) / d
		slope -= (h00*g1 - h01*g0) / d
	}
	return slope, offset
}

func logOdds(j judged) float64 {
	p := min(max(wish(j), 1e-6), 1-1e-6)
	return math.Log(p / (1 - p))
}

func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func wish(j judged) float64 { return j.p[1] + j.p[2] }
