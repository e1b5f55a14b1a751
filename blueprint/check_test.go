package blueprint_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"guichet.dev/guichet/blueprint"
)

var update = flag.Bool("update", false, "write what the tests see into testdata")

// checked returns what is wrong with a file, with the hints.
func checked(source string) string {
	var lines []string
	for _, p := range blueprint.Check([]byte(source)) {
		line := told([]blueprint.Problem{p})
		if p.Hint != "" {
			line += " (" + p.Hint + ")"
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// The whole of what is wrong is found at once, each where it stands.
func TestEverythingThatIsWrongIsFound(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("testdata/wrong.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got, path := checked(string(source))+"\n", filepath.Join("testdata", "wrong.txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || got != string(want) {
		t.Errorf("%v; found\n%s, want\n%s", err, got, want)
	}
}

func TestFilesThatAreNone(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		"":                              "1:1: : the file is empty",
		"# nothing\n":                   "1:1: : the file is empty",
		"- a":                           "1:1: : must be a mapping of sections (begin with guichet: 1)",
		"guichet: 1\n---\nguichet: 1\n": "1:1: : the file must be one document, without --- in between",
		"a: [1, 2\nb: 3\n":              "1:1: : this is no YAML: did not find expected ',' or ']'",
		"guichet: 1\n\tx: 2\n":          "2:1: : this is no YAML: found a tab character that violates indentation",
		"guichet: 1\nrules: \"\xff\"":   "2:1: : the file must be UTF-8",
		"a: \"b\u2028c\"":               "1:6: : this character ends a line in YAML, and nowhere else (write it as an escape in double quotes)",
		"rules: []":                     "1:1: guichet: is missing: must be 1, the version of the format (begin with guichet: 1)",
		"guichet: 1\nrules:":            "2:7: rules: has no value (leave it out, or write [] for none)",
		"guichet: 1\nlimits: {per_day: 99999999999999999999}": "2:19: limits.per_day: must be a whole number",
		"\ufeffguichet: 1\n": "",
		"guichet: 1\nx: " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000): "2:1: x: is not known here (there are guichet, calendars, rules, automatic_replies, opt_out, limits, accounts, teams, agents)\n" +
			"2:33: x" + strings.Repeat("[0]", 29) + ": must not lie deeper than 30 lists and mappings",
		"guichet: 1\nrules: [" + strings.Repeat("{},", 5001) + "]":  "2:8: rules: must have at most 5000 entries",
		"guichet: 1\nteams: {" + strings.Repeat("x", 501) + ": {}}": "2:9: teams: keys must be text of at most 500 bytes",
		"guichet: 1\n#" + strings.Repeat("x", blueprint.MaxBytes):   "1:1: : the file must have at most 1048576 bytes",
	} {
		if got := checked(source); got != want {
			t.Errorf("%.60q:\n%s\nwant\n%s", source, got, want)
		}
	}
}

// An alias bomb costs nothing.
func TestAliasesAreRefused(t *testing.T) {
	t.Parallel()
	bomb := "guichet: 1\na: &a [x]\n"
	for c := byte('b'); c < 'z'; c++ {
		bomb += string(c) + ": &" + string(c) + " [" + strings.Repeat("*"+string(c-1)+", ", 9) + "]\n"
	}
	if got := checked(bomb); strings.Count(got, "anchors and aliases") < 200 {
		t.Error(got)
	}
}

// Attributes are known to an office only: whatever their types may be, a condition is wrong only if it cannot be right.
func TestAttributesOfAnyType(t *testing.T) {
	t.Parallel()
	for condition, wrong := range map[string]bool{
		`contact.attributes.a > 3`:                                                         false,
		`contact.attributes.a == "x" and contact.attributes.b`:                             false,
		`contact.attributes.a > 3 and contact.attributes.b == "x" or contact.attributes.c`: false,
		`contact.attributes.a == "x" and contact.attributes.a > 3`:                         true,
		`contact.attributes.a > 3 and contact.attributes.b == "x" and contact.nme == "y"`:  true,
	} {
		source := "guichet: 1\nrules:\n  - {name: a, when: message_received, then: [{do: done}], if: '" + condition + "'}\n"
		if got := checked(source); (got != "") != wrong {
			t.Errorf("%s: %s", condition, got)
		}
	}
}

// example returns the file in the documentation.
func example(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("../docs/automation-file.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(text), "\n```yaml\n")
	source, _, ends := strings.Cut(after, "```\n")
	if !found || !ends {
		t.Fatal("docs/automation-file.md has no example")
	}
	return source
}

// The documentation's example is right, and has every section.
func TestTheExampleIsRight(t *testing.T) {
	t.Parallel()
	source := example(t)
	if got := checked(source); got != "" {
		t.Error(got)
	}
	for _, section := range reflect.VisibleFields(reflect.TypeFor[blueprint.Document]()) {
		name, _, _ := strings.Cut(section.Tag.Get("yaml"), ",")
		if name != "" && !strings.Contains("\n"+source, "\n"+name+":") {
			t.Errorf("the example lacks %s", name)
		}
	}
}

func FuzzCheck(f *testing.F) {
	wrong, err := os.ReadFile("testdata/wrong.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(wrong)
	f.Add([]byte(example(f)))
	for _, seed := range []string{
		"", "guichet: 1\n", "guichet: 1\nrules:\n  - {name: a, when: message_received, if: \"a\\nb\", then: [{do: snooze, minutes: 3}]}\n",
		"guichet: 1\nrules:\n  - name: a\n    if: |2\n        x ==\n    then: []\n", "guichet: 1\nrules:\n- if: |-\n\n   x\n", "? [a]\n: b\n", "{a: b, a: c}", "&a [*a]",
		"guichet: 1\nautomatic_replies: {a: {always: {text: '{{x}}', texts: {'': a}}}}\nopt_out: {confirmation: {xx: ''}, words: {en: {stop: ['!']}}}\n",
		"guichet: 1\naccounts: {a: {calendar: ~, assignment_plan: {policies: [{kind: last_agent, days: 999}], offer: {chain: [customer]}}}}\n", "\r0", "---", "a: 'x\n\n\ny'", "\xef\xbb\xbfa: 1",
		"guichet: 1\nrules: [{then: [{do: set_attribute, value: .nan}, {value: 1e999}, {value: {}}]}]\n", "%YAML 1.2\n---\nguichet: 1\n...\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		lines := bytes.Count(source, []byte("\n")) + 1
		for _, p := range blueprint.Check(source) {
			if p.Line < 1 || p.Line > lines || p.Column < 1 || p.Message == "" {
				t.Errorf("%+v of %d lines", p, lines)
			}
		}
	})
}
