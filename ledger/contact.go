package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/postgres"
)

// errMoved says that a conversation got another contact while the lock of the one it had was awaited.
var errMoved = errors.New("the conversation got another contact in between")

// maxMoves bounds how often InTx begins anew; contacts are merged rarely.
const maxMoves = 5

// InTx is postgres.InPipeline for work that locks a conversation together with its contact, see LockWith.
func InTx(ctx context.Context, db *bun.DB, fn func(ctx context.Context, tx bun.Tx) error) error {
	for attempt := 1; ; attempt++ {
		err := postgres.InPipeline(ctx, db, fn)
		if attempt == maxMoves || !errors.Is(err, errMoved) {
			return err
		}
	}
}

// LockWith locks a conversation's contact with the given function and then the conversation: the order that holds
// everywhere. If contacts were merged in between, it fails so that InTx begins anew; the lock held would be another's.
func LockWith(ctx context.Context, tx bun.Tx, id string, lock func(ctx context.Context, tx bun.Tx, contactID string) error) (*Row, error) {
	if !postgres.IsID(id) {
		return nil, NotFound()
	}
	var contactID string
	err := tx.Tx.QueryRowContext(ctx, "SELECT contact_id FROM conversations WHERE id = $1::uuid", id).Scan(&contactID)
	if postgres.IsNotFound(err) {
		return nil, NotFound()
	}
	if err != nil {
		return nil, fmt.Errorf("find contact: %w", err)
	}
	if err := lock(ctx, tx, contactID); err != nil {
		return nil, err
	}
	row, err := Lock(ctx, tx, id)
	if err != nil {
		return nil, err
	}
	if row.ContactID != contactID {
		return nil, errMoved
	}
	return row, nil
}
