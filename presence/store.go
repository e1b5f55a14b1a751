package presence

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/feed"
	"guichet.dev/guichet/postgres"
)

// State is whether an agent is there.
type State string

// The states. Away is chosen by the agent; offline comes by itself when nothing was heard for OfflineAfter.
const (
	Online  State = "online"
	Away    State = "away"
	Offline State = "offline"
)

// OfflineAfter is how long an agent counts as being there after the last sign: an open stream of events, or a request that
// says so.
const OfflineAfter = time.Minute

// Attendance is whether one agent is there.
type Attendance struct {
	AgentID        string     `json:"agent_id"`
	State          State      `json:"state"`
	Since          *time.Time `json:"since,omitempty" doc:"Absent for an agent who was never there"`
	WorkingTeamIDs []string   `json:"working_team_ids" nullable:"false" doc:"The teams for which the agent works now, of those that they belong to"`
}

// Store is presence in the database. Writers note changes in the feed.
type Store struct {
	DB *bun.DB
	// Moved is called in the transaction that notes that agents came or went, or work for other teams. Nil does nothing.
	Moved func(ctx context.Context, tx bun.Tx, agentIDs []string) error
	// Told is called after a commit of which Moved knows. Nil does nothing.
	Told func()
}

// change writes something down of which Moved must know; write returns whom it is about.
func (s *Store) change(ctx context.Context, write func(ctx context.Context, tx bun.Tx) (moved []string, err error)) error {
	some := false
	err := postgres.InTx(ctx, s.DB, func(ctx context.Context, tx bun.Tx) error {
		moved, err := write(ctx, tx)
		some = len(moved) > 0
		if err != nil || !some || s.Moved == nil {
			return err
		}
		return s.Moved(ctx, tx, moved)
	})
	if err == nil && some && s.Told != nil {
		s.Told()
	}
	return err
}

// ids runs a statement that returns ids.
func ids(ctx context.Context, tx bun.Tx, statement string, args ...any) ([]string, error) {
	var found []string
	err := postgres.Rows(ctx, tx, func(row *sql.Rows) error {
		var id string
		err := row.Scan(&id)
		found = append(found, id)
		return err
	}, statement, args...)
	return found, err
}

// agents selects all who may work. Who was not heard of for long is offline, also if no process has written that down.
const agents = `SELECT a.id, CASE WHEN p.seen_at < clock_timestamp() - $1::interval THEN 'offline' ELSE coalesce(p.state, 'offline') END, p.since,
		coalesce((SELECT string_agg(m.team_id::text, ' ' ORDER BY m.team_id) FROM team_members m WHERE m.agent_id = a.id AND m.working), '')
	FROM agents a LEFT JOIN agent_presence p ON p.agent_id = a.id WHERE a.state = 'active' AND ($2::uuid IS NULL OR a.id = $2::uuid) ORDER BY lower(a.name), a.id`

// All returns all active agents by name.
func (s *Store) All(ctx context.Context) ([]Attendance, error) {
	return s.read(ctx, "")
}

// One returns one active agent.
func (s *Store) One(ctx context.Context, id string) (Attendance, error) {
	found, err := s.read(ctx, id)
	if err == nil && len(found) == 0 {
		err = conversation.Errorf(conversation.CodeNotFound, "no such agent")
	}
	if err != nil {
		return Attendance{}, err
	}
	return found[0], nil
}

func (s *Store) read(ctx context.Context, id string) ([]Attendance, error) {
	list := []Attendance{}
	err := postgres.Rows(ctx, s.DB, func(row *sql.Rows) error {
		var a Attendance
		var teams string
		err := row.Scan(&a.AgentID, &a.State, &a.Since, &teams)
		a.WorkingTeamIDs = append([]string{}, strings.Fields(teams)...)
		list = append(list, a)
		return err
	}, agents, OfflineAfter.String(), postgres.NullText(id))
	if err != nil {
		return nil, fmt.Errorf("read presence: %w", err)
	}
	return list, nil
}

// Choose notes that an agent is there, or there but away, until they choose otherwise.
func (s *Store) Choose(ctx context.Context, agentID string, state State) (Attendance, error) {
	if state != Online && state != Away {
		return Attendance{}, conversation.Invalid("state", "must be online or away")
	}
	err := s.change(ctx, func(ctx context.Context, tx bun.Tx) ([]string, error) {
		return ids(ctx, tx, `WITH before AS (SELECT state FROM agent_presence WHERE agent_id = $1::uuid FOR UPDATE),
			written AS (INSERT INTO agent_presence AS p (agent_id, state, away, since, seen_at) VALUES ($1::uuid, $2, $2 = 'away', clock_timestamp(), clock_timestamp())
				ON CONFLICT (agent_id) DO UPDATE SET state = excluded.state, away = excluded.away, seen_at = excluded.seen_at,
					since = CASE WHEN p.state = excluded.state THEN p.since ELSE excluded.since END)
			INSERT INTO changes (kind, subject_id) SELECT $3, $1 WHERE NOT EXISTS (SELECT 1 FROM before WHERE state = $2) RETURNING subject_id`,
			agentID, string(state), string(feed.ChangePresence))
	})
	if err != nil {
		return Attendance{}, fmt.Errorf("choose presence: %w", err)
	}
	return s.One(ctx, agentID)
}

// Touch notes that agents are there.
func (s *Store) Touch(ctx context.Context, agentIDs []string) error {
	if len(agentIDs) == 0 {
		return nil
	}
	err := s.change(ctx, func(ctx context.Context, tx bun.Tx) ([]string, error) {
		_, err := tx.Tx.ExecContext(ctx, `INSERT INTO agent_presence (agent_id, state, since, seen_at) SELECT id, 'offline', clock_timestamp(), clock_timestamp()
			FROM agents WHERE id = ANY($1::uuid[]) ORDER BY id ON CONFLICT DO NOTHING`, agentIDs)
		if err != nil {
			return nil, err
		}
		back, err := ids(ctx, tx, `WITH back AS (UPDATE agent_presence SET state = CASE WHEN away THEN 'away' ELSE 'online' END, since = clock_timestamp()
			WHERE agent_id = ANY($1::uuid[]) AND state = 'offline' RETURNING agent_id)
			INSERT INTO changes (kind, subject_id) SELECT $2, agent_id FROM back RETURNING subject_id`, agentIDs, string(feed.ChangePresence))
		if err != nil {
			return nil, err
		}
		_, err = tx.Tx.ExecContext(ctx, "UPDATE agent_presence SET seen_at = clock_timestamp() WHERE agent_id = ANY($1::uuid[])", agentIDs)
		return back, err
	})
	if err != nil {
		return fmt.Errorf("note who is there: %w", err)
	}
	return nil
}

// Expire notes who has gone without a word.
func (s *Store) Expire(ctx context.Context) error {
	err := s.change(ctx, func(ctx context.Context, tx bun.Tx) ([]string, error) {
		return ids(ctx, tx, `WITH gone AS (UPDATE agent_presence SET state = 'offline', since = clock_timestamp()
				WHERE state <> 'offline' AND seen_at < clock_timestamp() - $1::interval RETURNING agent_id)
			INSERT INTO changes (kind, subject_id) SELECT $2, agent_id FROM gone RETURNING subject_id`, OfflineAfter.String(), string(feed.ChangePresence))
	})
	if err != nil {
		return fmt.Errorf("note who has gone: %w", err)
	}
	return nil
}

// WorkFor notes for which of their teams an agent works now. None means that they work for nobody but themselves.
func (s *Store) WorkFor(ctx context.Context, agentID string, teamIDs []string) (Attendance, error) {
	for _, id := range teamIDs {
		if !postgres.IsID(id) {
			return Attendance{}, notTheirs()
		}
	}
	err := s.change(ctx, func(ctx context.Context, tx bun.Tx) ([]string, error) {
		var theirs int
		err := tx.Tx.QueryRowContext(ctx, `WITH m AS (UPDATE team_members SET working = team_id = ANY($2::uuid[]) WHERE agent_id = $1::uuid RETURNING working)
			SELECT count(*) FROM m WHERE working`, agentID, append([]string{}, teamIDs...)).Scan(&theirs)
		if err != nil {
			return nil, fmt.Errorf("choose working teams: %w", err)
		}
		if theirs != distinct(teamIDs) {
			return nil, notTheirs()
		}
		return []string{agentID}, feed.Note(ctx, tx, feed.Change{Kind: feed.ChangePresence, SubjectID: agentID})
	})
	if err != nil {
		return Attendance{}, err
	}
	return s.One(ctx, agentID)
}

func notTheirs() error {
	return conversation.Invalid("team_ids", "must be ids of teams to which you belong")
}

func distinct(list []string) int {
	set := map[string]struct{}{}
	for _, one := range list {
		set[one] = struct{}{}
	}
	return len(set)
}
