package assignment

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/team"
)

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
	err := postgres.InTx(ctx, s.DB, func(ctx context.Context, tx bun.Tx) (err error) {
		plan, err = s.SetPlanIn(ctx, tx, by, accountID, plan)
		return err
	})
	if err == nil {
		s.Look()
	}
	return plan, err
}

// SetPlanIn is SetPlan within the caller's transaction, after whose commit the caller calls Look.
func (s *Store) SetPlanIn(ctx context.Context, tx bun.Tx, by conversation.Actor, accountID string, plan Plan) (Plan, error) {
	if err := plan.clean(); err != nil {
		return plan, err
	}
	faults, err := plan.Refers(ctx, tx)
	if err == nil {
		err = faults.First()
	}
	if err != nil {
		return plan, err
	}
	before, had, err := readPlan(ctx, tx, accountID, " FOR UPDATE")
	if err != nil {
		return plan, err
	}
	text, err := json.Marshal(plan)
	if err != nil {
		return plan, fmt.Errorf("plan of assignment: %w", err)
	}
	at := s.Now().UTC().Truncate(time.Microsecond)
	_, err = tx.Tx.ExecContext(ctx, `INSERT INTO assignment_plans (account_id, plan, updated_at) VALUES ($1::uuid, $2::jsonb, $3)
		ON CONFLICT (account_id) DO UPDATE SET plan = excluded.plan, updated_at = excluded.updated_at`, accountID, string(text), at)
	if err != nil {
		return plan, fmt.Errorf("write the plan of assignment: %w", err)
	}
	change := team.Change{By: by, Action: "accounts.assignment_plan", SubjectKind: team.SubjectAccount, SubjectID: accountID, After: plan}
	if before.UpdatedAt = nil; had {
		change.Before = before
	}
	plan.UpdatedAt = &at
	return plan, team.Audit(ctx, tx, change)
}

// Plans returns the plans of all accounts that have one, by the account's id.
func (s *Store) Plans(ctx context.Context, db bun.IDB) (map[string]Plan, error) {
	plans := make(map[string]Plan)
	err := postgres.Rows(ctx, db, func(row *sql.Rows) error {
		var (
			id   string
			text []byte
			plan Plan
		)
		if err := row.Scan(&id, &text); err != nil {
			return err
		}
		err := json.Unmarshal(text, &plan)
		plans[id] = plan
		return err
	}, "SELECT account_id::text, plan FROM assignment_plans")
	if err != nil {
		return nil, fmt.Errorf("read the plans of assignment: %w", err)
	}
	return plans, nil
}
