package main

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// round is what one round did.
type round struct {
	took      time.Duration
	latencies []time.Duration // sorted
}

// perSecond is the rate.
func (r round) perSecond() float64 { return float64(len(r.latencies)) / r.took.Seconds() }

// quantile returns a latency in milliseconds.
func (r round) quantile(q float64) float64 {
	if len(r.latencies) == 0 {
		return 0
	}
	return r.latencies[int(q*float64(len(r.latencies)-1))].Seconds() * 1000
}

// play lets so many workers do one thing after the other for so long. Each worker has its own doer; doing once is what is
// timed.
func play(ctx context.Context, workers int, length time.Duration, doer func(worker int) func(ctx context.Context) error) (round, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		mu     sync.Mutex
		failed error
		all    sync.WaitGroup
		r      round
	)
	began := time.Now()
	for w := range workers {
		do := doer(w)
		all.Go(func() {
			var mine []time.Duration
			var err error
			for last := began; err == nil && ctx.Err() == nil && last.Sub(began) < length; {
				if err = do(ctx); err == nil {
					now := time.Now()
					mine, last = append(mine, now.Sub(last)), now
				}
			}
			mu.Lock()
			defer mu.Unlock()
			r.latencies, failed = append(r.latencies, mine...), errors.Join(failed, err)
			if err != nil {
				cancel()
			}
		})
	}
	all.Wait()
	r.took = time.Since(began)
	slices.Sort(r.latencies)
	return r, errors.Join(failed, ctx.Err())
}

// median returns the middle value.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	if n := len(sorted); n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[len(sorted)/2]
}
