package conversation

import "time"

// fire carries out what is due. It looks at the state itself and not at what was armed: a timer that comes after the
// conversation moved on changes nothing.
func fire(s State, now time.Time, settings Settings, d *Decision) State {
	if s.Merged {
		return s
	}
	if s.Status == StatusSnoozed && !s.SnoozedUntil.IsZero() && !now.Before(s.SnoozedUntil) {
		until := s.SnoozedUntil
		s.Status, s.SnoozedUntil = StatusOpen, time.Time{}
		s.LastActivityAt = now
		d.add(DeadlineSnooze, Effect{Kind: EffectSetStatus, Key: key(DeadlineSnooze, until), Status: StatusOpen, Event: timerEvent(s, EventWoken, DeadlineSnooze, now)})
	}
	s = fireWindow(s, now, settings, d) // after waking, or a window that is closing by then would never be told
	if at, on := autoCloseAt(s, settings); on && !now.Before(at) {
		s.Status = StatusDone
		d.add(DeadlineAutoClose, Effect{Kind: EffectSetStatus, Key: key(DeadlineAutoClose, at), Status: StatusDone, Event: timerEvent(s, EventDone, DeadlineAutoClose, now)})
	}
	return s
}

func fireWindow(s State, now time.Time, settings Settings, d *Decision) State {
	end := s.Window.ExpiresAt()
	if end.IsZero() {
		return s
	}
	closed := !now.Before(end)
	if s.Status == StatusOpen && !closed && settings.ClosingLead > 0 && closingArmed(s, end) && !now.Before(end.Add(-settings.ClosingLead)) {
		s.ClosingTold = end
		d.add(DeadlineWindowClosing, Effect{Kind: EffectEvent, Key: key(DeadlineWindowClosing, end), Event: timerEvent(s, EventWindowClosing, DeadlineWindowClosing, now)})
	}
	if closed && !s.ClosedTold.Equal(end) {
		s.ClosedTold = end
		d.add(DeadlineWindowClosed, Effect{Kind: EffectEvent, Key: key(DeadlineWindowClosed, end), Event: timerEvent(s, EventWindowClosed, DeadlineWindowClosed, now)})
	}
	return s
}

// closingArmed reports whether nobody was told yet that the window with this end is closing.
func closingArmed(s State, end time.Time) bool { return !s.ClosingTold.Equal(end) }

// arm returns all deadlines that lie ahead. A deadline that was armed before keeps the seq of its arming.
func arm(s State, now time.Time, settings Settings) []Deadline {
	if s.Merged {
		return nil
	}
	var armed []Deadline
	add := func(kind DeadlineKind, at time.Time) {
		for _, old := range s.Deadlines {
			if old.Kind == kind && old.At.Equal(at) {
				armed = append(armed, old)
				return
			}
		}
		armed = append(armed, Deadline{Kind: kind, At: at, Seq: s.AppliedSeq})
	}
	if end := s.Window.ExpiresAt(); now.Before(end) {
		if closing := end.Add(-settings.ClosingLead); s.Status == StatusOpen && settings.ClosingLead > 0 && closingArmed(s, end) && now.Before(closing) {
			add(DeadlineWindowClosing, closing)
		}
		add(DeadlineWindowClosed, end)
	}
	if s.Status == StatusSnoozed && !s.SnoozedUntil.IsZero() {
		add(DeadlineSnooze, s.SnoozedUntil)
	}
	if at, on := autoCloseAt(s, settings); on {
		add(DeadlineAutoClose, at)
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

func (d *Decision) add(kind DeadlineKind, e Effect) {
	d.Effects = append(d.Effects, e)
	d.Outcomes = append(d.Outcomes, Outcome{Step: string(kind), Result: "fired"})
}
