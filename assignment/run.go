package assignment

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/internal/clock"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
)

const (
	// callsEvery is how long an agent who was called waits at most.
	callsEvery = 500 * time.Millisecond
	// sweepEvery is how long room can stay unnoticed that nobody told of, such as that of a shift which began.
	sweepEvery = time.Minute
	// callsAtOnce bounds one round.
	callsAtOnce = 100
)

// Run serves the queues until the context ends: agents who were called, all of them when somebody's access or a plan changed,
// and from time to time. Any number of processes may do so at once.
func (s *Store) Run(ctx context.Context) error {
	for next := time.Now(); ; {
		select {
		case <-s.sweep:
			next = time.Now()
		default:
		}
		s.attempt(ctx, s.Answer)
		if !time.Now().Before(next) {
			s.attempt(ctx, s.Sweep)
			next = time.Now().Add(sweepEvery)
		}
		if !clock.Sleep(ctx, callsEvery) {
			return nil
		}
	}
}

// attempt serves some queues. The schema may not be there yet, or the database away.
func (s *Store) attempt(ctx context.Context, serve func(context.Context) error) {
	if err := serve(ctx); err != nil && ctx.Err() == nil {
		s.Logger.WarnContext(ctx, "the queues of assignment were not served", "sqlstate", postgres.Code(err), "again_in", callsEvery)
	}
}

// Look has Run look at all queues soon, because somebody's access changed, or a plan.
func (s *Store) Look() {
	select {
	case s.sweep <- struct{}{}:
	default: // it has been told already
	}
}

// Sweep gives from all queues what can be given.
func (s *Store) Sweep(ctx context.Context) error {
	for {
		n := 0
		err := s.serving(ctx, func(ctx context.Context, tx bun.Tx) ([]*ledger.Row, error) {
			if err := s.lock(ctx, tx); err != nil {
				return nil, err
			}
			w := s.work(tx, nil)
			var err error
			n, err = w.serveAll(ctx, maxServed)
			return w.rows(), err
		})
		if err != nil || n < maxServed {
			return err
		}
	}
}

// Answer serves the agents who were called.
func (s *Store) Answer(ctx context.Context) error {
	called, err := texts(ctx, s.DB, "SELECT DISTINCT agent_id::text FROM assignment_calls ORDER BY 1 LIMIT $1", callsAtOnce)
	if err != nil {
		return fmt.Errorf("read who was called: %w", err)
	}
	var failed []error
	for _, agentID := range called { // one whose conversation cannot be had must not keep the others waiting
		failed = append(failed, s.answer(ctx, agentID))
	}
	return errors.Join(failed...)
}

// answer locks the first of all queues in the order of locks, so that it waits for whoever holds them, and serves the agent.
func (s *Store) answer(ctx context.Context, agentID string) error {
	return s.serving(ctx, func(ctx context.Context, tx bun.Tx) ([]*ledger.Row, error) {
		firsts, err := texts(ctx, tx, `SELECT conversation_id::text FROM (SELECT DISTINCT ON (account_id, team_id) conversation_id FROM assignment_queue
			WHERE NOT $1::uuid = ANY (declined) ORDER BY account_id, team_id, priority DESC, number) AS q`, agentID)
		if err != nil {
			return nil, fmt.Errorf("read the first of the queues: %w", err)
		}
		held, err := ledger.LockAll(ctx, tx, firsts)
		if err != nil {
			return nil, err
		}
		if err := s.lock(ctx, tx); err != nil {
			return nil, err
		}
		if err := postgres.Later(ctx, tx, "answer a call", "DELETE FROM assignment_calls WHERE agent_id = $1::uuid", agentID); err != nil {
			return nil, err
		}
		w := s.work(tx, held)
		err = w.serve(ctx, agentID, maxServed)
		return w.rows(), err
	})
}

// serving runs a transaction that serves, saves what it changed and tells the dispatchers.
func (s *Store) serving(ctx context.Context, serve func(ctx context.Context, tx bun.Tx) ([]*ledger.Row, error)) error {
	told := false
	err := postgres.InPipeline(ctx, s.DB, func(ctx context.Context, tx bun.Tx) error {
		rows, err := serve(ctx, tx)
		if err != nil {
			return err
		}
		if told = len(rows) > 0; !told {
			return nil
		}
		return ledger.Save(ctx, tx, s.Now(), rows...)
	})
	if err == nil && told {
		s.Notify()
	}
	return err
}
