package notifications

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/mailer"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/team"
)

const (
	poll       = 2 * time.Second
	atOnce     = 100                 // agents in one round
	newsFor    = 7 * 24 * time.Hour  // older things are no news to mail, after mails could not be sent for long
	kept       = 90 * 24 * time.Hour // entries, read or not
	sweepEvery = time.Hour
)

// Run queues digests when they are due, and deletes what is old, until the context ends.
func (s *Store) Run(ctx context.Context) error {
	var swept time.Time
	for lost := false; ; {
		var err error
		if s.Mailer.Ready() {
			_, err = s.Digest(ctx)
		}
		if err == nil && time.Since(swept) >= sweepEvery {
			swept = time.Now()
			err = s.sweep(ctx)
		}
		if err != nil && !lost && ctx.Err() == nil {
			s.Logger.WarnContext(ctx, "notifications cannot be mailed now", "code", conversation.CodeOf(err), "sqlstate", postgres.Code(err))
		}
		lost = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(poll):
		}
	}
}

// Digest queues the mails that are due, one for each agent, and returns how many. Several processes may do so at once.
func (s *Store) Digest(ctx context.Context) (int, error) {
	now := s.Now()
	var agents []string
	err := postgres.Rows(ctx, s.DB, func(found *sql.Rows) error {
		var id string
		err := found.Scan(&id)
		agents = append(agents, id)
		return err
	}, "SELECT DISTINCT agent_id::text FROM notification_facts WHERE mail_due_at <= $1 LIMIT $2", now, atOnce)
	if err != nil {
		return 0, fmt.Errorf("find due digests: %w", err)
	}
	queued := 0
	var errs []error // one agent's trouble is not the others'
	for _, agent := range agents {
		told := false
		err := postgres.InTx(ctx, s.DB, func(ctx context.Context, tx bun.Tx) (err error) {
			told, err = s.digest(ctx, tx, agent, now)
			return err
		})
		if err != nil {
			errs = append(errs, err)
		} else if told {
			queued++
		}
	}
	return queued, errors.Join(errs...)
}

// takeDue takes what is due off the agent's list, and counts what of it is still unread. Another process that does the same
// waits here, and finds nothing.
const takeDue = `WITH due AS (
		UPDATE notification_facts SET mail_due_at = NULL WHERE agent_id = $1::uuid AND mail_due_at <= $2::timestamptz
		RETURNING notification_id, kind, created_at)
	SELECT n.account_id::text, due.kind, count(*) FROM due JOIN notifications n ON n.id = due.notification_id
	WHERE n.read_at IS NULL AND due.created_at > $3::timestamptz GROUP BY n.account_id, due.kind`

// due takes what is due off the agent's list, and counts what is still unread and may be seen, by kind.
func due(ctx context.Context, tx bun.Tx, agent string, now time.Time) (map[string]int, error) {
	byAccount := map[string]map[string]int{}
	err := postgres.Rows(ctx, tx, func(found *sql.Rows) error {
		var (
			account, kind string
			n             int
		)
		if err := found.Scan(&account, &kind, &n); err != nil {
			return err
		}
		if byAccount[account] == nil {
			byAccount[account] = map[string]int{}
		}
		byAccount[account][kind] = n
		return nil
	}, takeDue, agent, now, now.Add(-newsFor))
	if err != nil {
		return nil, fmt.Errorf("take due notifications: %w", err)
	}
	counts := map[string]int{}
	for account, some := range byAccount {
		seeing, err := team.Seeing(ctx, tx, account, []string{agent}, nil)
		if err != nil {
			return nil, err
		}
		if len(seeing) == 0 {
			continue
		}
		for kind, n := range some {
			counts[kind] += n
		}
	}
	return counts, nil
}

func (s *Store) digest(ctx context.Context, tx bun.Tx, agent string, now time.Time) (bool, error) {
	counts, err := due(ctx, tx, agent, now)
	if err != nil || len(counts) == 0 {
		return false, err
	}
	data := map[string]string{}
	for kind, n := range counts {
		data[kind] = strconv.Itoa(n)
	}
	var to, name, language string
	if err := tx.Tx.QueryRowContext(ctx, "SELECT email, name, language FROM agents WHERE id = $1::uuid", agent).Scan(&to, &name, &language); err != nil {
		return false, fmt.Errorf("read whom to mail: %w", err)
	}
	data["name"], data["link"] = name, s.PublicURL()+"/"
	if data["unsubscribe"], err = s.unsubscribeLink(agent); err != nil {
		return false, err
	}
	if err := s.Mailer.Send(ctx, tx, to, mailer.KindDigest, language, data); err != nil {
		return false, fmt.Errorf("queue a digest: %w", err)
	}
	return true, nil
}

// sweep deletes old entries with all that is in them.
func (s *Store) sweep(ctx context.Context) error {
	_, err := postgres.Raw(s.DB).ExecContext(ctx, "DELETE FROM notifications WHERE changed_at < $1", s.Now().Add(-kept))
	if err != nil {
		return fmt.Errorf("delete old notifications: %w", err)
	}
	return nil
}
