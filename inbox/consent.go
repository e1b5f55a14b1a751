package inbox

import (
	"context"
	"strings"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/contacts"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/outbox"
)

// SetConsent writes down what a contact said elsewhere about being contacted. An opt-in needs a note, because it must be
// provable (WhatsApp's policy on opt-in: keep source, time and text).
func (in *Inbox) SetConsent(ctx context.Context, by conversation.Caller, id string, wish ConsentWish) (Conversation, error) {
	if err := wish.check(); err != nil {
		return Conversation{}, err
	}
	err := in.command(ctx, by, id, lockChange, func(ctx context.Context, tx bun.Tx, row *ledger.Row) error {
		if err := row.Active(); err != nil {
			return err
		}
		now := in.Now()
		at := wish.At.UTC()
		if wish.At.IsZero() {
			at = now
		}
		if at.After(now) {
			return conversation.Invalid("at", "must not lie in the future")
		}
		_, err := contacts.ChangeConsent(ctx, tx, contacts.Change{
			ConsentChange: conversation.ConsentChange{Scope: wish.Scope, State: wish.State, Source: conversation.SourceAgent, At: at},
			ContactID:     row.ContactID, Channel: row.Channel, Actor: by.Actor, ConversationID: row.ID, Note: wish.Note,
		}, now)
		if err != nil {
			return err
		}
		row.Append(conversation.Event{
			Kind: conversation.EventConsentChanged, Actor: by.Actor, At: now,
			Data: conversation.EventData{Consent: wish.State, Scope: wish.Scope, Source: conversation.SourceAgent},
		})
		if wish.State != conversation.ConsentOptedOut {
			return nil
		}
		return outbox.CancelOptedOut(ctx, tx, row, wish.Scope, now)
	})
	if err != nil {
		return Conversation{}, err
	}
	return in.Get(ctx, by, id)
}

func (w ConsentWish) check() error {
	switch {
	case w.Scope != conversation.ScopeAll && w.Scope != conversation.ScopeMarketing:
		return conversation.Invalid("scope", "must be all or marketing")
	case w.State != conversation.ConsentOptedIn && w.State != conversation.ConsentOptedOut:
		return conversation.Invalid("state", "must be opted_in or opted_out")
	case w.State == conversation.ConsentOptedIn && strings.TrimSpace(w.Note) == "":
		return conversation.Invalid("note", "an opt-in needs a note: where, when and how the contact agreed")
	case len(w.Note) > 2000 || !storable(w.Note):
		return conversation.Invalid("note", "must be text of at most 2000 bytes")
	default:
		return nil
	}
}
