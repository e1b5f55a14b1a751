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
	weights := mixture(all)
	slope, offset := calibrate(all, weights)
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(wish(all[b]), wish(all[a])) })
	right, total, best := 0.0, 0.0, 1.0
	for _, i := range order {
		right += weights[i] * logistic(slope*logOdds(all[i])+offset)
		total += weights[i]
		if right/total >= precision {
			best = wish(all[i])
		}
	}
	return best
}

// mixture weighs examples so that ordinaryWeight ordinary messages come for each wish.
func mixture(all []judged) []float64 {
	wishes := 0
	for _, j := range all {
		if j.class > 0 {
			wishes++
		}
	}
	weights := make([]float64, len(all))
	for i, j := range all {
		weights[i] = 1
		if j.class == 0 {
			weights[i] = ordinaryWeight * float64(wishes) / float64(len(all)-wishes)
		}
	}
	return weights
}

// calibrate finds how likely wishes really are: the logistic regression of being one on the log-odds of what was judged, by
// Newton's method.
func calibrate(all []judged, weights []float64) (slope, offset float64) {
	slope = 1
	for range 50 {
		var g0, g1, h00, h01, h11 float64
		for i, j := range all {
			x, y := logOdds(j), 0.0
			if j.class > 0 {
				y = 1
			}
			p := logistic(slope*x + offset)
			g0, g1 = g0+weights[i]*(p-y), g1+weights[i]*(p-y)*x
			h := weights[i] * max(p*(1-p), 1e-9)
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
