package outbox

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/contacts"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/ledger"
)

// Refusal is what a provider said of a message that it did not deliver, in its answer or in a receipt.
type Refusal struct {
	Behaviour channel.Behaviour
	Code      string
	MessageID string
	SentAt    time.Time // what the customer wrote after that opens the window all the same
	At        time.Time
}

// Stopper stops an account.
type Stopper interface {
	SetState(ctx context.Context, db bun.IDB, accountID string, state conversation.AccountState, code string) error
}

// Conclude draws what a refusal means beyond its message: for the window, the contact and the account. The conversation
// must be locked, and its contact before it if the behaviour changes that; the caller saves the conversation.
func Conclude(ctx context.Context, tx bun.Tx, stopper Stopper, row *ledger.Row, r Refusal, now time.Time) error {
	switch r.Behaviour {
	case channel.WindowClosed:
		row.WindowRefusedAt = row.Window(0).Refuse(r.SentAt).RefusedAt
		row.Wake()
	case channel.OptedOut:
		return stopMarketing(ctx, tx, row, r, now)
	case channel.StopAccount:
		return stopper.SetState(ctx, tx, row.AccountID, conversation.AccountError, r.Code)
	}
	return nil
}

// stopMarketing writes down the contact's wish, once for each message, whether the provider told it in its answer or in a
// receipt.
func stopMarketing(ctx context.Context, tx bun.Tx, row *ledger.Row, r Refusal, now time.Time) error {
	by := conversation.Actor{Kind: conversation.ActorProvider}
	change := conversation.ConsentChange{
		Scope: conversation.ScopeMarketing, State: conversation.ConsentOptedOut, Source: conversation.SourceSendError, At: r.At,
	}
	isNew, err := contacts.ChangeConsent(ctx, tx, contacts.Change{
		ConsentChange: change, ContactID: row.ContactID, Channel: row.Channel, Actor: by,
		ConversationID: row.ID, MessageID: r.MessageID, Key: "send_error:" + r.MessageID,
	}, now)
	if err != nil || !isNew {
		return err
	}
	row.Append(conversation.Event{
		Kind: conversation.EventConsentChanged, Actor: by, At: r.At,
		Data: conversation.EventData{MessageID: r.MessageID, Consent: change.State, Scope: change.Scope, Source: change.Source},
	})
	return nil
}
