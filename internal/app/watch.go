package app

import (
	"context"
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/internal/clock"
	"guichet.dev/guichet/internal/metrics"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/search"
	"guichet.dev/guichet/simulator"
)

const (
	// figuresEvery is how often the figures about all conversations are read.
	figuresEvery = 15 * time.Second
	// clockEvery is how often the simulator's clock is looked at.
	clockEvery = 500 * time.Millisecond
)

// figures are what ops look at first.
type figures struct {
	Stuck    int // conversations whose process failed ten times in a row
	Parked   int // updates that could not be applied
	Accounts int // that must be reconnected
	Waiting  int // rows to dispatch
	Oldest   float64
	Unfound  float64 // seconds that the search is behind

	Queued        int     // conversations that wait for somebody to take them
	QueuedSince   float64 // seconds, of the oldest
	Questions     int     // about consent, open
	QuestionSince float64 // seconds, of the oldest
}

func (a *App) figures(ctx context.Context) (figures, error) {
	var f figures
	now := a.Clock.Now()
	err := a.DB.NewRaw(`SELECT
		(SELECT count(*) FROM conversations WHERE tries >= 10) AS stuck,
		(SELECT count(*) FROM parked_updates WHERE state = 'parked') AS parked,
		(SELECT count(*) FROM accounts WHERE state = 'error') AS accounts,
		(SELECT count(*) FROM dispatches) AS waiting,
		(SELECT coalesce(extract(epoch FROM clock_timestamp() - min(since)), 0)::float8 FROM dispatches) AS oldest,
		(`+search.Lag+`) AS unfound, q.queued, q.queued_since, c.questions, c.question_since
		FROM (SELECT count(*) AS queued, greatest(coalesce(extract(epoch FROM ? - min(queued_at)), 0), 0)::float8 AS queued_since FROM assignment_queue) q,
			(SELECT count(*) AS questions, greatest(coalesce(extract(epoch FROM ? - min(asked_at)), 0), 0)::float8 AS question_since
				FROM consent_questions WHERE answered_at IS NULL) c`, now, now).Scan(ctx, &f)
	return f, err
}

// watch keeps the figures of the metrics up to date.
func (a *App) watch(ctx context.Context) error {
	for {
		f, err := a.figures(ctx)
		if err == nil {
			err = a.watchAccounts(ctx)
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			a.Logger.Warn("the figures cannot be read", "sqlstate", postgres.Code(err))
		default:
			a.Metrics.Stuck.Set(float64(f.Stuck))
			a.Metrics.Parked.Set(float64(f.Parked))
			a.Metrics.AccountsFailed.Set(float64(f.Accounts))
			a.Metrics.SearchLag.Set(f.Unfound)
			a.Metrics.Queued.Set(float64(f.Queued))
			a.Metrics.QueuedSince.Set(f.QueuedSince)
			a.Metrics.Questions.Set(float64(f.Questions))
			a.Metrics.QuestionSince.Set(f.QuestionSince)
		}
		if !clock.Sleep(ctx, figuresEvery) {
			return nil
		}
	}
}

// watchAccounts keeps the accounts' own series up to date.
func (a *App) watchAccounts(ctx context.Context) error {
	all, err := a.Accounts.Healths(ctx, bySystem.Everywhere())
	if err != nil {
		return err
	}
	now := a.Clock.Now()
	figures := make([]metrics.AccountFigures, len(all))
	for i, h := range all {
		figures[i] = metrics.AccountFigures{
			ID: h.AccountID, Channel: string(h.Channel), Up: h.State == conversation.AccountActive, ReceivedAgo: -1,
			Lag: h.LagSeconds, Behind: h.Behind, Parked: h.Parked,
		}
		if h.LastReceivedAt != nil {
			figures[i].ReceivedAgo = max(0, now.Sub(*h.LastReceivedAt).Seconds())
		}
	}
	a.Metrics.Accounts.Set(figures)
	return nil
}

// followClock keeps the product's clock as far ahead as the simulator's, so that a demo need not wait a day for a window
// to close. When it moves, all conversations with a deadline look again.
func (a *App) followClock(ctx context.Context) error {
	sim := simulator.NewClient(a.Config.SimulatorURL)
	for lost := false; ; {
		err := a.adjustClock(ctx, sim)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil && !lost {
			a.Logger.Warn("the simulator's clock cannot be followed", "error", err)
		}
		lost = err != nil
		if !clock.Sleep(ctx, clockEvery) {
			return nil
		}
	}
}

func (a *App) adjustClock(ctx context.Context, sim *simulator.Client) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	shown, err := sim.Clock(ctx)
	if err != nil {
		return err
	}
	before := a.Clock.Offset()
	if !a.Clock.Shift(time.Duration(shown.OffsetSeconds * float64(time.Second)).Round(time.Millisecond)) {
		return nil
	}
	n, err := ledger.WakeArmed(ctx, a.DB)
	if err != nil {
		a.Clock.Shift(before) // so that the next look tries again
		return err
	}
	a.Logger.Info("the clock was shifted", "offset", a.Clock.Offset(), "conversations", n)
	a.notify()
	return nil
}
