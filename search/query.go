package search

import (
	"strings"
	"unicode"

	"guichet.dev/guichet/conversation"
)

// maxTerms bounds how many terms one search may have.
const maxTerms = 20

// term is one thing that a text must have, or must not: words that follow each other.
type term struct {
	words  []string
	not    bool
	prefix bool // the last word need only begin so
}

// query is what is looked for: all of its terms.
type query []term

// parseQuery reads words, "phrases" and -exclusions. Whatever somebody types is a query; only one that asks for nothing is
// refused. The last word, if it is still being typed, may be the beginning of one.
func parseQuery(text string) (query, error) {
	var (
		q      query
		wanted bool
	)
	rest := strings.Map(func(r rune) rune {
		switch {
		case r == '“' || r == '”' || r == '„' || r == '«' || r == '»':
			return '"'
		case unicode.IsSpace(r):
			return ' '
		default:
			return r
		}
	}, strings.ToValidUTF8(text, " "))
	for rest = strings.TrimLeft(rest, " "); rest != "" && len(q) < maxTerms; rest = strings.TrimLeft(rest, " ") {
		var t term
		t, rest = nextTerm(rest)
		if len(t.words) == 0 {
			continue
		}
		wanted = wanted || !t.not
		q = append(q, t)
	}
	if !wanted {
		return nil, conversation.Invalid("q", "must have a word to look for")
	}
	return q, nil
}

// nextTerm reads one term off the beginning of a text that does not begin with a space.
func nextTerm(text string) (t term, rest string) {
	if after, ok := strings.CutPrefix(text, "-"); ok && after != "" && after[0] != ' ' {
		t.not, text = true, after
	}
	if after, ok := strings.CutPrefix(text, `"`); ok {
		phrase, behind, closed := strings.Cut(after, `"`)
		t.words = words(phrase)
		t.prefix = !closed && endsInWord(phrase)
		return t, behind
	}
	end := strings.IndexAny(text, ` "`)
	if end < 0 {
		end = len(text)
	}
	t.words = words(text[:end])
	last := strings.TrimLeft(text[end:], ` "`) == "" && !strings.Contains(text[end:], " ")
	t.prefix = last && !t.not && endsInWord(text[:end])
	return t, text[end:]
}

// endsInWord tells whether the text ends within a word that could go on. A single letter would be the beginning of nearly
// everything.
func endsInWord(text string) bool {
	found := tokens(text)
	return len(found) > 0 && found[len(found)-1].end == len(text) && len([]rune(found[len(found)-1].word)) >= 2
}

// tsquery returns the query in PostgreSQL's notation.
func (q query) tsquery() string {
	parts := make([]string, 0, len(q))
	for _, t := range q {
		list := make([]string, len(t.words))
		for i, w := range t.words {
			list[i] = quoted(w)
		}
		if t.prefix {
			list[len(list)-1] += ":*"
		}
		part := "(" + strings.Join(list, " <-> ") + ")"
		if t.not {
			part = "!" + part
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, " & ")
}

// anyOf is the part of a tsquery that asks for one of several facts.
func anyOf(facts []string) string {
	list := make([]string, len(facts))
	for i, f := range facts {
		list[i] = quoted(f)
	}
	return "(" + strings.Join(list, " | ") + ")"
}
