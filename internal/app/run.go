package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"guichet.dev/guichet/activities"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/feed"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/worker"
)

// retryInterval is how often something that must succeed once is tried at the start.
const retryInterval = time.Second

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
	wake := make(chan struct{}, 1)
	dispatcher, err := worker.NewDispatcher(worker.DispatcherOptions{
		DB: a.DB, Client: a.Temporal, Wake: wake, Logger: a.Logger, Metrics: a.Metrics.Registry,
	})
	if err != nil {
		return nil, err
	}
	stages := []stage{{"figures", a.watch}}
	if a.Mode.Work {
		stages = append(stages, stage{"worker", func(ctx context.Context) error {
			return worker.Run(ctx, worker.Options{
				Client: a.Temporal, Namespace: a.Config.Namespace, DB: a.DB, Clock: a.Clock, Logger: a.Logger,
				Activities: activities.New(a.Inbox, a.outbox),
			})
		}})
	}
	stages = append(stages,
		stage{"dispatcher", dispatcher.Run},
		stage{"wake", func(ctx context.Context) error { return a.listen(ctx, wake) }},
		stage{"bootstrap token", a.bootstrap},
	)
	if a.Config.Demo && a.Config.SimulatorURL != "" {
		stages = append(stages, stage{"demo clock", a.followClock})
	}
	stages = append(stages, stage{"search", a.indexForSearch})
	if a.Mode.Serve {
		stages = append(stages, stage{"intake", a.intake.Run}, stage{"repetitions", a.sweepRepetitions})
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

// listen passes notifications on to the dispatcher and to the readers of the feed.
func (a *App) listen(ctx context.Context, wake chan<- struct{}) error {
	tell := func() {
		select {
		case wake <- struct{}{}:
		default: // it has been told already
		}
	}
	return postgres.Listen(ctx, a.Config.DatabaseURL, postgres.Subscription{
		Channels: []string{ledger.DispatchChannel, feed.Channel}, Logger: a.Logger,
		OnNotify: func(channel, _ string) {
			if channel == feed.Channel {
				a.bell.Ring()
			} else {
				tell()
			}
		},
		OnConnect: func() { tell(); a.bell.Ring() },
	})
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
		if !pause(ctx, retryInterval) {
			return nil
		}
	}
}

// repetitionsEvery is how often old idempotency keys are removed.
const repetitionsEvery = 10 * time.Minute

// sweepRepetitions removes what callers can no longer repeat.
func (a *App) sweepRepetitions(ctx context.Context) error {
	for pause(ctx, repetitionsEvery) {
		if err := a.repetitions.Sweep(ctx); err != nil && ctx.Err() == nil {
			a.Logger.Warn("old idempotency keys were not removed", "sqlstate", postgres.Code(err))
		}
	}
	return nil
}

// pause waits and reports whether the context is still alive.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
