package assignment

import (
	"context"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/ledger"
)

// Accept takes up what the caller was offered. Doing so again changes nothing; what was passed on meanwhile is a conflict that
// names who has it.
func (s *Store) Accept(ctx context.Context, by conversation.Caller, conversationID string) error {
	return s.desk().Active(ctx, by, conversationID, func(_ context.Context, _ bun.Tx, row *ledger.Row) error {
		if TakeUp(row, by.Actor, s.Now()) || by.Kind == conversation.ActorAgent && row.AssigneeID == by.ID {
			return nil
		}
		return notOffered(row)
	})
}

// Decline passes on what the caller was offered; they will not get it from the queue either. If nothing is offered to them it is
// a conflict.
func (s *Store) Decline(ctx context.Context, by conversation.Caller, conversationID string) error {
	return s.desk().Active(ctx, by, conversationID, func(ctx context.Context, tx bun.Tx, row *ledger.Row) error {
		if row.OfferUntil.IsZero() || by.Kind != conversation.ActorAgent || by.ID != row.AssigneeID {
			return notOffered(row)
		}
		out, err := s.Pass(ctx, tx, row, Declined, Request{Now: s.Now(), Actor: by.Actor})
		if err != nil || out.Tell == "" || s.Tell == nil {
			return err
		}
		return s.Tell(ctx, tx, row, out.Tell)
	})
}

func notOffered(row *ledger.Row) error {
	err := conversation.Errorf(conversation.CodeConflict, "this conversation is not offered to you")
	if row.AssigneeID != "" {
		err.Details = map[string]any{"assignee_id": row.AssigneeID}
	}
	return err
}
