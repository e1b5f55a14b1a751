package notifications_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/feed"
	"guichet.dev/guichet/followers"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/internal/testkit"
	"guichet.dev/guichet/internal/testkit/office"
	"guichet.dev/guichet/notes"
	"guichet.dev/guichet/notifications"
	"guichet.dev/guichet/postgres"
)

// mailed is what would be mailed.
type mailed struct {
	to, language string
	data         map[string]string
}

// desk is an office in which somebody wrote, with colleagues and a mailer that keeps what it is to send.
type desk struct {
	*office.Office
	*notifications.Store
	t         *testing.T
	id        string // of the conversation
	ana, bob  conversation.Caller
	notes     *notes.Store
	followers *followers.Store
	place     feed.Cursor
	mails     []mailed
	deaf      bool // there is no mail server
	messages  int
}

// Ready implements notifications.Mailer.
func (d *desk) Ready() bool { return !d.deaf }

// Send implements notifications.Mailer.
func (d *desk) Send(_ context.Context, _ bun.IDB, to, kind, language string, data map[string]string) error {
	if kind != "notification_digest" {
		return fmt.Errorf("kind %s", kind)
	}
	d.mails = append(d.mails, mailed{to, language, data})
	return nil
}

var elise = office.Person{WhatsAppID: "33612345678", Name: "Élise Laurent"}

func newDesk(t *testing.T) *desk {
	t.Helper()
	t.Parallel()
	o := office.Open(t)
	o.Freeze()
	d := &desk{Office: o, t: t}
	d.id = o.Meet(t, elise)
	d.ana, d.bob = o.Agent(t, "ana"), o.Agent(t, "bob")

	d.notes, d.followers = notes.NewStore(o.Desk()), followers.NewStore(o.Desk())
	d.Store = notifications.NewStore(notifications.Options{
		DB: o.DB, Mailer: d, Sealer: testkit.Keyring(t), PublicURL: func() string { return "https://guichet.example.com" }, Now: o.Now, Logger: testkit.Logger(t),
	})
	d.derive() // what came before is nobody's news: nobody was there to hear of it
	return d
}

func (d *desk) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// derive applies what has come into the feed since the last time.
func (d *desk) derive() {
	d.t.Helper()
	d.place = d.deriveFrom(d.place)
}

func (d *desk) deriveFrom(from feed.Cursor) feed.Cursor {
	d.t.Helper()
	if from == (feed.Cursor{}) {
		from.Epoch = 1
	}
	testkit.Eventually(d.t, 20*time.Second, func() error {
		page, err := feed.Reader{DB: d.Office.DB}.After(d.t.Context(), from, 100)
		d.must(err)
		if len(page.Events) > 0 {
			d.must(postgres.InTx(d.t.Context(), d.Office.DB, func(ctx context.Context, tx bun.Tx) error { return d.Apply(ctx, tx, page.Events) }))
		}
		from = page.End
		if page.More || page.Pending {
			return fmt.Errorf("there is more: %+v", page)
		}
		return nil
	})
	return from
}

// list shows a caller's entries in one line each: what, how many of each kind, and whether it is read.
func (d *desk) list(by conversation.Caller) []string {
	d.t.Helper()
	entries, _, err := d.List(d.t.Context(), by, notifications.Filter{Limit: 100})
	d.must(err)
	lines := []string{}
	for _, e := range entries {
		var counts []string
		for _, k := range slices.Sorted(maps.Keys(e.Counts)) {
			counts = append(counts, fmt.Sprintf("%s %d", k, e.Counts[k]))
		}
		line := fmt.Sprintf("%s: %s", e.Latest.Event, strings.Join(counts, ", "))
		if e.ReadAt != nil {
			line += " (read)"
		}
		lines = append(lines, line)
	}
	return lines
}

// want derives and compares a caller's entries.
func (d *desk) want(by conversation.Caller, want ...string) {
	d.t.Helper()
	d.derive()
	if got := d.list(by); !slices.Equal(got, append([]string{}, want...)) {
		d.t.Errorf("got %q, want %q", got, want)
	}
}

func (d *desk) note(by conversation.Caller, mentioned ...conversation.Caller) {
	d.t.Helper()
	draft := notes.Draft{Text: "Look at this, please."}
	for _, m := range mentioned {
		draft.Calls.Agents = append(draft.Calls.Agents, m.ID)
	}
	_, err := d.notes.Add(d.t.Context(), by, d.id, draft)
	d.must(err)
}

func (d *desk) write() {
	d.t.Helper()
	d.messages++
	d.Deliver(d.t, elise.Text(fmt.Sprintf("wamid.%d", d.messages), d.Office.Now(), "words of a customer"))
}

func (d *desk) assign(by conversation.Caller, agent, team *string) {
	d.t.Helper()
	_, err := d.Inbox.Assign(d.t.Context(), by, d.id, inbox.Assignment{AgentID: agent, TeamID: team})
	d.must(err)
}

func (d *desk) follow(by conversation.Caller) {
	d.t.Helper()
	d.must(d.followers.Set(d.t.Context(), by, d.id, true))
}

func (d *desk) choose(by conversation.Caller, change func(*notifications.Settings)) {
	d.t.Helper()
	s, err := d.Settings(d.t.Context(), by.Actor)
	d.must(err)
	change(&s)
	_, err = d.Choose(d.t.Context(), by.Actor, s)
	d.must(err)
}

// apply applies events that the test makes up.
func (d *desk) apply(events ...feed.Event) {
	d.t.Helper()
	d.must(postgres.InTx(d.t.Context(), d.Office.DB, func(ctx context.Context, tx bun.Tx) error { return d.Apply(ctx, tx, events) }))
}
