package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"guichet.dev/guichet/accounts"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/internal/metrics"
	"guichet.dev/guichet/postgres"
)

const (
	// maxWebhook is the largest body that is read, in bytes: Meta posts at most 3 MB, and a little more is not refused.
	maxWebhook = 3<<20 + 64<<10
	// firstBuffer is what is set aside for a body before any of it has come.
	firstBuffer = 64 << 10
	// retryAfter asks a provider to come again when the next process listens, in seconds.
	retryAfter = "5"
	// webhookTimeout is how long one webhook may take to be stored.
	webhookTimeout = 20 * time.Second
)

// registerWebhooks registers the addresses to which providers post. They bypass the API's middleware.
func (s *Server) registerWebhooks() {
	path := webhookPath(conversation.WhatsApp, ":account_id")
	s.echo.GET(path, s.handshake, s.recoverPanics)
	s.echo.POST(path, s.webhook, s.recoverPanics)
}

// webhookPath is where the provider of an account posts.
func webhookPath(ch conversation.Channel, accountID string) string {
	return "/webhooks/" + string(ch) + "/" + accountID
}

// errNoAccount says that an address belongs to no account.
var errNoAccount = errors.New("no such account")

// webhookAccount returns the account of the address.
func (s *Server) webhookAccount(c echo.Context) (accounts.Account, error) {
	id := c.Param("account_id")
	if !postgres.IsID(id) {
		return accounts.Account{}, errNoAccount
	}
	account, err := s.Accounts.Cached(c.Request().Context(), id)
	if conversation.CodeOf(err) == conversation.CodeNotFound || err == nil && account.Channel != conversation.WhatsApp {
		return accounts.Account{}, errNoAccount
	}
	return account, err
}

// handshake answers the provider's question whether the address is ours.
func (s *Server) handshake(c echo.Context) error {
	account, err := s.webhookAccount(c)
	if err != nil {
		return s.refuseWebhook(c, err)
	}
	text, ok := s.Adapters[account.Channel].Handshake(account.Secrets, c.QueryParams())
	if !ok {
		return s.webhookDone(c, http.StatusForbidden, metrics.WebhookRefused)
	}
	s.Metrics.Webhooks.WithLabelValues(metrics.WebhookHandshake).Inc()
	c.Response().Header().Set("X-Content-Type-Options", "nosniff")
	return c.String(http.StatusOK, text)
}

// webhook takes in what a provider posts: 200 only after the commit. Anything else makes the provider post it again.
func (s *Server) webhook(c echo.Context) error {
	began := time.Now()
	if s.draining.Load() {
		c.Response().Header().Set(echo.HeaderRetryAfter, retryAfter)
		return s.webhookDone(c, http.StatusServiceUnavailable, metrics.WebhookDraining)
	}
	account, err := s.webhookAccount(c)
	if err != nil {
		return s.refuseWebhook(c, err)
	}
	body, err := readWebhook(c.Request())
	if err != nil {
		return s.refuseWebhook(c, err)
	}
	if !s.Adapters[account.Channel].Verify(account.Secrets, c.Request().Header, body) {
		return s.webhookDone(c, http.StatusUnauthorized, metrics.WebhookUnsigned)
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), webhookTimeout)
	defer cancel()
	if err := s.Receiver.Receive(ctx, account, body); err != nil {
		return s.refuseWebhook(c, err)
	}
	s.Metrics.ObserveIngest(began)
	return c.NoContent(http.StatusOK)
}

// errTooLarge says that a body is larger than any that a provider posts.
var errTooLarge = errors.New("the body is too large")

// errAborted says that a body did not come in full.
var errAborted = errors.New("the body did not arrive")

func readWebhook(r *http.Request) ([]byte, error) {
	if r.ContentLength > maxWebhook {
		return nil, errTooLarge
	}
	var body bytes.Buffer
	body.Grow(int(min(max(r.ContentLength, 0), firstBuffer)) + bytes.MinRead)
	n, err := body.ReadFrom(io.LimitReader(r.Body, maxWebhook+1))
	if err != nil {
		return nil, errAborted
	}
	if n > maxWebhook {
		return nil, errTooLarge
	}
	return body.Bytes(), nil
}

// refuseWebhook answers a webhook that was not taken in.
func (s *Server) refuseWebhook(c echo.Context, err error) error {
	switch {
	case errors.Is(err, errNoAccount):
		return s.webhookDone(c, http.StatusNotFound, metrics.WebhookUnknown)
	case errors.Is(err, errTooLarge):
		return s.webhookDone(c, http.StatusRequestEntityTooLarge, metrics.WebhookTooLarge)
	case errors.Is(err, errAborted):
		return s.webhookDone(c, http.StatusBadRequest, metrics.WebhookAborted)
	}
	s.Logger.ErrorContext(c.Request().Context(), "webhook failed", "account_id", c.Param("account_id"), errorAttr(err))
	return s.webhookDone(c, http.StatusInternalServerError, metrics.WebhookFailed)
}

func (s *Server) webhookDone(c echo.Context, status int, outcome string) error {
	s.Metrics.Webhooks.WithLabelValues(outcome).Inc()
	return c.NoContent(status)
}
