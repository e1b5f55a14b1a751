package search

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestWordsAreFolded(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"Crème brûlée":             {"creme", "brulee"},
		"Iași, Țara și ţară":       {"iasi", "tara", "si", "tara"},
		"Straße STRASSE":           {"strasse", "strasse"},
		"Łódź Ørsted Þór":          {"lodz", "orsted", "thor"},
		"Ёлка Й":                   {"елка", "и"},
		"ΟΔΟΣ οδός":                {"οδοσ", "οδοσ"},
		"cafe\u0301":               {"cafe"},
		"İstanbul ISPARTA ısı":     {"istanbul", "isparta", "isi"},
		"FR-2026/11 ana@x.io":      {"fr", "2026", "11", "ana", "x", "io"},
		"私は 猫":                     {"私", "は", "猫"},
		"'; DROP TABLE x; -- 👍 |a": {"drop", "table", "x", "a"},
		"\xff\xfe":                 {},
		"½":                        {"12"},
	} {
		if got := words(text); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestQueryIsRead(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"red shoes":          "('red') & ('shoes':*)",
		"red shoes ":         "('red') & ('shoes')",
		`"Red shoes" new `:   "('red' <-> 'shoes') & ('new')",
		"shoes -red":         "('shoes') & !('red')",
		`shoes -"very red"`:  "('shoes') & !('very' <-> 'red')",
		`"very re`:           "('very' <-> 're':*)",
		"a":                  "('a')",
		"été":                "('ete':*)",
		"it's | a:* & !b":    "('it' <-> 's') & ('a') & ('b')",
		"“très bon”":         "('tres' <-> 'bon')",
		"x-y ":               "('x' <-> 'y')",
		"- shoes ":           "('shoes')",
		"|a1 ":               "('a1')",
		"\x00 ok \xff fine ": "('ok') & ('fine')",
	} {
		q, err := parseQuery(text)
		if err != nil || q.tsquery() != want {
			t.Errorf("%q: %q, %v; want %q", text, q.tsquery(), err, want)
		}
	}
	for _, text := range []string{"", " ", "-no", `""`, "-", "!!", "-a -b"} {
		if q, err := parseQuery(text); err == nil {
			t.Errorf("%q: %q", text, q.tsquery())
		}
	}
}

func join(segments []Segment) string {
	var b strings.Builder
	for _, s := range segments {
		if s.Hit {
			b.WriteString("[" + s.Text + "]")
		} else {
			b.WriteString(s.Text)
		}
	}
	return b.String()
}

func TestExcerptShowsWhatWasFound(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("padding ", 40) + "the Crème brûlée was fine " + strings.Repeat("padding ", 40)
	for _, c := range []struct{ query, text, want string }{
		{"creme bru", "Une CRÈME, brûlée!", "Une [CRÈME], [brûlée]!"},
		{`"red shoes" `, "red shoes, red hats", "[red] [shoes], red hats"},
		{"strasse ", "Hauptstraße Straße <b>", "Hauptstraße [Straße] <b>"},
		{"nothing ", "plain", "plain"},
	} {
		q, err := parseQuery(c.query)
		if err != nil {
			t.Fatal(err)
		}
		if got := join(excerpt(q, []string{"other", c.text}[1:])); got != c.want {
			t.Errorf("%q in %q: %q, want %q", c.query, c.text, got, c.want)
		}
	}
	q, err := parseQuery("brulee ")
	if err != nil {
		t.Fatal(err)
	}
	got := join(excerpt(q, []string{"first", long}))
	if !strings.HasPrefix(got, "…padding") || !strings.Contains(got, "Crème [brûlée] was") || !strings.HasSuffix(got, "…") || len(got) > excerptLength+20 {
		t.Errorf("%q", got)
	}
}

func TestNumbersAreRead(t *testing.T) {
	t.Parallel()
	const haystack = "|  | 33612345678 |"
	france := func() ([]string, error) { return []string{"33"}, nil }
	for text, want := range map[string]bool{
		"+33 6 12 34 56 78": true, "0033612345678": true, "06 12 34 56 78": true, "06.12.34.56.78": true, "(06) 12-34-56-78": true,
		"+33 (0)6 12 34 56 78": true, "612345678": true, "45678": true, "06 12": true, "234 56": true, "+33612": true,
		"07 12 34 56 78": false, "+34612345678": false, "+612": false, "99": false,
	} {
		list, err := needles(text, france)
		if err != nil || len(list) != 1 {
			t.Fatal(text, list, err)
		}
		found := slices.ContainsFunc(list[0].begins, func(s string) bool { return strings.Contains(haystack, " "+s) }) ||
			slices.ContainsFunc(list[0].anywhere, func(s string) bool { return strings.Contains(haystack, s) })
		if found != want {
			t.Errorf("%q: %v, want %v", text, list, want)
		}
	}
}

func TestMatchesAreMarked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		query, text, want string
		number            bool
	}{
		{"bru ana", "Ana Brûlard-Ivana", "[Ana] [Brû]lard-Iv[ana]", false},
		{"ss", "Straße Ssen", "Straße [Ss]en", false},
		{"+33 6 12", "+33 6 12 34", "+[33 6 12] 34", true},
		{"ana@ex", "Ana@example.com", "[Ana@ex]ample.com", false},
		{"iasi", "Ias\u0326i!", "[Ias\u0326i]!", false},
	} {
		list, err := needles(c.query, func() ([]string, error) { return nil, nil })
		if err != nil {
			t.Fatal(err)
		}
		if got := join(mark(c.text, 0, len(c.text), spans(c.text, list, c.number))); got != c.want {
			t.Errorf("%q in %q: %q, want %q", c.query, c.text, got, c.want)
		}
	}
}

func FuzzQuery(f *testing.F) {
	for _, s := range []string{`red "shoes -x" -y`, "-", "é\xff|'\\:*", "私は", "½ ß"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, text, message string) {
		q, err := parseQuery(text)
		if err != nil {
			return
		}
		written := q.tsquery()
		for _, t2 := range q {
			for _, w := range t2.words {
				for _, r := range w {
					if !inWord(r) {
						t.Errorf("%q: the word %q", text, w)
					}
				}
			}
		}
		if !utf8.ValidString(written) || strings.ContainsRune(written, 0) {
			t.Errorf("%q: %q", text, written)
		}
		segments := excerpt(q, []string{message})
		if !utf8.ValidString(join(segments)) {
			t.Errorf("%+v", segments)
		}
		list, err := needles(text, func() ([]string, error) { return []string{"33"}, nil })
		if err == nil {
			mark(message, 0, len(message), spans(message, list, false))
			var c condition
			c.all(list, false)
		}
	})
}
