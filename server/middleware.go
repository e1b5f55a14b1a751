package server

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

type contextKey int

const (
	keyRequestID contextKey = iota
	keyPrincipal
	keySession
	keyClient
	keyOutcome
	keySeen
)

// requestID returns the id under which the request is logged, empty outside the API.
func requestID(ctx context.Context) string {
	id, _ := ctx.Value(keyRequestID).(string)
	return id
}

// maxRequestID is the longest id that is taken over from a proxy.
const maxRequestID = 64

// aroundAPI puts the middleware around everything but what machines ask for often: webhooks and probes.
func (s *Server) aroundAPI(next echo.HandlerFunc) echo.HandlerFunc {
	wrapped := identify(s.observe(s.recoverPanics(secure(next))))
	return func(c echo.Context) error {
		switch path := c.Path(); {
		case strings.HasPrefix(path, "/webhooks/") && s.routes[path], path == "/healthz", path == "/readyz", path == "/metrics":
			return next(c)
		default:
			return wrapped(c)
		}
	}
}

// routeTemplates returns the templates of all routes.
func routeTemplates(e *echo.Echo) map[string]bool {
	templates := map[string]bool{}
	for _, r := range e.Routes() {
		templates[r.Path] = true
	}
	return templates
}

// identify gives the request an id: the proxy's if it is harmless, otherwise a new one.
func identify(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		id := c.Request().Header.Get(echo.HeaderXRequestID)
		if !harmless(id) {
			id = uuid.NewString()
		}
		c.Response().Header().Set(echo.HeaderXRequestID, id)
		c.SetRequest(c.Request().WithContext(context.WithValue(c.Request().Context(), keyRequestID, id)))
		return next(c)
	}
}

func harmless(id string) bool {
	for _, r := range id {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.' {
			return false
		}
	}
	return id != "" && len(id) <= maxRequestID
}

// observe logs and counts the request by its route template: addresses carry ids, queries may carry anything.
func (s *Server) observe(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		began := time.Now()
		if err := next(c); err != nil {
			c.Error(err)
		}
		route, status, took := c.Path(), c.Response().Status, time.Since(began)
		method := c.Request().Method
		if !s.routes[route] || status == http.StatusMethodNotAllowed {
			method, route = "other", "none"
		}
		s.Metrics.HTTPRequests.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
		if c.Response().Header().Get(echo.HeaderContentType) != eventStream { // a stream lasts as long as its client likes
			s.Metrics.HTTPSeconds.WithLabelValues(method, route).Observe(took.Seconds())
		}
		attrs := []slog.Attr{
			slog.String("request_id", requestID(c.Request().Context())), slog.String("method", method), slog.String("route", route),
			slog.Int("status", status), slog.Int64("bytes", c.Response().Size), slog.Duration("duration", took),
		}
		if id := c.Param("conversation_id"); postgres.IsID(id) {
			attrs = append(attrs, slog.String("conversation_id", id))
		}
		s.Logger.LogAttrs(c.Request().Context(), slog.LevelInfo, "http request", attrs...)
		return nil
	}
}

// recoverPanics turns a panic into an answer. What was panicked with is not logged unless it is Go's own: it may hold words.
func (s *Server) recoverPanics(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			thrown := recover()
			if thrown == nil {
				return
			}
			if thrown == http.ErrAbortHandler { //nolint:errorlint // net/http compares it in the same way
				panic(thrown)
			}
			what := fmt.Sprintf("%T", thrown)
			if e, ok := thrown.(interface{ RuntimeError() }); ok {
				what = fmt.Sprint(e)
			}
			ctx := c.Request().Context()
			s.Logger.ErrorContext(ctx, "panic", "request_id", requestID(ctx), "panic", what, "stack", string(debug.Stack()))
			err = newProblem(ctx, http.StatusInternalServerError, conversation.CodeInternal, hidden)
		}()
		return next(c)
	}
}

// secure sets the headers that keep answers out of caches and browsers from guessing.
func secure(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		return next(c)
	}
}
