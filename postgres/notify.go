package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// notifyInterval is the least time between two NOTIFY of one process: NOTIFY inside a transaction takes a lock that
// makes commits wait for each other, so it happens apart and seldom.
const notifyInterval = 10 * time.Millisecond

// Notifier wakes the listeners of channels. It sends on a connection of its own, never in the caller's transaction: call
// Notify after the commit. Notifications carry no payload, and many of one channel become one.
type Notifier struct {
	cfg    *pgx.ConnConfig
	logger *slog.Logger
	wake   chan struct{} // one token: something is dirty
	stop   context.CancelFunc
	done   chan struct{}

	mu    sync.Mutex
	dirty map[string]struct{}

	conn *pgx.Conn // the loop's own
}

// NewNotifier starts a notifier. It connects when there is something to send, so the database may come later. A nil
// logger is silent.
func NewNotifier(url string, logger *slog.Logger) (*Notifier, error) {
	cfg, err := sessionConfig(url, "guichet notify")
	if err != nil {
		return nil, fmt.Errorf("notifier: %w", err)
	}
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	ctx, stop := context.WithCancel(context.Background())
	n := &Notifier{
		cfg: cfg, logger: logger, stop: stop,
		wake: make(chan struct{}, 1), done: make(chan struct{}), dirty: map[string]struct{}{},
	}
	go n.run(ctx)
	return n, nil
}

// Notify asks for a notification of the channel's listeners. It never waits, and is safe for concurrent use.
func (n *Notifier) Notify(channel string) {
	n.mark(channel)
	select {
	case n.wake <- struct{}{}:
	default: // the loop has been told already
	}
}

// Close sends what is outstanding and ends the notifier. What cannot be sent before the context ends is dropped: the
// listeners' polling finds it.
func (n *Notifier) Close(ctx context.Context) error {
	n.stop()
	select {
	case <-n.done:
	case <-ctx.Done():
		return fmt.Errorf("close notifier: %w", ctx.Err())
	}
	err := n.flush(ctx)
	if n.conn != nil {
		closeSession(n.conn)
		n.conn = nil
	}
	if err != nil {
		return fmt.Errorf("close notifier: %w", err)
	}
	return nil
}

func (n *Notifier) run(ctx context.Context) {
	defer close(n.done)
	pause := minReconnect
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.wake:
		}
		for err := n.flush(ctx); err != nil; err = n.flush(ctx) {
			if ctx.Err() != nil {
				return
			}
			n.logger.Warn("notify failed", "error", err, "again_in", pause)
			if sleep(ctx, pause) != nil {
				return
			}
			pause = min(2*pause, maxReconnect)
		}
		pause = minReconnect
		if sleep(ctx, notifyInterval) != nil {
			return
		}
	}
}

// flush sends one notification for each dirty channel, in one round trip. Channels that fail stay dirty.
func (n *Notifier) flush(ctx context.Context) error {
	channels := n.take()
	if len(channels) == 0 {
		return nil
	}
	err := n.send(ctx, channels)
	if err == nil {
		return nil
	}
	n.mark(channels...)
	if n.conn != nil {
		closeSession(n.conn)
		n.conn = nil
	}
	return err
}

func (n *Notifier) send(ctx context.Context, channels []string) (err error) {
	ctx, cancel := context.WithTimeout(ctx, sessionTimeout)
	defer cancel()
	if n.conn == nil {
		if n.conn, err = pgx.ConnectConfig(ctx, n.cfg); err != nil {
			return err
		}
	}
	_, err = n.conn.Exec(ctx, "SELECT pg_notify(channel, '') FROM unnest($1::text[]) AS channel", channels)
	return err
}

func (n *Notifier) mark(channels ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, channel := range channels {
		n.dirty[channel] = struct{}{}
	}
}

func (n *Notifier) take() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	channels := make([]string, 0, len(n.dirty))
	for channel := range n.dirty {
		channels = append(channels, channel)
	}
	clear(n.dirty)
	return channels
}
