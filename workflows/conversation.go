package workflows

import (
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/workflow"

	"guichet.dev/guichet/conversation"
)

// Conversation looks after one conversation until nothing is left to wait for.
func Conversation(ctx workflow.Context, in Input) error {
	p := newProcess(ctx, in)
	if err := p.register(ctx); err != nil {
		return err
	}
	return p.run(ctx)
}

// process is one run of the workflow. Only the main loop and the sender's coroutine touch it, and they take turns.
type process struct {
	input    Input
	log      log.Logger
	wakes    workflow.ReceiveChannel
	look     bool  // Advance must run
	wokenSeq int64 // the highest seq of a wake

	stands      conversation.Advanced // where the conversation stands
	failures    int                   // of Advance in a row
	failureCode string
	alarm       alarm
	sender      sender
}

// newProcess restores what the run before handed over. A new run always looks first: it knows no deadline.
func newProcess(ctx workflow.Context, in Input) *process {
	p := &process{
		input: in,
		log:   log.With(workflow.GetLogger(ctx), "conversation_id", in.ConversationID),
		look:  true,
	}
	if in.Carry != nil {
		p.wokenSeq, p.failures = in.Carry.WokenSeq, in.Carry.Failures
	}
	return p
}

// register sets the handlers up, before anything blocks.
func (p *process) register(ctx workflow.Context) error {
	p.wakes = workflow.GetSignalChannel(ctx, WakeSignal)
	return workflow.SetQueryHandler(ctx, StateQuery, func() (State, error) { return p.state(), nil })
}

// run is the main loop. It alone calls Advance, arms the alarm and ends the run.
func (p *process) run(ctx workflow.Context) error {
	for {
		if err := workflow.Await(ctx, func() bool { return p.due(ctx) }); err != nil {
			return err
		}
		if suggested(ctx) {
			return p.continueAsNew(ctx)
		}
		p.takeWakes()
		if p.alarm.takeRing() {
			p.look = true
		}
		if p.look {
			if err := p.advance(ctx); err != nil {
				return err
			}
		}
		if p.idle() {
			return nil
		}
	}
}

// due reports whether the main loop has something to do.
func (p *process) due(ctx workflow.Context) bool {
	return p.look || p.wakes.Len() > 0 || p.alarm.rings() || p.idle() || suggested(ctx)
}

// idle reports whether the run may end: no deadline lies ahead, nothing is in progress, and nothing came in the
// meantime. Messages that are held do not count: who frees them wakes the conversation. A timer that is still armed for a
// deadline that is gone ends with the run.
func (p *process) idle() bool {
	return !p.look && p.failures == 0 && p.stands.NextDeadline.IsZero() && !p.sender.busy && p.wakes.Len() == 0
}

// takeWakes drains the wakes: one look answers all of them. While Advance fails, only a wake with news is worth a try
// before its time.
func (p *process) takeWakes() {
	for {
		var wake Wake
		if !p.wakes.ReceiveAsync(&wake) {
			return
		}
		if p.failures == 0 || wake.UpToSeq > p.wokenSeq {
			p.look = true
		}
		p.wokenSeq = max(p.wokenSeq, wake.UpToSeq)
	}
}
