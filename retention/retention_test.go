package retention_test

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"guichet.dev/guichet/feed"
	"guichet.dev/guichet/internal/testkit"
	"guichet.dev/guichet/retention"
)

const day = 24 * time.Hour

// now is after everything that the tests write.
var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// office is a database with one account and one contact.
type office struct {
	t                *testing.T
	db               *bun.DB
	account, contact string
}

func newOffice(t *testing.T) *office {
	t.Parallel()
	o := &office{t: t, db: testkit.Database(t), account: id(t), contact: id(t)}
	o.exec(`INSERT INTO accounts (id, channel, name, provider_id, api_base_url, secrets, created_at, updated_at) VALUES (?, 'whatsapp', 'Shop', '1', 'https://example.com', '', now(), now())`, o.account)
	o.exec("INSERT INTO contacts (id, created_at, updated_at) VALUES (?, now(), now())", o.contact)
	return o
}

func id(t *testing.T) string {
	u, err := uuid.NewV7()
	if err != nil {
		t.Fatal(err)
	}
	return u.String()
}

func (o *office) exec(query string, args ...any) {
	o.t.Helper()
	if _, err := o.db.ExecContext(o.t.Context(), query, args...); err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) count(query string, args ...any) int {
	o.t.Helper()
	var n int
	if err := o.db.NewRaw(query, args...).Scan(o.t.Context(), &n); err != nil {
		o.t.Fatal(err)
	}
	return n
}

// conversation makes one with a message, its event and what hangs on them, closed so long ago.
func (o *office) conversation(status string, age time.Duration) string {
	o.t.Helper()
	c, m, at := id(o.t), id(o.t), now.Add(-age)
	o.exec(`INSERT INTO conversations (id, account_id, channel, contact_id, thread_key, status, last_seq, wake_seq, applied_seq, last_activity_at, opened_at, done_at, created_at)
		VALUES (?0, ?1, 'whatsapp', ?2, ?0, ?3, 1, 1, 1, ?4, ?4, ?4, ?4)`, c, o.account, o.contact, status, at)
	o.exec(`INSERT INTO messages (id, conversation_id, account_id, seq, direction, kind, state, content, author_kind, provider_id, at, received_at)
		VALUES (?0, ?1, ?2, 1, 'in', 'text', 'received', '{}', 'contact', ?3, ?4, ?4)`, m, c, o.account, "wamid."+m, at)
	o.exec("INSERT INTO attachments (id, message_id, position) VALUES (?, ?, 0)", id(o.t), m)
	o.exec("INSERT INTO reactions (account_id, target_id, actor_kind, emoji, at) VALUES (?, ?, 'contact', '+', ?)", o.account, "wamid."+m, at)
	o.exec("INSERT INTO receipts (account_id, provider_id, state, at, received_at) VALUES (?0, ?1, 'read', ?2, ?2)", o.account, "wamid."+m, at)
	o.exec("INSERT INTO events (conversation_id, seq, kind, actor_kind, at, recorded_at) VALUES (?0, 1, 'received', 'contact', ?1, ?1)", c, at)
	o.exec("INSERT INTO decisions (conversation_id, seq, at, version, outcomes, effects, next) VALUES (?, 1, ?, 0, '[]', '[]', '[]')", c, at)
	o.exec("INSERT INTO consent_changes (id, contact_id, channel, scope, state, source, at, recorded_at, actor_kind, conversation_id) VALUES (?0, ?1, 'whatsapp', 'all', 'opted_in', 'agent', ?2, ?2, 'agent', ?3)", id(o.t), o.contact, at, c)
	return c
}

func (o *office) run(ages retention.Ages) retention.Counts {
	o.t.Helper()
	k := retention.Keeper{DB: o.db, Ages: ages, Now: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler)}
	foreseen, err := k.Preview(o.t.Context())
	if err != nil {
		o.t.Fatal(err)
	}
	deleted, mine, err := k.Run(o.t.Context())
	if err != nil || !mine {
		o.t.Fatal(mine, err)
	}
	if deleted != foreseen {
		o.t.Errorf("%+v were deleted, %+v were foreseen", deleted, foreseen)
	}
	return deleted
}

func TestClosedConversationsGoWithAllThatBelongsToThem(t *testing.T) {
	o := newOffice(t)
	old, young, open, waiting := o.conversation("done", 40*day), o.conversation("done", 20*day), o.conversation("open", 40*day), o.conversation("done", 40*day)
	into := o.conversation("done", 40*day)
	from := o.conversation("done", 40*day)
	o.exec("UPDATE conversations SET merged_into = ? WHERE id = ?", into, from)
	o.exec("INSERT INTO dispatches (conversation_id, up_to_seq, since, due_at) VALUES (?, 1, now(), now())", waiting)
	// The two that belong together go, the one before the other.
	k := retention.Keeper{DB: o.db, Ages: retention.Ages{Conversations: 30 * day}, Now: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler)}
	deleted, _, err := k.Run(t.Context())
	if err != nil || deleted != (retention.Counts{Conversations: 3}) {
		t.Fatalf("%+v %v", deleted, err)
	}
	for _, one := range []struct {
		id   string
		rows int
	}{{old, 0}, {into, 0}, {from, 0}, {young, 1}, {open, 1}, {waiting, 1}} {
		for _, table := range []string{"messages", "events", "decisions"} {
			if n := o.count("SELECT count(*) FROM "+table+" WHERE conversation_id = ?", one.id); n != one.rows {
				t.Errorf("%d %s of %s are left, want %d", n, table, one.id, one.rows)
			}
		}
		if n := o.count("SELECT count(*) FROM conversations WHERE id = ?", one.id); n != one.rows {
			t.Errorf("conversation %s: %d", one.id, n)
		}
	}
	for _, table := range []string{"attachments", "reactions", "receipts"} {
		if n := o.count("SELECT count(*) FROM " + table); n != 3 {
			t.Errorf("%d %s are left, want those of three conversations", n, table)
		}
	}
	if n := o.count("SELECT count(*) FROM consent_changes"); n != 6 {
		t.Errorf("%d changes of consent are left of 6", n)
	}
	if n := o.count("SELECT count(*) FROM audit_entries WHERE action = 'retention.run' AND after->>'conversations' = '3'"); n != 1 {
		t.Errorf("%d audit entries", n)
	}
}

func TestOldEventsGoAndTheFeedSaysSo(t *testing.T) {
	o := newOffice(t)
	reader := feed.Reader{DB: o.db}
	before, err := reader.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	o.conversation("open", 400*day)
	behind := o.conversation("open", 400*day)
	o.exec("UPDATE conversations SET applied_seq = 0 WHERE id = ?", behind)
	o.conversation("open", day)
	// An event goes when the feed has come to it, which any transaction of the server that is still open delays.
	k := retention.Keeper{DB: o.db, Ages: retention.Ages{Events: 365 * day}, Now: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler)}
	testkit.Eventually(t, 60*time.Second, func() error {
		deleted, _, err := k.Run(t.Context())
		if err == nil && deleted != (retention.Counts{Events: 1}) {
			err = fmt.Errorf("%+v", deleted)
		}
		return err
	})
	if n := o.count("SELECT count(*) FROM events"); n != 2 {
		t.Errorf("%d events are left: the young one and the one that is not applied", n)
	}
	if _, err := reader.After(t.Context(), before, 10); !errors.Is(err, feed.ErrResync) {
		t.Errorf("a cursor before what was deleted: %v", err)
	}
	head, err := reader.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reader.After(t.Context(), head, 10); err != nil {
		t.Errorf("a cursor behind it: %v", err)
	}
}

func TestOldChangesGoAndTheFeedSaysSo(t *testing.T) {
	o := newOffice(t)
	reader := feed.Reader{DB: o.db, WithChanges: true}
	before, err := reader.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	o.exec("INSERT INTO changes (kind, subject_id, at) SELECT 'label_changed', n::text, ? FROM generate_series(1, 1200) AS n", now.Add(-40*day))
	o.exec("INSERT INTO changes (kind, subject_id, at) VALUES ('label_changed', 'young', ?)", now.Add(-20*day))
	k := retention.Keeper{DB: o.db, Ages: retention.Ages{Changes: 30 * day}, Now: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler)}
	total := 0
	testkit.Eventually(t, 60*time.Second, func() error { // see above
		deleted, _, err := k.Run(t.Context())
		if total += deleted.Changes; err == nil && total != 1200 {
			err = fmt.Errorf("%d deleted", total)
		}
		return err
	})
	if n := o.count("SELECT count(*) FROM changes WHERE subject_id = 'young'"); n != 1 {
		t.Error("the young one is gone")
	}
	if _, err := reader.After(t.Context(), before, 10); !errors.Is(err, feed.ErrResync) {
		t.Errorf("a cursor before what was deleted: %v", err)
	}
}

func TestOldBodiesGoUnlessTheyAreParked(t *testing.T) {
	o := newOffice(t)
	for i := range 1300 { // more than one batch; the ids are in the order of arrival
		age := 100 * day
		if i >= 1200 {
			age = day
		}
		webhook := fmt.Sprintf("01900000-0000-7000-8000-%012d", i)
		o.exec("INSERT INTO webhooks (id, account_id, received_at, body) VALUES (?, ?, ?, 'x')", webhook, o.account, now.Add(-age))
		if i == 3 || i == 4 {
			state := map[int]string{3: "parked", 4: "applied"}[i]
			o.exec("INSERT INTO parked_updates (id, account_id, webhook_id, path, kind, reason, state, parked_at) VALUES (?, ?, ?, '', 'message', 'failed', ?, now())", id(t), o.account, webhook, state)
		}
	}
	if deleted := o.run(retention.Ages{Webhooks: 90 * day}); deleted != (retention.Counts{Webhooks: 1199}) {
		t.Errorf("%+v", deleted)
	}
	if deleted := o.run(retention.Ages{}); deleted != (retention.Counts{}) {
		t.Errorf("kept for ever, but %+v", deleted)
	}
	if n := o.count("SELECT count(*) FROM webhooks"); n != 101 {
		t.Errorf("%d bodies are left", n)
	}
}

func TestOneProcessAtATime(t *testing.T) {
	o := newOffice(t)
	conn, err := o.db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := conn.ExecContext(t.Context(), "SELECT pg_advisory_lock(7203451119)"); err != nil {
		t.Fatal(err)
	}
	o.conversation("done", 40*day)
	k := retention.Keeper{DB: o.db, Ages: retention.Ages{Conversations: 30 * day}, Now: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler)}
	if deleted, mine, err := k.Run(t.Context()); err != nil || mine || deleted != (retention.Counts{}) {
		t.Errorf("%+v %t %v", deleted, mine, err)
	}
	if _, err := conn.ExecContext(t.Context(), "SELECT pg_advisory_unlock(7203451119)"); err != nil {
		t.Fatal(err)
	}
}
