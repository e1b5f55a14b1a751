package worker_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"
	"go.temporal.io/sdk/client"

	"guichet.dev/guichet/internal/testkit"
	"guichet.dev/guichet/worker"
	"guichet.dev/guichet/workflows"
)

const patience = 30 * time.Second

// desk is a test's database with one account.
type desk struct {
	*bun.DB
	t       *testing.T
	account string
	contact string
	wake    chan struct{} // for dispatchers
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{DB: testkit.Database(t), t: t, account: uuid.NewString(), contact: uuid.NewString(), wake: make(chan struct{}, 1)}
	d.exec(`INSERT INTO accounts (id, channel, name, provider_id, api_base_url, secrets, created_at, updated_at)
		VALUES (?, 'whatsapp', 'test', '1', 'http://127.0.0.1', '', now(), now())`, d.account)
	d.exec(`INSERT INTO contacts (id, created_at, updated_at) VALUES (?, now(), now())`, d.contact)
	return d
}

func (d *desk) exec(query string, args ...any) {
	d.t.Helper()
	if _, err := d.ExecContext(d.t.Context(), query, args...); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) count(query string, args ...any) int {
	d.t.Helper()
	var n int
	if err := d.NewRaw(query, args...).Scan(d.t.Context(), &n); err != nil {
		d.t.Fatal(err)
	}
	return n
}

// conversation inserts a conversation that is up to date.
func (d *desk) conversation() string {
	d.t.Helper()
	id := uuid.NewString()
	d.exec(`INSERT INTO conversations (id, account_id, channel, contact_id, thread_key, last_activity_at, opened_at, created_at)
		VALUES (?, ?, 'whatsapp', ?, ?, now(), now(), now())`, id, d.account, d.contact, id)
	return id
}

// change inserts or moves a dispatch row as those do who change a conversation.
func (d *desk) change(id string, seq int64) {
	d.t.Helper()
	d.exec(`INSERT INTO dispatches (conversation_id, up_to_seq, since, due_at) VALUES (?, ?, clock_timestamp(), clock_timestamp())
		ON CONFLICT (conversation_id) DO UPDATE SET up_to_seq = greatest(dispatches.up_to_seq, excluded.up_to_seq),
			version = dispatches.version + 1`, id, seq)
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

func (d *desk) rows() int { return d.count("SELECT count(*) FROM dispatches") }

// eventually waits for a condition that becomes true.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	testkit.Eventually(t, patience, func() error {
		if !condition() {
			return errors.New("not yet: " + what)
		}
		return nil
	})
}

// line stands in for Temporal: it notes the wakes, and fails as it is told to.
type line struct {
	mu     sync.Mutex
	wakes  map[string][]int64 // by workflow id
	fails  func(workflowID string) error
	during func(workflowID string)
	calls  int
}

func newLine() *line { return &line{wakes: map[string][]int64{}} }

func (l *line) SignalWithStartWorkflow(_ context.Context, workflowID, _ string, wake any, _ client.StartWorkflowOptions, _ any, _ ...any) (client.WorkflowRun, error) {
	l.mu.Lock()
	l.calls++
	fails, during := l.fails, l.during
	l.mu.Unlock()
	if during != nil {
		during(workflowID)
	}
	if fails != nil {
		if err := fails(workflowID); err != nil {
			return nil, err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wakes[workflowID] = append(l.wakes[workflowID], wake.(workflows.Wake).UpToSeq)
	return nil, nil
}

func (l *line) set(fails func(string) error, during func(string)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fails, l.during = fails, during
}

// heard returns the seqs that the conversation's workflow was woken for.
func (l *line) heard(id string) []int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]int64(nil), l.wakes[workflows.ID(1, id)]...)
}

func (l *line) called() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.calls
}

// dispatch runs a dispatcher until the test ends or stop is called.
func (d *desk) dispatch(to worker.Signaller) (stop func()) {
	d.t.Helper()
	one, err := worker.NewDispatcher(worker.DispatcherOptions{DB: d.DB, Client: to, Wake: d.wake, Logger: testkit.Logger(d.t)})
	if err != nil {
		d.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(d.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := one.Run(ctx); err != nil {
			d.t.Error(err)
		}
	}()
	stop = func() { cancel(); <-done }
	d.t.Cleanup(stop)
	return stop
}
