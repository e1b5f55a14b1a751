package assignment

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/ledger"
)

// Moved is called in the transaction that writes down that agents came or went, or work for other teams: those who came are
// called to the queues, and what is offered to those who went is looked at again.
func (s *Store) Moved(ctx context.Context, tx bun.Tx, agentIDs []string) error {
	if len(agentIDs) == 0 {
		return nil
	}
	alone := false
	if err := s.lockIfAwaited(ctx, tx, &alone); err != nil {
		return err
	}
	await, err := lines(ctx, tx)
	if err != nil {
		return err
	}
	if len(await) > 0 {
		if err := call(ctx, tx, agentIDs...); err != nil {
			return err
		}
	}
	offered, err := texts(ctx, tx, "SELECT conversation_id::text FROM assignment_offers WHERE agent_id = ANY($1::uuid[]) ORDER BY 1", agentIDs)
	if err != nil {
		return fmt.Errorf("find what was offered: %w", err)
	}
	return ledger.Wake(ctx, tx, offered)
}
