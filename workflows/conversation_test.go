package workflows_test

import (
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"guichet.dev/guichet/activities"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/workflows"
	"guichet.dev/guichet/workflows/recordtest"
)

// stage is a workflow on a clock that skips, with its record.
type stage struct {
	*testsuite.TestWorkflowEnvironment
	t      *testing.T
	record *recordtest.Record
}

func newStage(t *testing.T) *stage {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	env.SetTestTimeout(20 * time.Second)
	record := recordtest.New(env.Now)
	workflows.Register(env)
	env.RegisterActivity(activities.New(record, record))
	return &stage{TestWorkflowEnvironment: env, t: t, record: record}
}

// at plays a part when so much time has passed.
func (s *stage) at(after time.Duration, part func()) {
	s.RegisterDelayedCallback(part, after)
}

// wake writes down an event and signals it.
func (s *stage) wake() {
	s.SignalWorkflow(workflows.WakeSignal, workflows.Wake{UpToSeq: s.record.Event()})
}

func (s *stage) play() {
	s.ExecuteWorkflow(workflows.Conversation, workflows.Input{ConversationID: "c1", Epoch: 1})
}

// ended plays until the workflow has come to its normal end.
func (s *stage) ended() recordtest.Tally {
	s.t.Helper()
	s.play()
	if !s.IsWorkflowCompleted() {
		s.t.Fatal("the workflow did not end")
	}
	if err := s.GetWorkflowError(); err != nil {
		s.t.Fatalf("the workflow failed: %v", err)
	}
	return s.record.Tally()
}

func (s *stage) state() workflows.State {
	s.t.Helper()
	answer, err := s.QueryWorkflow(workflows.StateQuery)
	if err != nil {
		s.t.Fatalf("query: %v", err)
	}
	var state workflows.State
	if err := answer.Get(&state); err != nil {
		s.t.Fatalf("read the state: %v", err)
	}
	return state
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestEndsWhenNothingIsLeft(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.record.Event()
	got := s.ended()
	equal(t, "advances", got.Advances, 1)
	equal(t, "applied", got.AppliedSeq, 1)
	equal(t, "sends", got.Sends, 0)
}

func TestDeadlineFiresOnce(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.record.Deadline("window_closed", 24*time.Hour)
	start := s.Now()
	got := s.ended()
	equal(t, "fired", strings.Join(got.Fired, " "), "window_closed")
	equal(t, "advances", got.Advances, 2)
	if passed := s.Now().Sub(start); passed < 24*time.Hour || passed > 24*time.Hour+5*time.Second {
		t.Errorf("fired after %v", passed)
	}
}

func TestDeadlineMovedLaterFiresLater(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.record.Deadline("window_closed", time.Hour)
	var timers int
	s.SetOnTimerScheduledListener(func(string, time.Duration) { timers++ })
	s.SetOnTimerCanceledListener(func(string) { t.Error("a timer was cancelled") })
	for i := range 5 {
		s.at(time.Duration(i+1)*10*time.Minute, func() {
			s.record.Deadline("window_closed", time.Hour)
			s.wake()
		})
	}
	s.at(105*time.Minute, func() { equal(t, "fired early", len(s.record.Tally().Fired), 0) })
	got := s.ended()
	equal(t, "fired", strings.Join(got.Fired, " "), "window_closed")
	equal(t, "timers", timers, 2)
	equal(t, "advances", got.Advances, 8) // first, five wakes, the timer that came too early, the deadline
}

func TestDeadlineMovedEarlierFiresEarlier(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	start := s.Now()
	s.record.Deadline("snooze", 10*time.Hour)
	s.at(time.Hour, func() { s.record.Deadline("snooze", time.Hour); s.wake() })
	got := s.ended()
	equal(t, "fired", strings.Join(got.Fired, " "), "snooze")
	if passed := s.Now().Sub(start); passed > 2*time.Hour+5*time.Second {
		t.Errorf("fired after %v", passed)
	}
}

func TestDeadlineFollowsAShiftedClock(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	var offset time.Duration
	s.record = recordtest.New(func() time.Time { return s.Now().Add(offset) })
	s.RegisterActivity(activities.New(s.record, s.record))
	start := s.Now()
	s.record.Deadline("window_closed", 24*time.Hour)
	s.at(time.Minute, func() { offset = 23 * time.Hour; s.wake() })
	got := s.ended()
	equal(t, "fired", strings.Join(got.Fired, " "), "window_closed")
	if passed := s.Now().Sub(start); passed > time.Hour+10*time.Second {
		t.Errorf("fired after %v", passed)
	}
}

// Only spans of the product's clock count, never its time of day: it may be years away from Temporal's.
func TestClocksMayDiffer(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{10 * 365 * 24 * time.Hour, -10 * 365 * 24 * time.Hour} {
		s := newStage(t)
		s.record = recordtest.New(func() time.Time { return s.Now().Add(ahead) })
		s.RegisterActivity(activities.New(s.record, s.record))
		start := s.Now()
		s.record.Deadline("window_closed", 24*time.Hour)
		s.record.Queue(conversation.SendResult{Outcome: conversation.OutcomeWait, Wait: time.Hour}, sent)
		s.at(59*time.Minute, func() { equal(t, "sends during the wait", s.record.Tally().Sends, 1) })
		s.at(61*time.Minute, func() { equal(t, "waiting after it", s.record.Tally().Waiting, 0) })
		got := s.ended()
		equal(t, "fired", strings.Join(got.Fired, " "), "window_closed")
		equal(t, "advances", got.Advances, 2)
		if passed := s.Now().Sub(start); passed < 24*time.Hour || passed > 24*time.Hour+5*time.Second {
			t.Errorf("fired after %v", passed)
		}
	}
}

func TestDeadlineTakenAwayEndsTheRun(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	start := s.Now()
	s.record.Deadline("snooze", 10*time.Hour)
	s.at(time.Hour, func() { s.record.NoDeadline("snooze"); s.wake() })
	got := s.ended()
	equal(t, "fired", len(got.Fired), 0)
	if passed := s.Now().Sub(start); passed > 2*time.Hour {
		t.Errorf("ended after %v", passed)
	}
}

func TestBurstIsOneAdvance(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.record.Deadline("window_closed", time.Hour)
	s.at(time.Minute, func() {
		for range 20 {
			s.wake()
		}
	})
	s.at(2*time.Minute, func() {
		state := s.state()
		equal(t, "woken", state.WokenSeq, 20)
		equal(t, "applied", state.AppliedSeq, 20)
	})
	got := s.ended()
	if got.Advances > 5 {
		t.Errorf("%d advances for one burst", got.Advances)
	}
}

func TestAdvanceRecovers(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.record.Event()
	s.record.FailAdvance(slices.Repeat([]error{errors.New("secret words")}, 3*12)...) // each try is three quick ones
	s.at(30*time.Second, func() {
		state := s.state()
		equal(t, "code", state.FailureCode, string(conversation.CodeInternal))
		equal(t, "failures", state.Failures, 5) // after 0, 1, 3, 7, 15 s
	})
	start := s.Now()
	got := s.ended()
	equal(t, "applied", got.AppliedSeq, 1)
	equal(t, "advances", got.Advances, 37)
	// 1+2+4+…+256 s, then 5 min each.
	if passed := s.Now().Sub(start); passed < 23*time.Minute || passed > 25*time.Minute {
		t.Errorf("recovered after %v", passed)
	}
}

func TestOnlyNewsCutsTheBackOff(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.record.Event()
	s.record.FailAdvance(slices.Repeat([]error{errors.New("down")}, 3*8)...)
	s.at(100*time.Second, func() { s.SignalWorkflow(workflows.WakeSignal, workflows.Wake{}) })
	s.at(101*time.Second, func() { equal(t, "tries after a wake without news", s.record.Tally().Advances, 3*7) })
	s.at(102*time.Second, s.wake)
	s.at(103*time.Second, func() { equal(t, "tries after a wake with news", s.record.Tally().Advances, 3*8) })
	equal(t, "applied", s.ended().AppliedSeq, 2)
}

func TestUnknownConversationEnds(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.record.FailAdvance(conversation.Errorf(conversation.CodeNotFound, "no such conversation"))
	equal(t, "advances", s.ended().Advances, 1)
}

func TestCancelEndsTheRun(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.record.Deadline("window_closed", 24*time.Hour)
	s.at(time.Hour, s.CancelWorkflow)
	s.play()
	if err := s.GetWorkflowError(); err == nil {
		t.Error("a cancelled workflow ended normally")
	}
}

func TestContinuesAsNew(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.record.Deadline("window_closed", 24*time.Hour)
	s.at(time.Minute, s.wake)
	s.at(time.Hour, func() {
		s.record.Queue(sent)
		s.record.Queue(sent)
		s.wake()
	})
	// While a Send is being carried out the history becomes long, and two more wakes come.
	s.record.OnSend(func() {
		signalled := make(chan struct{})
		s.at(0, func() {
			s.SetContinueAsNewSuggested(true)
			s.wake()
			s.wake()
			close(signalled)
		})
		<-signalled
	})
	s.play()
	var next *workflow.ContinueAsNewError
	if err := s.GetWorkflowError(); !errors.As(err, &next) {
		t.Fatalf("the workflow ended with %v", err)
	}
	var in workflows.Input
	if err := decode(next, &in); err != nil {
		t.Fatal(err)
	}
	equal(t, "conversation", in.ConversationID, "c1")
	equal(t, "epoch", in.Epoch, 1)
	equal(t, "woken", in.Carry.WokenSeq, 4)
	// The test environment does not wait for a cancelled activity, as a server does.
	eventually(t, func() bool { return s.record.Tally().Waiting == 1 })
	equal(t, "sends", s.record.Tally().Sends, 1)
}
