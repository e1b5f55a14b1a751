package workflows_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/workflows"
)

var (
	sent    = conversation.SendResult{Outcome: conversation.OutcomeSent}
	failed  = conversation.SendResult{Outcome: conversation.OutcomeFailed, Code: "131026"}
	lastOne = conversation.SendResult{Outcome: conversation.OutcomeSent, Last: true}
)

func waits(d time.Duration) conversation.SendResult {
	return conversation.SendResult{Outcome: conversation.OutcomeWait, Wait: d}
}

func decode(next *workflow.ContinueAsNewError, in *workflows.Input) error {
	return converter.GetDefaultDataConverter().FromPayloads(next.Input, in)
}

func TestSendsOneAfterTheOther(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.record.Queue(sent)
	s.record.Queue(failed)
	s.record.Queue(sent)
	got := s.ended()
	equal(t, "waiting", got.Waiting, 0)
	equal(t, "sends", got.Sends, 4) // the fourth finds nothing
	equal(t, "overlap", got.Overlap, false)
}

func TestLastSparesASend(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.record.Queue(lastOne)
	equal(t, "sends", s.ended().Sends, 1)
}

func TestMessageQueuedDuringTheLastSendIsSent(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.record.Deadline("window_closed", time.Hour)
	s.record.Queue(lastOne)
	s.record.OnSend(func() {
		s.record.OnSend(nil)
		s.record.Queue(lastOne)
		s.wake()
		eventually(t, func() bool { return s.record.Tally().Advances >= 2 })
	})
	s.at(time.Minute, func() { equal(t, "waiting long before the deadline", s.record.Tally().Waiting, 0) })
	equal(t, "overlap", s.ended().Overlap, false)
}

func TestReleaseDuringAHeldSendIsSeen(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.record.Deadline("window_closed", time.Hour)
	s.record.Hold(true)
	s.record.Queue(lastOne)
	s.record.OnSend(func() {
		s.record.OnSend(func() { s.record.Hold(false) })
		s.wake()
		eventually(t, func() bool { return s.record.Tally().Advances >= 2 })
	})
	s.at(time.Minute, func() { equal(t, "waiting long before the deadline", s.record.Tally().Waiting, 0) })
	equal(t, "overlap", s.ended().Overlap, false)
}

func TestWakesAreAnsweredDuringASend(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.record.Deadline("window_closed", time.Hour)
	s.record.Queue(sent)
	s.record.OnSend(func() {
		s.record.OnSend(nil)
		s.wake()
		eventually(t, func() bool { return s.record.Tally().AppliedSeq == 1 })
	})
	got := s.ended()
	equal(t, "applied", got.AppliedSeq, 1)
	equal(t, "overlap", got.Overlap, false)
}

func TestHeldIsLeftAlone(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.record.Hold(true)
	s.record.Queue(lastOne)
	s.record.Deadline("window_closed", 24*time.Hour)
	s.at(time.Hour, func() { equal(t, "sends while held", s.record.Tally().Sends, 1) })
	s.at(2*time.Hour, func() { s.record.Hold(false); s.wake() })
	s.at(3*time.Hour, func() { equal(t, "waiting after the release", s.record.Tally().Waiting, 0) })
	equal(t, "sends", s.ended().Sends, 2)
}

func TestHeldDoesNotKeepTheRunOpen(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.record.Hold(true)
	s.record.Queue(sent)
	got := s.ended()
	equal(t, "waiting", got.Waiting, 1)
	equal(t, "sends", got.Sends, 1)
}

func TestUnknownDelaysTheNext(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.record.Queue(conversation.SendResult{Outcome: conversation.OutcomeUnknown, Wait: time.Minute})
	s.record.Queue(lastOne)
	start := s.Now()
	s.at(30*time.Second, func() {
		equal(t, "sends meanwhile", s.record.Tally().Sends, 1)
		state := s.state()
		equal(t, "outcome", state.Send.Outcome, conversation.OutcomeUnknown)
		equal(t, "busy", state.Send.Busy, true)
	})
	equal(t, "waiting", s.ended().Waiting, 0)
	if passed := s.Now().Sub(start); passed < time.Minute || passed > 2*time.Minute {
		t.Errorf("the next was sent after %v", passed)
	}
}

func TestWakeCutsAWait(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.record.Queue(waits(10*time.Hour), lastOne)
	start := s.Now()
	s.at(time.Minute, s.wake)
	equal(t, "sends", s.ended().Sends, 2)
	if passed := s.Now().Sub(start); passed > time.Hour {
		t.Errorf("sent after %v", passed)
	}
}

func TestSendIsRepeatedUntilItSucceeds(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.record.Queue(lastOne)
	s.record.FailSend(slices.Repeat([]error{errors.New("no database")}, 6)...)
	equal(t, "sends", s.ended().Sends, 7)
}

func TestSendThatCannotSucceedStops(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.record.Queue(sent)
	s.record.FailSend(conversation.Errorf(conversation.CodeNotFound, "gone"))
	equal(t, "sends", s.ended().Sends, 1)
}

// eventually waits for something that happens outside the skipped clock.
func eventually(t *testing.T, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !condition(); {
		if time.Now().After(deadline) {
			t.Error("did not happen in time")
			return
		}
		time.Sleep(time.Millisecond)
	}
}
