package assignment

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
)

// enqueue lets a conversation wait for a team, or without one for whoever sees the account. One that waits already keeps its
// place. It holds the lock: so the numbers are in the order of the commits, and whoever makes room meanwhile finds it.
func (s *Store) enqueue(ctx context.Context, tx bun.Tx, row *ledger.Row, teamID string, way trail, r Request) (Outcome, error) {
	if err := s.lock(ctx, tx); err != nil {
		return Outcome{}, err
	}
	if err := endOffer(ctx, tx, row); err != nil {
		return Outcome{}, err
	}
	out := Outcome{Result: Queued, TeamID: row.TeamID}
	if teamID != "" {
		out.TeamID = teamID
	}
	if row.AssigneeID != "" || row.TeamID != out.TeamID {
		row.AssigneeID, row.TeamID = "", out.TeamID
		r.write(row, conversation.EventAssigned, "assigned", conversation.EventData{TeamID: row.TeamID, Step: string(StepQueue)})
	}
	if row.QueuedAt.IsZero() {
		row.QueuedAt = r.Now.UTC().Truncate(time.Microsecond)
		r.write(row, conversation.EventQueued, "queued", conversation.EventData{TeamID: teamID})
	}
	return out, postgres.Later(ctx, tx, "join the queue", `INSERT INTO assignment_queue (conversation_id, account_id, team_id, priority, queued_at, declined, told)
			VALUES ($1::uuid, $2::uuid, $3::uuid, $4, $5, $6::uuid[], $7)
		ON CONFLICT (conversation_id) DO UPDATE SET team_id = excluded.team_id, priority = excluded.priority`,
		row.ID, row.AccountID, postgres.NullText(teamID), row.Priority, row.QueuedAt, list(way.declined), way.told)
}

// leaveQueue takes a conversation out of its queue, if it waits in one. Only whoever holds the conversation changes its place,
// so this needs no lock.
func leaveQueue(ctx context.Context, tx bun.Tx, row *ledger.Row) error {
	if row.QueuedAt.IsZero() {
		return nil
	}
	row.QueuedAt = time.Time{}
	return postgres.Later(ctx, tx, "leave the queue", "DELETE FROM assignment_queue WHERE conversation_id = $1::uuid", row.ID)
}

// behind reports whether others wait in the queue that the pool has, so that a conversation for which somebody has room must
// wait behind them all the same. It calls the one who has room: somebody holds the first in the queue, or it would not wait.
func (s *Store) behind(ctx context.Context, tx bun.Tx, row *ledger.Row, p pool, found agent) (Result, error) {
	var waits bool
	err := postgres.Raw(tx).QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM assignment_queue WHERE account_id = $1::uuid AND team_id IS NOT DISTINCT FROM $2::uuid
		AND priority >= $3 AND conversation_id <> $4::uuid AND NOT $5::uuid = ANY (declined))`,
		row.AccountID, postgres.NullText(p.team), row.Priority, row.ID, found.ID).Scan(&waits)
	if err != nil {
		return "", fmt.Errorf("look into the queue: %w", err)
	}
	if !waits {
		return Assigned, nil
	}
	return BehindOthers, call(ctx, tx, found.ID)
}

// call has somebody look, after the commit, what an agent can take from the queues. It never waits.
func call(ctx context.Context, tx bun.Tx, agentIDs ...string) error {
	return postgres.Later(ctx, tx, "call agents", "INSERT INTO assignment_calls (agent_id) SELECT unnest($1::uuid[])", agentIDs)
}

// line is one queue: of a team on an account, or without a team of the account.
type line struct{ account, team string }

// place is a conversation in a queue.
type place struct {
	id       string
	line     line
	number   int64
	declined []string
	told     bool
}

// lines returns the queues in which something waits.
func lines(ctx context.Context, tx bun.Tx) ([]line, error) {
	var found []line
	err := postgres.Rows(ctx, tx, scanLine(&found), "SELECT account_id::text, coalesce(team_id::text, '') FROM assignment_queue GROUP BY 1, 2 ORDER BY 1, 2")
	if err != nil {
		return nil, fmt.Errorf("read the queues: %w", err)
	}
	return found, nil
}

// first returns who comes next in some queues, of those that the agent did not decline; an empty agent declined nothing.
func first(ctx context.Context, tx bun.Tx, of []line, agentID string, most int) ([]place, error) {
	accounts, teams := make([]string, len(of)), make([]*string, len(of))
	for i, l := range of {
		accounts[i], teams[i] = l.account, postgres.NullText(l.team)
	}
	var found []place
	err := postgres.Rows(ctx, tx, scanPlace(&found), `SELECT q.conversation_id::text, q.account_id::text, coalesce(q.team_id::text, ''), q.number, array_to_string(q.declined, ' '), q.told
		FROM assignment_queue AS q JOIN unnest($1::uuid[], $2::uuid[]) AS l (account, team) ON q.account_id = l.account AND q.team_id IS NOT DISTINCT FROM l.team
		WHERE $3::uuid IS NULL OR NOT $3::uuid = ANY (q.declined)
		ORDER BY q.priority DESC, q.number LIMIT $4`, accounts, teams, postgres.NullText(agentID), most)
	if err != nil {
		return nil, fmt.Errorf("read the queue: %w", err)
	}
	return found, nil
}
