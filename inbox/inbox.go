package inbox

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/accounts"
	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/contacts"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/internal/failpoint"
	"guichet.dev/guichet/ledger"
)

// Accounts finds the account of a conversation.
type Accounts interface {
	Cached(ctx context.Context, id string) (accounts.Account, error)
}

// Options are what an Inbox works with.
type Options struct {
	DB *bun.DB
	// Advances are the sessions for Advance, opened with postgres.Options.KeyLookups; nil uses DB.
	Advances *bun.DB
	Accounts Accounts
	Adapters map[conversation.Channel]channel.Adapter
	Policy   conversation.Policy
	Now      func() time.Time
	// Notify is called after a commit that left something for the dispatchers.
	Notify func()
	// Announce is called after a commit that left events only; nil does nothing.
	Announce func()
	// Meaning explains a provider's error code in a sentence.
	Meaning func(on conversation.Channel, code string) string
	Logger  *slog.Logger
}

// Inbox is what people see and do.
type Inbox struct{ Options }

// New returns an Inbox.
func New(o Options) *Inbox {
	if o.Advances == nil {
		o.Advances = o.DB
	}
	if o.Announce == nil {
		o.Announce = func() {}
	}
	return &Inbox{o}
}

// lockMode is how a command holds the contact: a consent change excludes the send gate, everything else shares it.
type lockMode int

const (
	lockNone lockMode = iota
	lockShared
	lockChange
)

// command runs one command against a locked conversation and saves it, in one transaction, in the order of locks that
// holds everywhere: contact, then conversation. A caller who decided on an old view is refused.
func (in *Inbox) command(ctx context.Context, by conversation.Caller, id string, lock lockMode, do func(ctx context.Context, tx bun.Tx, row *ledger.Row) error) error {
	return in.repeatable(ctx, by, id, lock, func(ctx context.Context, tx bun.Tx, row *ledger.Row) error {
		if err := fresh(ctx, tx, by, row); err != nil {
			return err
		}
		return do(ctx, tx, row)
	})
}

// repeatable is command for what may be a repetition of something that was done: it asks for itself whether the view was
// fresh, because the repetition of what was done is right whatever came after it.
func (in *Inbox) repeatable(ctx context.Context, by conversation.Caller, id string, lock lockMode, do func(ctx context.Context, tx bun.Tx, row *ledger.Row) error) error {
	err := ledger.InTx(ctx, in.DB, func(ctx context.Context, tx bun.Tx) error {
		row, err := lockRow(ctx, tx, id, lock)
		if err != nil {
			return err
		}
		if !by.Sees(row.AccountID) {
			return ledger.NotFound()
		}
		if err := do(ctx, tx, row); err != nil {
			return err
		}
		return ledger.Save(ctx, tx, in.Now(), row)
	})
	if err == nil {
		failpoint.Hit("inbox.committed")
		in.Notify()
	}
	return err
}

// lockRow locks a conversation, and its contact before it if the mode says so.
func lockRow(ctx context.Context, tx bun.Tx, id string, lock lockMode) (*ledger.Row, error) {
	switch lock {
	case lockShared:
		return ledger.LockWith(ctx, tx, id, contacts.LockShared)
	case lockChange:
		return ledger.LockWith(ctx, tx, id, contacts.LockOne)
	default:
		return ledger.Lock(ctx, tx, id)
	}
}

// read loads a conversation that the caller may see; any other does not exist.
func (in *Inbox) read(ctx context.Context, by conversation.Caller, id string) (*ledger.Row, error) {
	row, err := ledger.Read(ctx, in.DB, id)
	if err == nil && !by.Sees(row.AccountID) {
		return nil, ledger.NotFound()
	}
	return row, err
}

// Locate returns the account of a conversation that the caller may see.
func (in *Inbox) Locate(ctx context.Context, by conversation.Caller, id string) (accountID string, err error) {
	row, err := in.read(ctx, by, id)
	if err != nil {
		return "", err
	}
	return row.AccountID, nil
}

// active refuses commands on a conversation that goes on in another.
func active(row *ledger.Row) error {
	if row.MergedInto == "" {
		return nil
	}
	err := conversation.Errorf(conversation.CodeConflict, "this conversation goes on in another")
	err.Details = map[string]any{"merged_into": row.MergedInto}
	return err
}

// run runs a command that needs nothing but the row, and returns the conversation after it.
func (in *Inbox) run(ctx context.Context, by conversation.Caller, id string, do func(row *ledger.Row, now time.Time) error) (Conversation, error) {
	err := in.command(ctx, by, id, lockNone, func(_ context.Context, _ bun.Tx, row *ledger.Row) error {
		if err := active(row); err != nil {
			return err
		}
		return do(row, in.Now())
	})
	if err != nil {
		return Conversation{}, err
	}
	return in.Get(ctx, by, id)
}

func agentID(by conversation.Actor) (string, error) {
	if by.Kind != conversation.ActorAgent || by.ID == "" {
		return "", conversation.Errorf(conversation.CodeForbidden, "only an agent can do this; the token belongs to a program")
	}
	return by.ID, nil
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
