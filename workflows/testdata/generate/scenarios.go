package main

import (
	"slices"
	"time"

	"guichet.dev/guichet/conversation"
)

var (
	sent     = conversation.SendResult{Outcome: conversation.OutcomeSent}
	lastSent = conversation.SendResult{Outcome: conversation.OutcomeSent, Last: true}
	failed   = conversation.SendResult{Outcome: conversation.OutcomeFailed, Code: "131026", Last: true}
	waits    = conversation.SendResult{Outcome: conversation.OutcomeWait, Wait: time.Second}
	unknown  = conversation.SendResult{Outcome: conversation.OutcomeUnknown, Wait: time.Second}

	noDatabase = conversation.Errorf(conversation.CodeUnavailable, "no database")
)

const agentID = "01890a5d-ac96-774b-bcce-b302099a8058"

// scenario is a story of one conversation.
type scenario struct {
	name     string
	settings map[string]string // of the server
	play     func(s *stage)
}

func scenarios() []scenario {
	return []scenario{
		{name: "in-reply-done", play: func(s *stage) {
			s.Deadline("window_closed", 24*time.Hour)
			s.said()
			s.Assign(agentID)
			s.said()
			s.Queue(lastSent)
			s.said()
			s.quiet()
			s.Assign("")
			s.done()
		}},
		{name: "snooze-and-wake", play: func(s *stage) {
			s.Deadline("window_closed", 24*time.Hour)
			s.said()
			s.SetStatus(conversation.StatusSnoozed)
			s.Deadline("snooze", 2*time.Second)
			s.said()
			s.until("the snooze ended", func() bool { return slices.Contains(s.Tally().Fired, "snooze") })
			s.SetStatus(conversation.StatusOpen)
			s.said()
			s.done()
		}},
		{name: "window-closing", play: func(s *stage) {
			s.Deadline("window_closing", 2*time.Second)
			s.Deadline("window_closed", 4*time.Second)
			s.said()
			// The customer writes again: both move later, and the timer that is armed finds nothing due.
			s.Deadline("window_closing", 3*time.Second)
			s.Deadline("window_closed", 5*time.Second)
			s.said()
		}},
		{name: "continue-as-new-under-load", settings: map[string]string{"limit.historyCount.suggestContinueAsNew": "60"}, play: underLoad},
		{name: "send-failed-then-retried", play: func(s *stage) {
			s.Deadline("window_closed", 24*time.Hour)
			s.Queue(failed)
			s.said()
			s.quiet()
			s.Queue(waits, unknown)
			s.Queue(sent)
			s.FailSend(noDatabase)
			s.said()
			s.quiet()
			s.done()
		}},
		{name: "held-then-resumed", play: func(s *stage) {
			s.Deadline("window_closed", 24*time.Hour)
			s.Hold(true)
			s.Queue(lastSent)
			s.said()
			s.until("it was held", func() bool { return s.Tally().Sends > 0 })
			s.Hold(false)
			s.said()
			s.quiet()
			s.done()
		}},
		{name: "advance-failing", play: func(s *stage) {
			s.Deadline("window_closed", 24*time.Hour)
			s.said()
			s.FailAdvance(slices.Repeat([]error{noDatabase}, 6)...)
			s.said()
			s.done()
		}},
		{name: "reopened", play: func(s *stage) {
			s.Deadline("window_closed", 24*time.Hour)
			s.said()
			s.done()
			s.SetStatus(conversation.StatusOpen)
			s.Deadline("window_closed", 24*time.Hour)
			s.said()
			s.done()
		}},
	}
}

// underLoad wakes and sends while runs hand over to each other.
func underLoad(s *stage) {
	s.Deadline("window_closed", 24*time.Hour)
	for range 6 {
		s.Queue(sent)
		s.Queue(waits, sent)
		for range 8 {
			s.wake()
		}
		s.quiet()
	}
	s.done()
}
