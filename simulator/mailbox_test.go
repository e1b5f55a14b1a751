package simulator_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/smtp"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"guichet.dev/guichet/simulator"
)

// mailbox is a simulator that takes mails.
type mailbox struct {
	*simulator.Client
	t         *testing.T
	url, smtp string
}

func newMailbox(t *testing.T) *mailbox {
	t.Helper()
	t.Parallel()
	s, err := simulator.New(simulator.Config{Addr: "127.0.0.1:0", MailAddr: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	return &mailbox{simulator.NewClient(s.URL()), t, s.URL(), strings.TrimPrefix(s.MailURL(), "smtp://")}
}

func (b *mailbox) send(to, subject, text string) error {
	mail := "From: shop@example.com\r\nTo: " + to + "\r\nSubject: " + subject + "\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + text + "\r\n"
	return smtp.SendMail(b.smtp, nil, "shop@example.com", []string{to}, []byte(mail))
}

func (b *mailbox) page(path string) string {
	b.t.Helper()
	request, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.url+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		b.t.Fatalf("%s: %d, %v", path, response.StatusCode, err)
	}
	if policy := response.Header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'") {
		b.t.Errorf("%s: policy %q", path, policy)
	}
	return string(text)
}

func TestMailbox(t *testing.T) {
	b := newMailbox(t)
	for i, to := range []string{"ana@example.com", "bob@example.com", "ana@example.com"} {
		if err := b.send(to, fmt.Sprintf("=?utf-8?q?Caf=C3=A9_%d?=", i), "Bonjour !"); err != nil {
			t.Fatal(err)
		}
	}
	mails, err := b.AwaitMails(t.Context(), "ANA@example.com", 2)
	if err != nil || len(mails) != 2 || mails[0].Subject != "Café 0" || mails[1].Subject != "Café 2" {
		t.Fatalf("%+v, %v", mails, err)
	}
	one, err := b.Mail(t.Context(), mails[1].ID)
	if err != nil || strings.TrimSpace(one.Text) != "Bonjour !" || one.From != "shop@example.com" || one.Header["To"][0] != "ana@example.com" || one.Broken != "" {
		t.Errorf("%+v, %v", one, err)
	}
	if err := b.ClearMails(t.Context()); err != nil {
		t.Fatal(err)
	}
	if mails, err := b.Mails(t.Context(), ""); err != nil || len(mails) != 0 {
		t.Errorf("after clearing: %+v, %v", mails, err)
	}
	var refusal *simulator.ControlError
	if _, err := b.Mail(t.Context(), one.ID); !errors.As(err, &refusal) || refusal.Status != http.StatusNotFound {
		t.Errorf("a cleared mail: %v", err)
	}
}

func TestMailboxKeepsTheNewest(t *testing.T) {
	b := newMailbox(t)
	const most = 500
	client, err := smtp.Dial(b.smtp)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	for i := range most + 3 {
		if err := errors.Join(client.Mail("shop@example.com"), client.Rcpt("ana@example.com")); err != nil {
			t.Fatal(err)
		}
		w, err := client.Data()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprintf(w, "Subject: %d\r\n\r\nhello\r\n", i); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	mails, err := b.Mails(t.Context(), "")
	if err != nil || len(mails) != most || mails[0].Subject != "3" || mails[most-1].Subject != fmt.Sprint(most+2) {
		t.Errorf("%d mails, %v", len(mails), err)
	}
}

func TestMailFaults(t *testing.T) {
	b := newMailbox(t)
	for _, f := range []simulator.Fault{
		{Action: simulator.ActionRefuse, To: "gone@example.com"},
		{Action: simulator.ActionTemporary, Count: 1},
		{Action: simulator.ActionSlow, Delay: simulator.Duration(50 * time.Millisecond), Count: 1},
	} {
		f.On = simulator.KindMails
		if _, err := b.Fault(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	code := func(err error) int {
		var refusal *textproto.Error
		if errors.As(err, &refusal) {
			return refusal.Code
		}
		return 0
	}
	if err := b.send("gone@example.com", "x", "x"); code(err) != 550 {
		t.Errorf("refuse: %v", err)
	}
	if err := b.send("ana@example.com", "x", "x"); code(err) != 451 {
		t.Errorf("temporary: %v", err)
	}
	began := time.Now()
	if err := b.send("ana@example.com", "x", "x"); err != nil || time.Since(began) < 50*time.Millisecond {
		t.Errorf("slow: %v after %v", err, time.Since(began))
	}
	if err := b.send("ana@example.com", "x", "x"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	if mails, err := b.Mails(t.Context(), ""); err != nil || len(mails) != 2 {
		t.Errorf("%d mails, %v", len(mails), err)
	}
	var refusal *simulator.ControlError
	if _, err := b.Fault(t.Context(), simulator.Fault{On: simulator.KindMails, Action: simulator.ActionDrop}); !errors.As(err, &refusal) || refusal.Field != "action" {
		t.Errorf("an action of webhooks on mails: %v", err)
	}
}

func TestMailboxPageEscapes(t *testing.T) {
	b := newMailbox(t)
	if err := b.send("ana@example.com", "<script>alert(1)</script>", `<img src=x onerror=alert(1)> see https://a.example/?a=1&b="2" or javascript:alert(1)`); err != nil {
		t.Fatal(err)
	}
	mails, err := b.Mails(t.Context(), "")
	if err != nil || len(mails) != 1 {
		t.Fatal(mails, err)
	}
	for _, path := range []string{"/mailbox", "/mailbox/" + mails[0].ID} {
		text := b.page(path)
		for _, evil := range []string{"<script", "<img", `href="javascript`} {
			if strings.Contains(text, evil) {
				t.Errorf("%s: %s in %s", path, evil, text)
			}
		}
	}
	if text := b.page("/mailbox/" + mails[0].ID); !strings.Contains(text, `<a href="https://a.example/?a=1&amp;b=" rel="noreferrer">`) {
		t.Errorf("the link is not there: %s", text)
	}
}

func TestBrokenMailIsKept(t *testing.T) {
	b := newMailbox(t)
	if err := smtp.SendMail(b.smtp, nil, "shop@example.com", []string{"ana@example.com"}, []byte("Content-Type: multipart/mixed\r\n\r\nnothing\r\n")); err != nil {
		t.Fatal(err)
	}
	if mails, err := b.Mails(t.Context(), ""); err != nil || len(mails) != 1 || mails[0].Broken == "" {
		t.Errorf("%+v, %v", mails, err)
	}
}
