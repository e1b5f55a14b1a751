package automation

import (
	"context"
	"log/slog"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/accounts"
	"guichet.dev/guichet/hours"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/rules"
)

// Accounts finds the account of a conversation.
type Accounts interface {
	Cached(ctx context.Context, id string) (accounts.Account, error)
}

// Rulebook has the published versions of the rules.
type Rulebook interface {
	// Set returns a version, ready to decide; version 0 has no rules.
	Set(ctx context.Context, db bun.IDB, version int) (*rules.Set, error)
	// Compile makes a definition ready to decide that was not published.
	Compile(ctx context.Context, db bun.IDB, d rules.Edition) (*rules.Set, error)
}

// Calendars has the business hours.
type Calendars interface {
	// Hours returns a calendar as it was changed last at the given time.
	Hours(ctx context.Context, db bun.IDB, id string, changed time.Time) (*hours.Hours, error)
	// OfAccount returns the hours of an account, nil if it has none.
	OfAccount(ctx context.Context, db bun.IDB, accountID string) (*hours.Hours, error)
}

// Options are what an Automation works with.
type Options struct {
	DB *bun.DB
	// Advances are the sessions for Advance, opened with postgres.Options.KeyLookups; nil uses DB.
	Advances  *bun.DB
	Accounts  Accounts
	Rulebook  Rulebook
	Calendars Calendars
	Assigner  Assigner
	Now       func() time.Time
	// Notify is called after a commit that left something for the dispatchers.
	Notify func()
	// Announce is called after a commit that left events only; nil does nothing.
	Announce func()
	// Observer counts how rules ended; nil counts nothing.
	Observer Observer
	Logger   *slog.Logger
}

// Observer is told what the metrics count.
type Observer interface {
	// Rule is called after the commit for every rule that matched or should have.
	Rule(trigger, result string)
}

type noObserver struct{}

func (noObserver) Rule(string, string) {}

// Automation carries decisions into the record.
type Automation struct{ Options }

// New returns an Automation.
func New(o Options) *Automation {
	if o.Advances == nil {
		o.Advances = o.DB
	}
	if o.Announce == nil {
		o.Announce = func() {}
	}
	if o.Observer == nil {
		o.Observer = noObserver{}
	}
	return &Automation{o}
}

// desk is where people's commands on what the automation does are carried out.
func (a *Automation) desk() ledger.Desk {
	return ledger.Desk{DB: a.DB, Now: a.Now, Notify: a.Notify, Freed: a.Assigner.Freed}
}
