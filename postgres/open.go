// Package postgres is Guichet's way to its database: it opens the pool, runs transactions, listens and notifies, and says
// what a driver's error means. It knows nothing of the tables.
package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
)

// Options bound what one process may ask of the server. A zero field takes its default; a negative time switches
// that limit off.
type Options struct {
	ApplicationName   string        // shown in pg_stat_activity; default guichet
	MaxOpenConns      int           // default 20
	MaxIdleConns      int           // default MaxOpenConns: reconnecting costs more than an idle session
	ConnMaxLifetime   time.Duration // default 30 min, so that a new primary or password is noticed
	ConnectTimeout    time.Duration // default 5 s
	StatementTimeout  time.Duration // default 30 s
	LockTimeout       time.Duration // default 10 s
	IdleInTransaction time.Duration // default 30 s: a stuck process must not hold its locks

	// KeyLookups is for sessions all of whose statements find few rows by their keys, given as arrays. Without it the
	// server plans such a statement anew each time, which takes longer than running it, and with young statistics it may
	// read whole tables.
	KeyLookups bool

	// Lazy opens the pool of a database that may not answer yet. Only a URL that makes no sense is an error then.
	Lazy bool
}

func (o Options) withDefaults() Options {
	setDefault(&o.ApplicationName, "guichet")
	setDefault(&o.MaxOpenConns, 20)
	setDefault(&o.MaxIdleConns, o.MaxOpenConns)
	setDefault(&o.ConnMaxLifetime, 30*time.Minute)
	setDefault(&o.ConnectTimeout, 5*time.Second)
	setDefault(&o.StatementTimeout, 30*time.Second)
	setDefault(&o.LockTimeout, 10*time.Second)
	setDefault(&o.IdleInTransaction, 30*time.Second)
	return o
}

func setDefault[T comparable](value *T, fallback T) {
	var zero T
	if *value == zero {
		*value = fallback
	}
}

// Open connects a pool to the database at the URL and checks that it answers, unless it is lazy. The password never shows in an error.
func Open(ctx context.Context, url string, options Options) (*bun.DB, error) {
	o := options.withDefaults()
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	cfg.ConnectTimeout = max(0, o.ConnectTimeout)
	cfg.RuntimeParams["application_name"] = o.ApplicationName
	cfg.RuntimeParams["timezone"] = "UTC"
	cfg.RuntimeParams["statement_timeout"] = milliseconds(o.StatementTimeout)
	cfg.RuntimeParams["lock_timeout"] = milliseconds(o.LockTimeout)
	cfg.RuntimeParams["idle_in_transaction_session_timeout"] = milliseconds(o.IdleInTransaction)

	if o.KeyLookups {
		for _, off := range []string{"enable_seqscan", "enable_bitmapscan", "enable_hashjoin", "enable_mergejoin", "jit"} {
			cfg.RuntimeParams[off] = "off"
		}
		cfg.RuntimeParams["plan_cache_mode"] = "force_generic_plan"
	}

	pool := sql.OpenDB(connector{stdlib.GetConnector(*cfg)})
	pool.SetMaxOpenConns(o.MaxOpenConns)
	pool.SetMaxIdleConns(o.MaxIdleConns)
	pool.SetConnMaxLifetime(max(0, o.ConnMaxLifetime))
	db := bun.NewDB(pool, pgdialect.New())
	if o.Lazy {
		return db, nil
	}
	if err := db.PingContext(ctx); err != nil {
		_ = db.Close() // nothing was opened
		return nil, fmt.Errorf("open database %s on %s:%d: %w", cfg.Database, cfg.Host, cfg.Port, err)
	}
	return db, nil
}

// milliseconds is the server's notation of a timeout, in which 0 is none.
func milliseconds(d time.Duration) string {
	return strconv.FormatInt(max(0, d.Milliseconds()), 10)
}
