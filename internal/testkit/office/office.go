// Package office sets up a whole office for tests of what providers post, agents do and messages become: accounts, intake,
// inbox and outbox on a database of their own, with a clock that the test moves and a provider that the test plays.
package office

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/accounts"
	"guichet.dev/guichet/assignment"
	"guichet.dev/guichet/automation"
	"guichet.dev/guichet/calendars"
	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/channel/whatsapp"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/intake"
	"guichet.dev/guichet/internal/clock"
	"guichet.dev/guichet/internal/testkit"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/outbox"
	"guichet.dev/guichet/rulebook"
)

// Start is the time at which an office opens, on its own clock.
var Start = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)

// Secret is the app secret of its account.
const Secret = "app-secret-of-the-test"

// Office is a whole office.
type Office struct {
	DB      *bun.DB
	Clock   *clock.Clock
	Store   *accounts.Store
	Account accounts.Account
	Intake  *intake.Intake
	Inbox   *inbox.Inbox
	// Automation brings conversations up to date, by the rules that Rulebook publishes and the hours of Calendars.
	Automation *automation.Automation
	Rulebook   *rulebook.Store
	Calendars  *calendars.Store
	Outbox     *outbox.Outbox
	Provider   *Provider

	Assignment *assignment.Store

	frozen atomic.Pointer[time.Time]
}

// Open opens an office with one WhatsApp account.
func Open(t testing.TB) *Office {
	t.Helper()
	o := &Office{DB: testkit.Database(t), Clock: &clock.Clock{}, Provider: &Provider{}}
	o.At(Start)
	wake := func(ctx context.Context, accountID string) error {
		_, err := ledger.WakeHolding(ctx, o.DB, accountID)
		return err
	}
	o.Store = accounts.NewStore(accounts.Options{DB: o.DB, Keyring: testkit.Keyring(t), Clock: o.Clock, AllowPrivate: true, OnResume: wake})
	o.Account = o.Connect(t, "106540352242922", Secret)
	log := testkit.Logger(t)
	adapter := player{Adapter: whatsapp.New(whatsapp.Options{Now: o.Now}), provider: o.Provider}
	o.Assignment = assignment.NewStore(assignment.Options{DB: o.DB, Now: o.Now, Logger: log})
	o.Inbox = inbox.New(inbox.Options{
		DB: o.DB, Accounts: o.Store, Adapters: map[conversation.Channel]channel.Adapter{conversation.WhatsApp: adapter},
		Now: o.Now, Notify: func() {}, Logger: log, Freed: o.Assignment.Freed,
		Meaning: func(_ conversation.Channel, code string) string { return whatsapp.Meaning(code) },
	})
	o.Rulebook = rulebook.NewStore(rulebook.Options{DB: o.DB, Now: o.Now, Notify: func() {}, Logger: log})
	o.Calendars = calendars.NewStore(o.DB, o.Now)
	o.Automation = automation.New(automation.Options{
		DB: o.DB, Accounts: o.Store, Rulebook: o.Rulebook, Calendars: o.Calendars, Assigner: o.Assignment, Now: o.Now, Notify: func() {}, Logger: log,
	})
	o.Outbox = outbox.New(outbox.Options{
		DB: o.DB, Accounts: o.Store, Adapters: map[conversation.Channel]channel.Sender{conversation.WhatsApp: adapter},
		Now: o.Now, Observer: silent{}, Logger: log,
	})
	o.Intake = intake.New(intake.Options{
		DB: o.DB, Accounts: o.Store, Adapters: map[conversation.Channel]channel.Receiver{conversation.WhatsApp: adapter},
		Now: o.Now, Notify: func() {}, Observer: silent{}, Logger: log,
	})
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := o.Intake.Run(ctx); err != nil {
			t.Errorf("intake: %v", err)
		}
	})
	t.Cleanup(func() { stop(); wg.Wait() })
	return o
}

// Desk is where commands of other packages are carried out.
func (o *Office) Desk() ledger.Desk {
	return ledger.Desk{DB: o.DB, Now: o.Now, Notify: func() {}, Freed: o.Assignment.Freed}
}

// Connect connects one more number.
func (o *Office) Connect(t testing.TB, providerID, secret string) accounts.Account {
	t.Helper()
	a, err := o.Store.Create(t.Context(), conversation.Actor{Kind: conversation.ActorSystem}, accounts.New{
		Channel: conversation.WhatsApp, Name: "Number " + providerID, ProviderID: providerID, BusinessID: "102290129340398",
		APIBaseURL: "http://127.0.0.1:1", APIVersion: "v26.0",
		Secrets: channel.Secrets{AccessToken: "token", AppSecret: secret, VerifyToken: "verify"},
	})
	fatal(t, err)
	return a
}

// Now is the office's time.
func (o *Office) Now() time.Time {
	if at := o.frozen.Load(); at != nil {
		return *at
	}
	return o.Clock.Now()
}

// Freeze stops the office's clock: only At and Forward move it from now on.
func (o *Office) Freeze() {
	now := o.Now()
	o.frozen.Store(&now)
}

// At moves the office's clock to a time, where it goes on.
func (o *Office) At(t time.Time) {
	o.Clock.Shift(time.Until(t))
	if o.frozen.Load() != nil {
		o.frozen.Store(&t)
	}
}

// Forward moves the office's clock on. Many may do so at once.
func (o *Office) Forward(d time.Duration) {
	for {
		at := o.frozen.Load()
		if at == nil {
			o.Clock.Shift(o.Clock.Offset() + d)
			return
		}
		if next := at.Add(d); o.frozen.CompareAndSwap(at, &next) {
			return
		}
	}
}

// Agent makes an active agent.
func (o *Office) Agent(t testing.TB, name string) conversation.Caller {
	t.Helper()
	var id string
	err := o.DB.DB.QueryRowContext(t.Context(), `INSERT INTO agents (id, name, email, role, created_at) VALUES (gen_random_uuid(), $1, $2, 'agent', now()) RETURNING id`,
		name, name+"@example.org").Scan(&id)
	fatal(t, err)
	return conversation.Actor{Kind: conversation.ActorAgent, ID: id}.Everywhere()
}

// Deliver hands a webhook in, as the server does after checking its signature.
func (o *Office) Deliver(t testing.TB, bodies ...string) {
	t.Helper()
	for _, body := range bodies {
		fatal(t, o.Intake.Receive(t.Context(), o.Account, []byte(body)))
	}
}

// Advance advances all conversations that have something to apply, or are due, as their workflows would.
func (o *Office) Advance(t testing.TB) {
	t.Helper()
	for _, id := range o.IDs(t) {
		_, err := o.Automation.Advance(t.Context(), id)
		fatal(t, err)
	}
}

// IDs returns the ids of all conversations, oldest first.
func (o *Office) IDs(t testing.TB) []string {
	t.Helper()
	rows, err := o.DB.DB.QueryContext(t.Context(), "SELECT id FROM conversations ORDER BY created_at, id")
	fatal(t, err)
	defer func() { fatal(t, rows.Close()) }()
	var ids []string
	for rows.Next() {
		var id string
		fatal(t, rows.Scan(&id))
		ids = append(ids, id)
	}
	fatal(t, rows.Err())
	return ids
}

// Only returns the only conversation that goes on.
func (o *Office) Only(t testing.TB) inbox.Conversation {
	t.Helper()
	list, _, err := o.Inbox.List(t.Context(), Token, inbox.Filter{Criteria: inbox.Criteria{View: inbox.ViewAll}, Limit: 100})
	fatal(t, err)
	if len(list) != 1 {
		t.Fatalf("there are %d conversations, want 1", len(list))
	}
	c, err := o.Inbox.Get(t.Context(), Token, list[0].ID)
	fatal(t, err)
	return c
}

// Messages returns a conversation's messages, oldest first.
func (o *Office) Messages(t testing.TB, id string) []inbox.Message {
	t.Helper()
	found, _, err := o.Inbox.Messages(t.Context(), Token, id, inbox.Cursor{}, 200)
	fatal(t, err)
	for i, j := 0, len(found)-1; i < j; i, j = i+1, j-1 {
		found[i], found[j] = found[j], found[i]
	}
	return found
}

// Count returns the result of a query for one number.
func (o *Office) Count(t testing.TB, query string, args ...any) int {
	t.Helper()
	var n int
	fatal(t, o.DB.DB.QueryRowContext(t.Context(), query, args...).Scan(&n))
	return n
}

func fatal(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

type silent struct{}

func (silent) Updates(string, string, string, int) {}
func (silent) Send(string, string, string)         {}

// player is the adapter whose calls the test answers.
type player struct {
	*whatsapp.Adapter
	provider *Provider
}

// Send implements channel.Sender.
func (p player) Send(ctx context.Context, a channel.Account, m channel.Outbound) (channel.Sent, error) {
	return p.provider.send(ctx, a, m)
}

// Block implements channel.Blocker.
func (p player) Block(_ context.Context, _ channel.Account, person []conversation.Identity) error {
	return p.provider.block(true, person)
}

// Unblock implements channel.Blocker.
func (p player) Unblock(_ context.Context, _ channel.Account, person []conversation.Identity) error {
	return p.provider.block(false, person)
}

// Provider plays the provider: it takes every message, and blocks everybody, unless the test says otherwise.
type Provider struct {
	mu       sync.Mutex
	taken    []channel.Outbound
	answer   func(n int, m channel.Outbound) (channel.Sent, error)
	blocking func(block bool, person []conversation.Identity) error
}

// Blocking sets what comes of the next blocks and their ends. Nil does everything.
func (p *Provider) Blocking(f func(block bool, person []conversation.Identity) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.blocking = f
}

func (p *Provider) block(block bool, person []conversation.Identity) error {
	p.mu.Lock()
	f := p.blocking
	p.mu.Unlock()
	if f == nil {
		return nil
	}
	return f(block, person)
}

// Answer sets what comes of the next calls; n counts from 1. Nil takes everything.
func (p *Provider) Answer(f func(n int, m channel.Outbound) (channel.Sent, error)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = f
}

// Taken returns the calls so far.
func (p *Provider) Taken() []channel.Outbound {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]channel.Outbound(nil), p.taken...)
}

func (p *Provider) send(_ context.Context, _ channel.Account, m channel.Outbound) (channel.Sent, error) {
	p.mu.Lock()
	p.taken = append(p.taken, m)
	n, answer := len(p.taken), p.answer
	p.mu.Unlock()
	if answer != nil {
		return answer(n, m)
	}
	return channel.Sent{ProviderID: fmt.Sprintf("wamid.out.%d", n)}, nil
}

// Sign returns the header with the signature of a body, as the provider makes it.
func Sign(body []byte, secret string) http.Header {
	h := http.Header{}
	h.Set("X-Hub-Signature-256", signature(body, secret))
	return h
}
