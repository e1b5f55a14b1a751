package mailer_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"guichet.dev/guichet/mailer"
)

var update = flag.Bool("update", false, "write the golden files")

// full has every piece of data that any kind knows.
func full() map[string]string {
	return map[string]string{
		"link": "https://guichet.example.com/x?a=1&b=2", "name": "Ana Moreau", "by": "Bruno Keller", "expires": "2026-03-02 09:00 UTC",
		"unsubscribe": "https://guichet.example.com/mail/unsubscribe?token=t", "mention": "2", "assignment": "1", "follow": "12",
	}
}

func TestTexts(t *testing.T) {
	t.Parallel()
	for _, language := range mailer.Languages() {
		for _, kind := range mailer.Kinds() {
			data := full()
			if kind != mailer.KindDigest {
				delete(data, "unsubscribe")
			}
			if strings.HasSuffix(kind, "_changed") {
				delete(data, "link")
			}
			text, err := mailer.Render(kind, language, data)
			if err != nil {
				t.Fatalf("%s in %s: %v", kind, language, err)
			}
			golden(t, kind+"."+language+".txt", "Subject: "+text.Subject+"\n\n"+text.Plain)
			golden(t, kind+"."+language+".html", text.HTML)
		}
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("%s is not as in the golden file (go test -update writes it):\n%s", name, got)
	}
}

// Every text can do with the least that its kind needs.
func TestTextsOfLittle(t *testing.T) {
	t.Parallel()
	for _, language := range mailer.Languages() {
		for _, kind := range mailer.Kinds() {
			text, err := mailer.Render(kind, language, map[string]string{"link": "https://a.example/", "unsubscribe": "https://a.example/u"})
			if err != nil {
				t.Fatalf("%s in %s: %v", kind, language, err)
			}
			if text.Subject == "" || strings.Contains(text.Plain, "{{") || strings.Contains(text.Plain, "no value") || strings.Contains(text.Plain, "\n\n\n") {
				t.Errorf("%s in %s: %q\n%s", kind, language, text.Subject, text.Plain)
			}
		}
	}
}

func TestHostileData(t *testing.T) {
	t.Parallel()
	evil := "<b>Eve</b>\r\nBcc: x@example.com\r\n\r\n<script>alert(1)</script> {{.link}} \u202e\u2028"
	text, err := mailer.Render(mailer.KindInvitation, "en", map[string]string{"link": `https://a.example/?x='"`[:22], "by": evil, "name": evil})
	if err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(text.Subject, "\r\n\u2028\u202e") {
		t.Errorf("subject %q", text.Subject)
	}
	if strings.Contains(text.HTML, "<script") || strings.Contains(text.HTML, "<b>") {
		t.Errorf("not escaped: %s", text.HTML)
	}
	if !strings.Contains(text.Plain, "{{.link}}") || strings.Contains(text.Plain, "\nBcc:") {
		t.Errorf("data must be no text of ours: %s", text.Plain)
	}
}

// A subject that tries to be a header arrives as a subject.
func TestHostileSubjectOnTheWire(t *testing.T) {
	p := newPost(t)
	data := map[string]string{"link": link, "by": "Eve\r\nBcc: x@example.com\r\n\r\nbody é"}
	if err := p.Send(t.Context(), p.db, "ana@example.com", mailer.KindInvitation, "en", data); err != nil {
		t.Fatal(err)
	}
	p.deliver(1)
	m := p.mails(1)[0]
	if m.Header["Bcc"] != nil || m.Subject != "Eve Bcc: x@example.com body é invites you to Guichet" || len(m.To) != 1 {
		t.Errorf("%v to %v: %q", m.Header, m.To, m.Subject)
	}
}

func TestUnsubscribeHeaders(t *testing.T) {
	p := newPost(t)
	long := "https://guichet.example.com/mail/unsubscribe?token=" + strings.Repeat("abcdefghij", 20)
	if err := p.Send(t.Context(), p.db, "ana@example.com", mailer.KindDigest, "xx", map[string]string{"link": link, "unsubscribe": long}); err != nil {
		t.Fatal(err)
	}
	p.deliver(1)
	m := p.mails(1)[0]
	if got := strings.Join(m.Header["List-Unsubscribe"], "|"); got != "<"+long+">" {
		t.Errorf("List-Unsubscribe %q", got)
	}
	if got := strings.Join(m.Header["List-Unsubscribe-Post"], "|"); got != "List-Unsubscribe=One-Click" {
		t.Errorf("List-Unsubscribe-Post %q", got)
	}
	if m.Subject != "You have unread notifications" {
		t.Errorf("a language without texts: %q", m.Subject)
	}
}
