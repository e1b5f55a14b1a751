package ledger

import (
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

// The changes of a conversation that people and rules make alike. Each writes its event, and reports whether it changed
// anything.

// Finish makes the conversation done. The customer's next message reopens it.
func (r *Row) Finish(by conversation.Actor, now time.Time) bool {
	if r.Status == conversation.StatusDone {
		return false
	}
	r.Status, r.DoneAt, r.SnoozedUntil, r.WaitingSince = conversation.StatusDone, now, time.Time{}, time.Time{}
	r.Append(conversation.Event{Kind: conversation.EventDone, Actor: by, At: now})
	return true
}

// Reopen opens a conversation that was done or snoozed.
func (r *Row) Reopen(by conversation.Actor, now time.Time) bool {
	if r.Status == conversation.StatusOpen {
		return false
	}
	r.Status, r.DoneAt, r.SnoozedUntil, r.LastActivityAt = conversation.StatusOpen, time.Time{}, time.Time{}, now
	r.Append(conversation.Event{Kind: conversation.EventReopened, Actor: by, At: now})
	return true
}

// Snooze puts the conversation aside until the given time or the customer's next message; until that message alone if the
// time is zero.
func (r *Row) Snooze(until time.Time, by conversation.Actor, now time.Time) bool {
	until = until.UTC().Truncate(time.Microsecond)
	r.Status, r.SnoozedUntil, r.DoneAt = conversation.StatusSnoozed, until, time.Time{}
	r.Append(conversation.Event{Kind: conversation.EventSnoozed, Actor: by, At: now, Data: conversation.EventData{Until: postgres.NullTime(until)}})
	return true
}

// Prioritise sets how urgent the conversation is.
func (r *Row) Prioritise(p conversation.Priority, by conversation.Actor, now time.Time) bool {
	level, ok := p.Level()
	if !ok || r.Priority == level {
		return false
	}
	r.Priority = level
	r.Append(conversation.Event{Kind: conversation.EventPriorityChanged, Actor: by, At: now, Data: conversation.EventData{Priority: p}})
	return true
}

// Give gives the conversation to an agent and a team; either may be empty.
func (r *Row) Give(agentID, teamID string, by conversation.Actor, now time.Time) bool {
	if agentID == r.AssigneeID && teamID == r.TeamID {
		return false
	}
	r.AssigneeID, r.TeamID = agentID, teamID
	r.Append(conversation.Event{
		Kind: conversation.EventAssigned, Actor: by, At: now, Data: conversation.EventData{AgentID: agentID, TeamID: teamID},
	})
	return true
}

// Pending returns how many events wait to be saved.
func (r *Row) Pending() int { return len(r.events) }

// PendingFrom returns the events that wait to be saved, from the given place on.
func (r *Row) PendingFrom(place int) []conversation.Event {
	var list []conversation.Event
	for _, e := range r.events[place:] {
		list = append(list, e.Event)
	}
	return list
}

// Attribute says of the events that wait to be saved, from the given place on, what caused them. The first gets the key, which
// must be unique within the conversation.
func (r *Row) Attribute(place int, cause conversation.Cause, key string) {
	for i := range r.events[place:] {
		e := &r.events[place+i]
		if e.Cause == nil {
			e.Cause = &cause
		}
		if i == 0 && e.effectKey == "" {
			e.effectKey = key
		}
	}
}
