package mailer_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/internal/testkit"
	"guichet.dev/guichet/mailer"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/simulator"
)

func TestSend(t *testing.T) {
	p := newPost(t)
	p.invite("ana@example.com")
	if got := testText(t, p, "SELECT encode(data, 'escape') FROM mails"); strings.Contains(got, "very-secret") || strings.Contains(got, "Ana") {
		t.Errorf("the data can be read at rest: %s", got)
	}
	p.deliver(1)
	p.deliver(0)
	m := p.mails(1)[0]
	if m.From != "guichet@example.com" || !slices.Equal(m.To, []string{"ana@example.com"}) || m.Broken != "" {
		t.Errorf("from %s to %v, broken %q", m.From, m.To, m.Broken)
	}
	if m.Subject != "Votre invitation à Guichet" || !strings.Contains(m.Text, link) || !strings.Contains(m.HTML, `href="`+link+`"`) {
		t.Errorf("%s\n%s\n%s", m.Subject, m.Text, m.HTML)
	}
	id := testText(t, p, "SELECT id::text FROM mails")
	for name, want := range map[string]string{
		"Auto-Submitted": "auto-generated", "Message-Id": "<" + id + "@example.com>", "Date": "Sun, 01 Mar 2026 09:00:00 +0000",
		"From": `"Guichet" <guichet@example.com>`, "To": "<ana@example.com>",
	} {
		if got := m.Header[name]; !slices.Equal(got, []string{want}) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for _, name := range []string{"List-Unsubscribe", "User-Agent", "X-Mailer"} {
		if got := m.Header[name]; got != nil {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := p.row(); got != "sent 1  true" {
		t.Errorf("row %q", got)
	}
	if log := p.log.String(); strings.Contains(log, "secret") || strings.Contains(log, "ana@") {
		t.Errorf("logged: %s", log)
	}
}

func testText(t *testing.T, p *post, query string) string {
	t.Helper()
	var text string
	if err := p.db.NewRaw(query).Scan(t.Context(), &text); err != nil {
		t.Fatal(err)
	}
	return text
}

func TestNothingIsSentOfWhatIsRolledBack(t *testing.T) {
	p := newPost(t)
	sorry := errors.New("sorry")
	err := postgres.InTx(t.Context(), p.db, func(ctx context.Context, tx bun.Tx) error {
		return errors.Join(p.Send(ctx, tx, "ana@example.com", mailer.KindPasswordChanged, "en", nil), sorry)
	})
	if !errors.Is(err, sorry) {
		t.Fatal(err)
	}
	p.deliver(0)
	p.mails(0)
}

func TestSendRefuses(t *testing.T) {
	p := newPost(t)
	data := map[string]string{"link": link}
	for name, c := range map[string]struct {
		to, kind string
		data     map[string]string
		want     conversation.Code
	}{
		"unknown kind":     {"ana@example.com", "greeting", data, conversation.CodeInternal},
		"no link":          {"ana@example.com", mailer.KindInvitation, nil, conversation.CodeInternal},
		"script as link":   {"ana@example.com", mailer.KindInvitation, map[string]string{"link": "javascript:alert(1)"}, conversation.CodeInternal},
		"header in link":   {"ana@example.com", mailer.KindInvitation, map[string]string{"link": "https://a.example/\r\nBcc: x@example.com"}, conversation.CodeInternal},
		"no address":       {"ana", mailer.KindInvitation, data, conversation.CodeInvalid},
		"two addresses":    {"ana@example.com, bob@example.com", mailer.KindInvitation, data, conversation.CodeInvalid},
		"header in it":     {"ana@example.com\r\nBcc: x@example.com", mailer.KindInvitation, data, conversation.CodeInvalid},
		"name and address": {"Ana <ana@example.com>", mailer.KindInvitation, data, conversation.CodeInvalid},
	} {
		if err := p.Send(t.Context(), p.db, c.to, c.kind, "en", c.data); conversation.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	p.deliver(0)
}

func TestTriesAgainUntilADayIsOver(t *testing.T) {
	p := newPost(t)
	p.fault(simulator.Fault{Action: simulator.ActionTemporary})
	p.invite("ana@example.com")
	pause := time.Second
	tries := 0
	for tries < 40 && !strings.HasPrefix(p.row(), "failed") {
		p.deliver(1)
		tries++
		if strings.HasPrefix(p.row(), "failed") {
			break
		}
		p.wait(pause - time.Millisecond)
		p.deliver(0) // not a moment earlier
		p.wait(time.Millisecond)
		pause = min(2*pause, time.Hour)
	}
	// 1 s + 2 s + … + 2048 s is 68 minutes; then hourly until 24 hours are over.
	if want := fmt.Sprintf("failed %d smtp_451 true", 12+1+23); p.row() != want {
		t.Errorf("row %q, want %q", p.row(), want)
	}
	if got := p.outcomes[len(p.outcomes)-1]; got != "invitation failed smtp_451" || len(p.outcomes) != tries {
		t.Errorf("observed %d outcomes, the last %q", len(p.outcomes), got)
	}
	if log := p.log.String(); !strings.Contains(log, "level=ERROR") || strings.Contains(log, "ana@") || strings.Contains(log, "secret") || strings.Contains(log, "later") {
		t.Errorf("logged: %s", log)
	}
	p.mails(0)
}

func TestTemporaryFailurePasses(t *testing.T) {
	p := newPost(t)
	p.fault(simulator.Fault{Action: simulator.ActionTemporary, Count: 1, To: "ana@example.com"})
	p.invite("ana@example.com")
	p.deliver(1)
	if got := p.row(); got != "queued 1 smtp_451 false" {
		t.Errorf("row %q", got)
	}
	p.wait(time.Second)
	p.deliver(1)
	p.mails(1)
	if got := p.row(); got != "sent 2  true" {
		t.Errorf("row %q", got)
	}
}

func TestRefusedRecipientIsGivenUpAtOnce(t *testing.T) {
	p := newPost(t)
	p.fault(simulator.Fault{Action: simulator.ActionRefuse})
	p.invite("ana@example.com")
	p.deliver(1)
	if got := p.row(); got != "failed 1 smtp_550 true" {
		t.Errorf("row %q", got)
	}
}

func TestServerThatIsAway(t *testing.T) {
	p := newPost(t, func(o *mailer.Options) { o.URL = "smtp://127.0.0.1:1" })
	p.invite("ana@example.com")
	p.deliver(1)
	if got := p.row(); got != "queued 1 connection false" {
		t.Errorf("row %q", got)
	}
}

// The simulator offers no TLS.
func TestNothingGoesWithoutTLSUnlessAllowed(t *testing.T) {
	p := newPost(t, func(o *mailer.Options) { o.AllowPlain = false })
	p.invite("ana@example.com")
	p.deliver(1)
	p.mails(0)
	if got := p.row(); !strings.HasPrefix(got, "queued 1 ") {
		t.Errorf("row %q", got)
	}
}

func TestManyProcessesSendEachMailOnce(t *testing.T) {
	p := newPost(t)
	p.fault(simulator.Fault{Action: simulator.ActionSlow, Delay: simulator.Duration(30 * time.Millisecond)})
	const n = 20
	for i := range n {
		p.invite(fmt.Sprintf("ana%d@example.com", i))
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for range 3 {
		running.Go(func() {
			if err := p.Run(ctx); err != nil {
				t.Errorf("run: %v", err)
			}
		})
	}
	testkit.Eventually(t, 20*time.Second, func() error {
		if got := testText(t, p, "SELECT count(*)::text FROM mails WHERE state = 'sent' AND tries = 1"); got != fmt.Sprint(n) {
			return fmt.Errorf("%s sent", got)
		}
		return nil
	})
	cancel()
	running.Wait()
	p.mails(n)
}

// Whoever dies while sending leaves the mail to others, who wait until it would have been settled.
func TestLease(t *testing.T) {
	p := newPost(t)
	p.invite("ana@example.com")
	if _, err := p.db.ExecContext(t.Context(), "UPDATE mails SET tries = 1, due_at = ?", p.clock().Add(2*time.Minute)); err != nil {
		t.Fatal(err)
	}
	p.deliver(0)
	p.wait(2 * time.Minute)
	p.deliver(1)
	p.mails(1)
}

func TestAnotherKey(t *testing.T) {
	p := newPost(t)
	p.invite("ana@example.com")
	good := p.Sealer
	p.Sealer = testkit.Keyring(t)
	p.deliver(1)
	if got := p.row(); got != "queued 1 sealed false" {
		t.Errorf("row %q", got)
	}
	p.Sealer = good
	p.wait(time.Second)
	p.deliver(1)
	p.mails(1)
}

func TestShowLinks(t *testing.T) {
	p := newPost(t, func(o *mailer.Options) { o.ShowLinks = true })
	p.fault(simulator.Fault{Action: simulator.ActionTemporary, Count: 1})
	p.invite("ana@example.com")
	p.deliver(1)
	p.wait(time.Second)
	p.deliver(1)
	if n := strings.Count(p.log.String(), link); n != 1 {
		t.Errorf("the link is shown %d times: %s", n, p.log)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	for url, ok := range map[string]bool{
		"smtp://mail.example.com": true, "smtps://user:p%40ss@mail.example.com:465": true, "smtp://[::1]:25": true,
		"http://mail.example.com": false, "mail.example.com": false, "smtp://": false, "smtp://mail.example.com:0": false,
		"smtp://mail.example.com/inbox": false, "smtp://u:s3cret@mail.example.com:x": false,
	} {
		_, err := mailer.New(mailer.Options{URL: url, From: "guichet@example.com"})
		if (err == nil) != ok {
			t.Errorf("%s: %v", url, err)
		}
		if err != nil && (strings.Contains(err.Error(), "s3cret") || !strings.Contains(err.Error(), "GUICHET_SMTP_URL")) {
			t.Errorf("%s: %v", url, err)
		}
	}
	if _, err := mailer.New(mailer.Options{URL: "smtp://mail.example.com", From: "nobody"}); err == nil || !strings.Contains(err.Error(), "GUICHET_MAIL_FROM") {
		t.Errorf("a wrong sender: %v", err)
	}
	m, err := mailer.New(mailer.Options{})
	if err != nil || m.Ready() {
		t.Fatalf("no server: ready %v, %v", m.Ready(), err)
	}
	if err := m.Send(t.Context(), nil, "ana@example.com", mailer.KindPasswordChanged, "en", nil); conversation.CodeOf(err) != conversation.CodeUnsupported {
		t.Errorf("no server: %v", err)
	}
}
