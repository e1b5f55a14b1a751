package condition_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/rules/condition"
)

var update = flag.Bool("update", false, "write the golden file")

const golden = "testdata/errors.txt"

// The golden file has a condition, in which ⏎ stands for a new line, and below it what is said of it.
func TestMistakesAreExplained(t *testing.T) {
	t.Parallel()
	written, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for line := range strings.Lines(string(written)) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "    ") || line == "" {
			continue
		}
		fmt.Fprintf(&got, "%s\n", line)
		_, err := condition.Compile(strings.ReplaceAll(line, "⏎", "\n"), schema)
		var e *condition.Error
		if !errors.As(err, &e) {
			t.Errorf("%s: %v", line, err)
			continue
		}
		fmt.Fprintf(&got, "    %d:%d %s\n", e.Line, e.Column, e.Message)
		if e.Hint != "" {
			fmt.Fprintf(&got, "    → %s\n", e.Hint)
		}
	}
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got.String() != string(written) {
		t.Errorf("the sentences differ; run with -update and read what changes:\n%s", got.String())
	}
}

func TestErrorIsARefusal(t *testing.T) {
	t.Parallel()
	_, err := condition.Compile("hours.open and\n  contact.contry == \"FR\"", nil)
	var refusal *conversation.Error
	if !errors.As(err, &refusal) || conversation.CodeOf(err) != conversation.CodeInvalid || refusal.Field != "condition" {
		t.Fatalf("%#v", err)
	}
	want := `line 2, column 11: There is no field "contact.contry" (did you mean contact.country?)`
	if err.Error() != want || refusal.Message != want {
		t.Error(err)
	}
	if d := refusal.Details; d["line"] != 2 || d["column"] != 11 || d["hint"] != "did you mean contact.country?" {
		t.Error(d)
	}
	var e *condition.Error
	if !errors.As(err, &e) || e.Refusal("rules.3.if").Field != "rules.3.if" {
		t.Error("the field is not named")
	}
}

func TestLimitsOfTheSource(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ source, want string }{
		"length":     {strings.Repeat("é", 2001), "2000 characters"},
		"encoding":   {"contact.name == \"\xff\"", "no valid text"},
		"nodes":      {strings.Repeat("not ", 310) + "true", "too many parts"},
		"brackets":   {strings.Repeat("(", 1900) + "true", "bracket is not closed"},
		"list":       {`contact.name in [` + strings.Repeat(`"a",`, 101) + `"a"]`, "1 to 100"},
		"numbers":    {`hour(now) in [` + strings.Repeat(`1,`, 101) + `1]`, "1 to 100"},
		"empty list": {`contact.name in []`, "1 to 100"},
		"phrase":     {`mentions(message.text, "` + strings.Repeat("a", 201) + `")`, "200 characters"},
		"pattern":    {`message.text matches "` + strings.Repeat("a", 201) + `"`, "200 characters"},
		"repetition": {`message.text matches "(a{20}){30}"`, "repeats too much"},
		"big class":  {`message.text matches "[\\pL]{800}"`, "repeats too much"},
		"work":       {`message.text matches "a{50}b" or message.text matches "b{50}a"`, "too much work"},
		"work list":  {`any(conversation.labels, # matches "a{50}" or # matches "[^a]{50}")`, "too much work"},
		"invisible":  {"hours.open\u200b", "invisible character"},
		"nul":        {"hours.open\x00", "invisible character"},
	} {
		_, err := condition.Compile(c.source, schema)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		var e *condition.Error
		if !errors.As(err, &e) || e.Line != 1 || e.Column < 1 || e.Column > utf8.RuneCountInString(c.source)+1 {
			t.Errorf("%s: %#v", name, err)
		}
	}
}

// The parser shares the middle of a chained comparison and the beginning of ?: between two places. Nested, what runs would
// double with each level.
func TestSharedPartsAreRefused(t *testing.T) {
	t.Parallel()
	chain, elvis := "1", "true"
	for range 25 {
		chain = "(0 < " + chain + " < 2 ? 1 : 0)"
		elvis = "(" + elvis + " ?: false)"
	}
	for _, source := range []string{chain + " == 1", elvis} {
		if _, err := condition.Compile(source, nil); err == nil {
			t.Errorf("%s is accepted", source)
		}
	}
}
