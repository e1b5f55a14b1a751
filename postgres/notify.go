package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// notifyInterval is the least time between two NOTIFY of one process: NOTIFY inside a transaction takes a lock that
// makes commits wait for each other, so it happens apart and seldom.
const notifyInterval = 10 * time.Millisecond

// Notifier wakes the listeners of channels. It sends on a connection of its own, never in the caller's transaction: call
// Notify after the commit. Notifications carry no payload, and many of one channel become one; those of Tell carry one.
type Notifier struct {
	cfg    *pgx.ConnConfig
	logger *slog.Logger
	wake   chan struct{} // one token: something is dirty
	stop   context.CancelFunc
	done   chan struct{}

	mu    sync.Mutex
	dirty map[notification]struct{}

	conn *pgx.Conn // the loop's own
}

type notification struct{ channel, payload string }

// maxTold is how many different notifications with a payload may wait. What comes on top, while the database is away, is
// dropped: listeners must not rely on them.
const maxTold = 1000

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
		wake: make(chan struct{}, 1), done: make(chan struct{}), dirty: map[notification]struct{}{},
	}
	go n.run(ctx)
	return n, nil
}

// Notify asks for a notification of the channel's listeners. It never waits, and is safe for concurrent use.
func (n *Notifier) Notify(channel string) { n.Tell(channel, "") }

// Tell is Notify with a payload, which must be short. The same payload twice is told once, and the order is not kept. It may
// get lost.
func (n *Notifier) Tell(channel, payload string) {
	n.mark(notification{channel, payload})
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

// flush sends one notification for each dirty channel, in one round trip. What fails stays dirty.
func (n *Notifier) flush(ctx context.Context) error {
	waiting := n.take()
	if len(waiting) == 0 {
		return nil
	}
	err := n.send(ctx, waiting)
	if err == nil {
		return nil
	}
	n.mark(waiting...)
	if n.conn != nil {
		closeSession(n.conn)
		n.conn = nil
	}
	return err
}

func (n *Notifier) send(ctx context.Context, waiting []notification) (err error) {
	ctx, cancel := context.WithTimeout(ctx, sessionTimeout)
	defer cancel()
	if n.conn == nil {
		if n.conn, err = pgx.ConnectConfig(ctx, n.cfg); err != nil {
			return err
		}
	}
	channels, payloads := make([]string, len(waiting)), make([]string, len(waiting))
	for i, one := range waiting {
		channels[i], payloads[i] = one.channel, one.payload
	}
	_, err = n.conn.Exec(ctx, "SELECT pg_notify(channel, payload) FROM unnest($1::text[], $2::text[]) AS n (channel, payload)", channels, payloads)
	return err
}

func (n *Notifier) mark(more ...notification) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, one := range more {
		if one.payload == "" || len(n.dirty) < maxTold {
			n.dirty[one] = struct{}{}
		}
	}
}

func (n *Notifier) take() []notification {
	n.mu.Lock()
	defer n.mu.Unlock()
	waiting := slices.Collect(maps.Keys(n.dirty))
	clear(n.dirty)
	return waiting
}
