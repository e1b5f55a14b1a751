package assignment_test

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/assignment"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/presence"
	"guichet.dev/guichet/team"
)

// Many decide at once, and nobody gets more than they can have; the rest waits.
func TestNobodyIsOverfilled(t *testing.T) {
	d := open(t)
	d.queueing(t)
	d.capacity(t, 3, d.ana)
	d.capacity(t, 4, d.bob)
	var ids []string
	for range 20 {
		ids = append(ids, d.meet(t))
	}
	d.atOnce(t, ids, func(ctx context.Context, id string) error {
		_, err := d.tryDecide(ctx, id, d.Assignment.Assign)
		return err
	})
	loads, err := d.Assignment.Capacities(t.Context())
	if err != nil || loads[0].Load != 3 || loads[1].Load != 4 || d.Count(t, "SELECT count(*) FROM assignment_queue") != 13 {
		t.Errorf("%+v, %v", loads, err)
	}
	d.wantWhole(t)
}

// atOnce does something with each of many at the same time.
func (d *desk) atOnce(t testing.TB, ids []string, do func(ctx context.Context, id string) error) {
	t.Helper()
	var wg sync.WaitGroup
	for _, id := range ids {
		wg.Go(func() {
			if err := do(t.Context(), id); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// Fifty wait, and room comes at random from several sides: they are given in the order in which they came, by priority.
func TestTheQueueIsFirstInFirstOut(t *testing.T) {
	d := open(t)
	d.queueing(t)
	d.capacity(t, 0, d.ana, d.bob)
	ids := d.queue(t, 50)
	began := time.Now()
	for i, id := range ids {
		if i%10 == 7 {
			if _, err := d.Inbox.SetPriority(t.Context(), d.ana, id, conversation.PriorityHigh); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := slices.Clone(ids)
	slices.SortStableFunc(want, func(x, y string) int {
		return d.Count(t, "SELECT b.priority - a.priority FROM conversations a, conversations b WHERE a.id = $1::uuid AND b.id = $2::uuid", x, y)
	})
	for room := range 3 { // one by one, because the events of one transaction are not in the order of the queue
		d.capacity(t, room+1, d.ana, d.bob)
		if loads, err := d.Assignment.Capacities(t.Context()); err != nil || loads[0].Load != room+1 || loads[1].Load != room+1 {
			t.Fatalf("%+v, %v", loads, err)
		}
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for d.freeOne(t) {
			}
		})
	}
	wg.Wait()
	var given []string
	var longest time.Duration
	err := postgres.Rows(t.Context(), d.DB, func(row *sql.Rows) error {
		var id string
		var at time.Time
		err := row.Scan(&id, &at)
		given, longest = append(given, id), max(longest, at.Sub(began))
		return err
	}, "SELECT conversation_id::text, clock_timestamp() FROM events WHERE kind = 'assigned' AND data ? 'agent_id' ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(given, want) {
		t.Errorf("got  %s\nwant %s", strings.Join(given, " "), strings.Join(want, " "))
	}
	t.Logf("the last of 50 waited %s", longest.Round(time.Millisecond))
	d.wantWhole(t)
}

// freeOne has some agent do with some conversation of theirs what ends their part in it. It reports whether any is left.
func (d *desk) freeOne(t testing.TB) bool {
	who := []conversation.Caller{d.ana, d.bob}[rand.IntN(2)]
	var id string
	err := d.DB.DB.QueryRowContext(t.Context(), "SELECT id::text FROM conversations WHERE assignee_id = $1::uuid AND status = 'open' ORDER BY random() LIMIT 1", who.ID).Scan(&id)
	if postgres.IsNotFound(err) {
		if err := d.Assignment.Answer(t.Context()); err != nil {
			t.Error(err)
		}
		return d.Count(t, "SELECT count(*) FROM conversations WHERE status = 'open' AND merged_into IS NULL AND (assignee_id IS NOT NULL OR queued_at IS NOT NULL)") > 0
	}
	if err == nil && rand.IntN(2) == 0 {
		_, err = d.Inbox.Done(t.Context(), who, id)
	} else if err == nil {
		_, err = d.Inbox.Snooze(t.Context(), who, id, time.Time{})
	}
	if err != nil {
		t.Error(err)
	}
	return err == nil
}

// Everybody does everything at once: no deadlock, nothing that contradicts itself, and in the end nobody waits for room that is
// there.
func TestEverythingAtOnce(t *testing.T) {
	d := open(t)
	d.plan(t, assignment.Plan{
		Policies: []assignment.AssignmentPolicy{{Kind: assignment.LastAgent}, {Kind: assignment.LeastLoaded, TeamID: d.sales, Nobody: assignment.Queue}},
		Offer:    assignment.Offer{TakeUpSeconds: 30},
	})
	d.capacity(t, 4, d.ana, d.bob, d.carl)
	var ids []string
	for range 30 {
		ids = append(ids, d.meet(t))
	}
	deadlocks := d.deadlocks(t)
	store := &presence.Store{DB: d.DB, Moved: d.Assignment.Moved}
	agents := []conversation.Caller{d.ana, d.bob, d.carl}
	var wg sync.WaitGroup
	var done atomic.Int64
	for range 8 {
		wg.Go(func() {
			for range 40 {
				by, id := agents[rand.IntN(len(agents))], ids[rand.IntN(len(ids))]
				if err := d.something(t.Context(), store, by, id); err != nil {
					t.Error(err)
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	if now := d.deadlocks(t); now != deadlocks {
		t.Errorf("%d deadlocks", now-deadlocks)
	}
	for _, a := range agents {
		d.online(t, a, true)
	}
	if err := errors.Join(d.Assignment.Sweep(t.Context()), d.Assignment.Answer(t.Context())); err != nil {
		t.Error(err)
	}
	room := d.Count(t, `SELECT count(*) FROM agents a JOIN team_members m ON m.agent_id = a.id WHERE (SELECT count(*) FROM conversations c WHERE c.assignee_id = a.id AND c.status = 'open') <
		(SELECT capacity FROM agent_capacities k WHERE k.agent_id = a.id) AND EXISTS (SELECT 1 FROM assignment_queue q WHERE q.team_id = m.team_id AND NOT a.id = ANY (q.declined))`)
	if room > 0 {
		t.Errorf("%d agents have room while something waits", room)
	}
	t.Logf("%d commands, %d wait", done.Load(), d.Count(t, "SELECT count(*) FROM assignment_queue"))
	d.wantWhole(t)
}

// something is what may happen in an office. A refusal is no error.
func (d *desk) something(ctx context.Context, store *presence.Store, by conversation.Caller, id string) (err error) {
	nobody := ""
	switch rand.IntN(16) {
	case 0:
		_, err = d.Inbox.Attend(ctx, by, id)
	case 1:
		_, err = d.Inbox.Done(ctx, by, id)
	case 2:
		_, err = d.Inbox.Snooze(ctx, by, id, time.Time{})
	case 3:
		_, err = d.Inbox.Assign(ctx, by, id, inbox.Assignment{AgentID: &nobody})
	case 4:
		_, err = d.Inbox.Assign(ctx, by, id, inbox.Assignment{TeamID: &d.sales})
	case 5, 13, 14:
		if _, err = d.Inbox.Reopen(ctx, by, id); err == nil {
			_, err = d.tryDecide(ctx, id, d.Assignment.Reconsider)
		}
	case 6:
		_, err = d.Inbox.SetPriority(ctx, by, id, conversation.Priorities()[rand.IntN(4)])
	case 7:
		err = d.Assignment.Accept(ctx, by, id)
	case 8:
		err = d.Assignment.Decline(ctx, by, id)
	case 9:
		_, err = store.Choose(ctx, by.ID, []presence.State{presence.Online, presence.Away}[rand.IntN(2)])
	case 10:
		_, err = d.tryDecide(ctx, id, func(ctx context.Context, tx bun.Tx, row *ledger.Row, r assignment.Request) (assignment.Outcome, error) {
			return d.Assignment.Pass(ctx, tx, row, assignment.Expired, r)
		})
	case 11:
		_, err = d.Assignment.SetCapacity(ctx, team.System().Actor(), by.ID, rand.IntN(4))
	default:
		err = errors.Join(d.Assignment.Answer(ctx), d.Assignment.Sweep(ctx))
	}
	if code := conversation.CodeOf(err); code == conversation.CodeConflict {
		return nil
	}
	return err
}

// deadlocks returns how many there were so far. Each session tells the statistics of its own when it is asked to.
func (d *desk) deadlocks(t testing.TB) int {
	t.Helper()
	var all []bun.Conn
	for range d.DB.Stats().MaxOpenConnections {
		conn, err := d.DB.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, conn)
	}
	for _, conn := range all {
		if _, err := conn.ExecContext(t.Context(), "SELECT pg_stat_force_next_flush()"); err != nil {
			t.Error(err)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
	return d.Count(t, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
}
