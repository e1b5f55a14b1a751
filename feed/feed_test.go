package feed_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/feed"
	"guichet.dev/guichet/internal/testkit"
	"guichet.dev/guichet/internal/testkit/office"
	"guichet.dev/guichet/postgres"
)

// patience is long: a transaction of any test on the shared server holds the feeds of all databases back.
const patience = 30 * time.Second

// ground is a database with one conversation.
type ground struct {
	*office.Office
	id  string
	seq int
}

func newGround(t *testing.T) *ground {
	t.Helper()
	t.Parallel()
	g := &ground{Office: office.Open(t)}
	g.id = g.Meet(t, office.Person{WhatsAppID: "33612345678", Name: "Ana"})
	g.seq = 1000
	return g
}

// add writes an event in a transaction and returns its seq.
func (g *ground) add(t *testing.T, db bun.IDB) int64 {
	t.Helper()
	g.seq++
	_, err := postgres.Raw(db).ExecContext(t.Context(), `INSERT INTO events (conversation_id, seq, kind, actor_kind, data, at, recorded_at)
		VALUES ($1::uuid, $2, 'done', 'system', '{}', now(), now())`, g.id, g.seq)
	if err != nil {
		t.Fatal(err)
	}
	return int64(g.seq)
}

func (g *ground) note(t *testing.T, c feed.Change) {
	t.Helper()
	err := postgres.InTx(t.Context(), g.DB, func(ctx context.Context, tx bun.Tx) error { return feed.Note(ctx, tx, c) })
	if err != nil {
		t.Fatal(err)
	}
}

func (g *ground) begin(t *testing.T) bun.Tx {
	t.Helper()
	tx, err := g.DB.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

// settled waits until nothing is pending and returns the head.
func (g *ground) settled(t *testing.T) feed.Cursor {
	t.Helper()
	r := feed.Reader{DB: g.DB, WithChanges: true}
	var end feed.Cursor
	testkit.Eventually(t, patience, func() error {
		from, err := r.Head(t.Context())
		if err != nil {
			return err
		}
		page, err := r.After(t.Context(), from, 1000)
		if err == nil && (page.Pending || len(page.Events) > 0) {
			err = errors.New("something is pending")
		}
		end = page.End
		return err
	})
	return end
}

// after reads everything from a cursor on, in pages.
func (g *ground) after(t *testing.T, from feed.Cursor, limit int) []feed.Event {
	t.Helper()
	var all []feed.Event
	for {
		page, err := feed.Reader{DB: g.DB, WithChanges: true}.After(t.Context(), from, limit)
		if err != nil {
			t.Fatal(err)
		}
		all, from = append(all, page.Events...), page.End
		if !page.More {
			return all
		}
	}
}

func seqs(events []feed.Event) []int64 {
	var list []int64
	for _, e := range events {
		list = append(list, e.Seq)
	}
	return list
}

// The second transaction commits while the first, with the lower number, is still open.
func TestOpenTransactionHidesWhatMayComeBefore(t *testing.T) {
	g := newGround(t)
	from := g.settled(t)
	slow := g.begin(t)
	first := g.add(t, slow)
	fast := g.begin(t)
	second := g.add(t, fast)
	if err := fast.Commit(); err != nil {
		t.Fatal(err)
	}
	page, err := feed.Reader{DB: g.DB}.After(t.Context(), from, 10)
	if err != nil || len(page.Events) > 0 || !page.Pending {
		t.Fatalf("%d events, pending %v, %v; want none as long as one may come before", len(page.Events), page.Pending, err)
	}
	between := page.End
	if err := slow.Commit(); err != nil {
		t.Fatal(err)
	}
	g.settled(t)
	for _, at := range []feed.Cursor{from, between} {
		if got := seqs(g.after(t, at, 10)); !slices.Equal(got, []int64{first, second}) {
			t.Errorf("events %v, want %d and %d", got, first, second)
		}
	}
}

func TestEveryCursorGoesOnBehindItsEntry(t *testing.T) {
	g := newGround(t)
	from := g.settled(t)
	for range 3 {
		tx := g.begin(t)
		g.add(t, tx)
		g.add(t, tx)
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		g.note(t, feed.Change{Kind: feed.ChangeAccount, SubjectID: g.Account.ID, AccountID: g.Account.ID})
	}
	g.settled(t)
	all := g.after(t, from, 100)
	if len(all) != 9 {
		t.Fatalf("%d entries, want 9", len(all))
	}
	for i, e := range all {
		if (i%3 == 2) != (e.Change != nil) {
			t.Errorf("entry %d: change is %v", i, e.Change)
		}
		if e.Change == nil && (e.AccountID != g.Account.ID || e.ConversationID != g.id || e.Kind != conversation.EventDone) {
			t.Errorf("entry %d: %+v", i, e)
		}
		cursor, err := feed.ParseCursor(e.Cursor.String())
		if err != nil {
			t.Fatal(err)
		}
		for limit := 1; limit <= 4; limit++ {
			rest := g.after(t, cursor, limit)
			if !slices.EqualFunc(rest, all[i+1:], func(x, y feed.Event) bool { return x.Cursor == y.Cursor }) {
				t.Errorf("after entry %d, %d at a time: %v", i, limit, rest)
			}
		}
	}
	only, err := feed.Reader{DB: g.DB}.After(t.Context(), from, 100)
	if err != nil || len(only.Events) != 6 {
		t.Errorf("without changes: %d entries, %v; want 6", len(only.Events), err)
	}
}

func TestCursorThatMeansNothingAnyMore(t *testing.T) {
	g := newGround(t)
	now := g.settled(t)
	old := now
	old.XID -= 2
	future := now
	future.XID += 1 << 40
	for name, c := range map[string]struct {
		at   feed.Cursor
		do   string
		want error
	}{
		"head":           {now, "", nil},
		"old, kept":      {old, "", nil},
		"ahead":          {future, "", feed.ErrResync},
		"past retention": {old, fmt.Sprintf("UPDATE installation SET feed_floor_xid = '%d'", old.XID+1), feed.ErrResync},
		"retention":      {old, fmt.Sprintf("UPDATE installation SET feed_floor_xid = '%d'", old.XID), nil},
		"other epoch":    {now, "UPDATE installation SET epoch = epoch + 1", feed.ErrResync},
	} {
		tx := g.begin(t)
		if _, err := tx.ExecContext(t.Context(), "SELECT 1;"+c.do); err != nil {
			t.Fatal(err)
		}
		if _, err := (feed.Reader{DB: tx}).After(t.Context(), c.at, 10); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestParseCursor(t *testing.T) {
	t.Parallel()
	for _, c := range []feed.Cursor{{}, {Epoch: 3, XID: 1<<64 - 1, ID: 1<<63 - 1}, {Epoch: 1, XID: 7, ID: 8}} {
		if got, err := feed.ParseCursor(c.String()); got != c || err != nil {
			t.Errorf("%+v became %+v, %v", c, got, err)
		}
	}
	for _, text := range []string{"", "1-2", "1-2-3-4", "1--2", "a-b-", "01-2-3", "1-2-+3", "1-2-zzzzzzzzzzzzzzzzzzzz", " 1-2-3"} {
		if got, err := feed.ParseCursor(text); conversation.CodeOf(err) != conversation.CodeInvalid {
			t.Errorf("%q became %+v, %v", text, got, err)
		}
	}
}
