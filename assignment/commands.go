package assignment

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/outbox"
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
		if err != nil || out.Tell == "" {
			return err
		}
		_, err = outbox.Queue(ctx, tx, row, outbox.Message{
			Content: conversation.Content{Kind: conversation.KindText, Text: out.Tell}, Author: conversation.Actor{Kind: conversation.ActorSystem},
			Cause: &conversation.Cause{Seq: row.LastSeq, Trigger: TriggerDeclined}, Key: fmt.Sprintf("%s#%d", TriggerDeclined, row.LastSeq), AssumedSeq: row.LastSeq,
		}, s.Now())
		return err
	})
}

// TriggerDeclined is the trigger of the cause of what the customer is told because the last agent declined.
const TriggerDeclined = "offer_declined"

func notOffered(row *ledger.Row) error {
	err := conversation.Errorf(conversation.CodeConflict, "this conversation is not offered to you")
	if row.AssigneeID != "" {
		err.Details = map[string]any{"assignee_id": row.AssigneeID}
	}
	return err
}
