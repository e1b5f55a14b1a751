package app

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// stage is a part that runs until its context ends, and then finishes what it has begun. One that returns nil earlier has
// done its work; one that returns an error earlier stops everything. context.Canceled at the end is no error.
type stage struct {
	name string
	run  func(ctx context.Context) error
}

// running is a stage that was started.
type running struct {
	stage
	stop context.CancelFunc
	done chan struct{}
	err  error // set when done is closed
}

// runStages runs all stages until the context ends or one fails, then stops them one after another, the last first. What
// has not stopped within the timeout is left to the end of the process, which is an error.
func runStages(ctx context.Context, timeout time.Duration, stages []stage) error {
	failed := make(chan *running, len(stages))
	var started []*running
	for _, s := range stages {
		// A stage outlives ctx until its turn comes.
		own, stop := context.WithCancel(context.WithoutCancel(ctx))
		r := &running{stage: s, stop: stop, done: make(chan struct{})}
		started = append(started, r)
		go func() {
			defer close(r.done)
			if r.err = s.run(own); r.err != nil {
				failed <- r
			}
		}()
	}
	select {
	case <-ctx.Done():
	case <-failed:
	}
	return stopStages(started, timeout)
}

func stopStages(started []*running, timeout time.Duration) error {
	late := time.NewTimer(timeout)
	defer late.Stop()
	var errs []error
	expired := false
	for i := len(started) - 1; i >= 0; i-- {
		r := started[i]
		r.stop()
		if !expired {
			select {
			case <-r.done:
			case <-late.C:
				expired = true
			}
		}
		select {
		case <-r.done:
			if r.err != nil && !errors.Is(r.err, context.Canceled) {
				errs = append(errs, fmt.Errorf("%s: %w", r.name, r.err))
			}
		default:
			errs = append(errs, fmt.Errorf("%s: did not stop in time", r.name))
		}
	}
	return errors.Join(errs...)
}
