package worker

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/uptrace/bun"
	"go.temporal.io/sdk/client"

	"guichet.dev/guichet/internal/clock"
	"guichet.dev/guichet/postgres"
)

const (
	leaseTime    = 30 * time.Second // longer than a batch takes, so that two processes seldom signal the same
	callTimeout  = 5 * time.Second  // of one signal
	settleTime   = 5 * time.Second  // of writing down what became of a batch, also while the process stops
	pollInterval = time.Second
	lagInterval  = 5 * time.Second

	batchSize  = 128
	probeSize  = 16 // rows tried at a time while Temporal does not answer
	batchCount = 2  // one is leased or settled while another is signalled
	callCount  = 16 // signals at a time
)

// Signaller is the part of Temporal's client that the dispatcher uses.
type Signaller interface {
	SignalWithStartWorkflow(ctx context.Context, workflowID, signalName string, signalArg any,
		options client.StartWorkflowOptions, workflow any, workflowArgs ...any) (client.WorkflowRun, error)
}

// DispatcherOptions are what a dispatcher needs.
type DispatcherOptions struct {
	DB      *bun.DB
	Client  Signaller
	Wake    <-chan struct{} // tells of new rows, see ledger.DispatchChannel; it is also polled, so nil is right but slower
	Logger  *slog.Logger
	Metrics prometheus.Registerer // nil for none
}

// Dispatcher tells workflows what is new. Any number of processes may run one.
type Dispatcher struct {
	queue   queue
	client  Signaller
	wake    <-chan struct{}
	log     *slog.Logger
	metrics *dispatchMetrics
	breaker breaker
	calls   chan struct{} // holds a token for each signal under way
}

// NewDispatcher returns a dispatcher. The error says that its metrics are registered already.
func NewDispatcher(o DispatcherOptions) (*Dispatcher, error) {
	metrics, err := newDispatchMetrics(o.Metrics)
	if err != nil {
		return nil, err
	}
	return &Dispatcher{
		queue:   queue{db: o.DB},
		client:  o.Client,
		wake:    o.Wake,
		log:     o.Logger,
		metrics: metrics,
		calls:   make(chan struct{}, callCount),
	}, nil
}

// Run dispatches until the context ends, and returns when the signals under way are settled.
func (d *Dispatcher) Run(ctx context.Context) error {
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { d.measure(ctx) })

	slots := make(chan struct{}, batchCount)
	failures := 0 // of leasing in a row
	for ctx.Err() == nil {
		if d.breaker.open() {
			if err := d.probe(ctx); err != nil {
				d.complain(ctx, err)
			}
			continue
		}
		slots <- struct{}{}
		rows, err := d.queue.lease(ctx, batchSize)
		if err != nil {
			<-slots
			failures++
			d.complain(ctx, err)
			clock.Sleep(ctx, backOff(failures, 15*time.Second))
			continue
		}
		failures = 0
		if len(rows) == 0 {
			<-slots
			d.rest(ctx)
			continue
		}
		all.Go(func() {
			defer func() { <-slots }()
			d.dispatch(ctx, rows)
		})
	}
	return nil
}

// probe waits for as long as the breaker wants, then tries a few rows.
func (d *Dispatcher) probe(ctx context.Context) error {
	if !clock.Sleep(ctx, d.breaker.pause()) {
		return nil
	}
	rows, err := d.queue.lease(ctx, probeSize)
	if err != nil {
		return err
	}
	if len(rows) > 0 {
		d.dispatch(ctx, rows)
	}
	return nil
}

// rest waits for new rows.
func (d *Dispatcher) rest(ctx context.Context) {
	timer := time.NewTimer(pollInterval)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-d.wake:
	}
}

// measure keeps the metrics of the queue up to date.
func (d *Dispatcher) measure(ctx context.Context) {
	for clock.Sleep(ctx, lagInterval) {
		waiting, lag, err := d.queue.lag(ctx)
		if err != nil {
			d.complain(ctx, err)
			continue
		}
		d.metrics.waiting.Set(float64(waiting))
		d.metrics.lag.Set(lag.Seconds())
	}
}

// complain logs what went wrong with the database, by its code: SQL errors quote values.
func (d *Dispatcher) complain(ctx context.Context, err error) {
	if ctx.Err() == nil {
		d.log.Warn("The dispatcher cannot use the database.", "sqlstate", postgres.Code(err))
	}
}

// backOff returns the pause after so many failures in a row: 1 s, doubled each time, up to a limit.
func backOff(failures int, limit time.Duration) time.Duration {
	wait := time.Second
	for range failures - 1 {
		if wait *= 2; wait >= limit {
			return limit
		}
	}
	return wait
}
