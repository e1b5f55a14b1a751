package worker_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"guichet.dev/guichet/activities"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/internal/clock"
	"guichet.dev/guichet/internal/devstack"
	"guichet.dev/guichet/internal/temporalx"
	"guichet.dev/guichet/internal/testkit"
	"guichet.dev/guichet/worker"
	"guichet.dev/guichet/workflows"
	"guichet.dev/guichet/workflows/recordtest"
)

// house is a desk whose conversations are looked after by a worker, with a record in memory for each.
type house struct {
	*desk
	client  client.Client
	mu      sync.Mutex
	records map[string]*recordtest.Record
}

func newHouse(t *testing.T, s *testkit.TemporalServer) *house {
	t.Helper()
	c, err := temporalx.Dial(t.Context(), temporalx.Options{Address: s.Address, Namespace: s.Namespace, Logger: testkit.Logger(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	h := &house{desk: newDesk(t), client: c, records: map[string]*recordtest.Record{}}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- worker.Run(ctx, worker.Options{
			Client: c, Namespace: s.Namespace, DB: h.DB, Activities: activities.New(h, h), Clock: &clock.Clock{}, Logger: testkit.Logger(t),
			SweepEvery: 100 * time.Millisecond,
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	h.dispatch(c)
	return h
}

func (h *house) record(id string) *recordtest.Record {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.records[id] == nil {
		h.records[id] = recordtest.New((&clock.Clock{}).Now)
	}
	return h.records[id]
}

func (h *house) Advance(ctx context.Context, id string) (conversation.Advanced, error) {
	return h.record(id).Advance(ctx, id)
}

func (h *house) SendNext(ctx context.Context, id string) (conversation.SendResult, error) {
	return h.record(id).SendNext(ctx, id)
}

// event writes down an event of the conversation and returns its seq.
func (h *house) event(id string) int64 {
	h.t.Helper()
	seq := h.record(id).Event()
	h.change(id, seq)
	return seq
}

func (h *house) applied(id string, seq int64) {
	h.t.Helper()
	eventually(h.t, "the event was applied", func() bool { return h.record(id).Tally().AppliedSeq >= seq })
}

func (h *house) ended(id string) {
	h.t.Helper()
	eventually(h.t, "the workflow ended", func() bool {
		found, err := h.client.DescribeWorkflowExecution(h.t.Context(), workflows.ID(1, id), "")
		return err == nil && found.GetWorkflowExecutionInfo().GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_COMPLETED
	})
}

// events counts the events of the newest run.
func (h *house) events(id string) int64 {
	h.t.Helper()
	found, err := h.client.DescribeWorkflowExecution(h.t.Context(), workflows.ID(1, id), "")
	if err != nil {
		h.t.Fatal(err)
	}
	return found.GetWorkflowExecutionInfo().GetHistoryLength()
}

// An idle conversation costs nothing, and one more message costs at most six events.
func TestMessageCostsSixEventsAtMost(t *testing.T) {
	t.Parallel()
	h := newHouse(t, testkit.Temporal(t))
	id := h.conversation()
	h.record(id).Deadline("window_closed", 24*time.Hour)
	h.applied(id, h.event(id))
	eventually(t, "the first task completed", func() bool { return h.events(id) >= 8 })
	before := h.events(id)
	const messages = 10
	for range messages {
		h.record(id).Deadline("window_closed", 24*time.Hour) // moves later with each
		h.applied(id, h.event(id))
	}
	eventually(t, "the last task completed", func() bool { return h.events(id) >= before+messages*5 })
	each := float64(h.events(id)-before) / messages
	t.Logf("%.1f events for each message", each)
	if each > 6 {
		t.Errorf("%.1f events for each message", each)
	}
	h.record(id).NoDeadline("window_closed")
	h.event(id)
	h.ended(id)
}

func TestReturningCustomerStartsANewRun(t *testing.T) {
	t.Parallel()
	h := newHouse(t, testkit.Temporal(t))
	id := h.conversation()
	for range 3 {
		h.applied(id, h.event(id))
		h.ended(id)
	}
}

// What nobody dispatched is found by the sweep.
func TestSweepFindsWhatWasLost(t *testing.T) {
	t.Parallel()
	h := newHouse(t, testkit.Temporal(t))
	id := h.conversation()
	seq := h.record(id).Event()
	h.exec(`INSERT INTO events (conversation_id, seq, kind, actor_kind, at, recorded_at)
		VALUES (?, 1, 'message_received', 'contact', now() - interval '1 hour', now() - interval '1 hour')`, id)
	h.exec("UPDATE conversations SET last_seq = 1, wake_seq = 1, next_deadline_at = now() - interval '55 minutes' WHERE id = ?", id)
	h.applied(id, seq)
	h.exec("UPDATE conversations SET applied_seq = 1 WHERE id = ?", id)
}

// Under load, over many hand-overs from run to run, every event is applied and every message leaves, one at a time.
func TestNothingIsLostUnderLoad(t *testing.T) {
	t.Parallel()
	s := testkit.TemporalWith(t, devstack.TemporalConfig{DynamicConfig: map[string]string{"limit.historyCount.suggestContinueAsNew": "60"}})
	h := newHouse(t, s)
	ids := []string{h.conversation(), h.conversation(), h.conversation()}
	const rounds = 60
	var writers sync.WaitGroup
	for _, id := range ids {
		record := h.record(id)
		record.Deadline("window_closed", 24*time.Hour)
		writers.Go(func() {
			for i := range rounds {
				if i%3 == 0 {
					record.Queue(conversation.SendResult{Outcome: conversation.OutcomeSent})
				}
				if i%20 == 7 {
					record.Queue(conversation.SendResult{Outcome: conversation.OutcomeWait, Wait: time.Second}, conversation.SendResult{Outcome: conversation.OutcomeSent})
				}
				h.event(id)
				time.Sleep(15 * time.Millisecond) // so that they are not all one wake
			}
		})
	}
	writers.Wait()
	for _, id := range ids {
		h.applied(id, rounds)
		h.record(id).NoDeadline("window_closed")
		h.record(id).SetStatus(conversation.StatusDone)
		h.event(id)
		h.ended(id)
		got := h.record(id).Tally()
		if got.AppliedSeq != rounds+1 || got.Waiting != 0 || got.Overlap {
			t.Errorf("got %+v", got)
		}
	}
}

func TestCatchesUpAfterAnOutage(t *testing.T) {
	t.Parallel()
	s := testkit.TemporalWith(t, devstack.TemporalConfig{DataFile: filepath.Join(t.TempDir(), "temporal.db")})
	h := newHouse(t, s)
	ids := make([]string, 20)
	for i := range ids {
		ids[i] = h.conversation()
		h.record(ids[i]).Deadline("window_closed", 24*time.Hour)
		h.event(ids[i])
	}
	for _, id := range ids {
		h.applied(id, 1)
	}
	if err := s.Server.Kill(); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		h.event(id)
	}
	time.Sleep(2 * time.Second) // of outage
	if err := s.Server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	for _, id := range ids {
		h.applied(id, 2)
	}
	t.Logf("caught up %v after the restart", time.Since(begun))
}

// The namespace is made anew, without what we registered in it, while the workers run.
func TestGoesOnAfterTemporalLostItsData(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "temporal.db")
	s := testkit.TemporalWith(t, devstack.TemporalConfig{DataFile: file})
	h := newHouse(t, s)
	id := h.conversation()
	h.record(id).Deadline("window_closed", 24*time.Hour)
	h.applied(id, h.event(id))
	if err := s.Server.Kill(); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.RemoveAll(file + suffix); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.applied(id, h.event(id))
	h.record(id).NoDeadline("window_closed")
	h.event(id)
	h.ended(id) // which takes tasks that Temporal has accepted
}
