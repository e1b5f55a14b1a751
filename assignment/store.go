package assignment

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/team"
)

// Options are what a store works with.
type Options struct {
	DB  *bun.DB
	Now func() time.Time
	// Notify is called after a commit that left something for the dispatchers.
	Notify func()
	// OnShift reports whether an agent works at a time. It is asked within transactions and must not need a session of the same
	// pool. Nil means always.
	OnShift func(ctx context.Context, agentID string, now time.Time) (bool, error)
	// BusinessTime returns when an account's business has been open for as long as given, from a time on. Nil counts all time.
	BusinessTime func(ctx context.Context, accountID string, from time.Time, d time.Duration) (time.Time, error)
	// Tell queues an automatic message to the customer, for a chain that an agent's refusal brought to its end. Nil tells nothing.
	Tell func(ctx context.Context, tx bun.Tx, row *ledger.Row, text string) error
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
		o.OnShift = func(context.Context, string, time.Time) (bool, error) { return true, nil }
	}
	if o.BusinessTime == nil {
		o.BusinessTime = func(_ context.Context, _ string, from time.Time, d time.Duration) (time.Time, error) {
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

// Plan returns how an account's conversations are assigned. An account without a plan has an empty one.
func (s *Store) Plan(ctx context.Context, accountID string) (Plan, error) {
	plan, _, err := readPlan(ctx, s.DB, accountID, "")
	return plan, err
}

// readPlan reports also whether there is a plan.
func readPlan(ctx context.Context, db bun.IDB, accountID, lock string) (Plan, bool, error) {
	var (
		plan Plan
		text []byte
		at   time.Time
	)
	err := postgres.Raw(db).QueryRowContext(ctx, "SELECT plan, updated_at FROM assignment_plans WHERE account_id = $1::uuid"+lock, accountID).Scan(&text, &at)
	if postgres.IsNotFound(err) {
		return plan, false, plan.clean()
	}
	if err == nil {
		err = json.Unmarshal(text, &plan)
	}
	if err != nil {
		return plan, false, fmt.Errorf("read the plan of assignment: %w", err)
	}
	plan.UpdatedAt = &at
	return plan, true, nil
}

// SetPlan replaces the plan of an account. What waits is looked at again by the new one.
func (s *Store) SetPlan(ctx context.Context, by conversation.Actor, accountID string, plan Plan) (Plan, error) {
	if err := plan.clean(); err != nil {
		return plan, err
	}
	at := s.Now().UTC().Truncate(time.Microsecond)
	err := postgres.InTx(ctx, s.DB, func(ctx context.Context, tx bun.Tx) error {
		if err := plan.refers(ctx, tx); err != nil {
			return err
		}
		before, had, err := readPlan(ctx, tx, accountID, " FOR UPDATE")
		if err != nil {
			return err
		}
		text, err := json.Marshal(plan)
		if err != nil {
			return fmt.Errorf("plan of assignment: %w", err)
		}
		_, err = tx.Tx.ExecContext(ctx, `INSERT INTO assignment_plans (account_id, plan, updated_at) VALUES ($1::uuid, $2::jsonb, $3)
			ON CONFLICT (account_id) DO UPDATE SET plan = excluded.plan, updated_at = excluded.updated_at`, accountID, string(text), at)
		if err != nil {
			return fmt.Errorf("write the plan of assignment: %w", err)
		}
		change := team.Change{By: by, Action: "accounts.assignment_plan", SubjectKind: team.SubjectAccount, SubjectID: accountID, After: plan}
		if before.UpdatedAt = nil; had {
			change.Before = before
		}
		return team.Audit(ctx, tx, change)
	})
	if err != nil {
		return plan, err
	}
	plan.UpdatedAt = &at
	s.Look()
	return plan, nil
}

// texts reads one column of text.
func texts(ctx context.Context, tx bun.IDB, query string, args ...any) ([]string, error) {
	var list []string
	err := postgres.Rows(ctx, tx, func(row *sql.Rows) error {
		var one string
		err := row.Scan(&one)
		list = append(list, one)
		return err
	}, query, args...)
	return list, err
}
