package server

import (
	"context"
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
	Missing []string `json:"missing,omitempty"`
	// Degraded names what is missing and not needed at once: without Temporal messages are received, read and written,
	// and sent later.
	Degraded []string `json:"degraded,omitempty"`
}

// registerProbes registers what machines ask: whether the process lives, whether it can work, and its figures.
func (s *Server) registerProbes() {
	s.echo.GET("/healthz", func(c echo.Context) error { return c.String(http.StatusOK, "alive\n") })
	s.echo.GET("/readyz", s.ready, s.recoverPanics)
	s.echo.GET("/metrics", echo.WrapHandler(promhttp.HandlerFor(s.Metrics.Registry, promhttp.HandlerOpts{
		Registry: s.Metrics.Registry, MaxRequestsInFlight: 4, Timeout: 10 * time.Second,
	})))
}

func (s *Server) ready(c echo.Context) error {
	var r readiness
	r.Missing, r.Degraded = s.probe(c.Request().Context())
	if s.draining.Load() {
		r.Missing = append(r.Missing, "shutting down")
	}
	r.Ready = len(r.Missing) == 0
	if !r.Ready {
		return c.JSON(http.StatusServiceUnavailable, r)
	}
	return c.JSON(http.StatusOK, r)
}

// probe runs all checks at once and names those that fail, in their order.
func (s *Server) probe(ctx context.Context) (missing, degraded []string) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	failed := make([]error, len(s.Checks))
	var wait sync.WaitGroup
	for i, check := range s.Checks {
		wait.Go(func() { failed[i] = check.Probe(ctx) })
	}
	wait.Wait()
	for i, err := range failed {
		if err == nil {
			continue
		}
		check := s.Checks[i]
		s.Logger.WarnContext(ctx, "not ready", "missing", check.Name, "optional", check.Optional, errorAttr(err))
		if check.Optional {
			degraded = append(degraded, check.Name)
		} else {
			missing = append(missing, check.Name)
		}
	}
	return missing, degraded
}
