package feed

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
)

const (
	defaultBatch = 200
	defaultPoll  = time.Second
	pendingPoll  = 25 * time.Millisecond // while something is committed that cannot be served yet
	defaultPause = 25 * time.Millisecond
	maxTries     = 3                // of a batch, and then of each of its entries
	maxPause     = 10 * time.Second // between tries
	keepPlace    = time.Minute      // how often the place is written although there is nothing to apply
)

// Consumer is a durable reader of the feed: it applies each entry in the transaction that moves its place, so exactly once.
// Only one process at a time works for a name; the others stand by. After a restore from a backup some entries may come
// again.
//
// An entry that cannot be applied holds nothing up: after some tries the entries are applied one by one, and the bad one is
// written to feed_failures, by codes only, and left behind.
type Consumer struct {
	Name string
	DB   *bun.DB
	// Apply must change nothing outside of the transaction and must be quick: while it runs, the feed stands still for all.
	Apply func(ctx context.Context, tx bun.Tx, events []Event) error
	// Changes asks for changes too, not for events of conversations only.
	Changes bool
	// FromNow begins a new consumer behind everything that is there; otherwise it begins at the oldest entry.
	FromNow bool
	// Bell wakes the consumer; without one it polls.
	Bell   *Bell
	Logger *slog.Logger
	Batch  int           // entries in one transaction; default 200
	Poll   time.Duration // default 1 s
	// Pause lies between two looks that do not find a full batch, so that many small transactions become one batch: the longer, the
	// less each entry costs. Default 25 ms.
	Pause time.Duration
}

// Run applies what there is until the context ends, and returns nil then.
func (c Consumer) Run(ctx context.Context) error {
	c.setDefaults()
	rung, end := c.Bell.Listen()
	defer end()
	r := round{Consumer: &c, limit: c.Batch}
	for ctx.Err() == nil {
		wait := r.next(ctx)
		if !clock.Sleep(ctx, min(wait, c.Pause)) {
			return nil
		}
		select {
		case <-ctx.Done():
		case <-rung:
		case <-time.After(max(0, wait-c.Pause)):
		}
	}
	return nil
}

func (c *Consumer) setDefaults() {
	if c.Batch == 0 {
		c.Batch = defaultBatch
	}
	if c.Poll == 0 {
		c.Poll = defaultPoll
	}
	if c.Pause == 0 {
		c.Pause = defaultPause
	}
	if c.Bell == nil {
		c.Bell = &Bell{}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

// round is what a running consumer remembers from one batch to the next.
type round struct {
	*Consumer
	limit  int // of the next batch: 1 while a bad entry is looked for
	single int // how many entries are still to be applied one by one
	tries  int // failed ones of this batch
	pause  time.Duration
}

// next applies one batch and returns how long to wait for the next.
func (r *round) next(ctx context.Context) time.Duration {
	done, err := r.apply(ctx, false)
	if err == nil {
		r.tries, r.pause = 0, 0
		if r.single = max(0, r.single-done.applied); r.single == 0 {
			r.limit = r.Batch
		}
		switch {
		case done.more:
			return 0
		case done.pending:
			return pendingPoll
		default:
			return r.Poll
		}
	}
	if ctx.Err() != nil {
		return 0
	}
	r.pause = min(max(2*r.pause, 50*time.Millisecond), maxPause)
	if isPassing(err) {
		r.Logger.WarnContext(ctx, "feed consumer has to wait", "consumer", r.Name, "code", code(err), "again_in", r.pause)
		return r.pause
	}
	r.tries++
	switch {
	case r.tries < maxTries:
		return r.pause
	case r.limit > 1:
		r.limit, r.single, r.tries, r.pause = 1, r.limit, 0, 0
		return 0
	default:
		return r.leave(ctx)
	}
}

// leave leaves the entry behind that cannot be applied.
func (r *round) leave(ctx context.Context) time.Duration {
	r.tries = 0
	done, err := r.apply(ctx, true)
	if err != nil {
		r.Logger.WarnContext(ctx, "feed consumer cannot leave an entry behind", "consumer", r.Name, "code", code(err))
		return r.pause
	}
	r.single = max(0, r.single-done.applied)
	r.pause = 0
	return 0
}

// applied says what a batch was.
type applied struct {
	applied       int
	more, pending bool
}

// apply applies one batch in one transaction. Leaving, it tries once more within a savepoint and notes what fails.
func (r *round) apply(ctx context.Context, leaving bool) (done applied, err error) {
	err = postgres.InTx(ctx, r.DB, func(ctx context.Context, tx bun.Tx) error {
		at, mine, err := r.claim(ctx, tx)
		if err != nil || !mine {
			return err
		}
		page, edge, err := Reader{DB: tx, WithChanges: r.Changes}.read(ctx, at.Cursor, r.limit)
		if err != nil {
			return err
		}
		r.tellLoss(ctx, at.Cursor, edge)
		done = applied{len(page.Events), page.More, page.Pending}
		if len(page.Events) > 0 {
			if leaving {
				err = r.tryLast(ctx, tx, page.Events)
			} else {
				err = r.call(ctx, tx, page.Events)
			}
			if err != nil {
				return err
			}
		}
		return r.move(ctx, tx, at, page)
	})
	return done, err
}

// tryLast applies an entry, or notes that it failed.
func (r *round) tryLast(ctx context.Context, tx bun.Tx, events []Event) error {
	if _, err := tx.ExecContext(ctx, "SAVEPOINT entry"); err != nil {
		return fmt.Errorf("savepoint: %w", err)
	}
	failure := r.call(ctx, tx, events)
	if failure == nil {
		return nil
	}
	if _, err := tx.ExecContext(ctx, "ROLLBACK TO SAVEPOINT entry"); err != nil || isPassing(failure) {
		return errors.Join(failure, err)
	}
	for _, e := range events {
		r.Logger.ErrorContext(ctx, "feed consumer leaves an entry behind", "consumer", r.Name, "cursor", e.Cursor.String(),
			"kind", e.kind(), "conversation_id", e.ConversationID, "code", code(failure))
		if err := r.note(ctx, tx, e, failure); err != nil {
			return err
		}
	}
	return nil
}

// errPanic stands for a panic of Apply, whose text may hold anything.
var errPanic = errors.New("panic")

func (r *round) call(ctx context.Context, tx bun.Tx, events []Event) (err error) {
	defer func() {
		if recover() != nil {
			err = errPanic
		}
	}()
	return r.Apply(ctx, tx, events)
}

// isPassing tells of failures that say nothing about the entry.
func isPassing(err error) bool {
	return postgres.IsRetryable(err) || postgres.IsUnavailable(err) || errors.Is(err, context.Canceled) || errors.Is(err, postgres.ErrCommitUnknown)
}

// code is what may be told of an error: the database's or our own code, never a text.
func code(err error) string {
	if state := postgres.Code(err); state != "" {
		return state
	}
	if errors.Is(err, errPanic) {
		return "panic"
	}
	return string(conversation.CodeOf(err))
}
