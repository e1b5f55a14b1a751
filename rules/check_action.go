package rules

import (
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/rules/condition"
)

// fieldsOf are the fields that an action may have beside what it does.
var fieldsOf = map[conversation.ActionKind][]string{
	conversation.ActReply: {"text", "texts"}, conversation.ActNote: {"text", "texts"}, conversation.ActNotify: {"agent_id", "team_id", "notify_assignee"},
	conversation.ActAssign: {"to", "agent_id", "team_id"}, conversation.ActAddLabel: {"label_id"}, conversation.ActRemoveLabel: {"label_id"},
	conversation.ActPriority: {"priority"}, conversation.ActSetAttribute: {"attribute", "value"}, conversation.ActSnooze: {"minutes", "until"},
	conversation.ActOptOut: {"scope"}, conversation.ActOptIn: {"scope", "source"}, conversation.ActDone: {}, conversation.ActReopen: {},
}

// foreign finds fields that belong to another action: whoever wrote them expects something that will not happen.
func (c *checker) foreign(field string, a conversation.RuleAction) {
	allowed, known := fieldsOf[a.Do]
	if !known {
		return
	}
	for _, f := range []struct {
		name  string
		given bool
	}{
		{"text", a.Text != ""}, {"texts", len(a.Texts) > 0}, {"to", a.To != ""}, {"agent_id", a.AgentID != ""}, {"team_id", a.TeamID != ""},
		{"notify_assignee", a.Assignee}, {"label_id", a.LabelID != ""}, {"priority", a.Priority != ""}, {"attribute", a.Attribute != ""},
		{"value", a.Value != nil}, {"minutes", a.Minutes != 0}, {"until", a.Until != ""}, {"scope", a.Scope != ""}, {"source", a.Source != ""},
	} {
		if f.given && !slices.Contains(allowed, f.name) {
			c.add(field+"."+f.name, "%s has no %s", a.Do, f.name)
		}
	}
}

// action checks one action.
func (c *checker) action(field string, a conversation.RuleAction) {
	c.foreign(field, a)
	switch a.Do {
	case conversation.ActReply, conversation.ActNote:
		c.texts(field, a.Text, a.Texts)
	case conversation.ActNotify:
		c.notify(field, a)
	case conversation.ActAssign:
		c.assign(field, a)
	case conversation.ActAddLabel, conversation.ActRemoveLabel:
		c.reference(field+".label_id", "label", a.LabelID, c.refs.Labels)
	case conversation.ActPriority:
		if !slices.Contains(conversation.Priorities(), conversation.Priority(a.Priority)) {
			c.add(field+".priority", "must be one of %v", conversation.Priorities())
		}
	case conversation.ActSetAttribute:
		c.attribute(field, a)
	case conversation.ActSnooze:
		c.within(field+".minutes", a.Minutes, 0, longestSnooze)
		if a.Until != "" && (a.Until != conversation.NextOpening || a.Minutes != 0) {
			c.add(field+".until", "must be %s, without minutes, or left out", conversation.NextOpening)
		}
	case conversation.ActOptOut, conversation.ActOptIn:
		c.consent(field, a)
	case conversation.ActDone, conversation.ActReopen:
	default:
		c.add(field+".do", "must be one of %v", conversation.ActionKinds())
	}
}

func (c *checker) assign(field string, a conversation.RuleAction) {
	switch a.To {
	case conversation.AssignToAgent:
		c.reference(field+".agent_id", "active agent", a.AgentID, c.refs.Agents)
	case conversation.AssignToTeam:
		c.reference(field+".team_id", "team", a.TeamID, c.refs.Teams)
	case conversation.AssignToPolicy, conversation.AssignToNobody:
	default:
		c.add(field+".to", "must be one of %v", conversation.AssignTos())
	}
}

func (c *checker) consent(field string, a conversation.RuleAction) {
	if a.Scope != conversation.ScopeAll && a.Scope != conversation.ScopeMarketing {
		c.add(field+".scope", "must be all or marketing")
	}
	if n := utf8.RuneCountInString(a.Source); a.Do == conversation.ActOptIn && (n == 0 || n > maxName) {
		c.add(field+".source", "an opt-in must say how the contact agreed, in 1 to %d characters", maxName)
	}
}

func (c *checker) notify(field string, a conversation.RuleAction) {
	if a.AgentID == "" && a.TeamID == "" && !a.Assignee {
		c.add(field+".agent_id", "give agent_id, team_id or notify_assignee")
	}
	if a.AgentID != "" {
		c.reference(field+".agent_id", "active agent", a.AgentID, c.refs.Agents)
	}
	if a.TeamID != "" {
		c.reference(field+".team_id", "team", a.TeamID, c.refs.Teams)
	}
}

// texts checks a text in its languages.
func (c *checker) texts(field, text string, others map[string]string) {
	check := func(field, text string) {
		if n := utf8.RuneCountInString(text); n == 0 || n > maxReply || !utf8.ValidString(text) {
			c.add(field, "must have 1 to %d characters", maxReply)
			return
		}
		if err := checkText("", text, c.refs); err != nil {
			c.fail(field, err)
		}
	}
	check(field+".text", text)
	for _, l := range slices.Sorted(maps.Keys(others)) {
		at := fmt.Sprintf("%s.texts.%s", field, l)
		c.language(at, l)
		check(at, others[l])
	}
}

// attribute checks a value for an attribute of the contact as far as its type; the contact's own definition has the last word
// when the rule acts.
func (c *checker) attribute(field string, a conversation.RuleAction) {
	defined, known := c.refs.Schema[a.Attribute]
	if !known && c.refs.Open && a.Attribute != "" {
		return
	}
	if !known {
		c.add(field+".attribute", "there is no attribute %q", a.Attribute)
		return
	}
	ok := false
	switch value := a.Value.(type) {
	case nil: // takes it away
		ok = true
	case string:
		ok = defined.Type != condition.NumberAttribute && defined.Type != condition.BooleanAttribute
		if defined.Type == condition.ListAttribute && len(defined.Options) > 0 && !slices.Contains(defined.Options, value) {
			c.add(field+".value", "must be one of %q", defined.Options)
			return
		}
	case bool:
		ok = defined.Type == condition.BooleanAttribute
	case float64, int:
		ok = defined.Type == condition.NumberAttribute
	}
	if !ok {
		c.add(field+".value", "must be a %s", defined.Type)
	}
}
