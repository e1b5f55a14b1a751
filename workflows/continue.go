package workflows

import "go.temporal.io/sdk/workflow"

// suggested reports whether the history has become so long that the run should be continued by a new one.
func suggested(ctx workflow.Context) bool {
	return workflow.GetInfo(ctx).GetContinueAsNewSuggested()
}

// continueAsNew hands over to a new run. It takes no more work, waits for what is in progress, then drains the wakes and
// returns at once: a wake that came before the last workflow task is in the carry, and one that comes later makes the
// server refuse the hand-over, so that it is tried again with the wake. The new run looks first, whatever the carry says.
func (p *process) continueAsNew(ctx workflow.Context) error {
	p.sender.stop()
	settled := func() bool { return !p.sender.busy && workflow.AllHandlersFinished(ctx) }
	if err := workflow.Await(ctx, settled); err != nil {
		return err
	}
	p.takeWakes()
	next := Input{
		ConversationID: p.input.ConversationID,
		Epoch:          p.input.Epoch,
		Carry:          &Carry{WokenSeq: p.wokenSeq, Failures: p.failures},
	}
	// With worker deployments the new run starts on the current release; without them this changes nothing.
	options := workflow.ContinueAsNewErrorOptions{InitialVersioningBehavior: workflow.ContinueAsNewVersioningBehaviorAutoUpgrade}
	return workflow.NewContinueAsNewErrorWithOptions(ctx, options, Conversation, next)
}
