package testkit

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"google.golang.org/protobuf/types/known/durationpb"

	"guichet.dev/guichet/internal/devstack"
)

// TemporalServer is one test's part of a Temporal server.
type TemporalServer struct {
	Address   string
	Namespace string // the test's own, so that workflow ids cannot meet
	TaskQueue string
	Client    client.Client
	Server    *devstack.Temporal // to kill and restart; only of TemporalWith
}

// sharedTemporal lasts as long as the test binary, and dies with it.
var sharedTemporal = sync.OnceValues(func() (*devstack.Temporal, error) {
	ctx, cancel := setupContext()
	defer cancel()
	return devstack.StartTemporal(ctx, devstack.TemporalConfig{})
})

// Temporal returns a new namespace of the development server that the test binary shares. The test is skipped nowhere:
// without a Temporal CLI it fails, and says how to build one.
func Temporal(t testing.TB) *TemporalServer {
	t.Helper()
	server, err := sharedTemporal()
	if err != nil {
		t.Fatalf("test Temporal: %v", err)
	}
	s := &TemporalServer{Address: server.Address(), Namespace: "test-" + uuid.NewString(), TaskQueue: "test"}
	s.connect(t)
	ctx, cancel := setupContext()
	defer cancel()
	_, err = s.Client.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace: s.Namespace, WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
	})
	if err != nil {
		t.Fatalf("test Temporal: register namespace: %v", err)
	}
	s.await(t)
	return s
}

// TemporalWith starts a server for this test alone: with settings of its own, or to be killed.
func TemporalWith(t testing.TB, cfg devstack.TemporalConfig) *TemporalServer {
	t.Helper()
	ctx, cancel := setupContext()
	defer cancel()
	server, err := devstack.StartTemporal(ctx, cfg)
	if err != nil {
		t.Fatalf("test Temporal: %v", err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Errorf("test Temporal: %v", err)
		}
	})
	s := &TemporalServer{Address: server.Address(), Namespace: server.Namespace(), TaskQueue: "test", Server: server}
	s.connect(t)
	return s
}

// AddSearchAttributes registers search attributes in the test's namespace and waits until they can be used.
func (s *TemporalServer) AddSearchAttributes(t testing.TB, attributes map[string]enums.IndexedValueType) {
	t.Helper()
	ctx, cancel := setupContext()
	defer cancel()
	operator := s.Client.OperatorService()
	_, err := operator.AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{Namespace: s.Namespace, SearchAttributes: attributes})
	if err != nil {
		t.Fatalf("test Temporal: add search attributes: %v", err)
	}
	Eventually(t, setupTimeout, func() error {
		known, err := operator.ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: s.Namespace})
		if err != nil {
			return err
		}
		for name := range attributes {
			if _, ok := known.GetCustomAttributes()[name]; !ok {
				return fmt.Errorf("search attribute %s is not known yet", name)
			}
		}
		return nil
	})
}

func (s *TemporalServer) connect(t testing.TB) {
	t.Helper()
	quiet := sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler))
	c, err := client.Dial(client.Options{HostPort: s.Address, Namespace: s.Namespace, Logger: quiet})
	if err != nil {
		t.Fatalf("test Temporal: %v", err)
	}
	s.Client = c
	t.Cleanup(c.Close)
}

// await waits until the server's parts know the new namespace.
func (s *TemporalServer) await(t testing.TB) {
	t.Helper()
	Eventually(t, setupTimeout, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_, err := s.Client.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: s.Namespace})
		return err
	})
}
