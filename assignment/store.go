package assignment

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
)

// Options are what a store works with.
type Options struct {
	DB  *bun.DB
	Now func() time.Time
	// Notify is called after a commit that left something for the dispatchers.
	Notify func()
	// OnShift reports whether an agent works at a time. It is asked within transactions. Nil means always.
	OnShift func(ctx context.Context, db bun.IDB, agentID string, now time.Time) (bool, error)
	// BusinessTime returns when an account's business has been open for as long as given, from a time on. Nil counts all time.
	BusinessTime func(ctx context.Context, db bun.IDB, accountID string, from time.Time, d time.Duration) (time.Time, error)
	// Chance returns a random number below n. Nil takes the library's.
	Chance func(n int) int
	Logger *slog.Logger // nil is silent
}

// Store is assignment in the database.
type Store struct {
	Options
	sweep chan struct{} // somebody's access or an account's plan changed
}

// NewStore returns what assigns conversations.
func NewStore(o Options) *Store {
	if o.OnShift == nil {
		o.OnShift = func(context.Context, bun.IDB, string, time.Time) (bool, error) { return true, nil }
	}
	if o.BusinessTime == nil {
		o.BusinessTime = func(_ context.Context, _ bun.IDB, _ string, from time.Time, d time.Duration) (time.Time, error) {
			return from.Add(d), nil
		}
	}
	if o.Chance == nil {
		o.Chance = rand.IntN
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Notify == nil {
		o.Notify = func() {}
	}
	return &Store{Options: o, sweep: make(chan struct{}, 1)}
}

// desk is where the commands of agents are carried out.
func (s *Store) desk() ledger.Desk {
	return ledger.Desk{DB: s.DB, Now: s.Now, Notify: s.Notify, Freed: s.Freed}
}

// theLock is the number of the advisory lock of all automatic assignment.
const theLock = 7_203_451_119

// lock makes the transaction the only one that assigns, until it ends.
func (s *Store) lock(ctx context.Context, tx bun.Tx) error {
	return postgres.Later(ctx, tx, "lock assignment", "SELECT pg_advisory_xact_lock($1)", int64(theLock))
}

// lockIfAwaited is lock if anything waits in a queue. Else it shares the lock: whoever is about to queue something waits for
// this transaction, and finds the room that it makes. What the pointer is set to is known after the next statement.
func (s *Store) lockIfAwaited(ctx context.Context, tx bun.Tx, alone *bool) error {
	return postgres.LaterRows(ctx, tx, "lock assignment", func(row postgres.Row) error { return row.Scan(alone) },
		`SELECT alone FROM (SELECT EXISTS (SELECT 1 FROM assignment_queue) AS alone OFFSET 0) AS q,
			LATERAL (SELECT CASE WHEN alone THEN pg_advisory_xact_lock($1) ELSE pg_advisory_xact_lock_shared($1) END) AS l`, int64(theLock))
}
