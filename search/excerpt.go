package search

import (
	"strings"
	"unicode/utf8"
)

// Segment is a piece of a text. The pieces in their order are the text; those that are hits are what was looked for.
type Segment struct {
	Text string `json:"text"`
	Hit  bool   `json:"hit,omitempty"`
}

// How much of a text an excerpt shows, in bytes: before the first hit and in all.
const (
	excerptBefore = 60
	excerptLength = 240
)

// span is a part of a text, in bytes.
type span struct{ start, end int }

// spans returns where the text has what the query wants, in order and without overlaps.
func (q query) spans(text string) []span {
	found := tokens(text)
	hit := make([]bool, len(found))
	for _, t := range q {
		if t.not {
			continue
		}
		for i := range found {
			if t.at(found[i:]) {
				for j := range t.words {
					hit[i+j] = true
				}
			}
		}
	}
	var list []span
	for i, h := range hit {
		if h {
			list = append(list, span{found[i].start, found[i].end})
		}
	}
	return list
}

// at tells whether the words that begin here are the term's.
func (t term) at(here []token) bool {
	if len(here) < len(t.words) {
		return false
	}
	for i, w := range t.words {
		last := i == len(t.words)-1
		if here[i].word != w && (!last || !t.prefix || !strings.HasPrefix(here[i].word, w)) {
			return false
		}
	}
	return true
}

// excerpt shows the part of the texts in which there are hits. What was cut off is shown as an ellipsis.
func excerpt(q query, texts []string) []Segment {
	for _, text := range texts {
		if hits := q.spans(text); len(hits) > 0 {
			return cut(text, hits)
		}
	}
	if len(texts) == 0 {
		return []Segment{}
	}
	return cut(texts[0], nil)
}

func cut(text string, hits []span) []Segment {
	from, to := 0, len(text)
	if len(hits) > 0 && hits[0].start > excerptBefore {
		from = boundary(text, hits[0].start-excerptBefore)
	}
	if to-from > excerptLength {
		to = boundary(text, from+excerptLength)
	}
	segments := mark(text, from, to, hits)
	if from > 0 {
		segments = append([]Segment{{Text: "…"}}, segments...)
	}
	if to < len(text) {
		segments = append(segments, Segment{Text: "…"})
	}
	return segments
}

// boundary returns the nearest place at or before a byte where a word or at least a character begins.
func boundary(text string, at int) int {
	for at > 0 && !utf8.RuneStart(text[at]) {
		at--
	}
	if space := strings.LastIndexByte(text[:at], ' '); space >= 0 && at-space < 20 {
		return space + 1
	}
	return at
}

// mark takes a part of the text to pieces.
func mark(text string, from, to int, hits []span) []Segment {
	segments := []Segment{}
	add := func(start, end int, hit bool) {
		if start < end {
			segments = append(segments, Segment{Text: strings.ToValidUTF8(text[start:end], "\uFFFD"), Hit: hit})
		}
	}
	at := from
	for _, h := range hits {
		start, end := max(h.start, from), min(h.end, to)
		if start >= to {
			break
		}
		add(at, start, false)
		add(start, end, true)
		at = max(at, end)
	}
	add(at, to, false)
	return segments
}
