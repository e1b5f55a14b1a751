package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/postgres"
)

// DispatchChannel is the channel on which dispatchers are told that there is something to do.
const DispatchChannel = "guichet_dispatch"

// dispatch writes one row for each conversation whose workflow must look. Times are the database's: the dispatcher's
// leases must not follow a shifted clock.
func dispatch(ctx context.Context, tx bun.Tx, rows []*Row) error {
	var (
		ids  []string
		seqs []int64
	)
	// In the order of the ids, as everywhere: wakes of many conversations write the same rows without locking these.
	rows = slices.SortedFunc(slices.Values(rows), func(x, y *Row) int { return strings.Compare(x.ID, y.ID) })
	for _, r := range rows {
		if r.wake {
			ids, seqs = append(ids, r.ID), append(seqs, r.WakeSeq)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	_, err := tx.Tx.ExecContext(ctx, `INSERT INTO dispatches (conversation_id, up_to_seq, since, due_at)
		SELECT *, clock_timestamp(), clock_timestamp() FROM unnest($1::uuid[], $2::bigint[])
		ON CONFLICT (conversation_id) DO UPDATE SET up_to_seq = greatest(dispatches.up_to_seq, excluded.up_to_seq), version = dispatches.version + 1`,
		ids, seqs)
	if err != nil {
		return fmt.Errorf("insert dispatches: %w", err)
	}
	return nil
}

// WakeHolding tells the workflows of an account's conversations that hold unsettled messages to look again, after the
// account can be used again. It returns how many there are.
func WakeHolding(ctx context.Context, db bun.IDB, accountID string) (int, error) {
	return wake(ctx, db, `SELECT DISTINCT c.id, c.wake_seq FROM conversations c JOIN messages m ON m.conversation_id = c.id
		WHERE m.account_id = $1::uuid AND m.state IN ('queued', 'sending', 'unknown')`, accountID)
}

// WakeArmed tells the workflows of all conversations with a deadline to look again, after the clock was shifted.
func WakeArmed(ctx context.Context, db bun.IDB) (int, error) {
	return wake(ctx, db, `SELECT id, wake_seq FROM conversations WHERE next_deadline_at IS NOT NULL`)
}

func wake(ctx context.Context, db bun.IDB, which string, args ...any) (int, error) {
	res, err := postgres.Raw(db).ExecContext(ctx, `INSERT INTO dispatches (conversation_id, up_to_seq, since, due_at)
		SELECT w.id, w.wake_seq, clock_timestamp(), clock_timestamp() FROM (`+which+` ORDER BY 1) AS w
		ON CONFLICT (conversation_id) DO UPDATE SET version = dispatches.version + 1`, args...)
	if err != nil {
		return 0, fmt.Errorf("wake conversations: %w", err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return 0, fmt.Errorf("wake conversations: %w", err)
	}
	return int(n), nil
}
