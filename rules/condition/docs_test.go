package condition_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"guichet.dev/guichet/rules/condition"
)

const manual = "../../docs/rules-language.md"

func fieldTable() string {
	var b strings.Builder
	b.WriteString("| field | type | what it is | example |\n|---|---|---|---|\n")
	for _, f := range condition.Fields() {
		doc := f.Doc
		if len(f.Options) > 0 {
			doc += " One of " + strings.Join(f.Options, ", ") + "."
		}
		if f.Personal {
			doc += " Personal."
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | `%s` |\n", f.Path, f.Type, doc, f.Example)
	}
	return b.String()
}

func functionTable() string {
	var b strings.Builder
	b.WriteString("| function | gives | what it is | example |\n|---|---|---|---|\n")
	for _, f := range condition.Functions() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | `%s` |\n", f.Signature, f.Result, f.Doc, f.Example)
	}
	return b.String()
}

// The tables of the manual are those that the API shows.
func TestManualHasTheTables(t *testing.T) {
	t.Parallel()
	written, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	text := string(written)
	for name, table := range map[string]string{"fields": fieldTable(), "functions": functionTable()} {
		before, rest, found := strings.Cut(text, "<!-- "+name+" -->\n")
		old, after, closed := strings.Cut(rest, "<!-- /"+name+" -->\n")
		if !found || !closed {
			t.Fatalf("there is no place for the %s", name)
		}
		if old != table && !*update {
			t.Errorf("the table of %s differs; run with -update", name)
		}
		text = before + "<!-- " + name + " -->\n" + table + "<!-- /" + name + " -->\n" + after
	}
	if *update {
		if err := os.WriteFile(manual, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestExamplesOfTheManualCompile(t *testing.T) {
	t.Parallel()
	if *update {
		t.Skip("the manual is being written")
	}
	written, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(written), "```\n")
	if len(blocks) < 2*16 {
		t.Errorf("there are %d examples only", len(blocks)/2)
	}
	for i := 1; i < len(blocks); i += 2 {
		holds(t, blocks[i], sample(t))
	}
}

// The manual says how much fits.
func TestWhatTheManualSaysFits(t *testing.T) {
	t.Parallel()
	phrases := make([]string, 120)
	for i := range phrases {
		phrases[i] = fmt.Sprintf(`"word %d"`, i)
	}
	compile(t, "mentions(message.text, "+strings.Join(phrases, ",")+")")
	compile(t, `message.text matches "(?i)(order|command[eă]|pedido) *(no|number|nr)?[.]? *#?[0-9]{5,8}"`)
}
