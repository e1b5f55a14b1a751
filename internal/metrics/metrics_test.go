package metrics_test

import (
	"database/sql"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver

	"guichet.dev/guichet/internal/metrics"
)

func TestEveryMetricIsOursAndExplained(t *testing.T) {
	t.Parallel()
	m := metrics.New()
	pool, err := sql.Open("pgx", "postgres://127.0.0.1:1/none") // opens no connection
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pool.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := m.WatchDatabase(pool); err != nil {
		t.Fatal(err)
	}
	m.ObserveIngest(time.Now())
	o := metrics.Observer{Metrics: m}
	o.Send("whatsapp", "failed", "131026")
	o.Updates("whatsapp", "messages", "applied", 3)
	m.HTTPRequests.WithLabelValues("GET", "/api/v1/me", "200").Inc()
	m.HTTPSeconds.WithLabelValues("GET", "/api/v1/me").Observe(0.01)
	families, err := m.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, f := range families {
		name := f.GetName()
		found[name] = true
		if !strings.HasPrefix(name, "guichet_") && !strings.HasPrefix(name, "go_") && !strings.HasPrefix(name, "process_") || f.GetHelp() == "" {
			t.Errorf("%s is not ours, or not explained", name)
		}
	}
	for _, name := range []string{
		"guichet_webhooks_total", "guichet_ingest_seconds", "guichet_sends_total", "guichet_updates_total", "guichet_stuck_conversations",
		"guichet_http_requests_total", "guichet_http_request_seconds", "guichet_database_connections_open", "go_goroutines",
	} {
		if !found[name] {
			t.Errorf("no %s", name)
		}
	}
}
