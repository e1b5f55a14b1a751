package ledger

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/internal/failpoint"
)

// Desk is where people's commands on conversations are carried out.
type Desk struct {
	DB  *bun.DB
	Now func() time.Time
	// Notify is called after a commit that left something for the dispatchers.
	Notify func()
	// Freed is told when a command changed who has a conversation or where it stands. Nil does nothing.
	Freed Freed
}

// Changed is a locked conversation with what it was before.
type Changed struct {
	Before Row
	*Row
}

// Freed is called in the transaction that changed who has conversations or where they stand, before they are saved: somebody
// may have got room for the next in a queue. It returns the other conversations that it changed, which are saved with them.
type Freed func(ctx context.Context, tx bun.Tx, changed ...Changed) ([]*Row, error)

// Hold locks the contact of a conversation before it.
type Hold func(ctx context.Context, tx bun.Tx, contactID string) error

// Command runs one command against a locked conversation and saves it, in one transaction, in the order of locks that holds
// everywhere: contact, if hold is not nil, then conversation. One that the caller may not see does not exist, and a caller who
// decided on an old view is refused.
func (d Desk) Command(ctx context.Context, by conversation.Caller, id string, hold Hold, do func(ctx context.Context, tx bun.Tx, row *Row) error) error {
	return d.Repeatable(ctx, by, id, hold, func(ctx context.Context, tx bun.Tx, row *Row) error {
		if err := Fresh(ctx, tx, by, row); err != nil {
			return err
		}
		return do(ctx, tx, row)
	})
}

// Repeatable is Command for what may be a repetition of something that was done: it asks Fresh itself, because the repetition
// of what was done is right whatever came after it.
func (d Desk) Repeatable(ctx context.Context, by conversation.Caller, id string, hold Hold, do func(ctx context.Context, tx bun.Tx, row *Row) error) error {
	err := InTx(ctx, d.DB, func(ctx context.Context, tx bun.Tx) error {
		row, err := d.lock(ctx, tx, id, hold)
		if err != nil {
			return err
		}
		if !by.Sees(row.AccountID) {
			return NotFound()
		}
		if err := claim(ctx, tx); err != nil {
			return err
		}
		before := *row
		if err := do(ctx, tx, row); err != nil {
			return err
		}
		others, err := d.Freed.Follow(ctx, tx, Changed{before, row})
		if err != nil {
			return err
		}
		return Save(ctx, tx, d.Now(), append(others, row)...)
	})
	if err == nil {
		failpoint.Hit("inbox.committed")
		d.Notify()
	}
	return err
}

// Follow calls the function, if there is one, with those conversations whose change it must know of.
func (f Freed) Follow(ctx context.Context, tx bun.Tx, all ...Changed) ([]*Row, error) {
	var changed []Changed
	for _, c := range all {
		if c.moved() {
			changed = append(changed, c)
		}
	}
	if f == nil || len(changed) == 0 {
		return nil, nil
	}
	return f(ctx, tx, changed...)
}

// moved reports whether the change can matter to who has what, or to who waits.
func (c Changed) moved() bool {
	b, r := c.Before, c.Row
	return b.AssigneeID != r.AssigneeID || b.TeamID != r.TeamID || b.Status != r.Status || b.MergedInto != r.MergedInto ||
		b.Priority != r.Priority || !b.OfferUntil.Equal(r.OfferUntil)
}

// Active is Command without its contact, refused on a conversation that goes on in another.
func (d Desk) Active(ctx context.Context, by conversation.Caller, id string, do func(ctx context.Context, tx bun.Tx, row *Row) error) error {
	return d.Command(ctx, by, id, nil, func(ctx context.Context, tx bun.Tx, row *Row) error {
		if err := row.Active(); err != nil {
			return err
		}
		return do(ctx, tx, row)
	})
}

func (d Desk) lock(ctx context.Context, tx bun.Tx, id string, hold Hold) (*Row, error) {
	if hold == nil {
		return Lock(ctx, tx, id)
	}
	return LockWith(ctx, tx, id, hold)
}

// Read loads a conversation that the caller may see; any other does not exist.
func (d Desk) Read(ctx context.Context, by conversation.Caller, id string) (*Row, error) {
	row, err := Read(ctx, d.DB, id)
	if err == nil && !by.Sees(row.AccountID) {
		return nil, NotFound()
	}
	return row, err
}

// Active returns an error for a conversation that goes on in another; the error names it.
func (r *Row) Active() error {
	if r.MergedInto == "" {
		return nil
	}
	err := conversation.Errorf(conversation.CodeConflict, "this conversation goes on in another")
	err.Details = map[string]any{"merged_into": r.MergedInto}
	return err
}
