package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"

	"guichet.dev/guichet/accounts"
	"guichet.dev/guichet/assignment"
	"guichet.dev/guichet/automation"
	"guichet.dev/guichet/blocks"
	"guichet.dev/guichet/blueprint"
	"guichet.dev/guichet/bulk"
	"guichet.dev/guichet/calendars"
	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/contacts"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/drafts"
	"guichet.dev/guichet/feed"
	"guichet.dev/guichet/followers"
	"guichet.dev/guichet/internal/clock"
	"guichet.dev/guichet/internal/metrics"
	"guichet.dev/guichet/labels"
	"guichet.dev/guichet/notes"
	"guichet.dev/guichet/notifications"
	"guichet.dev/guichet/oidc"
	"guichet.dev/guichet/rulebook"
	"guichet.dev/guichet/search"
	"guichet.dev/guichet/secondfactor"
	"guichet.dev/guichet/signin"
	"guichet.dev/guichet/team"
	"guichet.dev/guichet/transcripts"
	"guichet.dev/guichet/views"
)

// Options are what a server needs. All fields but Checks, Version and Logger are required; with ProbesOnly only Metrics is.
type Options struct {
	Logger   *slog.Logger // nil is silent
	Metrics  *metrics.Metrics
	Clock    *clock.Clock
	Accounts *accounts.Store
	Team     *team.Store
	Adapters map[conversation.Channel]channel.Adapter

	Receiver Receiver
	Queries  Queries
	Handling Handling
	Writing  Writing
	Parked   ParkedUpdates
	Beside   Beside

	Notes       *notes.Store
	Views       *views.Store
	Bulk        *bulk.Store
	Labels      *labels.Store
	Drafts      *drafts.Store
	Followers   *followers.Store
	Blocks      *blocks.Store
	Assignment  *assignment.Store
	Contacts    *contacts.Store
	Transcripts *transcripts.Store
	Search      *search.Store

	Calendars  *calendars.Store
	Rulebook   *rulebook.Store
	Automation *automation.Automation
	Blueprint  *blueprint.Store

	Notifications *notifications.Store
	Locator       Locator
	Presence      Presence

	Live *feed.Hub // whose frames are made by RenderEvent; nil: there are no live events

	SignIn         *signin.Store // nil: only tokens are accepted
	SecondFactor   *secondfactor.Store
	OIDC           *oidc.Store
	PublicURL      string         // where browsers reach us; cookies are for TLS only if it is https
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed

	Repetitions Repetitions // nil: idempotency keys are not looked at
	Rate        int         // requests that one caller may make in a second; 0: any number

	Checks  []Check // of what /readyz depends on
	Version string  // of the program, for the OpenAPI document

	// ProbesOnly serves health and metrics alone, for processes that only work.
	ProbesOnly bool
}

// Server serves HTTP.
type Server struct {
	Options
	echo     *echo.Echo
	api      huma.API
	http     *http.Server
	routes   map[string]bool // templates
	draining atomic.Bool
	absent   absences // of what readiness depends on

	limits    *limiter // of callers we know
	strangers *limiter // of those that we do not, by address

	ending  chan struct{} // closed when streams must end
	end     sync.Once
	streams chan struct{} // those that read on in the database

	marks      chan struct{} // read marks on their way to providers
	background sync.WaitGroup
}

// Limits of the listener. Webhooks come from one provider with good connections; agents may be far away.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 30 * time.Second
	writeTimeout      = 45 * time.Second // longer than requestTimeout, so that its answer still goes out
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 32 << 10
)

// New returns a server; Serve starts it.
func New(o Options) *Server {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{Options: o, echo: echo.New(), marks: make(chan struct{}, marksAtOnce)}
	s.ending, s.streams = make(chan struct{}), make(chan struct{}, catchUpsAtOnce)
	s.limits = newLimiter(o.Rate)
	if s.limits != nil {
		s.strangers = newLimiter(strangersPerSecond)
	}
	s.echo.HTTPErrorHandler = s.writeEchoError
	s.echo.Use(s.aroundAPI)
	s.registerProbes()
	if !o.ProbesOnly {
		s.registerWebhooks()
		s.registerUnsubscribe()
		s.registerAPI()
		s.registerDocs()
	}
	s.routes = routeTemplates(s.echo)
	s.http = &http.Server{
		Handler: s.echo, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes, ErrorLog: slog.NewLogLogger(o.Logger.Handler(), slog.LevelDebug),
	}
	return s
}

// Handler returns all routes, for tests and for other listeners.
func (s *Server) Handler() http.Handler { return s.echo }

// OpenAPI returns the document of the API.
func (s *Server) OpenAPI() *huma.OpenAPI { return s.api.OpenAPI() }

// Serve answers requests until Shutdown or an error of the listener, which it closes.
func (s *Server) Serve(listener net.Listener) error {
	if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve HTTP: %w", err)
	}
	return nil
}

// Drain makes new webhooks be refused, so that the provider posts them again elsewhere or later, and readiness fail, so
// that no more requests are sent here. Everything else is answered as before.
func (s *Server) Drain() { s.draining.Store(true) }

// Shutdown stops listening, ends the streams, whose clients go on elsewhere, and waits for the requests in flight and for
// what they left behind. When the context ends it
// breaks off the requests.
func (s *Server) Shutdown(ctx context.Context) error {
	s.Drain()
	s.end.Do(func() { close(s.ending) })
	if err := s.http.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("stop serving HTTP: %w", err), s.http.Close())
	}
	s.background.Wait()
	return nil
}
