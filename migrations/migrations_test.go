package migrations_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/internal/testkit"
	"guichet.dev/guichet/migrations"
	"guichet.dev/guichet/postgres"
)

// schema describes every column and index.
func schema(t *testing.T, db *bun.DB) string {
	t.Helper()
	var text string
	err := db.DB.QueryRowContext(t.Context(), `SELECT coalesce(string_agg(line, E'\n' ORDER BY line), '') FROM (
		SELECT concat_ws(' ', table_name, column_name, data_type, is_nullable, column_default) AS line FROM information_schema.columns
			WHERE table_schema = 'public' AND table_name NOT LIKE 'bun_%'
		UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename NOT LIKE 'bun_%') AS l`).Scan(&text)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestDownTakesEverythingBack(t *testing.T) {
	t.Parallel()
	db := testkit.Database(t)
	before := schema(t, db)
	if err := migrations.Rollback(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	if left := schema(t, db); left != "" {
		t.Errorf("left is\n%s", left)
	}
	if pending, err := migrations.Pending(t.Context(), db); err != nil || len(pending) == 0 {
		t.Errorf("pending %v, %v", pending, err)
	}
	for range 2 { // the second finds nothing to do
		if err := migrations.Apply(t.Context(), db); err != nil {
			t.Fatal(err)
		}
	}
	if after := schema(t, db); after != before {
		t.Errorf("was\n%s\nis\n%s", before, after)
	}
	if pending, err := migrations.Pending(t.Context(), db); err != nil || len(pending) != 0 {
		t.Errorf("pending %v, %v", pending, err)
	}
}

// advisoryLock is the lock under which one process at a time migrates.
const advisoryLock = 7_203_451_118

// TestApplyWaitsForAnother migrates while another process does, which takes longer than a statement or a lock may take
// otherwise.
func TestApplyWaitsForAnother(t *testing.T) {
	t.Parallel()
	other := testkit.Database(t)
	db, err := postgres.Open(t.Context(), testkit.DatabaseURL(t), postgres.Options{MaxOpenConns: 2, LockTimeout: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	limits := func() (found []string) {
		err := db.NewRaw("SELECT current_setting(name) FROM (VALUES ('lock_timeout'), ('statement_timeout')) AS v (name)").Scan(t.Context(), &found)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	before := limits()
	applied := make(chan error, 1)
	err = postgres.InTx(t.Context(), other, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock(?)", advisoryLock); err != nil {
			return err
		}
		go func() { applied <- migrations.Apply(t.Context(), db) }()
		testkit.Eventually(t, 10*time.Second, func() error {
			select {
			case err := <-applied:
				t.Fatalf("did not wait: %v", err)
			default:
			}
			var long bool
			err := tx.NewRaw(`SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'
				AND clock_timestamp() > query_start + interval '20 ms')`).Scan(ctx, &long)
			if err == nil && !long {
				err = errors.New("nobody waits")
			}
			return err
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-applied; err != nil {
		t.Errorf("apply: %v", err)
	}
	if after := limits(); !slices.Equal(after, before) {
		t.Errorf("limits were %v, are %v", before, after)
	}
}
