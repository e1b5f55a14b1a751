package postgres_test

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"testing"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/internal/testkit"
	"guichet.dev/guichet/postgres"
)

const insertNumbers = "INSERT INTO rows SELECT unnest($1::int[])"

// numbers scans whole numbers.
func numbers(into *[]int) func(postgres.Row) error {
	return func(row postgres.Row) error {
		var n int
		err := row.Scan(&n)
		*into = append(*into, n)
		return err
	}
}

func TestPipelineKeepsOrder(t *testing.T) {
	t.Parallel()
	db := testkit.Database(t)
	execute(t, db, "CREATE TABLE rows (n int)")
	run := map[string]func(context.Context, *bun.DB, func(context.Context, bun.Tx) error) error{"pipeline": postgres.InPipeline, "plain": postgres.InTx}
	for name, in := range run {
		var before, after, last []int
		err := in(t.Context(), db, func(ctx context.Context, tx bun.Tx) error {
			for _, n := range []int{1, 2} {
				if err := postgres.Later(ctx, tx, "insert", insertNumbers, []int{n}); err != nil {
					return err
				}
				into := map[int]*[]int{1: &before, 2: &after}[n]
				if err := postgres.LaterRows(ctx, tx, "read", numbers(into), "SELECT n FROM rows ORDER BY n"); err != nil {
					return err
				}
			}
			if name == "pipeline" && (before != nil || after != nil) {
				t.Error("nothing waited")
			}
			into := numbers(&last)
			if err := postgres.Rows(ctx, tx, func(row *sql.Rows) error { return into(row) }, "SELECT n FROM rows WHERE n > $1", 1); err != nil {
				return err
			}
			return postgres.Later(ctx, tx, "insert", insertNumbers, []int{3}) // goes with the commit
		})
		if err != nil || !slices.Equal(before, []int{1}) || !slices.Equal(after, []int{1, 2}) || !slices.Equal(last, []int{2}) {
			t.Errorf("%s: %v, %v, %v (%v)", name, before, after, last, err)
		}
		if got := one[int](t, db, "SELECT sum(n) FROM rows"); got != 6 {
			t.Errorf("%s: sum is %d", name, got)
		}
		execute(t, db, "TRUNCATE rows")
	}
}

func TestPipelineCommitsAllOrNothing(t *testing.T) {
	t.Parallel()
	db := testkit.Database(t)
	execute(t, db, "CREATE TABLE rows (n int UNIQUE)")
	refused := errors.New("refused")
	for name, c := range map[string]struct {
		fn   func(ctx context.Context, tx bun.Tx) error
		want func(error) bool
	}{
		"an error of fn": {func(ctx context.Context, tx bun.Tx) error {
			return errors.Join(postgres.Later(ctx, tx, "insert", insertNumbers, []int{1}), refused)
		}, func(err error) bool { return errors.Is(err, refused) }},
		"an error of fn after a flush": {func(ctx context.Context, tx bun.Tx) error {
			return errors.Join(postgres.Later(ctx, tx, "insert", insertNumbers, []int{1}), postgres.Flush(ctx, tx), refused)
		}, func(err error) bool { return errors.Is(err, refused) }},
		"an error that comes with the commit": {func(ctx context.Context, tx bun.Tx) error {
			return errors.Join(postgres.Later(ctx, tx, "insert", insertNumbers, []int{1}), postgres.Later(ctx, tx, "insert", insertNumbers, []int{1}))
		}, func(err error) bool {
			return postgres.IsUniqueViolation(err, "rows_n_key") && !errors.Is(err, postgres.ErrCommitUnknown)
		}},
		"rows that speak against the commit": {func(ctx context.Context, tx bun.Tx) error {
			return errors.Join(postgres.Later(ctx, tx, "insert", insertNumbers, []int{1}),
				postgres.LaterRows(ctx, tx, "look", func(postgres.Row) error { return refused }, "SELECT n FROM rows"))
		}, func(err error) bool { return errors.Is(err, refused) && !errors.Is(err, postgres.ErrCommitUnknown) }},
		"an error that fn passes over before anything has begun": {func(ctx context.Context, tx bun.Tx) error {
			if err := tx.Tx.QueryRowContext(ctx, "SELECT nothing FROM nowhere WHERE n = $1", 1).Scan(new(int)); err == nil {
				t.Error("no error")
			}
			_, err := tx.Tx.ExecContext(ctx, insertNumbers, []int{1})
			return err
		}, func(err error) bool { return err != nil }},
		"an error that fn passes over at the end": {func(ctx context.Context, tx bun.Tx) error {
			if err := tx.Tx.QueryRowContext(ctx, "SELECT nothing FROM nowhere WHERE n = $1", 1).Scan(new(int)); err == nil {
				t.Error("no error")
			}
			return nil
		}, func(err error) bool { return err != nil && !errors.Is(err, postgres.ErrCommitUnknown) }},
		"nothing": {func(context.Context, bun.Tx) error { return nil }, func(err error) bool { return err == nil }},
	} {
		if err := postgres.InPipeline(t.Context(), db, c.fn); !c.want(err) {
			t.Errorf("%s: %v", name, err)
		}
		if got := one[int](t, db, "SELECT count(*) FROM rows"); got != 0 {
			t.Errorf("%s: %d rows", name, got)
		}
		if used := db.Stats().InUse; used != 0 {
			t.Errorf("%s: %d connections were not given back", name, used)
		}
	}
}

// A panic while rows are looked at leaves no connection behind that is in the middle of something.
func TestPipelineSurvivesPanics(t *testing.T) {
	t.Parallel()
	db := open(t, testkit.DatabaseURL(t), postgres.Options{MaxOpenConns: 1})
	for range 2 {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			_ = postgres.InPipeline(t.Context(), db, func(ctx context.Context, tx bun.Tx) error {
				return errors.Join(postgres.LaterRows(ctx, tx, "read", func(postgres.Row) error { panic("a bug") }, "SELECT generate_series(1, $1::int)", 3),
					postgres.Flush(ctx, tx))
			})
		}()
		if got := one[int](t, db, "SELECT 7"); got != 7 {
			t.Errorf("got %d", got)
		}
	}
}

// The pool's connections died before the transaction began, so it begins anew on another.
func TestPipelineSurvivesDeadConnections(t *testing.T) {
	t.Parallel()
	watch := testkit.Database(t)
	execute(t, watch, "CREATE TABLE rows (n int)")
	db := open(t, testkit.DatabaseURL(t), postgres.Options{MaxOpenConns: 1})
	pid := one[int](t, db, "SELECT pg_backend_pid()")
	execute(t, watch, "SELECT pg_terminate_backend(?, 5000)", pid)
	tries := 0
	err := postgres.InPipeline(t.Context(), db, func(ctx context.Context, tx bun.Tx) error {
		tries++
		var n int
		if err := postgres.Later(ctx, tx, "insert", insertNumbers, []int{1}); err != nil {
			return err
		}
		return tx.Tx.QueryRowContext(ctx, "SELECT count(*) FROM rows WHERE n = $1", 1).Scan(&n)
	})
	if got := one[int](t, watch, "SELECT count(*) FROM rows"); err != nil || got != 1 {
		t.Errorf("%d rows after %d tries (%v)", got, tries, err)
	}
}

// What waits is sent before the commit if it has rows: a connection that is lost then has committed nothing.
func TestPipelineBeginsAnewBeforeTheCommit(t *testing.T) {
	t.Parallel()
	watch := testkit.Database(t)
	execute(t, watch, "CREATE TABLE rows (n int)")
	proxy := newProxy(t, testkit.DatabaseURL(t))
	db := open(t, proxy.url, postgres.Options{MaxOpenConns: 1})
	tries := 0
	var seen []int
	write := func(ctx context.Context, tx bun.Tx) error {
		tries, seen = tries+1, nil
		if err := postgres.Later(ctx, tx, "insert", insertNumbers, []int{1}); err != nil {
			return err
		}
		return postgres.LaterRows(ctx, tx, "read", numbers(&seen), "SELECT n FROM rows WHERE n = $1", 1)
	}
	if err := postgres.InPipeline(t.Context(), db, write); err != nil {
		t.Fatal(err)
	}
	proxy.swallow.Store(true)
	if err := postgres.InPipeline(t.Context(), db, write); err != nil || tries != 3 {
		t.Errorf("%v after %d tries", err, tries)
	}
	if !slices.Equal(seen, []int{1, 1}) {
		t.Errorf("seen %v", seen)
	}
}

// The server commits what came with the commit, but its answer never arrives.
func TestPipelineReportsUnknownCommit(t *testing.T) {
	t.Parallel()
	watch := testkit.Database(t)
	execute(t, watch, "CREATE TABLE rows (n int)")
	proxy := newProxy(t, testkit.DatabaseURL(t))
	db := open(t, proxy.url, postgres.Options{MaxOpenConns: 1})
	tries := 0
	err := postgres.InPipeline(t.Context(), db, func(ctx context.Context, tx bun.Tx) error {
		tries++
		if err := postgres.Flush(ctx, tx); err != nil {
			return err
		}
		if err := postgres.Later(ctx, tx, "insert", insertNumbers, []int{1}); err != nil {
			return err
		}
		if tries == 1 {
			err := postgres.Flush(ctx, tx) // prepares the statements' descriptions
			proxy.swallow.Store(true)
			return err
		}
		return nil
	})
	if !errors.Is(err, postgres.ErrCommitUnknown) || postgres.IsRetryable(err) || tries != 1 {
		t.Errorf("%v after %d tries", err, tries)
	}
}
