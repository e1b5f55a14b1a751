package bulk

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/internal/failpoint"
	"guichet.dev/guichet/labels"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/team"
)

const (
	// batch is how many conversations are worked on between two looks at the lease and at who asked.
	batch = 20
	// lease is how long a worker has for a batch before another one takes over; as SQL.
	lease = "interval '30 seconds'"
	// pollEvery is how soon a worker sees a new action.
	pollEvery = time.Second
)

// Run carries out what is asked for until the context ends. Any number of processes may run it.
func (s *Store) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		worked, err := s.Work(ctx)
		if err != nil && ctx.Err() == nil {
			s.Logger.WarnContext(ctx, "a bulk action waits", "code", conversation.CodeOf(err), "sqlstate", postgres.Code(err))
		}
		if worked && err == nil {
			continue
		}
		select {
		case <-ctx.Done():
		case <-time.After(pollEvery):
		}
	}
	return nil
}

// Work takes up one action that nobody works on, carries it out to its end or until the context ends, and reports whether
// there was one.
func (s *Store) Work(ctx context.Context) (worked bool, err error) {
	id, err := s.take(ctx)
	if err != nil || id == "" {
		return false, err
	}
	p, err := s.read(ctx, id)
	if err != nil {
		return true, err
	}
	for {
		ids, err := s.pending(ctx, id)
		if err != nil {
			return true, err
		}
		if len(ids) == 0 {
			_, err := s.end(ctx, p.by, id, Finished)
			return true, err
		}
		if err := s.carryOut(ctx, p, ids); err != nil {
			return true, errors.Join(err, s.release(context.WithoutCancel(ctx), id))
		}
		if going, err := s.renew(ctx, p.by, id); err != nil || !going {
			return true, err
		}
	}
}

// take leases the oldest action whose lease has run out, and removes one that was given up while it was written.
func (s *Store) take(ctx context.Context) (id string, err error) {
	if _, err := postgres.Raw(s.DB).ExecContext(ctx, "DELETE FROM bulk_actions WHERE state = 'selecting' AND created_at < clock_timestamp() - interval '10 minutes'"); err != nil {
		return "", fmt.Errorf("remove what was given up: %w", err)
	}
	err = postgres.Raw(s.DB).QueryRowContext(ctx, `UPDATE bulk_actions SET leased_until = clock_timestamp() + `+lease+` WHERE id = (
		SELECT id FROM bulk_actions WHERE state = 'running' AND leased_until < clock_timestamp() ORDER BY created_at LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id`).Scan(&id)
	if postgres.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("take up a bulk action: %w", err)
	}
	return id, nil
}

func (s *Store) renew(ctx context.Context, by conversation.Actor, id string) (going bool, err error) {
	err = postgres.InTx(ctx, s.DB, func(ctx context.Context, tx bun.Tx) error {
		result, err := postgres.Raw(tx).ExecContext(ctx, "UPDATE bulk_actions SET leased_until = clock_timestamp() + "+lease+" WHERE id = $1::uuid AND state = 'running'", id)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		if going = n > 0; err != nil || !going {
			return err
		}
		return note(ctx, tx, by, id)
	})
	if err != nil {
		return false, fmt.Errorf("renew a lease: %w", err)
	}
	return going, nil
}

// release lets another worker go on at once.
func (s *Store) release(ctx context.Context, id string) error {
	_, err := postgres.Raw(s.DB).ExecContext(ctx, "UPDATE bulk_actions SET leased_until = '-infinity' WHERE id = $1::uuid", id)
	return err
}

func (s *Store) pending(ctx context.Context, id string) (ids []string, err error) {
	err = postgres.Rows(ctx, s.DB, func(row *sql.Rows) error {
		var id string
		err := row.Scan(&id)
		ids = append(ids, id)
		return err
	}, "SELECT conversation_id FROM bulk_targets WHERE bulk_id = $1::uuid AND state = 'pending' ORDER BY position LIMIT $2", id, batch)
	if err != nil {
		return nil, fmt.Errorf("read targets: %w", err)
	}
	return ids, nil
}

// carryOut works on a batch as whoever asked, with what they may do and see now.
func (s *Store) carryOut(ctx context.Context, p Progress, ids []string) error {
	asker, err := s.Askers.Asker(ctx, p.by, p.token)
	code := conversation.CodeOf(err)
	switch {
	case code == conversation.CodeInternal:
		return err
	case err == nil && !asker.Can(permissions[p.Action.Kind]):
		code = conversation.CodeForbidden
	}
	if code != "" {
		return s.fail(ctx, p.ID, code, ids...)
	}
	for _, id := range ids {
		if err := s.one(ctx, p, asker, id); err != nil {
			return err
		}
		failpoint.Hit("bulk.one")
	}
	return nil
}

// errTaken says that somebody else has done it, or is past it.
var errTaken = errors.New("the target is not pending")

// one does it with one conversation. An error is one for which all must wait.
func (s *Store) one(ctx context.Context, p Progress, asker team.Principal, id string) error {
	claimed := ledger.WithClaim(ctx, func(ctx context.Context, tx bun.Tx) error {
		result, err := postgres.Raw(tx).ExecContext(ctx, "UPDATE bulk_targets SET state = 'done' WHERE bulk_id = $1::uuid AND conversation_id = $2::uuid AND state = 'pending'", p.ID, id)
		if err != nil {
			return fmt.Errorf("claim a target: %w", err)
		}
		n, err := result.RowsAffected()
		if err == nil && n == 0 {
			err = errTaken
		}
		return err
	})
	err := s.do(claimed, conversation.Caller{Actor: p.by, Sight: asker.Sight}, id, p.Action)
	switch {
	case err == nil, errors.Is(err, errTaken):
		return nil
	case ctx.Err() != nil, postgres.IsUnavailable(err), errors.Is(err, postgres.ErrCommitUnknown):
		return err
	default: // it was undone with its claim, or failed afterwards and stays done
		if conversation.CodeOf(err) == conversation.CodeInternal {
			s.Logger.ErrorContext(ctx, "a bulk action failed on a conversation", "conversation_id", id, "sqlstate", postgres.Code(err))
		}
		return s.fail(ctx, p.ID, conversation.CodeOf(err), id)
	}
}

func (s *Store) fail(ctx context.Context, bulkID string, code conversation.Code, ids ...string) error {
	_, err := postgres.Raw(s.DB).ExecContext(ctx, "UPDATE bulk_targets SET state = 'failed', code = $3 WHERE bulk_id = $1::uuid AND conversation_id = ANY($2::uuid[]) AND state = 'pending'",
		bulkID, ids, string(code))
	if err != nil {
		return fmt.Errorf("note a failure: %w", err)
	}
	return nil
}

// do runs the command that a single conversation would get.
func (s *Store) do(ctx context.Context, by conversation.Caller, id string, a Task) (err error) {
	switch a.Kind {
	case Assign:
		_, err = s.Inbox.Assign(ctx, by, id, a.assignment())
	case AddLabel:
		err = s.Labels.Add(ctx, by, id, labels.Choice{ID: a.LabelID})
	case RemoveLabel:
		err = s.Labels.Remove(ctx, by, id, a.LabelID)
	case Done:
		_, err = s.Inbox.Done(ctx, by, id)
	case Reopen:
		_, err = s.Inbox.Reopen(ctx, by, id)
	case Snooze:
		_, err = s.Inbox.Snooze(ctx, by, id, a.until())
	case Read:
		_, err = s.Inbox.Read(ctx, by, id, inbox.Everything)
	case Unread:
		_, err = s.Inbox.Unread(ctx, by, id)
	case Prioritise:
		_, err = s.Inbox.SetPriority(ctx, by, id, a.Priority)
	default:
		err = conversation.Invalid("action.kind", "must be one of %v", Kinds())
	}
	return err
}
