package mailer_test

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/internal/testkit"
	"guichet.dev/guichet/mailer"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/simulator"
)

// post is a mailer with a real mail server and a clock that the test moves.
type post struct {
	*mailer.Mailer
	t        *testing.T
	db       *bun.DB
	box      *simulator.Client
	log      *bytes.Buffer
	outcomes []string

	mu  sync.Mutex
	now time.Time
}

func newPost(t *testing.T, change ...func(*mailer.Options)) *post {
	t.Helper()
	t.Parallel()
	p := &post{t: t, db: testkit.Database(t), log: &bytes.Buffer{}, now: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)}
	server, err := simulator.New(simulator.Config{Addr: "127.0.0.1:0", MailAddr: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("simulator: %v", err)
		}
	})
	p.box = simulator.NewClient(server.URL())
	o := mailer.Options{
		DB: p.db, Sealer: testkit.Keyring(t), URL: server.MailURL(), From: "Guichet <guichet@example.com>", AllowPlain: true,
		Observer: p, Now: p.clock, Logger: slog.New(slog.NewTextHandler(p.log, nil)),
	}
	for _, c := range change {
		c(&o)
	}
	if p.Mailer, err = mailer.New(o); err != nil {
		t.Fatal(err)
	}
	return p
}

// Mail implements mailer.Observer.
func (p *post) Mail(kind, outcome, code string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.outcomes = append(p.outcomes, kind+" "+outcome+" "+code)
}

func (p *post) clock() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

func (p *post) wait(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = p.now.Add(d)
}

const link = "https://guichet.example.com/join?token=very-secret"

func (p *post) invite(to string) {
	p.t.Helper()
	err := postgres.InTx(p.t.Context(), p.db, func(ctx context.Context, tx bun.Tx) error {
		return p.Send(ctx, tx, to, mailer.KindInvitation, "fr", map[string]string{"link": link, "name": "Ana"})
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

// deliver tries what is due and wants so many tries.
func (p *post) deliver(want int) {
	p.t.Helper()
	n, err := p.Deliver(p.t.Context())
	if err != nil || n != want {
		p.t.Fatalf("%d tries (%v), want %d; log: %s", n, err, want, p.log)
	}
}

func (p *post) fault(f simulator.Fault) {
	p.t.Helper()
	f.On = simulator.KindMails
	if _, err := p.box.Fault(p.t.Context(), f); err != nil {
		p.t.Fatal(err)
	}
}

func (p *post) mails(want int) []simulator.Mail {
	p.t.Helper()
	mails, err := p.box.Mails(p.t.Context(), "")
	if err != nil || len(mails) != want {
		p.t.Fatalf("%d mails (%v), want %d", len(mails), err, want)
	}
	return mails
}

func (p *post) row() string {
	p.t.Helper()
	var row string
	if err := p.db.NewRaw("SELECT state || ' ' || tries || ' ' || error_code || ' ' || (data IS NULL) FROM mails").Scan(p.t.Context(), &row); err != nil {
		p.t.Fatal(err)
	}
	return row
}
