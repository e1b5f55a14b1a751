package inbox

import (
	"context"
	"errors"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/outbox"
)

// actions says what the caller may do with a conversation now, and if not why. It asks the send gate itself.
func (in *Inbox) actions(ctx context.Context, row *ledger.Row, by conversation.Actor) ([]Action, error) {
	account, err := in.Accounts.Cached(ctx, row.AccountID)
	if err != nil {
		return nil, err
	}
	gate, err := outbox.GateInput(ctx, in.DB, row, account, by, conversation.KindText, in.Now())
	if err != nil {
		return nil, err
	}
	merged := row.Active()
	send := func(name string, kind conversation.MessageKind) Action {
		g := gate
		g.Kind = kind
		verdict, reason := conversation.Gate(g)
		switch {
		case merged != nil:
			return refusal(name, merged)
		case verdict == conversation.Send:
			return Action{Name: name, Allowed: true}
		case verdict == conversation.Hold: // it will wait, and the reason says for what
			return Action{Name: name, Allowed: true, Code: reason.Code, Reason: reason.Message}
		default:
			return refusal(name, reason)
		}
	}
	plain := func(name string, allowed bool, reason error) Action {
		if merged != nil {
			return refusal(name, merged)
		}
		if !allowed {
			return refusal(name, reason)
		}
		return Action{Name: name, Allowed: true}
	}
	_, noAgent := agentID(by)
	taken := row.AssigneeID != "" && row.AssigneeID != by.ID
	attend := noAgent
	if attend == nil && taken {
		attend = conversation.Errorf(conversation.CodeConflict, "a colleague has it")
	}
	return []Action{
		send("send_text", conversation.KindText),
		send("send_reaction", conversation.KindReaction),
		plain("attend", attend == nil, attend),
		plain("assign", true, nil),
		plain("done", row.Status != conversation.StatusDone, conversation.Errorf(conversation.CodeConflict, "it is done already")),
		plain("reopen", row.Status != conversation.StatusOpen, conversation.Errorf(conversation.CodeConflict, "it is open already")),
		plain("snooze", true, nil),
		plain("read", true, nil),
		plain("consent", true, nil),
		plain("note", true, nil),
		plain("label", true, nil),
		plain("priority", true, nil),
		plain("block", !row.Blocked(), conversation.Errorf(conversation.CodeConflict, "the contact is blocked already")),
		plain("unblock", row.Blocked(), conversation.Errorf(conversation.CodeConflict, "the contact is not blocked")),
	}, nil
}

func refusal(name string, err error) Action {
	a := Action{Name: name, Code: conversation.CodeOf(err)}
	var e *conversation.Error
	if errors.As(err, &e) {
		a.Reason = e.Message
	}
	return a
}
