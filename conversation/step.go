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

// Settings are the account's, as far as the conversation's process needs them.
type Settings struct {
	ClosingLead time.Duration // how long before its end a window counts as closing; 0 = never
	AutoClose   time.Duration // inactivity after which a conversation is done; 0 = never
	Examine     Examiner      // nil finds nothing
}

// State is what Step knows of a conversation. Status, window and activity are those of the locked row.
type State struct {
	Status         Status
	SnoozedUntil   time.Time
	Window         Window
	WaitingSince   time.Time // the customer's oldest unanswered message; zero if none is
	LastActivityAt time.Time // the newest message in or out, or what an agent did
	AppliedSeq     int64
	Merged         bool      // goes on in another conversation
	OfferedUntil   time.Time // until when somebody must take the conversation up; zero if it is offered to nobody
	Deadlines      []Deadline
	// ClosingTold and ClosedTold are the ends of the window for which the events were already written.
	ClosingTold time.Time
	ClosedTold  time.Time
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
	Finding Finding // what a message says about being contacted
}

// Policy decides on what admins wrote. It is made for one conversation with the facts of the moment, and keeps in mind what it
// decided, so that a rule sees what those before it did. The empty policy decides nothing.
type Policy interface {
	// Version is that of the published rules.
	Version() int
	// Begin shows the events that it will be asked about: whoever asks to be left alone gets no answer to what they wrote before.
	Begin(events []InputEvent)
	// OnEvent says what follows from an event.
	OnEvent(state State, event InputEvent, now time.Time) Decision
	// OnDeadline says what follows from a rule's deadline that came, by the version under which it was armed.
	OnDeadline(state State, deadline Deadline, now time.Time) Decision
	// Arm returns the deadlines of rules: those that were armed and still hold, with what else the rules wait for now.
	Arm(state State, now time.Time) []Deadline
}

// Examiner looks for what a message says about being contacted.
type Examiner func(Content) Finding

// Step is the core of the product: what follows from events and from the time. It returns the state after them, with the
// deadlines that are armed now, and the decisions. It is deterministic and may be repeated.
func Step(s State, in Input, settings Settings, policy Policy) (State, []Decision) {
	var decisions []Decision
	note := func(d Decision, seq int64) {
		if d.Empty() {
			return
		}
		d.Seq = seq
		if d.Version == 0 {
			d.Version = policy.Version()
		}
		decisions = append(decisions, d)
	}
	events := fresh(s, in.Events, settings)
	policy.Begin(events)
	for _, e := range events {
		s.AppliedSeq = e.Seq
		var d Decision
		if e.Kind == EventMessageReceived && e.Content != nil && settings.Examine != nil {
			tellFinding(e, &d)
		}
		d.join(policy.OnEvent(s, e, in.Now))
		d.Trigger, d.EventSeq = string(e.Kind), e.Seq
		note(d, e.Seq)
	}
	s.Deadlines = rearm(s, in.Now, policy)
	s = fire(s, in.Now, settings, policy, func(d Decision) { note(d, s.AppliedSeq) })
	s.Deadlines = arm(s, in.Now, settings, policy)
	return s, decisions
}

// fresh returns the events that were not applied yet, with what their messages say about being contacted.
func fresh(s State, events []InputEvent, settings Settings) []InputEvent {
	var list []InputEvent
	for _, e := range events {
		if e.Seq <= s.AppliedSeq {
			continue
		}
		if e.Kind == EventMessageReceived && e.Content != nil && settings.Examine != nil {
			e.Finding = settings.Examine(*e.Content)
		}
		list = append(list, e)
	}
	return list
}

// Next returns the earliest deadline.
func (s State) Next() (Deadline, bool) {
	var next Deadline
	for _, d := range s.Deadlines {
		if !d.Told && (next.At.IsZero() || d.At.Before(next.At)) {
			next = d
		}
	}
	return next, !next.At.IsZero()
}
