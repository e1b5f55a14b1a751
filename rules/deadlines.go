package rules

import (
	"slices"
	"time"

	"guichet.dev/guichet/conversation"
)

// Arm implements conversation.Policy. A deadline keeps the version under which it was armed for as long as it counts from the
// same moment, unless a later publication moved it.
func (p *Policy) Arm(s conversation.State, now time.Time) []conversation.Deadline {
	if s.Merged {
		return nil
	}
	var kept []conversation.Deadline
	moved := make(map[string]bool)
	for _, d := range s.Deadlines {
		if !d.Kind.OfRule() {
			continue
		}
		d, holds := still(d, s, now)
		switch {
		case !holds:
		case d.Version < p.set.movedFrom && !d.Told:
			moved[d.RuleID] = true
		default:
			kept = append(kept, d)
		}
	}
	if s.Status != conversation.StatusOpen {
		return kept
	}
	for _, trigger := range []Trigger{OnWaiting, OnWindowClosing} {
		for _, place := range p.set.byTrigger[trigger].rules {
			r := &p.set.rules[place]
			known := slices.ContainsFunc(kept, func(d conversation.Deadline) bool { return d.RuleID == r.ID })
			if known || !r.appliesTo(p.facts.AccountID) {
				continue
			}
			if d, ok := p.deadline(r, s); ok && (d.At.After(p.set.at) || moved[r.ID]) {
				kept = append(kept, d)
			}
		}
	}
	return kept
}

// still returns a rule's deadline as it is now, and whether it still counts for something.
func still(d conversation.Deadline, s conversation.State, now time.Time) (conversation.Deadline, bool) {
	open := s.Status == conversation.StatusOpen
	if d.Kind == conversation.DeadlineRuleWaiting {
		return d, !s.WaitingSince.IsZero() && s.WaitingSince.Equal(d.Anchor) && (open || d.Told)
	}
	end := s.Window.ExpiresAt()
	if end.Equal(d.Anchor) {
		return d, now.Before(end) && (open || d.Told)
	}
	// The window's end moved a little while it was already closing, as when a late album comes photo by photo: whoever was told
	// was told of this window.
	lead := d.Anchor.Sub(d.At)
	if d.Told && now.Before(d.Anchor) && !now.Before(end.Add(-lead)) && now.Before(end) {
		d.At, d.Anchor = end.Add(-lead), end
		return d, true
	}
	return d, false
}

// deadline returns what a timed rule waits for.
func (p *Policy) deadline(r *compiled, s conversation.State) (conversation.Deadline, bool) {
	d := conversation.Deadline{RuleID: r.ID, Version: p.set.version}
	after := time.Duration(r.AfterSeconds) * time.Second
	if r.When == OnWindowClosing {
		d.Kind, d.Anchor = conversation.DeadlineRuleClosing, s.Window.ExpiresAt()
		d.At = d.Anchor.Add(-after)
		return d, !d.Anchor.IsZero()
	}
	d.Kind, d.Anchor = conversation.DeadlineRuleWaiting, s.WaitingSince
	if d.Anchor.IsZero() {
		return d, false
	}
	d.At = d.Anchor.Add(after)
	if r.BusinessTime && p.facts.Hours != nil {
		at, ok := p.facts.Hours.Add(d.Anchor, after)
		d.At = at
		return d, ok
	}
	return d, true
}
