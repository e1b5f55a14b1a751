package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/uptrace/bun"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"guichet.dev/guichet/activities"
	"guichet.dev/guichet/internal/clock"
	"guichet.dev/guichet/internal/temporalx"
	"guichet.dev/guichet/workflows"
)

// Environment variables by which a release takes part in Temporal's worker deployments. Both or neither must be set.
const (
	DeploymentEnv = "TEMPORAL_DEPLOYMENT_NAME"
	BuildEnv      = "TEMPORAL_WORKER_BUILD_ID"
)

// DefaultAdvances is how many workflows decide at a time in one process, each with a database session.
const DefaultAdvances = 16

// stopTimeout is how long activities may take to finish when the process stops. A claimed send has 15 s for its call.
const stopTimeout = 20 * time.Second

// attributesEvery is how often the namespace is looked at for its search attributes.
const attributesEvery = 5 * time.Second

// WorkflowPollers are of two kinds: those for tasks of runs that this process remembers (its sticky queue) and those for all
// others. Pollers of a fixed number would be of both kinds at once, and as long as the last answer said that the sticky queue
// has a backlog, all of them ask for sticky tasks only. When a burst makes that backlog time out, its tasks move to the
// common queue, where nobody asks for them until the last long poll ends, a minute later.
var WorkflowPollers = sdkworker.NewPollerBehaviorAutoscaling(sdkworker.PollerBehaviorAutoscalingOptions{
	InitialNumberOfPollers: 4, MinimumNumberOfPollers: 4, MaximumNumberOfPollers: 8,
})

// Options are what the workers need. All but the last three must be set.
type Options struct {
	Client     client.Client
	Namespace  string
	DB         *bun.DB
	Activities *activities.Activities
	Clock      *clock.Clock
	Logger     *slog.Logger

	Advances   int           // local activities at a time, each with a database session; [DefaultAdvances] by default
	Sends      int           // provider calls at a time; 64 by default
	SweepEvery time.Duration // how often the repair sweep runs; a minute by default
}

func (o Options) withDefaults() Options {
	if o.Advances == 0 {
		o.Advances = DefaultAdvances
	}
	if o.Sends == 0 {
		o.Sends = 64
	}
	if o.SweepEvery == 0 {
		o.SweepEvery = time.Minute
	}
	return o
}

// Run works on both task queues and sweeps, until the context ends; then it lets activities finish. Without Temporal it
// waits for it. It returns an error when a worker cannot go on, for example because it is not permitted to.
func Run(ctx context.Context, o Options) error {
	o = o.withDefaults()
	version, err := deployment(os.Getenv)
	if err != nil {
		return err
	}
	fatal := make(chan error, 2)
	workers, err := o.start(ctx, version, fatal)
	if err != nil || workers == nil {
		return err
	}
	defer stop(workers)

	ctx, cancel := context.WithCancel(ctx)
	var sweeping sync.WaitGroup
	defer sweeping.Wait()
	defer cancel()
	sweeping.Go(func() { o.sweep(ctx) })
	sweeping.Go(func() { o.keepAttributes(ctx) })

	select {
	case <-ctx.Done():
		return nil
	case err := <-fatal:
		return fmt.Errorf("work for Temporal: %w", err)
	}
}

// start starts both workers, and tries again while Temporal does not answer. It returns none if the context ends.
func (o Options) start(ctx context.Context, version sdkworker.DeploymentOptions, fatal chan<- error) ([]sdkworker.Worker, error) {
	for wait := time.Second; ; wait = min(2*wait, 15*time.Second) {
		workers, err := o.tryStart(ctx, version, fatal)
		switch {
		case err == nil:
			return workers, nil
		case hopeless(err):
			return nil, fmt.Errorf("start to work for Temporal: %w", err)
		case ctx.Err() == nil:
			o.Logger.Warn("Temporal cannot be worked for yet.", "error", err, "retry_in", wait)
		}
		if !clock.Sleep(ctx, wait) {
			return nil, nil
		}
	}
}

// hopeless reports whether a start that failed in this way will fail again.
func hopeless(err error) bool {
	var denied *serviceerror.PermissionDenied
	var invalid *serviceerror.InvalidArgument
	return errors.As(err, &denied) || errors.As(err, &invalid)
}

func (o Options) tryStart(ctx context.Context, version sdkworker.DeploymentOptions, fatal chan<- error) ([]sdkworker.Worker, error) {
	if err := o.ensureAttributes(ctx); err != nil {
		return nil, err
	}
	report := func(err error) {
		select {
		case fatal <- err:
		default: // one is enough
		}
	}
	conversations := sdkworker.New(o.Client, workflows.TaskQueue, sdkworker.Options{
		LocalActivityWorkerOnly:                 true,
		MaxConcurrentLocalActivityExecutionSize: o.Advances,
		WorkflowTaskPollerBehavior:              WorkflowPollers,
		WorkerStopTimeout:                       stopTimeout,
		DeploymentOptions:                       version,
		OnFatalError:                            report,
	})
	workflows.Register(conversations)
	conversations.RegisterActivity(o.Activities)

	sends := sdkworker.New(o.Client, workflows.SendTaskQueue, sdkworker.Options{
		DisableWorkflowWorker:              true,
		MaxConcurrentActivityExecutionSize: o.Sends,
		MaxConcurrentActivityTaskPollers:   4,
		WorkerStopTimeout:                  stopTimeout,
		DeploymentOptions:                  version,
		OnFatalError:                       report,
	})
	sends.RegisterActivity(o.Activities)

	if err := conversations.Start(); err != nil {
		return nil, err
	}
	if err := sends.Start(); err != nil {
		conversations.Stop()
		return nil, err
	}
	return []sdkworker.Worker{conversations, sends}, nil
}

// ensureAttributes registers the search attributes: an upsert of one that does not exist would block every workflow.
func (o Options) ensureAttributes(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return temporalx.EnsureSearchAttributes(ctx, o.Client, o.Namespace, workflows.SearchAttributes()...)
}

// keepAttributes registers them again if the namespace was lost and made anew while we work for it. Without Temporal there
// is nothing to say: the workers say so.
func (o Options) keepAttributes(ctx context.Context) {
	for clock.Sleep(ctx, attributesEvery) {
		if err := o.ensureAttributes(ctx); err != nil && ctx.Err() == nil {
			o.Logger.Debug("The search attributes cannot be looked at.", "error", err)
		}
	}
}

// stop stops all workers at the same time, because each may take up to stopTimeout.
func stop(workers []sdkworker.Worker) {
	var stopping sync.WaitGroup
	for _, one := range workers {
		stopping.Go(one.Stop)
	}
	stopping.Wait()
}

// deployment returns the release's place in Temporal's worker deployments, or the zero value without one. Runs stay with
// the release that began them and change over when they continue as new.
func deployment(env func(string) string) (sdkworker.DeploymentOptions, error) {
	name, build := env(DeploymentEnv), env(BuildEnv)
	switch {
	case name == "" && build == "":
		return sdkworker.DeploymentOptions{}, nil
	case name == "" || build == "":
		return sdkworker.DeploymentOptions{}, fmt.Errorf("%s is %q and %s is %q: set both or neither", DeploymentEnv, name, BuildEnv, build)
	}
	return sdkworker.DeploymentOptions{
		UseVersioning:             true,
		Version:                   sdkworker.WorkerDeploymentVersion{DeploymentName: name, BuildID: build},
		DefaultVersioningBehavior: workflow.VersioningBehaviorPinned,
	}, nil
}
