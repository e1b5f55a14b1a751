package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// shortDatabase is for local activities that are one short transaction. They are tried three times in quick succession, to
// get over a lost connection or a serialisation failure; what lasts longer is waited for with a timer.
func shortDatabase(ctx workflow.Context) workflow.Context {
	return workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		StartToCloseTimeout: 5 * time.Second,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval:    100 * time.Millisecond,
			BackoffCoefficient: 3,
			MaximumInterval:    time.Second,
			MaximumAttempts:    3,
		},
	})
}

// providerCall is for activities that call a provider. They may be repeated without limit, because they claim in Postgres
// what they send. A cancelled one is waited for, so that no call is in progress when a run hands over to the next.
func providerCall(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           SendTaskQueue,
		StartToCloseTimeout: 30 * time.Second, // a call has 15 s
		HeartbeatTimeout:    10 * time.Second, // after a worker died, or stopped with the task on its way to it, this is how long a send is waited for
		WaitForCancellation: true,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval:    time.Second,
			BackoffCoefficient: 2,
			MaximumInterval:    time.Minute,
		},
	})
}
