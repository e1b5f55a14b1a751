package worker

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"guichet.dev/guichet/internal/failpoint"
	"guichet.dev/guichet/workflows"
)

// batch is what became of the rows of one lease.
type batch struct {
	mu        sync.Mutex
	told      []row
	failed    []failedRow // by something about the conversation
	refused   []failedRow // because Temporal did not answer
	untouched []row
}

// failedRow is a row whose signal failed, with the code of gRPC.
type failedRow struct {
	row
	code string
}

// dispatch signals the conversations of leased rows and writes down what became of each.
func (d *Dispatcher) dispatch(ctx context.Context, rows []row) {
	b := d.signalAll(ctx, rows)
	failpoint.Hit("worker.signalled")
	// What was signalled is settled even if the process is stopping; what is not settled is signalled again later.
	settling, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	if err := d.settle(settling, b); err != nil {
		d.complain(settling, err)
	}
}

// signalAll signals the rows in order, several at a time. It gives up when Temporal answers to none of them, and when the
// lease is nearly over.
func (d *Dispatcher) signalAll(ctx context.Context, rows []row) *batch {
	b := &batch{}
	leasedUntil := time.Now().Add(leaseTime - 2*callTimeout)
	var calls sync.WaitGroup
	for i, one := range rows {
		d.calls <- struct{}{}
		if ctx.Err() != nil || time.Now().After(leasedUntil) || b.hopeless() {
			<-d.calls
			b.untouched = rows[i:]
			break
		}
		calls.Go(func() {
			defer func() { <-d.calls }()
			b.add(one, d.signal(ctx, one))
		})
	}
	calls.Wait()
	return b
}

// signal wakes the conversation's workflow, and starts it if it does not run. A process that stops lets it finish.
func (d *Dispatcher) signal(ctx context.Context, one row) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	begun := time.Now()
	options := client.StartWorkflowOptions{
		TaskQueue:     workflows.TaskQueue,
		StaticSummary: "Conversation " + one.ConversationID,
	}
	_, err := d.client.SignalWithStartWorkflow(ctx, workflows.ID(one.Epoch, one.ConversationID),
		workflows.WakeSignal, workflows.Wake{UpToSeq: one.UpToSeq}, options,
		workflows.Conversation, workflows.Input{ConversationID: one.ConversationID, Epoch: one.Epoch})
	if err == nil {
		d.metrics.delay.Observe(one.Age + time.Since(begun).Seconds())
	}
	return err
}

// hopeless reports whether Temporal did not answer, and to nobody.
func (b *batch) hopeless() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.refused) > 0 && len(b.told) == 0
}

func (b *batch) add(one row, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case err == nil:
		b.told = append(b.told, one)
	case concernsOne(err):
		b.failed = append(b.failed, failedRow{one, code(err)})
	default:
		b.refused = append(b.refused, failedRow{one, code(err)})
	}
}

// settle writes down what became of the batch, and judges by it whether Temporal answers. While it does, whatever fails
// is counted against its conversation. While it does not, nothing is counted, so that no conversation pays for an outage
// with a long back-off.
func (d *Dispatcher) settle(ctx context.Context, b *batch) error {
	if len(b.told) > 0 {
		b.failed, b.refused = append(b.failed, b.refused...), nil
		if d.breaker.close() {
			d.log.Info("Temporal answers again.")
		}
	}
	pause := time.Duration(0)
	if len(b.refused) > 0 {
		if d.breaker.trip() {
			d.log.Warn("Temporal does not answer; what is to be dispatched waits.", "code", b.refused[0].code)
		}
		pause = d.breaker.pause()
	}
	d.metrics.count(b)
	for _, one := range b.failed {
		d.log.Warn("A conversation could not be signalled.", "conversation_id", one.ConversationID, "code", one.code, "tries", one.Tries+1)
	}
	return errors.Join(
		d.queue.told(ctx, b.told),
		d.queue.failed(ctx, b.failed),
		d.queue.postpone(ctx, b.refused, pause),
		d.queue.release(ctx, b.untouched),
	)
}

// concernsOne reports whether a signal failed for a reason that lies in its conversation.
func concernsOne(err error) bool {
	var invalid *serviceerror.InvalidArgument
	var precondition *serviceerror.FailedPrecondition
	var started *serviceerror.WorkflowExecutionAlreadyStarted
	return errors.As(err, &invalid) || errors.As(err, &precondition) || errors.As(err, &started)
}

// code returns the code of gRPC, never the text.
func code(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "DeadlineExceeded"
	}
	return serviceerror.ToStatus(err).Code().String()
}
