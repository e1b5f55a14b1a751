package assignment

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/team"
)

// MaxCapacity is the most that an agent can have.
const MaxCapacity = 500

// Capacity is how much an agent can have, and has.
type Capacity struct {
	AgentID  string `json:"agent_id"`
	Capacity int    `json:"capacity"`
	Load     int    `json:"load" doc:"Open conversations by the weight of their accounts, offers among them"`
	Offers   int    `json:"offers" doc:"How many of them are offers that are not taken up yet"`
}

// Capacities returns how much the active agents can have and have, by name.
func (s *Store) Capacities(ctx context.Context) ([]Capacity, error) {
	return s.capacities(ctx, s.DB, "")
}

func (s *Store) capacities(ctx context.Context, db bun.IDB, agentID string) ([]Capacity, error) {
	found := []Capacity{}
	err := postgres.Rows(ctx, db, func(row *sql.Rows) error {
		var c Capacity
		err := row.Scan(&c.AgentID, &c.Capacity, &c.Load, &c.Offers)
		found = append(found, c)
		return err
	}, `SELECT a.id::text, `+capacity+`, coalesce(l.load, 0), (SELECT count(*) FROM assignment_offers AS o WHERE o.agent_id = a.id)
		FROM agents AS a LEFT JOIN agent_capacities AS k ON k.agent_id = a.id
		LEFT JOIN (SELECT c.assignee_id, sum(coalesce(w.weight, 1)) AS load FROM conversations AS c LEFT JOIN assignment_plans AS w ON w.account_id = c.account_id
			WHERE c.assignee_id IS NOT NULL AND c.status = 'open' AND c.merged_into IS NULL AND ($1::uuid IS NULL OR c.assignee_id = $1::uuid) GROUP BY 1) AS l ON l.assignee_id = a.id
		WHERE a.state = 'active' AND ($1::uuid IS NULL OR a.id = $1::uuid) ORDER BY lower(a.name), a.id`, postgres.NullText(agentID))
	if err != nil {
		return nil, fmt.Errorf("read what agents have: %w", err)
	}
	return found, nil
}

// SetCapacity says how much an agent can have. One who can have more gets it from the queues in the same transaction; one who
// can have less keeps what they have.
func (s *Store) SetCapacity(ctx context.Context, by conversation.Actor, agentID string, most int) (Capacity, error) {
	var after Capacity
	err := s.serving(ctx, func(ctx context.Context, tx bun.Tx) (given []*ledger.Row, err error) {
		after, given, err = s.setCapacity(ctx, tx, by, agentID, most)
		return given, err
	})
	return after, err
}

// SetCapacityIn is SetCapacity within the caller's transaction, which holds the lock of all automatic assignment from then on.
// After its commit the caller calls Notify.
func (s *Store) SetCapacityIn(ctx context.Context, tx bun.Tx, by conversation.Actor, agentID string, most int) (Capacity, error) {
	after, given, err := s.setCapacity(ctx, tx, by, agentID, most)
	if err == nil && len(given) > 0 {
		err = ledger.Save(ctx, tx, s.Now(), given...)
	}
	return after, err
}

// setCapacity returns also the conversations that the agent was given, which the caller saves.
func (s *Store) setCapacity(ctx context.Context, tx bun.Tx, by conversation.Actor, agentID string, most int) (after Capacity, given []*ledger.Row, err error) {
	if most < 0 || most > MaxCapacity {
		return after, nil, conversation.Invalid("capacity", "must be 0 to %d", MaxCapacity)
	}
	if err := s.lock(ctx, tx); err != nil {
		return after, nil, err
	}
	before, err := s.capacities(ctx, tx, agentID)
	if err != nil {
		return after, nil, err
	}
	if len(before) == 0 {
		return after, nil, conversation.Errorf(conversation.CodeNotFound, "no such active agent")
	}
	err = postgres.Later(ctx, tx, "set a capacity", `INSERT INTO agent_capacities (agent_id, capacity) VALUES ($1::uuid, $2)
		ON CONFLICT (agent_id) DO UPDATE SET capacity = excluded.capacity`, agentID, most)
	if err != nil {
		return after, nil, err
	}
	after = before[0]
	after.Capacity = most
	change := team.Change{By: by, Action: "agents.capacity", SubjectKind: "agent", SubjectID: agentID, Before: kept(before[0]), After: kept(after)}
	if err := team.Audit(ctx, tx, change); err != nil {
		return after, nil, err
	}
	w := s.work(tx, nil)
	if err := w.serve(ctx, agentID, maxServed); err != nil {
		return after, nil, err
	}
	for _, row := range w.given {
		if row.AssigneeID == agentID {
			after.Load += w.plans[row.AccountID].Weight
		}
	}
	return after, w.rows(), nil
}

// SetCapacities returns how much agents can have, by their ids, where somebody said so; the others can have the default.
func (s *Store) SetCapacities(ctx context.Context, db bun.IDB) (map[string]int, error) {
	said := make(map[string]int)
	err := postgres.Rows(ctx, db, func(row *sql.Rows) error {
		var (
			id   string
			most int
		)
		err := row.Scan(&id, &most)
		said[id] = most
		return err
	}, "SELECT agent_id::text, capacity FROM agent_capacities")
	if err != nil {
		return nil, fmt.Errorf("read capacities: %w", err)
	}
	return said, nil
}

// kept is what the audit keeps of a capacity.
func kept(c Capacity) map[string]int { return map[string]int{"capacity": c.Capacity} }
