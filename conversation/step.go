package conversation

import "time"

// Status is where a conversation stands.
type Status string

// The statuses.
const (
	StatusOpen    Status = "open"
	StatusSnoozed Status = "snoozed"
	StatusDone    Status = "done"
)

// Statuses lists all statuses.
func Statuses() []Status { return []Status{StatusOpen, StatusSnoozed, StatusDone} }

// DeadlineKind names what a conversation waits for.
type DeadlineKind string

// The deadlines.
const (
	DeadlineWindowClosing DeadlineKind = "window_closing"
	DeadlineWindowClosed  DeadlineKind = "window_closed"
	DeadlineSnooze        DeadlineKind = "snooze"
	DeadlineAutoClose     DeadlineKind = "auto_close"
)

// Deadline is a moment at which something happens by itself unless the conversation moves on before.
type Deadline struct {
	Kind DeadlineKind `json:"kind"`
	At   time.Time    `json:"at"`
	Seq  int64        `json:"seq"` // the event after which it was armed
}

// Settings are the account's, as far as the conversation's process needs them.
type Settings struct {
	ClosingLead time.Duration // how long before its end a window counts as closing; 0 = never
	AutoClose   time.Duration // inactivity after which a conversation is done; 0 = never
}

// State is what Step knows of a conversation. Status, window and activity are those of the locked row.
type State struct {
	Status         Status
	SnoozedUntil   time.Time
	Window         Window
	LastActivityAt time.Time // the newest message in or out, or what an agent did
	AppliedSeq     int64
	Merged         bool // goes on in another conversation
	Deadlines      []Deadline
	// ClosingTold and ClosedTold are the ends of the window for which the events were already written.
	ClosingTold time.Time
	ClosedTold  time.Time
}

// EffectKind is what Step wants done.
type EffectKind string

// The effects. All of them are written in the transaction that records the decision.
const (
	EffectEvent      EffectKind = "event"       // write the event
	EffectSetStatus  EffectKind = "set_status"  // change the status and write the event
	EffectSetConsent EffectKind = "set_consent" // change the consent and write the event
)

// Effect is one thing that follows. Key is unique within the conversation, so that a repeat does nothing.
type Effect struct {
	Kind    EffectKind     `json:"kind"`
	Key     string         `json:"key"`
	Event   Event          `json:"event"` // without its seq
	Status  Status         `json:"status,omitempty"`
	Consent *ConsentChange `json:"consent,omitempty"`
}

// Outcome is one step of a decision by name, for people who ask why.
type Outcome struct {
	Step   string `json:"step"`
	Seq    int64  `json:"seq,omitempty"` // the event it is about
	Result string `json:"result"`
}

// Decision is what the automation chose at one moment and why.
type Decision struct {
	Seq      int64     `json:"seq"` // everything up to here was taken into account
	Version  int       `json:"version"`
	Outcomes []Outcome `json:"outcomes"`
	Effects  []Effect  `json:"effects"`
}

// Input is what Step is driven by: events that were not applied yet, in order of seq, and the time.
type Input struct {
	Now    time.Time
	Events []InputEvent
}

// InputEvent is an event with the content of its message, as far as it must be examined.
type InputEvent struct {
	Event
	Content *Content
}

// Policy decides on what admins wrote: rules and assignment. It is asked once for each event. The empty policy decides
// nothing.
type Policy interface {
	Version() int
	Decide(state State, event InputEvent, now time.Time) ([]Effect, []Outcome)
}

// Step is the core of the product: what follows from events and from the time. It returns the state after them, with the
// deadlines that are armed now, and the decision. It is deterministic and may be repeated.
func Step(s State, in Input, settings Settings, policy Policy) (State, Decision) {
	d := Decision{Version: policy.Version()}
	for _, e := range in.Events {
		if e.Seq <= s.AppliedSeq {
			continue
		}
		s.AppliedSeq = e.Seq
		if e.Kind == EventMessageReceived {
			detectOptOut(e, &d)
		}
		effects, outcomes := policy.Decide(s, e, in.Now)
		d.Effects = append(d.Effects, effects...)
		d.Outcomes = append(d.Outcomes, outcomes...)
	}
	s = fire(s, in.Now, settings, &d)
	s.Deadlines = arm(s, in.Now, settings)
	d.Seq = s.AppliedSeq
	return s, d
}

// Next returns the earliest deadline.
func (s State) Next() (Deadline, bool) {
	var next Deadline
	for _, d := range s.Deadlines {
		if next.At.IsZero() || d.At.Before(next.At) {
			next = d
		}
	}
	return next, !next.At.IsZero()
}
