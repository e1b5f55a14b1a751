// Package migrations holds the database's schema as SQL files, up and down, and applies them. A file runs in a
// transaction (".tx." in its name) and counts as applied only if it succeeded.
package migrations

import (
	"context"
	"embed"
	"fmt"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/migrate"
)

//go:embed *.sql
var files embed.FS

// lockKey is the advisory lock under which one process at a time migrates.
const lockKey = 7_203_451_118

// Apply brings the database to the newest schema. Several processes may call it at once: they wait for each other.
func Apply(ctx context.Context, db *bun.DB) error {
	return locked(ctx, db, func(m *migrate.Migrator) error {
		if err := m.Init(ctx); err != nil {
			return fmt.Errorf("prepare migrations: %w", err)
		}
		if _, err := m.Migrate(ctx); err != nil {
			return fmt.Errorf("migrate: %w", err)
		}
		return nil
	})
}

// Rollback takes back the migrations of the last Apply.
func Rollback(ctx context.Context, db *bun.DB) error {
	return locked(ctx, db, func(m *migrate.Migrator) error {
		if _, err := m.Rollback(ctx); err != nil {
			return fmt.Errorf("roll back: %w", err)
		}
		return nil
	})
}

// Pending returns the names of the migrations that are not applied yet.
func Pending(ctx context.Context, db *bun.DB) ([]string, error) {
	m, err := migrator(db)
	if err != nil {
		return nil, err
	}
	all, err := m.MigrationsWithStatus(ctx)
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	var names []string
	for _, one := range all.Unapplied() {
		names = append(names, one.Name)
	}
	return names, nil
}

func migrator(db *bun.DB) (*migrate.Migrator, error) {
	found := migrate.NewMigrations()
	if err := found.Discover(files); err != nil {
		return nil, fmt.Errorf("read migration files: %w", err)
	}
	return migrate.NewMigrator(db, found, migrate.WithMarkAppliedOnSuccess(true)), nil
}

// locked holds the advisory lock on a connection of its own while it runs f.
func locked(ctx context.Context, db *bun.DB, f func(*migrate.Migrator) error) (err error) {
	m, err := migrator(db)
	if err != nil {
		return err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	// Closing the connection's session would free the lock too; unlocking lets the pool use it again.
	defer func() {
		if cerr := conn.Close(); err == nil && cerr != nil {
			err = cerr
		}
	}()
	// Another process's migrations may take longer than the session lets anything else take.
	if _, err := conn.ExecContext(ctx, "SET lock_timeout = 0; SET statement_timeout = 0; SELECT pg_advisory_lock(?)", lockKey); err != nil {
		return fmt.Errorf("lock migrations: %w", err)
	}
	defer func() {
		if _, uerr := conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock(?); RESET lock_timeout; RESET statement_timeout", lockKey); err == nil && uerr != nil {
			err = fmt.Errorf("unlock migrations: %w", uerr)
		}
	}()
	return f(m)
}
