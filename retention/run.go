package retention

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/internal/clock"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/team"
)

// lockKey is the advisory lock under which one process at a time deletes.
const lockKey = 7_203_451_119

const (
	// batchSize is how many rows one transaction deletes; of conversations, which have many rows each, fewer.
	batchSize         = 500
	conversationBatch = 20
	// batchPause is the rest between two transactions, so that everybody else comes first.
	batchPause = 20 * time.Millisecond
	// maxBatches bounds one run of each kind: the next run goes on.
	maxBatches = 2000
)

// Ages say how old things may become. Zero keeps them for ever.
type Ages struct{ Webhooks, Events, Changes, Conversations time.Duration }

// Counts are how many of each were, or would be, deleted.
type Counts struct {
	Webhooks      int `json:"webhooks"`
	Events        int `json:"events"`
	Changes       int `json:"changes"`
	Conversations int `json:"conversations"`
}

func (c Counts) total() int { return c.Webhooks + c.Events + c.Changes + c.Conversations }

// Keeper deletes what is too old.
type Keeper struct {
	DB     *bun.DB
	Ages   Ages
	Now    func() time.Time // the office's clock
	Logger *slog.Logger
	// Deleted is told of each batch; nil for nobody.
	Deleted func(kind string, n int)
}

// Every runs again and again until the context ends. What fails is logged and tried again at the next turn.
func (k Keeper) Every(ctx context.Context, interval time.Duration) error {
	for {
		if _, _, err := k.Run(ctx); err != nil && ctx.Err() == nil {
			k.Logger.Warn("what is too old was not deleted", "sqlstate", postgres.Code(err))
		}
		if !clock.Sleep(ctx, interval) {
			return nil
		}
	}
}

// Run deletes everything that is too old, and writes the audit if there was anything. It reports false, and does nothing,
// while another process is at it.
func (k Keeper) Run(ctx context.Context) (deleted Counts, mine bool, err error) {
	conn, err := k.DB.Conn(ctx)
	if err != nil {
		return deleted, false, fmt.Errorf("retention: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if err := conn.QueryRowContext(ctx, "SELECT pg_try_advisory_lock(?)", lockKey).Scan(&mine); err != nil || !mine {
		return deleted, false, err
	}
	defer func() {
		_, unlockErr := conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock(?)", lockKey)
		err = errors.Join(err, unlockErr)
	}()
	err = errors.Join(
		k.repeat(ctx, "webhooks", k.Ages.Webhooks, &deleted.Webhooks, (&webhookRound{}).next),
		k.repeat(ctx, "conversations", k.Ages.Conversations, &deleted.Conversations, (&conversationRound{from: merged}).next),
		k.repeat(ctx, "conversations", k.Ages.Conversations, &deleted.Conversations, (&conversationRound{from: unmerged}).next),
		k.repeat(ctx, "events", k.Ages.Events, &deleted.Events, (&eventRound{}).next),
		k.repeat(ctx, "changes", k.Ages.Changes, &deleted.Changes, changeRound),
	)
	if deleted.total() > 0 {
		k.Logger.Info("what was too old was deleted", "webhooks", deleted.Webhooks, "events", deleted.Events, "changes", deleted.Changes, "conversations", deleted.Conversations)
		err = errors.Join(err, team.Audit(context.WithoutCancel(ctx), k.DB, team.Change{
			By: conversation.Actor{Kind: conversation.ActorSystem}, Action: "retention.run", SubjectKind: "installation", SubjectID: "retention", After: deleted,
		}))
	}
	return deleted, true, err
}

// next deletes one batch of what is older than a time, and reports whether there may be more.
type next func(ctx context.Context, tx bun.Tx, before time.Time) (deleted int, more bool, err error)

func (k Keeper) repeat(ctx context.Context, kind string, age time.Duration, total *int, batch next) error {
	if age <= 0 {
		return nil
	}
	before := k.Now().Add(-age)
	for range maxBatches {
		n, more := 0, false
		err := postgres.InTx(ctx, k.DB, func(ctx context.Context, tx bun.Tx) (err error) {
			n, more, err = batch(ctx, tx, before)
			return err
		})
		if err != nil {
			return fmt.Errorf("delete old %s: %w", kind, err)
		}
		*total += n
		if n > 0 && k.Deleted != nil {
			k.Deleted(kind, n)
		}
		if !more || !clock.Sleep(ctx, batchPause) {
			break
		}
	}
	return nil
}

// Preview counts what Run would delete, and deletes nothing. It reads whole tables.
func (k Keeper) Preview(ctx context.Context) (Counts, error) {
	var found Counts
	for _, one := range []struct {
		age   time.Duration
		query string
		count *int
	}{
		{k.Ages.Webhooks, "SELECT count(*) FROM webhooks AS w WHERE received_at < ?0 AND " + webhookFree, &found.Webhooks},
		{k.Ages.Conversations, "SELECT count(*) FROM conversations AS c WHERE " + conversationFree, &found.Conversations},
		{k.Ages.Events, "SELECT count(*) FROM events AS e JOIN conversations AS c ON c.id = e.conversation_id WHERE e.recorded_at < ?0 AND e.seq <= c.applied_seq", &found.Events},
		{k.Ages.Changes, "SELECT count(*) FROM changes WHERE at < ?0", &found.Changes},
	} {
		if one.age <= 0 {
			continue
		}
		err := postgres.InTx(ctx, k.DB, func(ctx context.Context, tx bun.Tx) error {
			if _, err := tx.ExecContext(ctx, "SET LOCAL statement_timeout = 0"); err != nil {
				return err
			}
			return tx.NewRaw(one.query, k.Now().Add(-one.age)).Scan(ctx, one.count)
		})
		if err != nil {
			return found, fmt.Errorf("count what is too old: %w", err)
		}
	}
	return found, nil
}
