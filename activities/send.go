package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"

	"guichet.dev/guichet/conversation"
)

// beatEvery is how often a Send tells Temporal that it goes on. Most are over before the first time.
const beatEvery = 3 * time.Second

// shortWait is the longest pause before a message that is sat out here: to give it back to the workflow costs eight events of its
// history and a second. It is short because others' messages wait for the slot.
const shortWait = 250 * time.Millisecond

// Send does one step on the conversation's first unsettled outgoing message. A refusal or a failure of the provider is a
// result, not an error; an error means that the step could not be done or not be written down, and is tried again. A step
// that was begun is finished even if the workflow is cancelled: to break the call off would leave its outcome unknown.
func (a *Activities) Send(ctx context.Context, in SendInput) (out conversation.SendResult, err error) {
	defer func() { err = failure(ctx, in.ConversationID, recover(), err) }()
	defer beat(ctx)()
	sending, cancel := context.WithDeadline(context.WithoutCancel(ctx), activity.GetInfo(ctx).Deadline)
	defer cancel()
	out, err = a.sender.SendNext(sending, in.ConversationID)
	if err != nil || out.Outcome != conversation.OutcomeWait || out.Wait > shortWait {
		return out, err
	}
	select {
	case <-time.After(out.Wait):
		return a.sender.SendNext(sending, in.ConversationID)
	case <-ctx.Done(): // nothing was begun: whoever comes next waits instead
		return out, nil
	}
}

// beat tells Temporal now and then that an activity goes on, until the function that it returns is called.
func beat(ctx context.Context) (stop func()) {
	ticker, done := time.NewTicker(beatEvery), make(chan struct{})
	go func() {
		for {
			select {
			case <-ticker.C:
				activity.RecordHeartbeat(ctx)
			case <-done:
				return
			}
		}
	}()
	return func() {
		ticker.Stop()
		close(done)
	}
}
