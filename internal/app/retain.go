package app

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/internal/clock"
	"guichet.dev/guichet/internal/config"
	"guichet.dev/guichet/retention"
)

// retentionEvery is how often a working process looks for what is too old.
const retentionEvery = time.Hour

func ages(cfg config.Config) retention.Ages {
	return retention.Ages{
		Webhooks: time.Duration(cfg.RetainWebhooks), Events: time.Duration(cfg.RetainEvents), Changes: time.Duration(cfg.RetainChanges),
		Conversations: time.Duration(cfg.RetainConversations),
	}
}

func (a *App) keeper() retention.Keeper {
	return retention.Keeper{
		DB: a.DB, Ages: ages(a.Config), Now: a.Clock.Now, Logger: a.Logger,
		Deleted: func(kind string, n int) { a.Metrics.Retained.WithLabelValues(kind).Add(float64(n)) },
	}
}

// Retain deletes what is older than the settings allow, as every working process does once an hour, or, with dry, only says
// what it would delete.
func Retain(ctx context.Context, cfg config.Config, dry bool, out io.Writer) error {
	return withDatabase(ctx, cfg, func(db *bun.DB) error {
		k := retention.Keeper{DB: db, Ages: ages(cfg), Now: (&clock.Clock{}).Now, Logger: slog.New(slog.DiscardHandler)}
		if dry {
			found, err := k.Preview(ctx)
			if err != nil {
				return err
			}
			return tellRetained(out, "would delete", found)
		}
		deleted, mine, err := k.Run(ctx)
		if err != nil {
			return err
		}
		if !mine {
			_, err := fmt.Fprintln(out, "another process is deleting")
			return err
		}
		return tellRetained(out, "deleted", deleted)
	})
}

func tellRetained(out io.Writer, what string, n retention.Counts) error {
	_, err := fmt.Fprintf(out, "%s: %d webhooks, %d events, %d conversations\n", what, n.Webhooks, n.Events, n.Conversations)
	return err
}
