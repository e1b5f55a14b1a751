package workflows

import (
	"strconv"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// The search attributes. They hold no personal data and change seldom, because each change is an event of the history.
var (
	attributeStatus   = temporal.NewSearchAttributeKeyKeyword("GuichetStatus")
	attributeChannel  = temporal.NewSearchAttributeKeyKeyword("GuichetChannel")
	attributeAccount  = temporal.NewSearchAttributeKeyKeyword("GuichetAccount")
	attributeAssignee = temporal.NewSearchAttributeKeyKeyword("GuichetAssignee")
)

// SearchAttributes returns the names of the keyword search attributes that must be registered with the namespace.
func SearchAttributes() []string {
	return []string{attributeStatus.GetName(), attributeChannel.GetName(), attributeAccount.GetName(), attributeAssignee.GetName()}
}

// state answers the query.
func (p *process) state() State {
	send := p.sender.state
	send.Busy = p.sender.busy
	return State{
		ConversationID: p.input.ConversationID,
		Epoch:          p.input.Epoch,
		WokenSeq:       p.wokenSeq,
		AppliedSeq:     p.stands.AppliedSeq,
		Status:         p.stands.Status,
		Channel:        p.stands.Channel,
		AccountID:      p.stands.AccountID,
		AssigneeID:     p.stands.AssigneeID,
		NextDeadline:   p.stands.NextDeadline,
		NextKind:       p.stands.NextKind,
		Steps:          p.stands.Steps,
		Failures:       p.failures,
		FailureCode:    p.failureCode,
		Send:           send,
	}
}

// publish shows where the conversation stands in Temporal's Web UI and its lists.
func (p *process) publish(ctx workflow.Context) error {
	workflow.SetCurrentDetails(ctx, p.details())
	if p.stands.Status == "" {
		return nil
	}
	known := workflow.GetTypedSearchAttributes(ctx)
	var updates []temporal.SearchAttributeUpdate
	for _, one := range []struct {
		key   temporal.SearchAttributeKeyKeyword
		value string
	}{
		{attributeStatus, string(p.stands.Status)},
		{attributeChannel, string(p.stands.Channel)},
		{attributeAccount, p.stands.AccountID},
		{attributeAssignee, p.stands.AssigneeID},
	} {
		switch old, _ := known.GetKeyword(one.key); {
		case old == one.value:
		case one.value == "":
			updates = append(updates, one.key.ValueUnset())
		default:
			updates = append(updates, one.key.ValueSet(one.value))
		}
	}
	if len(updates) == 0 {
		return nil
	}
	return workflow.UpsertTypedSearchAttributes(ctx, updates...)
}

// details describes the conversation in ids, times and codes. They are part of no event: the Web UI asks for them.
func (p *process) details() string {
	var b strings.Builder
	line := func(name, value string) { b.WriteString("- " + name + ": `" + value + "`\n") }
	line("status", string(p.stands.Status))
	line("applied up to", strconv.FormatInt(p.stands.AppliedSeq, 10))
	if !p.stands.NextDeadline.IsZero() {
		line("next", p.stands.NextKind+" "+p.stands.NextDeadline.UTC().Format(time.RFC3339))
	}
	if len(p.stands.Steps) > 0 {
		line("last steps", strings.Join(p.stands.Steps, " "))
	}
	if p.failures > 0 {
		line("failed tries", strconv.Itoa(p.failures)+" ("+p.failureCode+")")
	}
	return b.String()
}
