package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The labels, in the order of the model's classes.
var labels = []string{"no", "all", "marketing"}

// example is a pattern that stands for messages of one class.
type example struct {
	language string
	class    int
	pattern  string
	parts    []part
}

// part is a piece of a pattern: a text, or alternatives of which one is taken.
type part struct {
	text    string
	choices [][]part
}

// dense are the endings of files with few patterns that stand for much: short messages, and those of customers who want to be
// written to. Each of their patterns counts denseTimes.
var dense = []string{"-short.tsv", "-keep.tsv"}

const denseTimes = 12

func readCorpus(folder string) ([]example, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.tsv"))
	if err != nil {
		return nil, err
	}
	slices.Sort(files)
	var all []example
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		language, _, _ := strings.Cut(filepath.Base(file), ".")
		language, _, _ = strings.Cut(language, "-")
		n := 0
		for line := range strings.Lines(string(body)) {
			n++
			label, pattern, found := strings.Cut(strings.TrimRight(line, "\n"), "\t")
			class := slices.Index(labels, label)
			if !found || class < 0 {
				return nil, fmt.Errorf("%s:%d: no label", file, n)
			}
			parts, _, ok := parse(pattern, 0)
			if !ok {
				return nil, fmt.Errorf("%s:%d: parentheses do not match", file, n)
			}
			times := 1
			if slices.ContainsFunc(dense, func(ending string) bool { return strings.HasSuffix(file, ending) }) {
				times = denseTimes
			}
			all = append(all, slices.Repeat([]example{{language: language, class: class, pattern: pattern, parts: parts[0]}}, times)...)
		}
	}
	return all, nil
}

// parse reads alternatives up to the parenthesis that closes them, or up to the end, and returns what is left. It is not ok if a
// parenthesis is never closed.
func parse(s string, depth int) (alternatives [][]part, rest string, ok bool) {
	current := []part{}
	text := strings.Builder{}
	flush := func() {
		if text.Len() > 0 {
			current = append(current, part{text: text.String()})
			text.Reset()
		}
	}
	for s != "" {
		c := s[0]
		s = s[1:]
		switch {
		case c == '(':
			flush()
			var inner [][]part
			if inner, s, ok = parse(s, depth+1); !ok {
				return nil, "", false
			}
			current = append(current, part{choices: inner})
		case c == ')' && depth > 0:
			flush()
			return append(alternatives, current), s, true
		case c == '|' && depth > 0:
			flush()
			alternatives, current = append(alternatives, current), []part{}
		default:
			text.WriteByte(c)
		}
	}
	flush()
	return append(alternatives, current), "", depth == 0
}

// expand writes one message of a pattern.
func expand(parts []part, random *rand.Rand) string {
	var b strings.Builder
	write(&b, parts, random)
	return strings.Join(strings.Fields(b.String()), " ")
}

func write(b *strings.Builder, parts []part, random *rand.Rand) {
	for _, p := range parts {
		if p.choices == nil {
			b.WriteString(p.text)
			continue
		}
		write(b, p.choices[random.IntN(len(p.choices))], random)
	}
}
