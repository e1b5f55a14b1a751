package server

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Check is one thing without which this process cannot do its work.
type Check struct {
	Name string // "database", "migrations", "temporal"
	// Optional is set if the process does useful work without it: it is named, and the process stays ready.
	Optional bool
	// Probe returns an error if the thing is missing.
	Probe func(ctx context.Context) error
}

// probeTimeout is how long a dependency may take to answer.
const probeTimeout = 3 * time.Second

// readiness is the answer of /readyz. Why something is missing stands in the log: the address is open to everybody.
type readiness struct {
	Ready   bool     `json:"ready"`
	Version string   `json:"version,omitempty"`
	Missing []string `json:"missing,omitempty"`
	// Degraded names what is missing and not needed at once: without Temporal messages are received, read and written,
	// and sent later.
	Degraded []string `json:"degraded,omitempty"`
	// Since tells of everything that is missing when this process first found it so.
	Since map[string]time.Time `json:"since,omitempty"`
}

// absences remembers since when what is missing.
type absences struct {
	mu    sync.Mutex
	since map[string]time.Time
}

// note notes what a probe found and returns since when the thing is missing; changed says that it was not so before.
func (a *absences) note(name string, missing bool) (since time.Time, changed bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	since, was := a.since[name]
	switch {
	case missing && !was:
		if a.since == nil {
			a.since = map[string]time.Time{}
		}
		since = time.Now().UTC().Truncate(time.Second)
		a.since[name] = since
	case !missing:
		delete(a.since, name)
	}
	return since, missing != was
}

// registerProbes registers what machines ask: whether the process lives, whether it can work, and its figures.
func (s *Server) registerProbes() {
	s.echo.GET("/healthz", func(c echo.Context) error { return c.String(http.StatusOK, "alive\n") })
	s.echo.GET("/readyz", s.ready, s.recoverPanics)
	s.echo.GET("/metrics", echo.WrapHandler(promhttp.HandlerFor(s.Metrics.Registry, promhttp.HandlerOpts{
		Registry: s.Metrics.Registry, MaxRequestsInFlight: 4, Timeout: 10 * time.Second,
	})))
}

// WatchReadiness looks at all dependencies again and again until the context ends, so that the log and the metric tell of
// what is missing although nobody asks for /readyz.
func (s *Server) WatchReadiness(ctx context.Context, every time.Duration) error {
	for {
		s.probe(ctx, &readiness{})
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(every):
		}
	}
}

func (s *Server) ready(c echo.Context) error {
	r := readiness{Version: s.Version}
	s.probe(c.Request().Context(), &r)
	if s.draining.Load() {
		r.Missing = append(r.Missing, "shutting down")
	}
	r.Ready = len(r.Missing) == 0
	if !r.Ready {
		return c.JSON(http.StatusServiceUnavailable, r)
	}
	return c.JSON(http.StatusOK, r)
}

func up(failed error) float64 {
	if failed != nil {
		return 0
	}
	return 1
}

// probe runs all checks at once and names those that fail, in their order. The log tells when something begins to be
// missing and when it is back, not each time that somebody asks.
func (s *Server) probe(ctx context.Context, r *readiness) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	failed := make([]error, len(s.Checks))
	var wait sync.WaitGroup
	for i, check := range s.Checks {
		wait.Go(func() { failed[i] = check.Probe(ctx) })
	}
	wait.Wait()
	if asked := context.Cause(ctx); errors.Is(asked, context.Canceled) {
		return // nobody waits for the answer, and it would be wrong
	}
	for i, check := range s.Checks {
		s.Metrics.Dependencies.WithLabelValues(check.Name).Set(up(failed[i]))
		since, changed := s.absent.note(check.Name, failed[i] != nil)
		if failed[i] == nil {
			if changed {
				s.Logger.InfoContext(ctx, "is back", "missing", check.Name, "since", since)
			}
			continue
		}
		if changed {
			s.Logger.WarnContext(ctx, "not ready", "missing", check.Name, "optional", check.Optional, errorAttr(failed[i]))
		}
		if r.Since == nil {
			r.Since = map[string]time.Time{}
		}
		r.Since[check.Name] = since
		if check.Optional {
			r.Degraded = append(r.Degraded, check.Name)
		} else {
			r.Missing = append(r.Missing, check.Name)
		}
	}
}
