package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/uptrace/bun"
)

const (
	maxTxAttempts = 6
	firstTxPause  = 5 * time.Millisecond // doubles with each attempt; the real pause is a random part of it
	commitTimeout = 10 * time.Second
)

// InTx runs fn in one read-committed transaction and commits it if fn returns nil; any error or panic rolls it back.
// When the server undid the transaction in favour of another one, or the connection was lost before it began, InTx runs
// fn again, up to six times in all: fn must have no effect outside the transaction. The error wraps ErrCommitUnknown if
// the connection was lost during the commit.
func InTx(ctx context.Context, db *bun.DB, fn func(ctx context.Context, tx bun.Tx) error) error {
	return repeatTx(ctx, db, false, fn)
}

func repeatTx(ctx context.Context, db *bun.DB, pipelined bool, fn func(ctx context.Context, tx bun.Tx) error) error {
	pause := firstTxPause
	for attempt := 1; ; attempt++ {
		err := tryTx(ctx, db, pipelined, fn)
		again := isConflict(err) || errors.Is(err, errNotBegun)
		if err == nil || !again || errors.Is(err, ErrCommitUnknown) || attempt == maxTxAttempts {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(rand.N(pause)):
		}
		pause *= 2
	}
}

// errNotBegun marks that the connection of the pool was dead before the transaction began.
var errNotBegun = errors.New("begin transaction")

// tryTx keeps the caller's cancellation away from the commit: a cancelled COMMIT has an unknown outcome, and the caller
// who went away would never learn it. The statements of fn are cancelled as usual, because fn hands them ctx.
func tryTx(ctx context.Context, db *bun.DB, pipelined bool, fn func(ctx context.Context, tx bun.Tx) error) (err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("take a database connection: %w", err)
	}
	defer func() { _ = conn.Close() }() // hands it back to the pool; a broken one is discarded there

	txCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	if pipelined {
		txCtx = context.WithValue(txCtx, pipelineKey{}, true)
	}
	release := context.AfterFunc(ctx, cancel)
	tx, err := conn.BeginTx(txCtx, nil)
	release()
	if err != nil {
		return beginError(ctx, err)
	}
	finished := false
	defer func() {
		if !finished {
			_ = tx.Rollback() // fn's error or panic is what matters; a failed rollback closes the connection
		}
	}()
	if err := fn(ctx, tx); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	finished = true
	defer time.AfterFunc(commitTimeout, cancel).Stop()
	return commitError(tx.Commit())
}

func beginError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("begin transaction: %w", ctx.Err())
	}
	if IsUnavailable(err) {
		return fmt.Errorf("%w: %w", errNotBegun, err)
	}
	return fmt.Errorf("begin transaction: %w", err)
}

// commitError tells a commit that certainly failed from one that nobody knows. The server's ERROR means that it did not
// commit. Its FATAL ends the session and can follow a commit whose success was still on its way. That pgx calls an error
// safe to retry proves nothing here, see noRepeat.
func commitError(err error) error {
	if err == nil {
		return nil
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.SeverityUnlocalized == "ERROR" {
		return fmt.Errorf("commit: %w", err)
	}
	if errors.Is(err, errBeforeCommit) || errors.Is(err, pgx.ErrTxCommitRollback) || errors.Is(err, sql.ErrTxDone) {
		return fmt.Errorf("commit: %w", err)
	}
	return fmt.Errorf("%w: %w", ErrCommitUnknown, err)
}
