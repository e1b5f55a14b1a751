package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"
)

const (
	// shortestAlarm keeps a deadline that Advance did not find due yet, because clocks differ, from being asked for in a
	// tight loop.
	shortestAlarm = time.Second
	// clockSlack is by how much the product's clock and the workflow's may drift apart before a timer is armed anew. It
	// covers the time that an Advance takes; a clock that was shifted is ahead by far more.
	clockSlack = 5 * time.Second
)

// alarm is the one timer of a run. It may ring too early, when its deadline moved later or went away, but not too late.
type alarm struct {
	timer    workflow.Future // nil if none is armed
	cancel   workflow.CancelFunc
	deadline time.Time // on the product's clock; zero if the timer is for another try
	ringsAt  time.Time // on the workflow's clock
}

// arm sees to it that the alarm rings when the deadline comes, in the given time. A timer that rings before stays: when
// it does, Advance finds nothing due and the deadline is armed anew, which costs less than a cancelled timer for each
// deadline that moves later.
func (a *alarm) arm(ctx workflow.Context, deadline time.Time, in time.Duration, kind string) {
	in = max(in, shortestAlarm)
	ringsAt := workflow.Now(ctx).Add(in)
	early := a.timer != nil && !a.deadline.IsZero() && !deadline.Before(a.deadline) && !ringsAt.Before(a.ringsAt.Add(-clockSlack))
	if early {
		return
	}
	a.start(ctx, in, kind)
	a.deadline, a.ringsAt = deadline, ringsAt
}

// retry sees to it that the alarm rings in the given time or before.
func (a *alarm) retry(ctx workflow.Context, in time.Duration) {
	ringsAt := workflow.Now(ctx).Add(in)
	if a.timer != nil && !ringsAt.Before(a.ringsAt) {
		return
	}
	a.start(ctx, in, "retry")
	a.deadline, a.ringsAt = time.Time{}, ringsAt
}

func (a *alarm) start(ctx workflow.Context, in time.Duration, summary string) {
	if a.timer != nil {
		a.cancel()
	}
	ctx, a.cancel = workflow.WithCancel(ctx)
	a.timer = workflow.NewTimerWithOptions(ctx, in, workflow.TimerOptions{Summary: summary})
}

// rings reports whether the alarm went off.
func (a *alarm) rings() bool { return a.timer != nil && a.timer.IsReady() }

// takeRing turns the alarm off and reports true if it went off.
func (a *alarm) takeRing() bool {
	if !a.rings() {
		return false
	}
	*a = alarm{}
	return true
}
