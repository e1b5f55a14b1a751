package workflows

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"guichet.dev/guichet/activities"
	"guichet.dev/guichet/conversation"
)

// The pauses between failed tries of Advance.
const (
	firstPause   = time.Second
	longestPause = 5 * time.Minute
)

// advance runs Advance once and arms what it says. It returns an error only when the run was cancelled.
func (p *process) advance(ctx workflow.Context) error {
	p.look = false
	var a *activities.Activities
	var stands conversation.Advanced
	err := workflow.ExecuteLocalActivity(shortDatabase(ctx), a.Advance, activities.AdvanceInput{ConversationID: p.input.ConversationID}).Get(ctx, &stands)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil:
		p.failures, p.failureCode, p.stands = 0, "", stands
		if !stands.NextDeadline.IsZero() {
			p.alarm.arm(ctx, stands.NextDeadline, stands.NextDeadline.Sub(stands.Now), stands.NextKind)
		}
		if stands.Unsettled {
			p.sender.ask(ctx, p)
		}
	case failureCode(err) == string(conversation.CodeNotFound):
		p.log.Warn("There is no such conversation in the record.")
		p.failures, p.failureCode, p.stands = 0, string(conversation.CodeNotFound), conversation.Advanced{}
	default:
		p.failures++
		p.failureCode = failureCode(err)
		p.alarm.retry(ctx, pause(p.failures))
	}
	return p.publish(ctx)
}

// pause returns how long to wait after that many failures in a row: 1 s, doubled each time, at most 5 min.
func pause(failures int) time.Duration {
	wait := firstPause
	for range failures - 1 {
		if wait *= 2; wait >= longestPause {
			return longestPause
		}
	}
	return wait
}

// failureCode returns the code by which an activity failed.
func failureCode(err error) string {
	var failed *temporal.ApplicationError
	if errors.As(err, &failed) {
		return failed.Type()
	}
	if temporal.IsTimeoutError(err) {
		return string(conversation.CodeUnavailable)
	}
	return string(conversation.CodeInternal)
}
