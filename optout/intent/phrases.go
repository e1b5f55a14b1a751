package intent

import (
	"math"
	"slices"
)

// Slots is how many weights there are for phrases; those that fall into one slot share one.
const Slots = 1 << 20

// Phrases weighs the words of a message, those that stand together, and the things that they stand for, each by itself: it knows what
// is always said in the same way, where the networks know what is like it.
type Phrases struct {
	Weights []int8 // Slots × Classes
	Unit    float32
}

// The kinds of phrases. Their numbers are part of the model.
const (
	phraseWord = iota + 1
	phraseStem
	phrasePair
	phraseThree
	phraseApart // two words with one or two between them
	phraseThing
	phraseThings
	phraseNear // two things at most nearDistance apart
	phraseThreeThings
	phraseBefore // a thing and the word before it
	phraseAfter
)

// How many words apart things may be that are seen together.
const (
	nearDistance = 2
	farDistance  = 6
)

// PhrasesOf are the slots of what is looked at in the words of a message, each once.
func PhrasesOf(words []Word) []uint32 {
	list := make([]uint32, 0, 24*len(words))
	see := func(kind byte, texts ...string) {
		h := begin(kind)
		for _, text := range texts {
			h = (add(h, text) ^ 0xff) * fnvPrime
		}
		list = append(list, mix(h)%Slots)
	}
	stems := make([]string, len(words))
	for i, w := range words {
		stems[i] = stem(w.Text)
		see(phraseWord, w.Text)
		see(phraseStem, stems[i])
		if i >= 1 {
			see(phrasePair, stems[i-1], stems[i])
		}
		if i >= 2 {
			see(phraseThree, stems[i-2], stems[i-1], stems[i])
			see(phraseApart, stems[i-2], stems[i])
		}
		if i >= 3 {
			see(phraseApart, stems[i-3], stems[i])
		}
	}
	seeThings(words, stems, see)
	slices.Sort(list)
	return slices.Compact(list)
}

// seeThings looks at what words stand for, with the things before them in the same sentence and the words beside them.
func seeThings(words []Word, stems []string, see func(kind byte, texts ...string)) {
	for i, w := range words {
		before := thingsBefore(words, i)
		for _, c := range w.Concepts {
			thing := thingName(c)
			see(phraseThing, thing)
			if i > 0 {
				see(phraseBefore, stems[i-1], thing)
			}
			if i+1 < len(words) {
				see(phraseAfter, thing, stems[i+1])
			}
			for j, a := range before {
				see(phraseThings, a.name, thing)
				if a.distance <= nearDistance {
					see(phraseNear, a.name, thing)
				}
				for _, b := range before[j+1:] {
					if b.distance > a.distance {
						see(phraseThreeThings, b.name, a.name, thing)
					}
				}
			}
		}
	}
}

// thing is one that words before another stand for.
type thing struct {
	name     string
	distance int
}

// thingsBefore are the things at most farDistance before a word in its sentence, the nearest first.
func thingsBefore(words []Word, at int) (list []thing) {
	for k := 1; k <= farDistance && at >= k; k++ {
		w := words[at-k]
		if w.Text == "." || w.Text == "?" {
			break
		}
		for _, c := range w.Concepts {
			list = append(list, thing{thingName(c), k})
		}
	}
	return list
}

// thingName is a thing's name in the hash of a phrase.
func thingName(concept uint16) string { return string(rune('A' + concept)) }

// Judge returns how likely the classes are.
func (p *Phrases) Judge(words []Word) [Classes]float64 {
	seen := PhrasesOf(words)
	var sums [Classes]int
	for _, slot := range seen {
		for c := range sums {
			sums[c] += int(p.Weights[int(slot)*Classes+c])
		}
	}
	scale := p.Unit * PhraseScale(len(seen))
	var scores [Classes]float32
	for c := range scores {
		scores[c] = float32(sums[c]) * scale
	}
	return Likelihoods(scores)
}

// PhraseScale is by what each weight counts when so many are seen, so that long messages are not surer than short ones.
func PhraseScale(seen int) float32 { return float32(1 / math.Sqrt(float64(seen+1))) }

// PackPhrases makes weights small.
func PackPhrases(weights []float32) Phrases {
	p := Phrases{}
	p.Weights, p.Unit = pack(weights)
	return p
}
