package main

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"go.temporal.io/sdk/client"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"guichet.dev/guichet/worker"
)

const (
	peerQueue  = "peer"
	peerSignal = "wake"
)

// peerWorkflows are the least that a workflow can do durably for a signal: one empty local activity, and if it sends, one empty
// activity after it.
type peerWorkflows struct {
	client client.Client
	worker sdkworker.Worker
	sends  bool

	mu      sync.Mutex
	sent    int64
	handled map[int64]bool // by number: a local activity may run more than once
}

// startPeer starts a worker with the options that the product's has.
func startPeer(c client.Client, sends bool) (*peerWorkflows, error) {
	p := &peerWorkflows{client: c, sends: sends, handled: map[int64]bool{}, worker: sdkworker.New(c, peerQueue, sdkworker.Options{
		LocalActivityWorkerOnly: !sends, MaxConcurrentLocalActivityExecutionSize: worker.DefaultAdvances, WorkflowTaskPollerBehavior: worker.WorkflowPollers,
	})}
	p.worker.RegisterWorkflow(p.Idle)
	p.worker.RegisterActivity(p.Nothing)
	p.worker.RegisterActivity(p.Send)
	return p, p.worker.Start()
}

func (p *peerWorkflows) stop() { p.worker.Stop() }

// Idle is the workflow.
func (p *peerWorkflows) Idle(ctx workflow.Context) error {
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{StartToCloseTimeout: 5 * time.Second})
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: 30 * time.Second})
	for signals := workflow.GetSignalChannel(ctx, peerSignal); ; {
		var n int64
		signals.Receive(ctx, &n)
		if err := workflow.ExecuteLocalActivity(ctx, p.Nothing, n).Get(ctx, nil); err != nil {
			return err
		}
		if !p.sends {
			continue
		}
		if err := workflow.ExecuteActivity(ctx, p.Send, n).Get(ctx, nil); err != nil {
			return err
		}
	}
}

// Nothing is its local activity. It only counts.
func (p *peerWorkflows) Nothing(ctx context.Context, n int64) error {
	if p.sends {
		return nil
	}
	return p.Send(ctx, n)
}

// Send is its activity. It only counts.
func (p *peerWorkflows) Send(_ context.Context, n int64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.handled[n] = true
	return nil
}

// open returns how many signals were not handled yet.
func (p *peerWorkflows) open() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent - int64(len(p.handled))
}

func peerID(i int) string { return "peer/" + strconv.Itoa(i) }

// wave signals every workflow once and returns how many signals were handled a second, from the first signal on.
func (p *peerWorkflows) wave(ctx context.Context, count int) (float64, error) {
	began, first := time.Now(), p.sent
	p.sent += int64(count)
	err := atOnce(count, signalsAtOnce, func(_, i int) error {
		_, err := p.client.SignalWithStartWorkflow(ctx, peerID(i), peerSignal, first+int64(i),
			client.StartWorkflowOptions{TaskQueue: peerQueue, StaticSummary: peerID(i)}, p.Idle)
		return err
	})
	if err != nil {
		return 0, err
	}
	for deadline := began.Add(patienceForWave); p.open() > 0; {
		if time.Now().After(deadline) {
			return 0, fmt.Errorf("%d signals were not handled in %v", p.open(), patienceForWave)
		}
		if err := wait(ctx, lookEvery); err != nil {
			return 0, err
		}
	}
	return float64(count) / time.Since(began).Seconds(), nil
}
