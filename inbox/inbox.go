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
	"guichet.dev/guichet/ledger"
)

// Accounts finds the account of a conversation.
type Accounts interface {
	Cached(ctx context.Context, id string) (accounts.Account, error)
}

// Options are what an Inbox works with.
type Options struct {
	DB       *bun.DB
	Accounts Accounts
	Adapters map[conversation.Channel]channel.Adapter
	Now      func() time.Time
	// Notify is called after a commit that left something for the dispatchers.
	Notify func()
	// Freed is told when a command changed who has a conversation or where it stands, see ledger.Desk. Nil does nothing.
	Freed ledger.Freed
	// Meaning explains a provider's error code in a sentence.
	Meaning func(on conversation.Channel, code string) string
	Logger  *slog.Logger
}

// Inbox is what people see and do.
type Inbox struct{ Options }

// New returns an Inbox.
func New(o Options) *Inbox {
	return &Inbox{o}
}

// lockMode is how a command holds the contact: a consent change excludes the send gate, everything else shares it.
type lockMode int

const (
	lockNone lockMode = iota
	lockShared
	lockChange
)

// desk is where the commands are carried out.
func (in *Inbox) desk() ledger.Desk {
	return ledger.Desk{DB: in.DB, Now: in.Now, Notify: in.Notify, Freed: in.Freed}
}

// command runs one command against a locked conversation and saves it, with its contact held as the mode says.
func (in *Inbox) command(ctx context.Context, by conversation.Caller, id string, lock lockMode, do func(ctx context.Context, tx bun.Tx, row *ledger.Row) error) error {
	return in.desk().Command(ctx, by, id, holds[lock], do)
}

// repeatable is command for what may be a repetition of something that was done, see ledger.Desk.Repeatable.
func (in *Inbox) repeatable(ctx context.Context, by conversation.Caller, id string, lock lockMode, do func(ctx context.Context, tx bun.Tx, row *ledger.Row) error) error {
	return in.desk().Repeatable(ctx, by, id, holds[lock], do)
}

// holds are the locks of the contact by mode.
var holds = map[lockMode]ledger.Hold{lockShared: contacts.LockShared, lockChange: contacts.LockOne}

// read loads a conversation that the caller may see; any other does not exist.
func (in *Inbox) read(ctx context.Context, by conversation.Caller, id string) (*ledger.Row, error) {
	return in.desk().Read(ctx, by, id)
}

// Locate returns the account of a conversation that the caller may see.
func (in *Inbox) Locate(ctx context.Context, by conversation.Caller, id string) (accountID string, err error) {
	row, err := in.read(ctx, by, id)
	if err != nil {
		return "", err
	}
	return row.AccountID, nil
}

// run runs a command that needs nothing but the row, and returns the conversation after it.
func (in *Inbox) run(ctx context.Context, by conversation.Caller, id string, do func(row *ledger.Row, now time.Time) error) (Conversation, error) {
	err := in.command(ctx, by, id, lockNone, func(_ context.Context, _ bun.Tx, row *ledger.Row) error {
		if err := row.Active(); err != nil {
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
