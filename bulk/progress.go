package bulk

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/feed"
	"guichet.dev/guichet/postgres"
)

func notFound() error {
	return conversation.Errorf(conversation.CodeNotFound, "no such bulk action")
}

// Get returns an action that the actor asked for; those of others do not exist.
func (s *Store) Get(ctx context.Context, by conversation.Actor, id string) (Progress, error) {
	if !postgres.IsID(id) {
		return Progress{}, notFound()
	}
	p, err := s.read(ctx, id)
	if err != nil {
		return Progress{}, err
	}
	if p.by != by || p.State == Selecting {
		return Progress{}, notFound()
	}
	err = postgres.Rows(ctx, s.DB, func(row *sql.Rows) error {
		var f Failure
		err := row.Scan(&f.ConversationID, &f.Code)
		p.Failures = append(p.Failures, f)
		return err
	}, "SELECT conversation_id, code FROM bulk_targets WHERE bulk_id = $1::uuid AND state = 'failed' ORDER BY position LIMIT $2", id, maxShown)
	if err != nil {
		return Progress{}, fmt.Errorf("read failures: %w", err)
	}
	return p, nil
}

func (s *Store) read(ctx context.Context, id string) (Progress, error) {
	p := Progress{ID: id, Failures: []Failure{}}
	var action []byte
	err := postgres.Raw(s.DB).QueryRowContext(ctx, `SELECT a.actor_kind, a.actor_id, coalesce(a.token_id::text, ''), a.action, a.state, a.total, a.created_at, a.finished_at, t.done, t.failed
		FROM bulk_actions a, LATERAL (SELECT count(*) FILTER (WHERE state = 'done') AS done, count(*) FILTER (WHERE state = 'failed') AS failed
			FROM bulk_targets WHERE bulk_id = a.id) AS t WHERE a.id = $1::uuid`, id).
		Scan(&p.by.Kind, &p.by.ID, &p.token, &action, &p.State, &p.Total, &p.CreatedAt, &p.FinishedAt, &p.Done, &p.Failed)
	if postgres.IsNotFound(err) {
		return p, notFound()
	}
	if err == nil {
		err = json.Unmarshal(action, &p.Action)
	}
	if err != nil {
		return p, fmt.Errorf("read a bulk action: %w", err)
	}
	return p, nil
}

// Cancel ends an action that the actor asked for. What is done stays done; a conversation that is being worked on is
// finished. One that has ended stays as it is.
func (s *Store) Cancel(ctx context.Context, by conversation.Actor, id string) (Progress, error) {
	if _, err := s.Get(ctx, by, id); err != nil {
		return Progress{}, err
	}
	if _, err := s.end(ctx, by, id, Cancelled); err != nil {
		return Progress{}, err
	}
	return s.Get(ctx, by, id)
}

// end ends a running action, and reports whether it ran.
func (s *Store) end(ctx context.Context, by conversation.Actor, id string, state State) (ended bool, err error) {
	err = postgres.InTx(ctx, s.DB, func(ctx context.Context, tx bun.Tx) error {
		result, err := postgres.Raw(tx).ExecContext(ctx, "UPDATE bulk_actions SET state = $2, finished_at = clock_timestamp() WHERE id = $1::uuid AND state = 'running'",
			id, string(state))
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		if ended = n > 0; err != nil || !ended {
			return err
		}
		return note(ctx, tx, by, id)
	})
	if err != nil {
		return false, fmt.Errorf("end a bulk action: %w", err)
	}
	return ended, nil
}

// note tells the agent who asked that something moved.
func note(ctx context.Context, tx bun.Tx, by conversation.Actor, id string) error {
	if by.Kind != conversation.ActorAgent {
		return nil
	}
	return feed.Note(ctx, tx, feed.Change{Kind: feed.ChangeBulk, SubjectID: id, AgentID: by.ID})
}
