package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	minReconnect   = 50 * time.Millisecond
	maxReconnect   = 5 * time.Second
	listenSilence  = 20 * time.Second // after this long without a word the connection is probed
	sessionTimeout = 5 * time.Second  // for connecting, probing, LISTEN and NOTIFY
)

// Subscription says what to listen for.
type Subscription struct {
	Channels []string
	// OnNotify is called for each notification, one at a time. It must return soon.
	OnNotify func(channel, payload string)
	// OnConnect, if set, is called each time listening begins, the first time included. Notifications sent before are
	// lost: whatever they announced has to be looked up now.
	OnConnect func()
	// Logger is told of lost connections; nil is silent.
	Logger *slog.Logger
}

// Listen hears the notifications of the channels on a connection of its own until the context ends, and returns the
// context's error. It connects again, with growing pauses, whenever the connection is lost; notifications are
// therefore hints, and listeners also poll.
func Listen(ctx context.Context, url string, s Subscription) error {
	cfg, err := sessionConfig(url, "guichet listen")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	if s.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
	pause := minReconnect
	for {
		connected, err := s.session(ctx, cfg)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if connected {
			pause = minReconnect
		}
		s.Logger.Warn("listening was interrupted", "error", err, "again_in", pause)
		if err := sleep(ctx, pause/2+rand.N(pause/2)); err != nil {
			return err
		}
		pause = min(2*pause, maxReconnect)
	}
}

// session listens on one connection until it is lost.
func (s Subscription) session(ctx context.Context, cfg *pgx.ConnConfig) (connected bool, err error) {
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return false, err
	}
	defer closeSession(conn)
	for _, channel := range s.Channels {
		if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{channel}.Sanitize()); err != nil {
			return false, err
		}
	}
	if s.OnConnect != nil {
		s.OnConnect()
	}
	for {
		quiet, cancel := context.WithTimeout(ctx, listenSilence)
		n, err := conn.WaitForNotification(quiet)
		cancel()
		switch {
		case err == nil:
			s.OnNotify(n.Channel, n.Payload)
		case ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded):
			return true, err
		default:
			if err := probe(ctx, conn); err != nil {
				return true, err
			}
		}
	}
}

// probe finds out that the other side has gone without saying so.
func probe(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, sessionTimeout)
	defer cancel()
	return conn.Ping(ctx)
}

func sessionConfig(url, name string) (*pgx.ConnConfig, error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	cfg.ConnectTimeout = sessionTimeout
	cfg.RuntimeParams["application_name"] = name
	return cfg, nil
}

// closeSession says goodbye if the server still hears it.
func closeSession(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx) // the session is over either way
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
