package temporalx_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/client"

	"guichet.dev/guichet/internal/temporalx"
	"guichet.dev/guichet/internal/testkit"
)

func dial(t *testing.T, o temporalx.Options) client.Client {
	t.Helper()
	c, err := temporalx.Dial(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestDialNeedsNoServer(t *testing.T) {
	t.Parallel()
	c := dial(t, temporalx.Options{Address: "127.0.0.1:1", Namespace: "none", Logger: testkit.Logger(t)})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := c.CheckHealth(ctx, nil); err == nil {
		t.Error("a server that does not exist answered")
	}
}

func TestEnsureSearchAttributes(t *testing.T) {
	t.Parallel()
	s := testkit.Temporal(t)
	registry := prometheus.NewRegistry()
	c := dial(t, temporalx.Options{Address: s.Address, Namespace: s.Namespace, Metrics: registry})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if err := temporalx.EnsureSearchAttributes(t.Context(), c, s.Namespace, "GuichetOne", "GuichetTwo"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if err := temporalx.EnsureSearchAttributes(t.Context(), c, s.Namespace, "GuichetTwo"); err != nil {
		t.Error(err)
	}
	known, err := c.OperatorService().ListSearchAttributes(t.Context(), &operatorservice.ListSearchAttributesRequest{Namespace: s.Namespace})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"GuichetOne", "GuichetTwo"} {
		if _, ok := known.GetCustomAttributes()[name]; !ok {
			t.Errorf("%s is missing", name)
		}
	}
	checkMetrics(t, registry)
}

// checkMetrics looks for what the calls before left on the registry.
func checkMetrics(t *testing.T, registry *prometheus.Registry) {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatalf("gather: %v", err)
	}
	var names []string
	for _, family := range families {
		names = append(names, family.GetName())
	}
	for _, want := range []string{"temporal_request_total", "temporal_request_latency_seconds"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is not among %v", want, names)
		}
	}
}
