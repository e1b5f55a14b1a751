package assignment

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
)

// Freed is the ledger.Freed of this package: what was queued and is somebody's or not open any more leaves its queue, what was
// offered and was given to somebody else is no offer any more, and whoever has less than before gets the first of the queues.
// It comes after Assign and Pass, and before anything is saved.
func (s *Store) Freed(ctx context.Context, tx bun.Tx, changed ...ledger.Changed) ([]*ledger.Row, error) {
	held, freed, moved := map[string]*ledger.Row{}, map[string]bool{}, false
	for _, c := range changed {
		held[c.ID] = c.Row
		if err := tidyOffer(ctx, tx, c); err != nil {
			return nil, err
		}
		to, err := tidyQueue(ctx, tx, c)
		if err != nil {
			return nil, err
		}
		moved = moved || to
		if agentID, less := lost(c); less {
			freed[agentID] = true
		}
	}
	if len(freed) == 0 && !moved {
		return nil, nil
	}
	agents := slices.Sorted(maps.Keys(freed))
	alone := moved
	var err error
	if moved {
		err = s.lock(ctx, tx)
	} else {
		err = s.lockIfAwaited(ctx, tx, &alone)
	}
	if err != nil {
		return nil, err
	}
	await, err := lines(ctx, tx)
	switch {
	case err != nil || len(await) == 0:
		return nil, err
	case !alone: // somebody came while the lock was shared
		return nil, call(ctx, tx, agents...)
	}
	return s.refill(ctx, tx, held, agents, moved, changed)
}

// refill gives agents the first of the queues, and everybody if something came into a queue by hand.
func (s *Store) refill(ctx context.Context, tx bun.Tx, held map[string]*ledger.Row, agents []string, all bool, changed []ledger.Changed) ([]*ledger.Row, error) {
	w := s.work(tx, held)
	for _, agentID := range agents {
		if err := w.serve(ctx, agentID, maxServed); err != nil {
			return nil, err
		}
	}
	if all {
		if _, err := w.serveAll(ctx, maxServed); err != nil {
			return nil, err
		}
	}
	return w.rows(changed...), nil
}

// lost returns who has less than before. Who let an offer pass is not given the next one at once: nobody may be there. The
// sweep finds them.
func lost(c ledger.Changed) (agentID string, less bool) {
	had := c.Before.AssigneeID != "" && c.Before.Status == conversation.StatusOpen && c.Before.MergedInto == ""
	has := c.AssigneeID == c.Before.AssigneeID && c.Status == conversation.StatusOpen && c.MergedInto == ""
	return c.Before.AssigneeID, had && !has && !c.Appends(conversation.EventOfferPassed)
}

// tidyOffer ends an offer that does not hold any more.
func tidyOffer(ctx context.Context, tx bun.Tx, c ledger.Changed) error {
	switch {
	case c.Before.OfferUntil.IsZero():
		return nil
	case c.OfferUntil.IsZero():
		c.OfferUntil = c.Before.OfferUntil
		return endOffer(ctx, tx, c.Row)
	case c.Status != conversation.StatusOpen || c.MergedInto != "" || c.AssigneeID == "":
		return endOffer(ctx, tx, c.Row)
	}
	res, err := postgres.Raw(tx).ExecContext(ctx, "DELETE FROM assignment_offers WHERE conversation_id = $1::uuid AND agent_id <> $2::uuid", c.ID, c.AssigneeID)
	if err != nil {
		return fmt.Errorf("end an offer: %w", err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return fmt.Errorf("end an offer: %w", err)
	}
	if n > 0 {
		c.OfferUntil = time.Time{}
	}
	return nil
}

// tidyQueue takes out of the queue what does not wait any more, and keeps the place of what does. It reports whether the
// conversation came into another queue, in which somebody may have room.
func tidyQueue(ctx context.Context, tx bun.Tx, c ledger.Changed) (moved bool, err error) {
	if c.QueuedAt.IsZero() {
		return false, nil
	}
	if c.Status != conversation.StatusOpen || c.MergedInto != "" || c.AssigneeID != "" {
		return false, leaveQueue(ctx, tx, c.Row)
	}
	if c.Before.QueuedAt.IsZero() { // it came into the queue just now
		return false, nil
	}
	moved = c.Before.TeamID != c.TeamID
	return moved, postgres.Later(ctx, tx, "change a place in the queue", `UPDATE assignment_queue SET priority = $2,
		team_id = CASE WHEN $3 THEN $4::uuid ELSE team_id END WHERE conversation_id = $1::uuid`,
		c.ID, c.Priority, moved, postgres.NullText(c.TeamID))
}
