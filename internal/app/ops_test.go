package app_test

import (
	"encoding/json"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.yaml.in/yaml/v3"

	"guichet.dev/guichet/internal/app"
	"guichet.dev/guichet/internal/testkit"
)

var (
	described  = regexp.MustCompile(`fqName: "([^"]+)"`)
	ourMetric  = regexp.MustCompile(`\b(?:guichet|go|process|temporal)_[a-z_]+\b`)
	histograms = regexp.MustCompile(`_(?:bucket|count|sum)$`)
)

// metricNames are the names of all collectors of running processes, also of those that have nothing to show yet.
func metricNames(t *testing.T) map[string]bool {
	t.Helper()
	a, _ := start(t, settings(t, nil), app.All)
	names := map[string]bool{}
	testkit.Eventually(t, 20*time.Second, func() error { // the dispatcher adds its own when it starts
		to := make(chan *prometheus.Desc)
		go func() {
			defer close(to)
			a.Metrics.Registry.Describe(to)
		}()
		for d := range to {
			if found := described.FindStringSubmatch(d.String()); found != nil {
				names[found[1]] = true
			}
		}
		if !names["guichet_dispatch_signals_total"] { // the last of them
			return errors.New("the dispatcher's metrics are not all there")
		}
		return nil
	})
	return names
}

// examine wants an expression to be balanced and to name metrics that exist.
func examine(t *testing.T, what, expression string, names map[string]bool) {
	t.Helper()
	for _, pair := range []string{"()", "{}", "[]"} {
		if strings.Count(expression, pair[:1]) != strings.Count(expression, pair[1:]) {
			t.Errorf("%s: %s is not balanced", what, expression)
		}
	}
	found := ourMetric.FindAllString(expression, -1)
	if len(found) == 0 && !strings.HasPrefix(expression, "up{") {
		t.Errorf("%s: %s names no metric", what, expression)
	}
	for _, name := range found {
		if !names[name] && !names[histograms.ReplaceAllString(name, "")] {
			t.Errorf("%s: there is no metric %s", what, name)
		}
	}
}

func TestAlertsAndDashboardNameWhatExists(t *testing.T) {
	t.Parallel()
	names := metricNames(t)
	docs, err := os.ReadFile("../../docs/ops.md")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../../ops/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	var alerts struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr string
				Labels      map[string]string
				Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal(text, &alerts); err != nil || len(alerts.Groups) != 1 || len(alerts.Groups[0].Rules) < 10 {
		t.Fatal(len(alerts.Groups), err)
	}
	for _, rule := range alerts.Groups[0].Rules {
		examine(t, rule.Alert, rule.Expr, names)
		if rule.Labels["severity"] == "" || rule.Annotations["summary"] == "" {
			t.Errorf("%s does not say how bad it is", rule.Alert)
		}
		if !strings.Contains(string(docs), "`"+rule.Alert+"`") {
			t.Errorf("docs/ops.md does not explain %s", rule.Alert)
		}
	}

	if text, err = os.ReadFile("../../ops/grafana-dashboard.json"); err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil || len(dashboard.Panels) < 10 {
		t.Fatal(len(dashboard.Panels), err)
	}
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			examine(t, panel.Title, target.Expr, names)
		}
	}
	for name := range names {
		if strings.HasPrefix(name, "guichet_") && !strings.Contains(string(docs), name) && !strings.HasPrefix(name, "guichet_database_") {
			t.Errorf("docs/ops.md does not explain %s", name)
		}
	}
}

// A process may come before its database, as after a power cut: it says what is missing and goes on when that is there.
func TestAProcessStartsBeforeItsDatabase(t *testing.T) {
	t.Parallel()
	a, _ := start(t, settings(t, map[string]string{"DATABASE_URL": "postgres://guichet:x@127.0.0.1:1/guichet?sslmode=disable"}), app.All)
	var ready struct {
		Missing []string
		Since   map[string]string
	}
	if status := get(t, a, "/readyz", &ready); status != 503 || len(ready.Missing) != 2 || ready.Missing[0] != "database" || ready.Since["database"] == "" {
		t.Errorf("%d %+v", status, ready)
	}
	if err := app.Health(t.Context(), a.Config, false); err == nil || !strings.Contains(err.Error(), "ask for health") {
		t.Errorf("port 0 is nobody's: %v", err)
	}
	cfg := a.Config
	cfg.Listen = a.Address()
	if err := app.Health(t.Context(), cfg, false); err != nil {
		t.Error(err)
	}
	if err := app.Health(t.Context(), cfg, true); err == nil || !strings.Contains(err.Error(), `"missing":["database"`) {
		t.Error(err)
	}
}
