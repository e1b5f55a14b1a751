package conversation

// ActionKind is what a rule can do.
type ActionKind string

// The actions.
const (
	ActReply        ActionKind = "reply"
	ActAssign       ActionKind = "assign"
	ActAddLabel     ActionKind = "add_label"
	ActRemoveLabel  ActionKind = "remove_label"
	ActPriority     ActionKind = "set_priority"
	ActNote         ActionKind = "add_note"
	ActSetAttribute ActionKind = "set_attribute"
	ActSnooze       ActionKind = "snooze"
	ActDone         ActionKind = "done"
	ActReopen       ActionKind = "reopen"
	ActOptOut       ActionKind = "opt_out"
	ActOptIn        ActionKind = "opt_in"
	ActNotify       ActionKind = "notify"
)

// ActionKinds lists all actions.
func ActionKinds() []ActionKind {
	return []ActionKind{
		ActReply, ActAssign, ActAddLabel, ActRemoveLabel, ActPriority, ActNote, ActSetAttribute, ActSnooze, ActDone, ActReopen,
		ActOptOut, ActOptIn, ActNotify,
	}
}

// AssignTo says how an action chooses to whom a conversation goes.
type AssignTo string

// The ways to assign.
const (
	AssignToAgent  AssignTo = "agent"
	AssignToTeam   AssignTo = "team"
	AssignToPolicy AssignTo = "policy" // by the account's own policies
	AssignToNobody AssignTo = "nobody"
)

// AssignTos lists all ways to assign.
func AssignTos() []AssignTo {
	return []AssignTo{AssignToAgent, AssignToTeam, AssignToPolicy, AssignToNobody}
}

// NextOpening is the value of RuleAction.Until for a snooze until business hours begin.
const NextOpening = "next_opening"

// RuleAction is one thing that a rule does. Which fields it has follows from its kind; ids are ours.
type RuleAction struct {
	Do ActionKind `json:"do" yaml:"do"`

	// Of a reply or a note: text with variables such as {{contact.name|you}}. A reply takes the
	// text of the contact's language, if there is one.
	Text  string            `json:"text,omitempty" yaml:"text,omitempty"`
	Texts map[string]string `json:"texts,omitempty" yaml:"texts,omitempty"`

	To       AssignTo `json:"to,omitempty" yaml:"to,omitempty"` // of an assignment
	AgentID  string   `json:"agent_id,omitempty" yaml:"agent,omitempty" names:"agent"`
	TeamID   string   `json:"team_id,omitempty" yaml:"team,omitempty" names:"team"`
	Assignee bool     `json:"notify_assignee,omitempty" yaml:"notify_assignee,omitempty"` // of a notification: whoever has the conversation

	LabelID   string `json:"label_id,omitempty" yaml:"label,omitempty" names:"label"`
	Priority  string `json:"priority,omitempty" yaml:"priority,omitempty"`
	Attribute string `json:"attribute,omitempty" yaml:"attribute,omitempty"`
	Value     any    `json:"value,omitempty" yaml:"value,omitempty"`

	Minutes int    `json:"minutes,omitempty" yaml:"minutes,omitempty"` // of a snooze; 0 with no Until: until the customer writes
	Until   string `json:"until,omitempty" yaml:"until,omitempty"`     // of a snooze: NextOpening

	Scope  ConsentScope `json:"scope,omitempty" yaml:"scope,omitempty"`   // of opt_out and opt_in
	Source string       `json:"source,omitempty" yaml:"source,omitempty"` // of opt_in: how the contact agreed
}
