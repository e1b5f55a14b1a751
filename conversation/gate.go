package conversation

import (
	"fmt"
	"time"
)

// AccountState is whether an account can be used.
type AccountState string

// The states of an account.
const (
	AccountActive AccountState = "active"
	AccountError  AccountState = "error"  // must be reconnected; outgoing messages wait in order
	AccountPaused AccountState = "paused" // an admin stopped it; outgoing messages wait in order
)

// GateInput is all that the send gate looks at. It must be read in the transaction that claims the message, with the
// contact's row locked.
type GateInput struct {
	Now     time.Time
	Author  Actor
	Kind    MessageKind
	Account AccountState
	Window  Window
	Consent Consent
	// Marketing is set for messages of the provider's marketing category.
	Marketing bool
	// LastInboundAt is the provider's time of the contact's newest message in this conversation; zero if there was none.
	LastInboundAt time.Time
	// AgentMayAnswerOptedOut is the admin's permission for an agent's reply to a message that came after the opt-out.
	AgentMayAnswerOptedOut bool
	// Confirmation is set on the one message that confirms an opt-out.
	Confirmation bool
	// Unexamined is set while a message of this contact has not yet been examined for opt-out.
	Unexamined bool
	// Blocked is set while the contact is blocked on the account.
	Blocked bool
	// Superseded is set if what an automatic send assumed (last seq, no agent's message since) no longer holds.
	Superseded bool
}

// Verdict is what the gate decides: Send, Hold (ask again when something changed) or Refuse (for good).
type Verdict string

// The verdicts.
const (
	Send   Verdict = "send"
	Hold   Verdict = "hold"
	Refuse Verdict = "refuse"
)

// Gate is the send gate: whether a message may go out now, and if not why. Everybody passes here: agents, rules, bots,
// campaigns, scheduled messages. The code of the error says why it is held or refused.
func Gate(in GateInput) (Verdict, *Error) {
	if in.Blocked {
		return Refuse, Errorf(CodeBlocked, "this contact is blocked; unblock to write")
	}
	if err := consentForbids(in); err != nil {
		return Refuse, err
	}
	if !in.Author.Person() {
		if in.Unexamined { // which decides, too, whether what the message assumes still holds
			return Hold, Errorf(CodeUnexamined, "a newer message of this contact must be examined first")
		}
		if in.Superseded {
			return Refuse, Errorf(CodeSuperseded, "something happened in between, so this automatic message was not sent")
		}
	}
	if needsWindow(in.Kind) && !in.Window.Open(in.Now) {
		return Refuse, windowClosed(in.Window)
	}
	switch in.Account {
	case AccountPaused:
		return Hold, Errorf(CodeAccountPaused, "the account is paused")
	case AccountError:
		return Hold, Errorf(CodeAccountError, "the account must be reconnected")
	default:
		return Send, nil
	}
}

// needsWindow reports whether a message of this kind may be sent only inside the window: everything but templates.
func needsWindow(kind MessageKind) bool { return kind != KindTemplate }

func consentForbids(in GateInput) *Error {
	if in.Marketing && in.Consent.Marketing == ConsentOptedOut {
		return Errorf(CodeOptedOut, "this contact asked not to receive marketing")
	}
	if in.Consent.All != ConsentOptedOut || in.Confirmation {
		return nil
	}
	if in.AgentMayAnswerOptedOut && !in.Marketing && in.Author.Person() && in.LastInboundAt.After(in.Consent.AllAt) {
		return nil
	}
	return Errorf(CodeOptedOut, "this contact asked not to be contacted")
}

func windowClosed(w Window) *Error {
	if w.From.IsZero() {
		return Errorf(CodeWindowClosed, "the customer has not written yet, so only a template can be sent")
	}
	err := Errorf(CodeWindowClosed, "the 24-hour window is closed; a template or the customer's next message reopens it")
	if at := w.ExpiresAt(); !at.IsZero() {
		err.Message = fmt.Sprintf("the 24-hour window closed at %s; a template or the customer's next message reopens it", at.UTC().Format(time.RFC3339))
		err.Details = map[string]any{"closed_at": at.UTC()}
	}
	return err
}
