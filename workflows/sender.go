package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"guichet.dev/guichet/activities"
	"guichet.dev/guichet/conversation"
)

// shortestWait is the least pause before a message that must wait is looked at again.
const shortestWait = time.Second

// sender works on the conversation's outgoing messages, one Send at a time.
type sender struct {
	busy   bool // its coroutine runs
	asked  bool // Advance reported messages since the last Send began
	cancel workflow.CancelFunc
	state  SendState
}

// ask tells the sender that there are messages to work on.
func (s *sender) ask(ctx workflow.Context, p *process) {
	s.asked = true
	if s.busy {
		return
	}
	s.busy = true
	ctx, s.cancel = workflow.WithCancel(ctx)
	workflow.Go(ctx, func(ctx workflow.Context) {
		defer func() { s.busy = false }()
		s.run(ctx, p)
	})
}

// stop makes the sender end: a Send that is being carried out is finished, one that would be tried again is not.
func (s *sender) stop() {
	if s.busy {
		s.cancel()
	}
}

// run sends until there is nothing more that can be done now.
func (s *sender) run(ctx workflow.Context, p *process) {
	var a *activities.Activities
	for again := true; again && ctx.Err() == nil; {
		s.asked = false
		var result conversation.SendResult
		err := workflow.ExecuteActivity(providerCall(ctx), a.Send, activities.SendInput{ConversationID: p.input.ConversationID}).Get(ctx, &result)
		if err != nil && ctx.Err() == nil {
			p.log.Warn("Sending stopped until the next wake.", "code", failureCode(err))
			result = conversation.SendResult{Outcome: conversation.OutcomeHeld, Code: failureCode(err)}
		}
		s.state = SendState{Outcome: result.Outcome, MessageID: result.MessageID, Code: result.Code}
		again = s.again(ctx, result)
	}
}

// again reports whether another Send may get further, after the pause that the last one asked for. When Advance reports
// messages during the pause, it ends: what the message waits for may have come. A held message is left alone until then.
func (s *sender) again(ctx workflow.Context, last conversation.SendResult) bool {
	switch last.Outcome {
	case conversation.OutcomeSent, conversation.OutcomeFailed, conversation.OutcomeCancelled:
		return s.asked || !last.Last
	case conversation.OutcomeWait, conversation.OutcomeUnknown:
		wait := max(last.Wait, shortestWait)
		s.state.WaitUntil = workflow.Now(ctx).Add(wait)
		_, err := workflow.AwaitWithTimeout(ctx, wait, func() bool { return s.asked })
		s.state.WaitUntil = time.Time{}
		return err == nil
	default:
		return s.asked
	}
}
