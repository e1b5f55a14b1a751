package blueprint

import (
	"strings"
	"testing"

	"guichet.dev/guichet/rules"
)

// FuzzTexts writes whatever text a reply may have, and reads it back.
func FuzzTexts(f *testing.F) {
	for _, text := range []string{
		"", "Hello", "two\nlines", "two\nlines\n", "\n", " \n x", "a \nb", "ends\n\n", "\ttab", "a\r\nb", "- a", "# b", "a: b", "{{contact.name|you}}", "'", `"`,
		"on", "yes", "null", "~", "1", "1e3", "0x1", "2026-12-24", "09:00", "=", "<<", "&a", "*a", "!x", "%", "@", "`", "|", ">", "---", "...", "👍🏽 merci\nà bientôt\u00a0!",
		"\u2028", "\u0085\n", "\ufeff", "a\ufeffb\nc", "\u200b\n", "  indented\nless", "x\n  indented\n\n  more", "\u00a0leading\nx", "\U000e0001\nz",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d := Document{Guichet: Format}
		d.Replies = map[string]rules.Replies{text: {Always: &rules.Reply{Text: text}}}
		source, err := encode(d)
		if err != nil {
			t.Fatal(err)
		}
		back := read(source)
		reply := back.Replies[text].Always
		if (reply == nil || reply.Text != text) && len(back.problems) == 0 {
			t.Errorf("%q became %+v:\n%s", text, reply, source)
		}
		if again, err := encode(back.Document); err != nil || string(again) != string(source) && len(back.problems) == 0 {
			t.Errorf("%q is written as\n%s, then as\n%s (%v)", text, source, again, err)
		}
	})
}

// What people write stays readable.
func TestTextsAreReadable(t *testing.T) {
	t.Parallel()
	d := Document{Guichet: Format}
	d.Replies = map[string]rules.Replies{"a": {Always: &rules.Reply{Text: "👍🏽 merci\nà bientôt\u00a0! 👨‍👩‍👧", Texts: map[string]string{"fr": "un 👍 seul"}}}}
	source, err := encode(d)
	if want := "      text: |-\n        👍🏽 merci\n        à bientôt\u00a0! 👨‍👩‍👧\n      texts:\n        fr: un 👍 seul\n"; err != nil || !strings.Contains(string(source), want) {
		t.Errorf("%v: %s", err, source)
	}
}
