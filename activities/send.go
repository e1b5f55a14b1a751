package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"

	"guichet.dev/guichet/conversation"
)

// beatEvery is how often a Send tells Temporal that it goes on. Most are over before the first time.
const beatEvery = 3 * time.Second

// Send does one step on the conversation's first unsettled outgoing message. A refusal or a failure of the provider is a
// result, not an error; an error means that the step could not be done or not be written down, and is tried again. A step
// that was begun is finished even if the workflow is cancelled: to break the call off would leave its outcome unknown.
func (a *Activities) Send(ctx context.Context, in SendInput) (out conversation.SendResult, err error) {
	defer func() { err = failure(ctx, in.ConversationID, recover(), err) }()
	defer beat(ctx)()
	sending, cancel := context.WithDeadline(context.WithoutCancel(ctx), activity.GetInfo(ctx).Deadline)
	defer cancel()
	return a.sender.SendNext(sending, in.ConversationID)
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
