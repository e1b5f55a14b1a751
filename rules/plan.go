package rules

import (
	"slices"
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/rules/condition"
)

// The reasons for which a reply is left out, besides the codes of the send gate.
const (
	SuppressedLate      = "late"             // the message came long after it was written
	SuppressedAutomatic = "automatic"        // the message was written by a robot
	SuppressedQuestion  = "consent_question" // the message may be a wish to be left alone
	SuppressedAnswered  = "already_answered" // another rule answers
	SuppressedPause     = "pause"            // an automatic reply went out just now
	SuppressedTooMany   = "too_many"         // of them in a day
	SuppressedEmpty     = "empty"            // nothing is left of the text
)

// plan prepares an effect: what it says, or why it is left out. What it changes is seen by the rules after it.
func (p *Policy) plan(e *conversation.Effect, o occasion) {
	a := *e.Action
	switch a.Do {
	case conversation.ActReply:
		if e.Outcome = p.suppressed(o); e.Outcome != "" {
			return
		}
		if e.Text = p.text(a, o.now); e.Text == "" {
			e.Outcome = SuppressedEmpty
			return
		}
		p.replied = true
	case conversation.ActNote:
		e.Text = p.text(a, o.now)
	default:
		p.change(func(env *condition.Environment) { p.foresee(env, a) })
	}
}

// foresee changes the environment as an action will change the record.
func (p *Policy) foresee(env *condition.Environment, a conversation.RuleAction) {
	c, label := &env.Conversation, p.facts.LabelNames[a.LabelID]
	switch a.Do {
	case conversation.ActAddLabel:
		if label != "" && !slices.Contains(c.Labels, label) {
			c.Labels = append(c.Labels, label)
		}
	case conversation.ActRemoveLabel:
		c.Labels = slices.DeleteFunc(c.Labels, func(l string) bool { return l == label })
	case conversation.ActPriority:
		c.Priority = a.Priority
	case conversation.ActAssign:
		c.Assigned = a.To == conversation.AssignToAgent
	case conversation.ActSetAttribute:
		if env.Contact.Attributes == nil {
			env.Contact.Attributes = make(map[string]any)
		}
		env.Contact.Attributes[a.Attribute] = a.Value
	case conversation.ActDone:
		c.Status = string(conversation.StatusDone)
	case conversation.ActReopen:
		c.Status = string(conversation.StatusOpen)
	case conversation.ActSnooze:
		c.Status = string(conversation.StatusSnoozed)
	case conversation.ActOptOut, conversation.ActOptIn:
		state := conversation.ConsentOptedOut
		if a.Do == conversation.ActOptIn {
			state = conversation.ConsentOptedIn
		}
		setConsent(env, a.Scope, state)
	}
}

// suppressed returns why no reply may be sent now, "" if it may. The send gate looks once more when it goes out.
func (p *Policy) suppressed(o occasion) string {
	pause := time.Duration(p.set.limits.PauseSeconds) * time.Second
	fresh := p.message.Seq > 0
	switch {
	case p.env.Consent.All == string(conversation.ConsentOptedOut):
		return string(conversation.CodeOptedOut)
	case p.env.Contact.Blocked:
		return string(conversation.CodeBlocked)
	case p.asked:
		return SuppressedQuestion
	case fresh && p.message.Data.Late:
		return SuppressedLate
	case fresh && p.env.Message.Automatic:
		return SuppressedAutomatic
	case !o.state.Window.Open(o.now):
		return string(conversation.CodeWindowClosed)
	case p.replied:
		return SuppressedAnswered
	case o.now.Sub(p.facts.LastAutomatic) < pause:
		return SuppressedPause
	case p.facts.Automatic >= p.set.limits.PerDay:
		return SuppressedTooMany
	default:
		return ""
	}
}

// text returns what an action says to or about the contact.
func (p *Policy) text(a conversation.RuleAction, now time.Time) string {
	language := p.env.Contact.Language
	return render(textFor(a, language), func(name string) string { return p.value(name, language, now) })
}
