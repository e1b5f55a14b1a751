package workflows

import "go.temporal.io/sdk/worker"

// Register registers all workflows; the worker, the replayer and the tests share it.
func Register(r worker.WorkflowRegistry) {
	r.RegisterWorkflow(Conversation)
}
