package devstack_test

import (
	"path/filepath"
	"testing"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/client"

	"guichet.dev/guichet/internal/devstack"
)

func startTemporal(t *testing.T, cfg devstack.TemporalConfig) *devstack.Temporal {
	t.Helper()
	s, err := devstack.StartTemporal(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func dial(t *testing.T, s *devstack.Temporal) client.Client {
	t.Helper()
	c, err := client.Dial(client.Options{HostPort: s.Address(), Namespace: s.Namespace()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestTemporalKeepsWorkflowsThroughKill(t *testing.T) {
	t.Parallel()
	s := startTemporal(t, devstack.TemporalConfig{
		DataFile:         filepath.Join(t.TempDir(), "temporal.db"),
		Namespace:        "guichet",
		SearchAttributes: map[string]string{"GuichetStatus": "Keyword"},
		DynamicConfig:    map[string]string{"limit.historyCount.suggestContinueAsNew": "60"},
	})
	options := client.StartWorkflowOptions{ID: "kept", TaskQueue: "nobody", WorkflowRunTimeout: time.Hour}
	if _, err := dial(t, s).ExecuteWorkflow(t.Context(), options, "Nothing"); err != nil {
		t.Fatal(err)
	}

	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}

	c := dial(t, s)
	found, err := c.DescribeWorkflowExecution(t.Context(), "kept", "")
	if err != nil {
		t.Fatal(err)
	}
	if got := found.GetWorkflowExecutionInfo().GetStatus(); got != enums.WORKFLOW_EXECUTION_STATUS_RUNNING {
		t.Errorf("workflow is %v", got)
	}
	attributes, err := c.OperatorService().ListSearchAttributes(t.Context(), &operatorservice.ListSearchAttributesRequest{Namespace: "guichet"})
	if err != nil {
		t.Fatal(err)
	}
	if got := attributes.GetCustomAttributes()["GuichetStatus"]; got != enums.INDEXED_VALUE_TYPE_KEYWORD {
		t.Errorf("search attribute has type %v", got)
	}
}
