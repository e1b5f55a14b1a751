package postgres

import (
	"context"
	"database/sql"
	"time"

	"github.com/uptrace/bun"
)

// Querier runs SQL with the driver's own numbered parameters ($1): arrays go over as arrays, and the statement is prepared
// once per connection. Set-based statements use it; everything else uses bun.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// Raw returns the driver's view of a bun handle.
func Raw(db bun.IDB) Querier {
	switch h := db.(type) {
	case bun.Tx:
		return h.Tx
	case *bun.DB:
		return h.DB
	case bun.Conn:
		return h.Conn
	default:
		panic("postgres: unknown kind of handle")
	}
}

// Rows runs a query and calls scan for each row.
func Rows(ctx context.Context, db bun.IDB, scan func(*sql.Rows) error, query string, args ...any) (err error) {
	found, err := Raw(db).QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := found.Close(); err == nil {
			err = cerr
		}
	}()
	for found.Next() {
		if err := scan(found); err != nil {
			return err
		}
	}
	return found.Err()
}

// OptTime scans NULL as the zero time.
func OptTime(to *time.Time) sql.Scanner { return optTime{to} }

// OptText scans NULL as the empty string.
func OptText(to *string) sql.Scanner { return optText{to} }

type optTime struct{ to *time.Time }

func (o optTime) Scan(value any) error {
	var t sql.NullTime
	if err := t.Scan(value); err != nil {
		return err
	}
	*o.to = t.Time
	return nil
}

type optText struct{ to *string }

func (o optText) Scan(value any) error {
	var s sql.NullString
	if err := s.Scan(value); err != nil {
		return err
	}
	*o.to = s.String
	return nil
}

// NullTime turns the zero time into NULL.
func NullTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// NullText turns the empty string into NULL.
func NullText(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
