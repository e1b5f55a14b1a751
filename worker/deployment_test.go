package worker_test

import (
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"guichet.dev/guichet/internal/devstack"
	"guichet.dev/guichet/internal/testkit"
	"guichet.dev/guichet/worker"
	"guichet.dev/guichet/workflows"
)

// With a deployment, runs stay with the release that began them, and hand over all the same.
func TestWorkerDeployment(t *testing.T) {
	t.Setenv(worker.DeploymentEnv, "guichet")
	t.Setenv(worker.BuildEnv, "1.0")
	s := testkit.TemporalWith(t, devstack.TemporalConfig{DynamicConfig: map[string]string{"limit.historyCount.suggestContinueAsNew": "60"}})
	h := newHouse(t, s)
	deployment := h.client.WorkerDeploymentClient().GetHandle("guichet")
	eventually(t, "the release is current", func() bool {
		_, err := deployment.SetCurrentVersion(t.Context(), client.WorkerDeploymentSetCurrentVersionOptions{BuildID: "1.0"})
		return err == nil
	})
	id := h.conversation()
	h.record(id).Deadline("window_closed", 24*time.Hour)
	h.applied(id, h.event(id))
	var first string
	eventually(t, "the run is on the release", func() bool {
		var build string
		first, build = h.run(id)
		return build == "1.0"
	})
	for range 20 {
		h.applied(id, h.event(id))
	}
	eventually(t, "the run continued as new", func() bool {
		last, _ := h.run(id)
		return last != first
	})
}

// run returns the id of the conversation's newest run and the build it is on.
func (h *house) run(id string) (run, build string) {
	h.t.Helper()
	found, err := h.client.DescribeWorkflowExecution(h.t.Context(), workflows.ID(1, id), "")
	if err != nil {
		h.t.Fatal(err)
	}
	info := found.GetWorkflowExecutionInfo()
	return info.GetExecution().GetRunId(), info.GetVersioningInfo().GetDeploymentVersion().GetBuildId()
}

func TestHalfADeploymentIsRefused(t *testing.T) {
	t.Setenv(worker.DeploymentEnv, "guichet")
	t.Setenv(worker.BuildEnv, "")
	if err := worker.Run(t.Context(), worker.Options{}); err == nil {
		t.Error("a deployment without a build was accepted")
	}
}
