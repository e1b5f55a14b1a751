package worker

import (
	"context"
	"errors"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/internal/clock"
	"guichet.dev/guichet/postgres"
)

const (
	// sweepOverdue is how long the normal way has, before the sweep takes something for lost.
	sweepOverdue = time.Minute
	// sweepLock is the advisory lock of the process that sweeps.
	sweepLock = 7_203_451_120
)

// sweep repairs now and then, until the context ends.
func (o Options) sweep(ctx context.Context) {
	for clock.Sleep(ctx, o.SweepEvery) {
		report, err := sweepOnce(ctx, o.DB, o.Clock.Now())
		switch {
		case ctx.Err() != nil:
		case err != nil:
			o.Logger.Warn("The repair sweep failed.", "sqlstate", postgres.Code(err))
		case report.Dispatched > 0:
			o.Logger.Info("The repair sweep woke conversations.", "behind", report.Behind, "deadlines", report.Deadlines,
				"messages", report.Messages, "dispatched", report.Dispatched)
		}
	}
}

// sweepOnce repairs what is overdue, unless another process is at it.
func sweepOnce(ctx context.Context, db *bun.DB, now time.Time) (report Report, err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	var mine bool
	if err := conn.NewRaw("SELECT pg_try_advisory_lock(?)", sweepLock).Scan(ctx, &mine); err != nil || !mine {
		return Report{}, err
	}
	defer func() {
		_, unlockErr := conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock(?)", sweepLock)
		err = errors.Join(err, unlockErr)
	}()
	return Repair(ctx, conn, now, RepairOptions{Overdue: sweepOverdue})
}
