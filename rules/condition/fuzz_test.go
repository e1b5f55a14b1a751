package condition_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"guichet.dev/guichet/rules/condition"
)

func FuzzCompile(f *testing.F) {
	for line := range strings.Lines(allFields + allFunctions + operators) {
		f.Add(strings.TrimPrefix(strings.TrimSpace(line), "- "))
	}
	written, err := os.ReadFile(golden)
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.Lines(string(written)) {
		f.Add(strings.TrimSpace(line))
	}
	env := sample(f)
	f.Fuzz(func(t *testing.T, source string) {
		c, err := condition.Compile(source, schema)
		if err == nil {
			if c.Cost() > condition.Budget {
				t.Errorf("%q costs %d", source, c.Cost())
			}
			if _, err := c.Eval(env); err != nil {
				t.Errorf("%q: %v", source, err)
			}
			for _, path := range c.Inputs() {
				if _, ok := env.Value(path); !ok && !strings.HasPrefix(path, "contact.attributes.") {
					t.Errorf("%q: no value of %s", source, path)
				}
			}
			return
		}
		var e *condition.Error
		if !errors.As(err, &e) {
			t.Fatalf("%q: %v", source, err)
		}
		if e.Line < 1 || e.Column < 1 || e.Column > utf8.RuneCountInString(source)+1 || e.Line > strings.Count(source, "\n")+1 {
			t.Errorf("%q: %d:%d", source, e.Line, e.Column)
		}
		// The first two are said of what the parser or the compiler of expr trips over, which should not get that far.
		for _, bad := range []string{"simpler way", "unclear", "\n", " | ", "unexpected token", "mismatched", "invalid operation"} {
			if strings.Contains(e.Error(), bad) && !strings.Contains(source, bad) {
				t.Errorf("%q: %s", source, e)
			}
		}
	})
}

func FuzzEval(f *testing.F) {
	f.Add(uint64(1), "Je veux un remboursement", "+33612345678", 5.5)
	f.Add(uint64(2), "\xff退款 ½ ﷺ", "", -1.0)
	f.Fuzz(func(t *testing.T, seed uint64, text, name string, number float64) {
		c, err := condition.Compile(generated(seed), schema)
		if err != nil {
			if !limited(err) {
				t.Errorf("%s: %v", generated(seed), err)
			}
			return
		}
		env := sample(t)
		env.Message.Text, env.Contact.Name, env.Contact.Phone = text, name, name
		env.Contact.Tags, env.Conversation.Labels = []string{text, name, ""}, []string{name}
		env.Contact.Attributes = map[string]any{"city": text, "age": number, "renewal": name, "trusted": number > 0, "debts": name}
		first, err := c.Eval(env)
		if err != nil {
			t.Errorf("%s: %v", generated(seed), err)
		}
		if again, err := c.Eval(env); again != first || err != nil {
			t.Errorf("%s: %v, then %v", generated(seed), first, again)
		}
	})
}
