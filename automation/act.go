package automation

import (
	"context"
	"fmt"
	"time"

	"guichet.dev/guichet/contacts"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/labels"
	"guichet.dev/guichet/notes"
	"guichet.dev/guichet/outbox"
)

// act carries out one action of a rule. An error with a code says why it is not possible.
func (v *visit) act(ctx context.Context, e *conversation.Effect) error {
	a, by := e.Action, conversation.Actor{Kind: conversation.ActorRule, ID: e.Cause.RuleID}
	changed, err := true, error(nil)
	switch a.Do {
	case conversation.ActReply:
		purpose := outbox.Purpose("")
		if e.Cause.Trigger == string(conversation.EventMessageReceived) {
			purpose = outbox.PurposeAnswer
		}
		err = v.reply(ctx, e, by, purpose)
	case conversation.ActAssign:
		changed, err = v.assign(ctx, e, by)
	case conversation.ActAddLabel:
		changed, err = labels.Attach(ctx, v.tx, v.row, by, a.LabelID, v.now)
	case conversation.ActRemoveLabel:
		changed, err = labels.Detach(ctx, v.tx, v.row, by, a.LabelID, v.now)
	case conversation.ActPriority:
		changed = v.row.Prioritise(conversation.Priority(a.Priority), by, v.now)
	case conversation.ActNote:
		_, err = notes.Append(ctx, v.tx, v.row, by, notes.Draft{Text: e.Text}, v.now)
	case conversation.ActSetAttribute:
		changed, err = v.setAttribute(ctx, a, by)
	case conversation.ActSnooze:
		changed, err = v.snooze(ctx, a, by)
	case conversation.ActDone:
		changed = v.row.Finish(by, v.now)
	case conversation.ActReopen:
		changed = v.row.Reopen(by, v.now)
	case conversation.ActOptOut, conversation.ActOptIn:
		err = v.optByRule(ctx, e, by)
	case conversation.ActNotify:
		v.notify(e, by)
	default:
		err = fmt.Errorf("no way to carry out action %q", a.Do)
	}
	if err == nil && !changed {
		e.Outcome = conversation.OutcomeAlready
	}
	return err
}

// reply queues a message. It assumes what was decided on: it is not sent if an agent writes before it leaves.
func (v *visit) reply(ctx context.Context, e *conversation.Effect, by conversation.Actor, purpose outbox.Purpose) error {
	m := outbox.Message{
		Content: conversation.Content{Kind: conversation.KindText, Text: e.Text}, Author: by, Cause: e.Cause, Key: e.Key, Purpose: purpose,
	}
	if purpose != outbox.PurposeConfirmation { // which holds whatever follows
		m.AssumedSeq = max(v.row.InboundSeq, v.row.AgentSeq)
	}
	id, err := outbox.Queue(ctx, v.tx, v.row, m, v.now)
	e.MessageID = id
	return err
}

func (v *visit) setAttribute(ctx context.Context, a *conversation.RuleAction, by conversation.Actor) (bool, error) {
	if !v.holdContact {
		return false, errNeedsContact
	}
	return contacts.SetAttribute(ctx, v.tx, v.row, by, a.Attribute, a.Value, v.now)
}

func (v *visit) snooze(ctx context.Context, a *conversation.RuleAction, by conversation.Actor) (bool, error) {
	until := time.Time{}
	switch {
	case a.Until == conversation.NextOpening:
		calendar := v.calendar
		at, ok := time.Time{}, false
		if calendar != nil {
			at, ok = calendar.NextOpening(v.now)
		}
		if !ok {
			return false, conversation.Errorf(conversation.CodeConflict, "business hours never begin")
		}
		until = at
	case a.Minutes > 0:
		until = v.now.Add(time.Duration(a.Minutes) * time.Minute)
	}
	return v.row.Snooze(until, by, v.now), nil
}

// notify calls agents and teams. Who they are is found out by whoever tells them.
func (v *visit) notify(e *conversation.Effect, by conversation.Actor) {
	data := conversation.EventData{}
	if e.Action.AgentID != "" {
		data.Mentions = append(data.Mentions, e.Action.AgentID)
	}
	if e.Action.Assignee && v.row.AssigneeID != "" && v.row.AssigneeID != e.Action.AgentID {
		data.Mentions = append(data.Mentions, v.row.AssigneeID)
	}
	if e.Action.TeamID != "" {
		data.Teams = []string{e.Action.TeamID}
	}
	v.row.Append(conversation.Event{Kind: conversation.EventNotified, Actor: by, At: v.now, Data: data})
}

// renewReplies lets the automatic answers that wait take the customer's new messages for granted: the rules have looked at
// them. An answer is not held up because the customer goes on writing; what may be a wish to be left alone ends it.
func (v *visit) renewReplies(ctx context.Context) error {
	received := false
	for _, e := range v.events {
		if e.Kind == conversation.EventMessageReceived {
			received = true
		}
	}
	if !received || v.asked() {
		return nil
	}
	return outbox.Renew(ctx, v.tx, v.row)
}

// asked reports whether one of the messages may be a wish to be left alone.
func (v *visit) asked() bool {
	for _, d := range v.decisions {
		for _, e := range d.Effects {
			if e.Event.Kind == conversation.EventConsentAsked {
				return true
			}
		}
	}
	return false
}
