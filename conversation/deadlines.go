package conversation

import "time"

// DeadlineKind names what a conversation waits for.
type DeadlineKind string

// The deadlines. Those of rules belong to one rule each.
const (
	DeadlineWindowClosing DeadlineKind = "window_closing"
	DeadlineWindowClosed  DeadlineKind = "window_closed"
	DeadlineSnooze        DeadlineKind = "snooze"
	DeadlineAutoClose     DeadlineKind = "auto_close"
	DeadlineOffer         DeadlineKind = "offer"               // somebody must take the conversation up
	DeadlineRuleWaiting   DeadlineKind = "rule_waiting"        // the customer has waited for the rule's time
	DeadlineRuleClosing   DeadlineKind = "rule_window_closing" // the window ends in the rule's time
)

// DeadlineKinds lists all deadlines.
func DeadlineKinds() []DeadlineKind {
	return []DeadlineKind{
		DeadlineWindowClosing, DeadlineWindowClosed, DeadlineSnooze, DeadlineAutoClose, DeadlineOffer, DeadlineRuleWaiting, DeadlineRuleClosing,
	}
}

// OfRule reports whether a deadline of this kind belongs to a rule.
func (k DeadlineKind) OfRule() bool { return k == DeadlineRuleWaiting || k == DeadlineRuleClosing }

// Deadline is a moment at which something happens by itself unless the conversation moves on before.
type Deadline struct {
	Kind DeadlineKind `json:"kind"`
	At   time.Time    `json:"at"`
	Seq  int64        `json:"seq"` // the event after which it was armed

	RuleID  string    `json:"rule_id,omitempty"`
	Version int       `json:"version,omitempty"` // of the rules, under which it was armed
	Anchor  time.Time `json:"anchor,omitzero"`   // what a rule's time is counted from: since when the customer waits, or the window's end
	// Told is set once it came: it is kept so that the rule does not act again while the anchor is the same.
	Told bool `json:"told,omitempty"`
}

// fire carries out what is due. It looks at the state itself and not at what was armed: a timer that comes after the
// conversation moved on changes nothing.
func fire(s State, now time.Time, settings Settings, policy Policy, note func(Decision)) State {
	if s.Merged {
		return s
	}
	if s.Status == StatusSnoozed && !s.SnoozedUntil.IsZero() && !now.Before(s.SnoozedUntil) {
		until := s.SnoozedUntil
		s.Status, s.SnoozedUntil = StatusOpen, time.Time{}
		s.LastActivityAt = now
		note(fired(DeadlineSnooze, Effect{Kind: EffectSetStatus, Key: key(DeadlineSnooze, until), Status: StatusOpen, Event: timerEvent(s, EventWoken, DeadlineSnooze, now)}))
	}
	s = fireWindow(s, now, settings, note) // after waking, or a window that is closing by then would never be told
	s = fireRules(s, now, policy, note)
	if at, on := autoCloseAt(s, settings); on && !now.Before(at) {
		s.Status = StatusDone
		note(fired(DeadlineAutoClose, Effect{Kind: EffectSetStatus, Key: key(DeadlineAutoClose, at), Status: StatusDone, Event: timerEvent(s, EventDone, DeadlineAutoClose, now)}))
	}
	return s
}

func fireWindow(s State, now time.Time, settings Settings, note func(Decision)) State {
	end := s.Window.ExpiresAt()
	if end.IsZero() {
		return s
	}
	closed := !now.Before(end)
	if s.Status == StatusOpen && !closed && settings.ClosingLead > 0 && closingArmed(s, end) && !now.Before(end.Add(-settings.ClosingLead)) {
		// Whoever was told of an end that has not come yet was told of this window: a late album moves its end photo by photo.
		again := now.Before(s.ClosingTold)
		s.ClosingTold = end
		if !again {
			note(fired(DeadlineWindowClosing, Effect{Kind: EffectEvent, Key: key(DeadlineWindowClosing, end), Event: timerEvent(s, EventWindowClosing, DeadlineWindowClosing, now)}))
		}
	}
	if closed && !s.ClosedTold.Equal(end) {
		s.ClosedTold = end
		note(fired(DeadlineWindowClosed, Effect{Kind: EffectEvent, Key: key(DeadlineWindowClosed, end), Event: timerEvent(s, EventWindowClosed, DeadlineWindowClosed, now)}))
	}
	return s
}

// rearm brings the deadlines of rules up to date before those that have come are looked for: what was published since may have
// moved them.
func rearm(s State, now time.Time, policy Policy) []Deadline {
	armed := policy.Arm(s, now)
	for _, d := range s.Deadlines {
		if !d.Kind.OfRule() {
			armed = append(armed, d)
		}
	}
	return armed
}

// fireRules asks the rules whose time has come. Each is told once for its anchor, whether it acted or not.
func fireRules(s State, now time.Time, policy Policy, note func(Decision)) State {
	for i, d := range s.Deadlines {
		if !d.Kind.OfRule() || d.Told || now.Before(d.At) {
			continue
		}
		s.Deadlines[i].Told = true
		switch {
		case !d.holds(s):
			continue
		case d.Kind == DeadlineRuleClosing && !now.Before(d.Anchor): // nobody looked in time
			note(Decision{Trigger: string(d.Kind), Version: d.Version, Outcomes: []Outcome{{Step: "rule:" + d.RuleID, Result: "missed"}}})
			continue
		}
		decision := policy.OnDeadline(s, d, now)
		decision.Trigger, decision.Version = string(d.Kind), d.Version
		note(decision)
	}
	return s
}

// holds reports whether what a rule's deadline counts from is still so.
func (d Deadline) holds(s State) bool {
	switch d.Kind {
	case DeadlineRuleWaiting:
		return s.Status == StatusOpen && s.WaitingSince.Equal(d.Anchor)
	case DeadlineRuleClosing:
		return s.Status == StatusOpen && s.Window.ExpiresAt().Equal(d.Anchor)
	default:
		return false
	}
}

// closingArmed reports whether nobody was told yet that the window with this end is closing.
func closingArmed(s State, end time.Time) bool { return !s.ClosingTold.Equal(end) }

// arm returns all deadlines that lie ahead. A deadline that was armed before keeps the seq of its arming.
func arm(s State, now time.Time, settings Settings, policy Policy) []Deadline {
	if s.Merged {
		return nil
	}
	var armed []Deadline
	add := func(d Deadline) {
		d.Seq = s.AppliedSeq
		for _, old := range s.Deadlines {
			if old.Kind == d.Kind && old.RuleID == d.RuleID && old.At.Equal(d.At) {
				d.Seq = old.Seq
			}
		}
		armed = append(armed, d)
	}
	if end := s.Window.ExpiresAt(); now.Before(end) {
		if closing := end.Add(-settings.ClosingLead); s.Status == StatusOpen && settings.ClosingLead > 0 && closingArmed(s, end) && now.Before(closing) {
			add(Deadline{Kind: DeadlineWindowClosing, At: closing})
		}
		add(Deadline{Kind: DeadlineWindowClosed, At: end})
	}
	if s.Status == StatusSnoozed && !s.SnoozedUntil.IsZero() {
		add(Deadline{Kind: DeadlineSnooze, At: s.SnoozedUntil})
	}
	if at, on := autoCloseAt(s, settings); on {
		add(Deadline{Kind: DeadlineAutoClose, At: at})
	}
	if !s.OfferedUntil.IsZero() {
		add(Deadline{Kind: DeadlineOffer, At: s.OfferedUntil})
	}
	for _, d := range policy.Arm(s, now) {
		add(d)
	}
	return armed
}

func autoCloseAt(s State, settings Settings) (time.Time, bool) {
	if settings.AutoClose <= 0 || s.Status != StatusOpen || s.LastActivityAt.IsZero() {
		return time.Time{}, false
	}
	return s.LastActivityAt.Add(settings.AutoClose), true
}

func key(kind DeadlineKind, at time.Time) string {
	return string(kind) + "@" + at.UTC().Format(time.RFC3339Nano)
}

func timerEvent(s State, kind EventKind, trigger DeadlineKind, now time.Time) Event {
	return Event{Kind: kind, Actor: Actor{Kind: ActorTimer}, At: now, Cause: &Cause{Seq: s.AppliedSeq, Trigger: string(trigger)}}
}

// fired is the decision on a deadline that came.
func fired(kind DeadlineKind, e Effect) Decision {
	return Decision{Trigger: string(kind), Effects: []Effect{e}, Outcomes: []Outcome{{Step: string(kind), Result: "fired"}}}
}
