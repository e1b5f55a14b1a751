package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/feed"
	"guichet.dev/guichet/internal/clock"
	"guichet.dev/guichet/internal/config"
	"guichet.dev/guichet/internal/metrics"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/migrations"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/server"
	"guichet.dev/guichet/simulator"
	"guichet.dev/guichet/team"
	"guichet.dev/guichet/worker"
)

// withDatabase does one thing with the database and closes it.
func withDatabase(ctx context.Context, cfg config.Config, do func(db *bun.DB) error) error {
	db, err := OpenDatabase(ctx, cfg)
	if err != nil {
		return err
	}
	return errors.Join(do(db), db.Close())
}

// Migrate brings the database to the newest schema.
func Migrate(ctx context.Context, cfg config.Config) error {
	return withDatabase(ctx, cfg, func(db *bun.DB) error { return migrations.Apply(ctx, db) })
}

// CreateToken makes an API token for a program and returns its value. A life of 0 means that it does not expire.
func CreateToken(ctx context.Context, cfg config.Config, name string, role team.Role, life time.Duration) (value string, err error) {
	in := team.NewToken{Name: name, Role: role}
	if life != 0 { // one that is over already is refused
		at := time.Now().Add(life)
		in.ExpiresAt = &at
	}
	err = withDatabase(ctx, cfg, func(db *bun.DB) error {
		_, value, err = team.NewStore(db).CreateToken(ctx, team.System(), in)
		return err
	})
	return value, err
}

// RepairOptions say what to repair.
type RepairOptions struct {
	// All wakes everything that has a deadline or an unsettled message, for a Temporal namespace that was lost.
	All bool
	// NewEpoch begins a new epoch first, for a database that was restored from a backup: workflows of the old one are ahead
	// of it and must not go on.
	NewEpoch bool
}

// Repair has every conversation woken that waits for something which nobody may be working on. It may be run at any time.
func Repair(ctx context.Context, cfg config.Config, o RepairOptions) (report worker.Report, err error) {
	now := &clock.Clock{}
	if cfg.Demo && cfg.SimulatorURL != "" {
		shown, err := simulator.NewClient(cfg.SimulatorURL).Clock(ctx)
		if err != nil {
			return report, fmt.Errorf("read the demo's clock: %w", err)
		}
		now.Shift(time.Duration(shown.OffsetSeconds * float64(time.Second)))
	}
	err = withDatabase(ctx, cfg, func(db *bun.DB) error {
		if o.NewEpoch {
			if err := beginEpoch(ctx, db); err != nil {
				return err
			}
		}
		var err error
		if report, err = worker.Repair(ctx, db, now.Now(), worker.RepairOptions{All: o.All || o.NewEpoch}); err != nil {
			return err
		}
		return tellDispatchers(ctx, cfg)
	})
	return report, err
}

// beginEpoch ends the meaning of all workflow ids and feed cursors. No bound on its time: after a dump was restored, it goes
// through all events.
func beginEpoch(ctx context.Context, db *bun.DB) error {
	return postgres.InTx(ctx, db, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.ExecContext(ctx, "SET LOCAL statement_timeout = 0; UPDATE installation SET epoch = epoch + 1"); err != nil {
			return fmt.Errorf("begin a new epoch: %w", err)
		}
		return feed.Rebase(ctx, tx)
	})
}

// tellDispatchers wakes the dispatchers of all processes at once; without it they would look a little later.
func tellDispatchers(ctx context.Context, cfg config.Config) error {
	n, err := postgres.NewNotifier(cfg.DatabaseURL, nil)
	if err != nil {
		return err
	}
	n.Notify(ledger.DispatchChannel)
	return n.Close(ctx)
}

// OpenAPI writes the document of the API.
func OpenAPI(to io.Writer) error {
	document := server.New(server.Options{Metrics: metrics.New(), Version: Version}).OpenAPI()
	text, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		return fmt.Errorf("write the OpenAPI document: %w", err)
	}
	_, err = to.Write(append(text, '\n'))
	return err
}
