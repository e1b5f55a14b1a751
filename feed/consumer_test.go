package feed_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/feed"
	"guichet.dev/guichet/internal/testkit"
	"guichet.dev/guichet/postgres"
)

// run runs consumers until the test ends or the function is called.
func run(t *testing.T, consumers ...feed.Consumer) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for _, c := range consumers {
		wg.Go(func() {
			if err := c.Run(ctx); err != nil {
				t.Errorf("consumer: %v", err)
			}
		})
	}
	stop = func() { cancel(); wg.Wait() }
	t.Cleanup(stop)
	return stop
}

// consumer writes the seq of each event that it applies to the table seen.
func (g *ground) consumer(t *testing.T, bell *feed.Bell) feed.Consumer {
	t.Helper()
	if _, err := g.DB.ExecContext(t.Context(), "CREATE TABLE IF NOT EXISTS seen (n bigserial, seq bigint, subject text)"); err != nil {
		t.Fatal(err)
	}
	return feed.Consumer{
		Name: "test", DB: g.DB, Bell: bell, Logger: testkit.Logger(t), Poll: 20 * time.Millisecond, Batch: 4,
		Apply: func(ctx context.Context, tx bun.Tx, events []feed.Event) error {
			for _, e := range events {
				subject := ""
				if e.Change != nil {
					subject = e.Change.SubjectID
				}
				if _, err := tx.ExecContext(ctx, "INSERT INTO seen (seq, subject) VALUES (?, ?)", e.Seq, subject); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func (g *ground) seen(t *testing.T) (seqs []int64) {
	t.Helper()
	if err := g.DB.NewRaw("SELECT seq FROM seen ORDER BY n").Scan(t.Context(), &seqs); err != nil {
		t.Fatal(err)
	}
	return seqs
}

func (g *ground) wantSeen(t *testing.T, want []int64) {
	t.Helper()
	testkit.Eventually(t, patience, func() error {
		if got := g.seen(t); !slices.Equal(got, want) {
			return fmt.Errorf("applied %v, want %v", got, want)
		}
		return nil
	})
}

func TestConsumersOfOneNameApplyEachEventOnce(t *testing.T) {
	g := newGround(t)
	g.settled(t)
	begin := feed.Reader{DB: g.DB}
	page, err := begin.After(t.Context(), feed.Cursor{Epoch: 1}, 100)
	if err != nil {
		t.Fatal(err)
	}
	want := seqs(page.Events)
	var bell feed.Bell
	c := g.consumer(t, &bell)
	stop := run(t, c, c, c)
	for range 30 {
		want = append(want, g.add(t, g.DB))
		bell.Ring()
	}
	g.note(t, feed.Change{Kind: feed.ChangeLabel, SubjectID: "x"}) // not asked for
	g.wantSeen(t, want)
	stop()
	want = append(want, g.add(t, g.DB))
	run(t, c)
	g.wantSeen(t, want)
}

func TestConsumerFromNowAndWithChanges(t *testing.T) {
	g := newGround(t)
	g.settled(t)
	c := g.consumer(t, nil)
	c.FromNow, c.Changes = true, true
	run(t, c)
	testkit.Eventually(t, patience, func() error {
		if g.Count(t, "SELECT count(*) FROM feed_consumers") == 0 {
			return errors.New("it has not begun")
		}
		return nil
	})
	g.note(t, feed.Change{Kind: feed.ChangeContact, SubjectID: "somebody"})
	g.wantSeen(t, []int64{0})
	if got := g.Text(t, "SELECT subject FROM seen"); got != "somebody" {
		t.Errorf("subject %q", got)
	}
}

func TestBadEntryFailsAlone(t *testing.T) {
	for name, fail := range map[string]func(ctx context.Context, tx bun.Tx) error{
		"error": func(context.Context, bun.Tx) error { return errors.New("the customer said hello") },
		"panic": func(context.Context, bun.Tx) error { panic("the customer said hello") },
		"database": func(ctx context.Context, tx bun.Tx) error {
			_, err := tx.ExecContext(ctx, "SELECT 1/0")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGround(t)
			g.settled(t)
			c := g.consumer(t, nil)
			c.FromNow = true
			apply := c.Apply
			var bad int64
			c.Apply = func(ctx context.Context, tx bun.Tx, events []feed.Event) error {
				if slices.ContainsFunc(events, func(e feed.Event) bool { return e.Seq == bad }) {
					if err := fail(ctx, tx); err != nil {
						return err
					}
				}
				return apply(ctx, tx, events)
			}
			stop := run(t, c)
			want := []int64{g.add(t, g.DB)}
			testkit.Eventually(t, patience, func() error {
				if g.Count(t, "SELECT count(*) FROM feed_consumers") == 0 {
					return errors.New("it has not begun")
				}
				return nil
			})
			stop()
			var good []int64
			for i := range 6 {
				seq := g.add(t, g.DB)
				if i == 2 {
					bad = seq
				} else {
					good = append(good, seq)
				}
			}
			run(t, c)
			testkit.Eventually(t, patience, func() error {
				got := g.seen(t)
				if len(got) > 0 && got[0] == want[0] { // the one before the place was made may have come too
					got = got[1:]
				}
				if !slices.Equal(got, good) {
					return fmt.Errorf("applied %v, want %v", got, good)
				}
				return nil
			})
			if code := g.Text(t, "SELECT error_code FROM feed_failures WHERE conversation_id = $1::uuid", g.id); code == "" || len(code) > 10 {
				t.Errorf("failure noted as %q", code)
			}
		})
	}
}

// A dump brings rows of transactions that the new server has not come to.
func TestRebaseAfterLogicalRestore(t *testing.T) {
	g := newGround(t)
	c := g.consumer(t, nil)
	run(t, c)()
	first, second, third := g.add(t, g.DB), g.add(t, g.DB), g.add(t, g.DB)
	err := postgres.InTx(t.Context(), g.DB, func(ctx context.Context, tx bun.Tx) error {
		for _, statement := range []string{
			"UPDATE events SET xid = (pg_current_xact_id()::text::bigint + 1000000 + seq)::text::xid8",
			fmt.Sprintf(`INSERT INTO feed_consumers (name, epoch, xid, id) SELECT 'test', 1, xid, id FROM events WHERE seq = %d
				ON CONFLICT (name) DO UPDATE SET xid = excluded.xid, id = excluded.id`, first),
			"UPDATE installation SET feed_floor_xid = '1000000000000', epoch = epoch + 1",
		} {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		return feed.Rebase(ctx, tx)
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.DB.ExecContext(t.Context(), "TRUNCATE seen"); err != nil {
		t.Fatal(err)
	}
	run(t, c)
	g.wantSeen(t, []int64{second, third})
	if _, err := (feed.Reader{DB: g.DB}).After(t.Context(), feed.Cursor{Epoch: 1, XID: 1 << 50}, 1); !errors.Is(err, feed.ErrResync) {
		t.Errorf("a cursor of the old epoch: %v", err)
	}
}
