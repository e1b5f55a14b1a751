package bulk

import (
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/team"
)

// Kind is what can be done with many conversations at once.
type Kind string

// The kinds.
const (
	Assign      Kind = "assign"
	AddLabel    Kind = "add_label"
	RemoveLabel Kind = "remove_label"
	Done        Kind = "done"
	Reopen      Kind = "reopen"
	Snooze      Kind = "snooze"
	Read        Kind = "read"
	Unread      Kind = "unread"
	Prioritise  Kind = "priority"
)

// Kinds lists all kinds.
func Kinds() []Kind {
	return []Kind{Assign, AddLabel, RemoveLabel, Done, Reopen, Snooze, Read, Unread, Prioritise}
}

// permissions are those that each kind needs, as for a single conversation.
var permissions = map[Kind]team.Permission{
	Assign: team.AssignConversations, AddLabel: team.LabelConversations, RemoveLabel: team.LabelConversations, Done: team.CloseConversations,
	Reopen: team.CloseConversations, Snooze: team.SnoozeConversations, Read: team.MarkConversations, Unread: team.MarkConversations,
	Prioritise: team.RankConversations,
}

// Task is what to do. Each kind uses the fields that it needs.
type Task struct {
	Kind     Kind                  `json:"kind"`
	AgentID  *string               `json:"agent_id,omitempty" maxLength:"36" doc:"Of assign: an agent's id, empty for nobody, absent to leave as it is"`
	TeamID   *string               `json:"team_id,omitempty" maxLength:"36" doc:"Of assign: a team's id, empty for none, absent to leave as it is"`
	LabelID  string                `json:"label_id,omitempty" maxLength:"36" doc:"Of add_label and remove_label"`
	Until    *time.Time            `json:"until,omitempty" doc:"Of snooze; absent: until the customer writes"`
	Priority conversation.Priority `json:"priority,omitempty" doc:"Of priority"`
}

// check returns the error for the first wrong field.
func (a Task) check(now time.Time) error {
	if _, known := permissions[a.Kind]; !known {
		return conversation.Invalid("action.kind", "must be one of %v", Kinds())
	}
	_, ranked := a.Priority.Level()
	switch {
	case a.Kind == Assign && a.AgentID == nil && a.TeamID == nil:
		return conversation.Invalid("action.agent_id", "agent_id, team_id or both; empty means nobody")
	case a.Kind == Assign && (!optional(a.AgentID) || !optional(a.TeamID)):
		return conversation.Invalid("action.agent_id", "agent_id and team_id must be ids, or empty for nobody")
	case (a.Kind == AddLabel || a.Kind == RemoveLabel) && !postgres.IsID(a.LabelID):
		return conversation.Invalid("action.label_id", "must be the id of a label")
	case a.Kind == Snooze && a.Until != nil && !a.Until.After(now):
		return conversation.Invalid("action.until", "must lie in the future")
	case a.Kind == Prioritise && !ranked:
		return conversation.Invalid("action.priority", "must be one of %v", conversation.Priorities())
	}
	return nil
}

func optional(id *string) bool { return id == nil || *id == "" || postgres.IsID(*id) }

// until is the end of a snooze, zero for the customer's next message.
func (a Task) until() time.Time {
	if a.Until == nil {
		return time.Time{}
	}
	return a.Until.UTC()
}

func (a Task) assignment() inbox.Assignment {
	return inbox.Assignment{AgentID: a.AgentID, TeamID: a.TeamID}
}
