package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"guichet.dev/guichet/activities"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/feed"
	"guichet.dev/guichet/internal/clock"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/presence"
	"guichet.dev/guichet/team"
	"guichet.dev/guichet/worker"
)

// retryInterval is how often something that must succeed once is tried at the start.
const retryInterval = time.Second

// readinessEvery is how often a process looks at what it depends on by itself.
const readinessEvery = 10 * time.Second

// handBackInterval is how long a conversation that reopened may stay with an agent who is gone.
const handBackInterval = time.Minute

// Run runs the process until the context ends or a part fails. It stops listening first and closes the database last.
func (a *App) Run(ctx context.Context, more ...stage) error {
	stages, err := a.stages()
	if err != nil {
		return errors.Join(err, a.Close())
	}
	a.Logger.Info("started", "version", Version, "address", a.Address(), "config", a.Config)
	err = runStages(ctx, a.Config.StopTimeout, append(stages, more...))
	a.Logger.Info("stopped")
	return errors.Join(err, a.Close())
}

// stages returns the parts in the order in which they start. They stop in the opposite order: first nothing new comes in.
func (a *App) stages() ([]stage, error) {
	wake, access := make(chan struct{}, 1), make(chan struct{}, 1)
	dispatcher, err := worker.NewDispatcher(worker.DispatcherOptions{
		DB: a.DB, Client: a.Temporal, Wake: wake, Logger: a.Logger, Metrics: a.Metrics.Registry,
	})
	if err != nil {
		return nil, err
	}
	stages := []stage{
		{"figures", a.watch},
		{"readiness", func(ctx context.Context) error { return a.server.WatchReadiness(ctx, readinessEvery) }},
	}
	if a.Mode.Work {
		stages = append(stages, stage{"worker", func(ctx context.Context) error {
			return worker.Run(ctx, worker.Options{
				Client: a.Temporal, Namespace: a.Config.Namespace, DB: a.DB, Clock: a.Clock, Logger: a.Logger,
				Activities: activities.New(a.automation, a.outbox),
			})
		}})
		keeper := a.keeper()
		stages = append(stages, // what no webhook and no reader of the API should wait for
			stage{"bulk actions", a.bulk.Run},
			stage{"retention", func(ctx context.Context) error { return keeper.Every(ctx, retentionEvery) }},
			stage{"search", a.indexForSearch},
			stage{"notifications", a.deriveNotifications},
			stage{"digests", a.notifications.Run},
		)
	}
	stages = append(stages,
		stage{"dispatcher", dispatcher.Run},
		stage{"wake", func(ctx context.Context) error { return a.listen(ctx, wake, access) }},
		stage{"hand back", func(ctx context.Context) error { return a.handBack(ctx, access) }},
		stage{"assignment", a.assignment.Run},
		stage{"bootstrap token", a.bootstrap},
		stage{"mails", a.Mailer.Run},
	)
	if a.Config.Demo && a.Config.SimulatorURL != "" {
		stages = append(stages, stage{"demo clock", a.followClock})
	}
	if a.Mode.Serve {
		stages = append(stages, stage{"intake", a.intake.Run}, stage{"live events", a.live.Run}, stage{"presence", a.presence.Keeper.Run}, stage{"sweep", a.sweep})
	}
	return append(stages, stage{"server", a.serve}), nil
}

// serve answers requests until the context ends, and then those in flight. It is the first part to stop and takes at most
// half of the time, so that one slow client does not keep the others from finishing what they have begun.
func (a *App) serve(ctx context.Context) error {
	served := make(chan error, 1)
	go func() { served <- a.server.Serve(a.listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.Config.StopTimeout/2)
	defer cancel()
	return errors.Join(a.server.Shutdown(stopping), <-served)
}

// listen passes notifications on: to the dispatcher that there is something to do, to the readers of the feed, and to those
// who remember who may do and see what that it has changed.
func (a *App) listen(ctx context.Context, wake, access chan<- struct{}) error {
	heard := map[string]func(payload string){
		ledger.DispatchChannel: func(string) { tell(wake) },
		feed.Channel:           func(string) { a.bell.Ring() },
		team.AccessChannel:     func(string) { a.Team.Forget(); a.live.Recheck(); tell(access); a.assignment.Look() },
		presence.Channel:       a.presence.Board.Heard,
	}
	return postgres.Listen(ctx, a.Config.DatabaseURL, postgres.Subscription{
		Channels: slices.Collect(maps.Keys(heard)), Logger: a.Logger,
		OnNotify: func(channel, payload string) { heard[channel](payload) },
		OnConnect: func() {
			for _, hear := range heard {
				hear("")
			}
		},
	})
}

// tell wakes whoever listens, unless it has been told already.
func tell(listener chan<- struct{}) {
	select {
	case listener <- struct{}{}:
	default:
	}
}

// handBack takes conversations from those who cannot answer them: at once when somebody's access changed, and every minute,
// for what was lost or reopened in between.
func (a *App) handBack(ctx context.Context, access <-chan struct{}) error {
	for {
		n, err := a.Inbox.HandBack(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil: // the schema may not be there yet, or the database away
			a.Logger.Warn("conversations were not handed back", "sqlstate", postgres.Code(err), "again_in", handBackInterval)
		case n > 0:
			a.Logger.Info("conversations were handed back", "conversations", n)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-access:
		case <-time.After(handBackInterval):
		}
	}
}

// bootstrap makes the bootstrap token as soon as the schema is there.
func (a *App) bootstrap(ctx context.Context) error {
	if a.Config.BootstrapToken == "" {
		return nil
	}
	for warned := false; ; warned = true {
		err := a.migrated(ctx)
		if err == nil {
			err = a.Team.EnsureBootstrapToken(ctx, a.Config.BootstrapToken)
		}
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case conversation.CodeOf(err) == conversation.CodeInvalid:
			return fmt.Errorf("GUICHET_BOOTSTRAP_TOKEN: %w", err)
		case !warned:
			a.Logger.Warn("the bootstrap token cannot be made yet", "sqlstate", postgres.Code(err))
		}
		if !clock.Sleep(ctx, retryInterval) {
			return nil
		}
	}
}
