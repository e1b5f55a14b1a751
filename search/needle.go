package search

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"guichet.dev/guichet/conversation"
)

// needle is one word of what somebody is looked for by: one of its forms must occur.
type needle struct {
	begins   []string // at the beginning of a word, an address or a number
	anywhere []string
}

// needles returns what of a person must occur: all of them. Codes are asked for only if there is a number to be read.
func needles(text string, codes func() ([]string, error)) ([]needle, error) {
	text = strings.TrimSpace(text)
	var list []needle
	add := func(word string, phone bool) error {
		if !phone {
			list = append(list, wordNeedle(word))
			return nil
		}
		known, err := codes()
		if err != nil {
			return err
		}
		n := parseNumber(word, known)
		list = append(list, needle(n))
		return nil
	}
	if isPhone(text) {
		err := add(text, true)
		return list, err
	}
	for _, word := range strings.Fields(text) {
		if bare := strings.TrimPrefix(word, "@"); strings.Contains(bare, "@") {
			list = append(list, wordNeedle(foldedAddress(bare)))
			continue
		}
		for _, w := range words(word) {
			if len(list) == maxTerms {
				return list, nil
			}
			if err := add(w, isPhone(w) && len(w) >= leastDigits); err != nil {
				return nil, err
			}
		}
	}
	if len(list) == 0 {
		return nil, conversation.Invalid("q", "must have letters or digits to look for")
	}
	return list, nil
}

// wordNeedle looks for a word, which may stand anywhere within another if it is not too short.
func wordNeedle(word string) needle {
	n := needle{begins: []string{word}}
	if utf8.RuneCountInString(word) >= leastDigits {
		n.anywhere = []string{word}
	}
	return n
}

// like escapes what has a meaning in a pattern of LIKE.
func like(text string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text)
}

// condition collects a condition in SQL with its parameters.
type condition struct{ args []any }

func (c *condition) arg(value any) string {
	c.args = append(c.args, value)
	return fmt.Sprintf("$%d", len(c.args))
}

// all is the condition that all needles occur, or begin a word.
func (c *condition) all(list []needle, begins bool) string {
	parts := make([]string, len(list))
	for i, n := range list {
		var forms []string
		for _, text := range n.begins {
			if !begins && slices.ContainsFunc(n.anywhere, func(part string) bool { return strings.Contains(text, part) }) {
				continue // who has this has that
			}
			forms = append(forms, "haystack LIKE "+c.arg("% "+like(text)+"%")+"::text")
		}
		if !begins {
			for _, text := range n.anywhere {
				forms = append(forms, "haystack LIKE "+c.arg("%"+like(text)+"%")+"::text")
			}
		}
		parts[i] = "(" + strings.Join(forms, " OR ") + ")"
	}
	return strings.Join(parts, " AND ")
}

// whole is the condition that a field is just what is looked for.
func (c *condition) whole(text string, list []needle) string {
	forms := []string{"haystack LIKE " + c.arg("%| "+like(foldedName(text))+" |%") + "::text"}
	if len(list) == 1 {
		for _, form := range list[0].begins {
			forms = append(forms, "haystack LIKE "+c.arg("%| "+like(form)+" |%")+"::text")
		}
	}
	return "(" + strings.Join(forms, " OR ") + ")"
}

// spans returns where a text has one of the needles, in order and without overlaps. Of a number only the digits count.
func spans(text string, list []needle, number bool) []span {
	folded := make([]byte, 0, len(text))
	var origin []int // of each folded byte
	for i, r := range text {
		before := len(folded)
		switch {
		case number && (r < '0' || r > '9'):
		case number || r == '@' || r == '.' || inWord(r):
			folded = foldRune(folded, r)
		default:
			folded = append(folded, ' ')
		}
		for range len(folded) - before {
			origin = append(origin, i)
		}
	}
	origin = append(origin, len(text))
	var found []span
	add := func(form string, begins bool) {
		for from := 0; form != ""; {
			at := strings.Index(string(folded[from:]), form)
			if at < 0 {
				return
			}
			at += from
			if !begins || at == 0 || folded[at-1] == ' ' || folded[at-1] == '.' || folded[at-1] == '@' {
				end := characterEnd(text, origin, at+len(form))
				if number {
					end = origin[at+len(form)-1] + 1
				}
				found = append(found, span{origin[at], end})
			}
			from = at + 1
		}
	}
	for _, n := range list {
		for _, form := range n.begins {
			add(form, true)
		}
		for _, form := range n.anywhere {
			add(form, false)
		}
	}
	return united(found)
}

// characterEnd is where the character ends that gave the last folded byte before at, with the accents that follow it.
func characterEnd(text string, origin []int, at int) int {
	last := origin[at-1]
	for at < len(origin) && origin[at] == last {
		at++
	}
	if at == len(origin) {
		return len(text)
	}
	return origin[at]
}

func united(list []span) []span {
	slices.SortFunc(list, func(x, y span) int { return x.start - y.start })
	var out []span
	for _, s := range list {
		if n := len(out); n > 0 && s.start <= out[n-1].end {
			out[n-1].end = max(out[n-1].end, s.end)
			continue
		}
		out = append(out, s)
	}
	return out
}
