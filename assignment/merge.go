package assignment

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
)

// Merge lets a conversation have what one had that was merged into it: an offer to the same agent, or the place in the queue. Who
// had the older and not the newer is called. It takes no lock, because many are merged in one transaction.
func Merge(ctx context.Context, tx bun.Tx, older ledger.Changed, newer *ledger.Row) error {
	move := func(table string) error {
		return postgres.Later(ctx, tx, "merge assignment", "UPDATE "+table+" SET conversation_id = $2::uuid WHERE conversation_id = $1::uuid", older.ID, newer.ID)
	}
	if !older.OfferUntil.IsZero() && newer.OfferUntil.IsZero() && newer.AssigneeID == older.Before.AssigneeID && newer.Status == conversation.StatusOpen {
		newer.OfferUntil, older.OfferUntil = older.OfferUntil, time.Time{}
		if err := move("assignment_offers"); err != nil {
			return err
		}
	}
	if !older.QueuedAt.IsZero() && newer.QueuedAt.IsZero() && newer.AssigneeID == "" && newer.Status == conversation.StatusOpen {
		newer.QueuedAt, older.QueuedAt = older.QueuedAt, time.Time{}
		if err := move("assignment_queue"); err != nil {
			return err
		}
	}
	if err := endOffer(ctx, tx, older.Row); err != nil {
		return err
	}
	if err := leaveQueue(ctx, tx, older.Row); err != nil {
		return err
	}
	if newer.AssigneeID != "" {
		if err := leaveQueue(ctx, tx, newer); err != nil {
			return err
		}
	}
	if agentID, less := lost(older); less && newer.AssigneeID != agentID {
		return call(ctx, tx, agentID)
	}
	return nil
}
