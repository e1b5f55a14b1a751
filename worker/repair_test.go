package worker_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/worker"
)

func TestRepair(t *testing.T) {
	t.Parallel()
	now := time.Now().UTC()
	message := func(d *desk, id, state string, receivedAt time.Time, notBefore, callDeadline *time.Time) {
		d.exec(`INSERT INTO messages (id, conversation_id, account_id, seq, direction, kind, state, content, author_kind, at, received_at, not_before, call_deadline)
			VALUES (?, ?, ?, 1, 'out', 'text', ?, '{}', 'agent', ?, ?, ?, ?)`, uuid.NewString(), id, d.account, state, receivedAt, receivedAt, notBefore, callDeadline)
	}
	behind := func(d *desk, id string, recordedAt time.Time) {
		d.exec("UPDATE conversations SET last_seq = 1, wake_seq = 1, next_deadline_at = ? WHERE id = ?", recordedAt.Add(ledger.SweepAfter), id)
		d.exec(`INSERT INTO events (conversation_id, seq, kind, actor_kind, at, recorded_at) VALUES (?, 1, 'message_received', 'contact', ?, ?)`, id, recordedAt, recordedAt)
	}
	ago, soon := now.Add(-2*time.Minute), now.Add(time.Hour)
	justNow := now.Add(-time.Second)
	tests := []struct {
		name    string
		prepare func(d *desk, id string)
		sweep   bool // found by the sweep
		due     bool // found by a repair
		all     bool // found by a repair of everything
	}{
		{"up to date", func(*desk, string) {}, false, false, false},
		{"behind", func(d *desk, id string) { behind(d, id, ago) }, true, true, true},
		{"just behind", func(d *desk, id string) { behind(d, id, justNow) }, false, true, true},
		{"deadline came", func(d *desk, id string) {
			d.exec("UPDATE conversations SET next_deadline_at = ? WHERE id = ?", ago, id)
		}, true, true, true},
		{"deadline lies ahead", func(d *desk, id string) {
			d.exec("UPDATE conversations SET next_deadline_at = ? WHERE id = ?", soon, id)
		}, false, false, true},
		{"queued", func(d *desk, id string) { message(d, id, "queued", ago, nil, nil) }, true, true, true},
		{"just queued", func(d *desk, id string) { message(d, id, "queued", justNow, nil, nil) }, false, true, true},
		{"waits for a limit", func(d *desk, id string) { message(d, id, "queued", ago, &soon, nil) }, false, false, true},
		{"held", func(d *desk, id string) {
			message(d, id, "queued", ago, nil, nil)
			d.exec("UPDATE accounts SET state = 'paused'")
		}, false, false, true},
		{"queued behind one that waits", func(d *desk, id string) {
			message(d, id, "queued", ago, &soon, nil)
			message(d, id, "queued", ago, nil, nil)
			d.exec("UPDATE messages SET seq = 2 WHERE not_before IS NULL")
		}, false, false, true},
		{"queued behind a call in progress", func(d *desk, id string) {
			message(d, id, "sending", ago, nil, &soon)
			message(d, id, "queued", ago, nil, nil)
			d.exec("UPDATE messages SET seq = 2 WHERE state = 'queued'")
		}, false, false, true},
		{"the account is blocked", func(d *desk, id string) {
			message(d, id, "queued", ago, nil, nil)
			d.exec("INSERT INTO account_limits (account_id, key, arrival, blocked_until) VALUES (?, '', ?, ?)", d.account, ago, soon)
		}, false, false, true},
		{"the contact was blocked", func(d *desk, id string) {
			message(d, id, "queued", ago, nil, nil)
			d.exec("INSERT INTO account_limits (account_id, key, arrival, blocked_until) VALUES (?, ?, ?, ?)", d.account, d.contact, ago, ago)
		}, true, true, true},
		{"automatic, while a message elsewhere is not examined", func(d *desk, id string) {
			message(d, id, "queued", ago, nil, nil)
			d.exec("UPDATE messages SET author_kind = 'token'")
			d.exec("UPDATE conversations SET inbound_seq = 1 WHERE id = ?", d.conversation())
		}, false, false, true},
		{"an agent's, while a message elsewhere is not examined", func(d *desk, id string) {
			message(d, id, "queued", ago, nil, nil)
			d.exec("UPDATE conversations SET inbound_seq = 1 WHERE id = ?", d.conversation())
		}, true, true, true},
		{"call died", func(d *desk, id string) { message(d, id, "sending", ago, nil, &ago) }, true, true, true},
		{"call in progress", func(d *desk, id string) { message(d, id, "sending", ago, nil, &soon) }, false, false, true},
		{"unknown", func(d *desk, id string) { message(d, id, "unknown", ago, nil, nil) }, false, false, true},
		{"delivered", func(d *desk, id string) { message(d, id, "delivered", ago, nil, nil) }, false, false, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			test.prepare(d, d.conversation())
			for _, mode := range []struct {
				name    string
				options worker.RepairOptions
				want    bool
			}{
				{"sweep", worker.RepairOptions{Overdue: time.Minute}, test.sweep},
				{"due", worker.RepairOptions{}, test.due},
				{"all", worker.RepairOptions{All: true}, test.all},
			} {
				d.exec("DELETE FROM dispatches")
				report, err := worker.Repair(t.Context(), d, now, mode.options)
				if err != nil {
					t.Fatal(err)
				}
				if got := report.Dispatched == 1; got != mode.want || d.rows() != report.Dispatched {
					t.Errorf("%s: %+v, want a row: %v", mode.name, report, mode.want)
				}
			}
		})
	}
}

func TestRepairOfMany(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ids := make([]string, 450)
	for i := range ids {
		ids[i] = d.conversation()
	}
	d.exec("UPDATE conversations SET wake_seq = 1, next_deadline_at = now()")
	d.change(ids[7], 1) // is on its way already
	report, err := worker.Repair(t.Context(), d, time.Now(), worker.RepairOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if want := (worker.Report{Behind: 450, Deadlines: 450, Dispatched: 449}); report != want {
		t.Errorf("got %+v, want %+v", report, want)
	}
	if n := d.rows(); n != 450 {
		t.Errorf("%d rows", n)
	}
	if n := d.count("SELECT version FROM dispatches WHERE conversation_id = ?", ids[7]); n != 1 {
		t.Error("the repair changed a row that was there")
	}
	// What is on its way may have gone to the namespace that was lost.
	if report, err = worker.Repair(t.Context(), d, time.Now(), worker.RepairOptions{All: true}); err != nil || report.Dispatched != 0 {
		t.Errorf("got %+v (%v)", report, err)
	}
	if n := d.count("SELECT min(version) FROM dispatches"); n < 2 {
		t.Error("a repair of everything left a row as it was")
	}
}

func TestRepairSkipsWhatIsBeingWritten(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	busy, free := d.conversation(), d.conversation()
	d.exec("UPDATE conversations SET wake_seq = 1, next_deadline_at = now()")
	tx, err := d.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }() // of a test that failed before it did so
	if _, err := tx.ExecContext(t.Context(), "SELECT id FROM conversations WHERE id = ? FOR UPDATE", busy); err != nil {
		t.Fatal(err)
	}
	if _, err := worker.Repair(t.Context(), d, time.Now(), worker.RepairOptions{}); err != nil {
		t.Fatal(err)
	}
	if n := d.count("SELECT count(*) FROM dispatches WHERE conversation_id = ?", free); n != 1 || d.rows() != 1 {
		t.Errorf("%d rows for the free one, %d in all", n, d.rows())
	}
	repaired := make(chan error, 1)
	go func() {
		_, err := worker.Repair(t.Context(), d, time.Now(), worker.RepairOptions{All: true})
		repaired <- err
	}()
	select {
	case err := <-repaired:
		t.Errorf("a repair of everything did not wait (%v)", err)
	case <-time.After(200 * time.Millisecond):
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-repaired; err != nil || d.rows() != 2 {
		t.Errorf("%d rows (%v)", d.rows(), err)
	}
}
