package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/accounts"
	"guichet.dev/guichet/assignment"
	"guichet.dev/guichet/automation"
	"guichet.dev/guichet/blocks"
	"guichet.dev/guichet/blueprint"
	"guichet.dev/guichet/bulk"
	"guichet.dev/guichet/calendars"
	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/contacts"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/drafts"
	"guichet.dev/guichet/feed"
	"guichet.dev/guichet/followers"
	"guichet.dev/guichet/idempotency"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/internal/clock"
	"guichet.dev/guichet/internal/metrics"
	"guichet.dev/guichet/internal/testkit"
	"guichet.dev/guichet/labels"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/notes"
	"guichet.dev/guichet/notifications"
	"guichet.dev/guichet/oidc"
	"guichet.dev/guichet/rulebook"
	"guichet.dev/guichet/search"
	"guichet.dev/guichet/secondfactor"
	"guichet.dev/guichet/server"
	"guichet.dev/guichet/signin"
	"guichet.dev/guichet/team"
	"guichet.dev/guichet/transcripts"
	"guichet.dev/guichet/views"
)

const someID = "019ab000-0000-7000-8000-000000000001"

// fakeInbox answers every command with the error that a test sets, and remembers what it was told.
type fakeInbox struct {
	err      error
	next     inbox.Cursor
	received [][]byte
	filter   inbox.Filter
	by       conversation.Caller
	sent     inbox.NewMessage
	assigned inbox.Assignment
	wish     inbox.ConsentWish
	block    chan struct{} // if set, Receive waits for it
	entered  chan struct{}
	panics   any
	account  string
}

func (f *fakeInbox) Receive(_ context.Context, _ accounts.Account, body []byte) error {
	if f.block != nil {
		f.entered <- struct{}{}
		<-f.block
	}
	f.received = append(f.received, body)
	return f.err
}

func (f *fakeInbox) one(by conversation.Caller, id string) (inbox.Conversation, error) {
	if f.panics != nil {
		panic(f.panics)
	}
	f.by = by
	return inbox.Conversation{ID: id, Channel: conversation.WhatsApp, Status: conversation.StatusOpen}, f.err
}

func (f *fakeInbox) List(_ context.Context, by conversation.Caller, filter inbox.Filter) ([]inbox.Conversation, inbox.Cursor, error) {
	f.by, f.filter = by, filter
	return nil, f.next, f.err
}

func (f *fakeInbox) Get(_ context.Context, by conversation.Caller, id string) (inbox.Conversation, error) {
	return f.one(by, id)
}

func (f *fakeInbox) Messages(context.Context, conversation.Caller, string, inbox.Cursor, int) ([]inbox.Message, inbox.Cursor, error) {
	return nil, f.next, f.err
}

func (f *fakeInbox) Timeline(context.Context, conversation.Caller, string, inbox.Cursor, int) ([]inbox.TimelineItem, inbox.Cursor, error) {
	return nil, f.next, f.err
}

func (f *fakeInbox) Attend(_ context.Context, by conversation.Caller, id string) (inbox.Conversation, error) {
	return f.one(by, id)
}

func (f *fakeInbox) Assign(_ context.Context, by conversation.Caller, id string, to inbox.Assignment) (inbox.Conversation, error) {
	f.assigned = to
	return f.one(by, id)
}

func (f *fakeInbox) Done(_ context.Context, by conversation.Caller, id string) (inbox.Conversation, error) {
	return f.one(by, id)
}

func (f *fakeInbox) Reopen(_ context.Context, by conversation.Caller, id string) (inbox.Conversation, error) {
	return f.one(by, id)
}

func (f *fakeInbox) Snooze(_ context.Context, by conversation.Caller, id string, _ time.Time) (inbox.Conversation, error) {
	return f.one(by, id)
}

func (f *fakeInbox) Read(_ context.Context, by conversation.Caller, id string, _ int64) (inbox.Conversation, error) {
	c, err := f.one(by, id)
	c.AccountID = f.account
	return c, err
}

func (f *fakeInbox) Locate(_ context.Context, by conversation.Caller, _ string) (string, error) {
	f.by = by
	return f.account, f.err
}

func (f *fakeInbox) LastInbound(context.Context, conversation.Caller, string, int64) (string, error) {
	return "wamid.last", f.err
}

func (f *fakeInbox) SetConsent(_ context.Context, by conversation.Caller, id string, wish inbox.ConsentWish) (inbox.Conversation, error) {
	f.wish = wish
	return f.one(by, id)
}

func (f *fakeInbox) Send(_ context.Context, by conversation.Caller, id string, m inbox.NewMessage) (inbox.Message, error) {
	f.by, f.sent = by, m
	return inbox.Message{ID: someID, ConversationID: id, State: conversation.StateQueued, Direction: conversation.Outbound}, f.err
}

func (f *fakeInbox) Parked(context.Context, string, string, inbox.Cursor, int) ([]inbox.ParkedUpdate, inbox.Cursor, error) {
	return nil, f.next, f.err
}

func (f *fakeInbox) ApplyParked(_ context.Context, _ conversation.Actor, _ accounts.Account, id string) (inbox.ParkedUpdate, error) {
	return inbox.ParkedUpdate{ID: id}, f.err
}

// fakeAdapter is a provider that signs with the app secret itself.
type fakeAdapter struct {
	channel.Adapter
	refusal error
	marked  chan string
}

func (fakeAdapter) Capabilities() channel.Capabilities {
	return channel.Capabilities{ReadReceipt: true, Typing: true}
}

func (a fakeAdapter) MarkRead(_ context.Context, _ channel.Account, id string, typing bool) error {
	a.marked <- fmt.Sprint(id, " ", typing)
	return nil
}

func (fakeAdapter) Handshake(s channel.Secrets, q url.Values) (string, bool) {
	return q.Get("hub.challenge"), q.Get("hub.verify_token") == s.VerifyToken
}

func (fakeAdapter) Verify(s channel.Secrets, h http.Header, _ []byte) bool {
	return h.Get("X-Hub-Signature-256") == s.AppSecret
}

func (a fakeAdapter) Check(context.Context, channel.Account) (channel.Health, error) {
	return channel.Health{Name: "Shop"}, a.refusal
}

// fixture is a server on its own database.
type fixture struct {
	t       *testing.T
	inbox   *fakeInbox
	adapter *fakeAdapter
	mails   *mails
	db      *bun.DB
	live    *feed.Hub
	team    *team.Store
	signIn  *signin.Store
	server  *server.Server
	log     *bytes.Buffer
	admin   string // a token
	checks  *[]error
}

func newFixture(t *testing.T, change ...func(*server.Options)) *fixture {
	t.Helper()
	t.Parallel()
	db := testkit.Database(t)
	keys := testkit.Keyring(t)
	now := &clock.Clock{}
	live := newHub(t, db)
	f := &fixture{t: t, inbox: &fakeInbox{}, adapter: &fakeAdapter{marked: make(chan string, 1)}, team: team.NewStore(db), log: &bytes.Buffer{}, mails: &mails{}, checks: &[]error{nil}}
	f.db, f.live, f.signIn = db, live, newSignIn(db, f.mails)
	options := server.Options{
		Repetitions: idempotency.NewStore(db, keys), SignIn: f.signIn,
		Notifications: notifications.NewStore(notifications.Options{
			DB: db, Sealer: keys, Now: now.Now, PublicURL: func() string { return "https://guichet.example.com" },
		}),
		Logger: slog.New(slog.NewJSONHandler(f.log, nil)), Metrics: metrics.New(), Clock: now, Team: f.team,
		Accounts: accounts.NewStore(accounts.Options{DB: db, Keyring: keys, Clock: now}),
		Adapters: map[conversation.Channel]channel.Adapter{conversation.WhatsApp: f.adapter},
		Receiver: f.inbox, Queries: f.inbox, Handling: f.inbox, Writing: f.inbox, Parked: f.inbox, Live: live,
		Locator: f.inbox, Presence: newPresence(db, live),
		Checks: []server.Check{
			{Name: "database", Probe: func(context.Context) error { return (*f.checks)[0] }},
			{Name: "temporal", Optional: true, Probe: func(context.Context) error { return (*f.checks)[0] }},
		},
	}
	f.furnish(&options)
	addEntrances(t, &options, db)
	for _, c := range change {
		c(&options)
	}
	f.server = server.New(options)
	f.admin = f.token(team.RoleAdmin)
	return f
}

// furnish adds the stores of what agents do around conversations.
func (f *fixture) furnish(o *server.Options) {
	o.Assignment = assignment.NewStore(assignment.Options{DB: f.db, Now: o.Clock.Now, Logger: o.Logger})
	desk := ledger.Desk{DB: f.db, Now: o.Clock.Now, Notify: func() {}, Freed: o.Assignment.Freed}
	o.Beside = inbox.New(inbox.Options{
		DB: f.db, Accounts: o.Accounts, Adapters: o.Adapters, Now: o.Clock.Now, Notify: func() {}, Logger: o.Logger, Freed: o.Assignment.Freed,
		Meaning: func(conversation.Channel, string) string { return "" },
	})
	o.Notes, o.Labels, o.Drafts, o.Followers = notes.NewStore(desk), labels.NewStore(desk), drafts.NewStore(desk), followers.NewStore(desk)
	o.Contacts, o.Transcripts, o.Search = contacts.NewStore(desk), transcripts.NewStore(desk), search.NewStore(desk.DB)
	o.Views = views.NewStore(f.db)
	o.Calendars = calendars.NewStore(f.db, o.Clock.Now)
	o.Rulebook = rulebook.NewStore(rulebook.Options{DB: f.db, Now: o.Clock.Now, Notify: func() {}, Logger: o.Logger})
	o.Automation = automation.New(automation.Options{
		DB: f.db, Accounts: o.Accounts, Rulebook: o.Rulebook, Calendars: o.Calendars, Assigner: o.Assignment, Now: o.Clock.Now, Notify: func() {}, Logger: o.Logger,
	})
	o.Blueprint = blueprint.NewStore(blueprint.Options{DB: f.db, Calendars: o.Calendars, Rulebook: o.Rulebook, Assignment: o.Assignment})
	if own, ok := o.Beside.(*inbox.Inbox); ok {
		o.Bulk = bulk.NewStore(bulk.Options{DB: f.db, Inbox: own, Labels: o.Labels, Askers: f.team, Logger: o.Logger})
	}
	o.Blocks = blocks.NewStore(blocks.Options{
		Desk: desk, Accounts: o.Accounts, Adapters: o.Adapters, Meaning: func(conversation.Channel, string) string { return "" },
	})
}

// addEntrances adds what else people prove themselves with.
func addEntrances(t *testing.T, o *server.Options, db *bun.DB) {
	t.Helper()
	keys := testkit.Keyring(t)
	o.SecondFactor = secondfactor.NewStore(secondfactor.Options{DB: db, Sealer: keys, Warn: o.SignIn.WarnSecondFactor})
	o.SignIn.SecondFactor = o.SecondFactor
	o.OIDC = oidc.NewStore(oidc.Options{
		DB: db, Team: o.Team, Sealer: keys, PublicURL: func() string { return "http://guichet.example.com" }, AllowPrivate: true,
	})
}

// token makes a program's token.
func (f *fixture) token(role team.Role) string {
	f.t.Helper()
	_, value, err := f.team.CreateToken(f.t.Context(), team.System(), team.NewToken{Name: string(role), Role: role})
	if err != nil {
		f.t.Fatal(err)
	}
	return value
}

// agentToken makes an agent and a token that acts as the agent.
func (f *fixture) agentToken(role team.Role) (team.Agent, string) {
	f.t.Helper()
	by := team.System()
	a, err := f.team.CreateAgent(f.t.Context(), by, team.NewAgent{Name: "Ana", Email: "ana@example.com", Role: role})
	if err != nil {
		f.t.Fatal(err)
	}
	_, value, err := f.team.CreateToken(f.t.Context(), by, team.NewToken{Name: "ana", AgentID: a.ID})
	if err != nil {
		f.t.Fatal(err)
	}
	return a, value
}

func (f *fixture) request(method, path, token string, body io.Reader, header ...string) *httptest.ResponseRecorder {
	f.t.Helper()
	r := httptest.NewRequestWithContext(f.t.Context(), method, path, body)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	f.server.Handler().ServeHTTP(w, r)
	return w
}

// call sends JSON as the admin, wants the status, and reads the answer into out.
func (f *fixture) call(method, path, body string, status int, out any) {
	f.t.Helper()
	f.callAs(f.admin, method, path, body, status, out)
}

func (f *fixture) callAs(token, method, path, body string, status int, out any) {
	f.t.Helper()
	w := f.request(method, "/api/v1"+path, token, strings.NewReader(body), "Content-Type", "application/json")
	if w.Code != status {
		f.t.Fatalf("%s %s: %d, want %d: %s", method, path, w.Code, status, w.Body)
	}
	if out != nil {
		if err := json.Unmarshal(w.Body.Bytes(), out); err != nil {
			f.t.Fatalf("%s %s: %v: %s", method, path, err, w.Body)
		}
	}
}

type problem struct {
	Title, Code, Detail string
	Status              int
	Fields              []struct{ In, Field, Detail string }
	Details             map[string]any
	RequestID           string `json:"request_id"`
}

const newAccount = `{"channel":"whatsapp","name":"Shop","provider_id":"15550001","secrets":{"access_token":"very-secret-a","app_secret":"very-secret-b","verify_token":"very-secret-c"}}`

// account connects an account and returns its id.
func (f *fixture) account() string {
	f.t.Helper()
	var a struct{ ID string }
	f.call("POST", "/accounts", newAccount, http.StatusCreated, &a)
	return a.ID
}

func (f *fixture) decode(text []byte, out any) {
	f.t.Helper()
	if err := json.Unmarshal(text, out); err != nil {
		f.t.Fatalf("%v: %s", err, text)
	}
}

func (f *fakeInbox) Count(_ context.Context, by conversation.Caller, c inbox.Criteria) (inbox.Count, error) {
	f.by, f.filter.Criteria = by, c
	return inbox.Count{Count: 3}, f.err
}

func (f *fakeInbox) Unread(_ context.Context, by conversation.Caller, id string) (inbox.Conversation, error) {
	return f.one(by, id)
}

// mails takes what would be sent.
type mails struct {
	mu    sync.Mutex
	kinds []string
	links []string
}

// Send implements signin.Mailer.
func (m *mails) Send(_ context.Context, _ bun.IDB, _, kind, _ string, data map[string]string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kinds = append(m.kinds, kind)
	m.links = append(m.links, data["link"])
	return nil
}

// token returns that of the newest link.
func (m *mails) token(t *testing.T) string {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	_, token, ok := strings.Cut(m.links[len(m.links)-1], "#token=")
	if !ok {
		t.Fatalf("%q", m.links)
	}
	return token
}

func newSignIn(db *bun.DB, m *mails) *signin.Store {
	return signin.New(signin.Options{DB: db, Mailer: m, PublicURL: func() string { return "https://inbox.example.com" }, Idle: time.Hour})
}
