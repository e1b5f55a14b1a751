package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
)

// printMistakes prints what was judged wrongly, or nearly so, the surest mistakes first.
func printMistakes(all []judged, to io.Writer) error {
	worst := slices.SortedStableFunc(slices.Values(all), func(a, b judged) int { return cmp.Compare(b.mistake(), a.mistake()) })
	for _, j := range worst {
		if j.mistake() < 0.3 {
			break
		}
		if _, err := fmt.Fprintf(to, "%.3f\t%s\t%s\t%s\n", wish(j), j.language, labels[j.class], j.pattern); err != nil {
			return err
		}
	}
	return nil
}

// mistake is how wrong a judgement is, 0 to 1.
func (j judged) mistake() float64 {
	if j.class == 0 {
		return wish(j)
	}
	return 1 - j.p[j.class]
}

// line is what is printed for one language.
type line struct {
	Language  string  `json:"language"`
	Wishes    int     `json:"wishes"`
	Others    int     `json:"others"`
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
	Asked     float64 `json:"recall_with_asked"`
	InVain    float64 `json:"others_asked"`
	Scope     float64 `json:"scope_right"`
}

// report prints how well held-out messages were judged, by language and for all together.
func report(all []judged, certain, ask float64, to io.Writer) error {
	byLanguage := make(map[string][]judged)
	for _, j := range all {
		byLanguage[j.language] = append(byLanguage[j.language], j)
		byLanguage["~all"] = append(byLanguage["~all"], j)
	}
	for _, language := range slices.Sorted(maps.Keys(byLanguage)) {
		body, err := json.Marshal(measure(language, byLanguage[language], certain, ask))
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(to, string(body)); err != nil {
			return err
		}
	}
	for _, wanted := range []float64{0.99, 0.97, 0.95, 0.9} {
		at := threshold(all, wanted)
		l := measure("~all", all, at, ask)
		if _, err := fmt.Fprintf(to, "{\"certain\":%.4f,\"precision\":%.3f,\"recall\":%.3f}\n", at, l.Precision, l.Recall); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(to, "{\"certain\":%.4f,\"ask\":%.3f}\n", certain, ask)
	return err
}

func measure(language string, all []judged, certain, ask float64) line {
	l := line{Language: language}
	var hit, asked, inVain, wrong, scope float64
	for _, j := range all {
		sure := wish(j) >= certain
		if j.class == 0 {
			l.Others++
			switch {
			case sure:
				wrong++
			case wish(j) >= ask:
				inVain++
			}
			continue
		}
		l.Wishes++
		if sure {
			hit++
			if j.p[j.class] > j.p[3-j.class] {
				scope++
			}
		}
		if wish(j) >= ask {
			asked++
		}
	}
	l.Precision, l.Recall = hit/max(hit+wrong*mixture(all)[0], 1), hit/float64(max(l.Wishes, 1))
	l.InVain = inVain / float64(max(l.Others, 1))
	l.Asked, l.Scope = asked/float64(max(l.Wishes, 1)), scope/max(hit, 1)
	return l
}
