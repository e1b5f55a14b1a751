package presence

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"guichet.dev/guichet/postgres"
)

const (
	touchEvery = 20 * time.Second // three times in OfflineAfter
	touchPause = 250 * time.Millisecond
)

// Keeper keeps the agents present whose streams are open in this process.
type Keeper struct {
	Store *Store
	// Announce is called when there may be something new in the feed.
	Announce func()
	Logger   *slog.Logger

	mu    sync.Mutex
	there map[string]int // agents, with the number of their streams
	fresh chan struct{}
}

// Enter counts an agent as present until the function is called.
func (k *Keeper) Enter(agentID string) (leave func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.there == nil {
		k.there = map[string]int{}
	}
	if k.there[agentID]++; k.there[agentID] == 1 {
		select {
		case k.news() <- struct{}{}:
		default: // it has been told already
		}
	}
	return func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.there[agentID]--; k.there[agentID] == 0 {
			delete(k.there, agentID)
		}
	}
}

// news is the channel that tells of agents who came. The lock is held.
func (k *Keeper) news() chan struct{} {
	if k.fresh == nil {
		k.fresh = make(chan struct{}, 1)
	}
	return k.fresh
}

// Run writes down who is there and who has gone until the context ends, and returns nil then.
func (k *Keeper) Run(ctx context.Context) error {
	k.mu.Lock()
	fresh := k.news()
	k.mu.Unlock()
	for {
		k.keep(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(touchPause):
		}
		select {
		case <-ctx.Done():
			return nil
		case <-fresh:
		case <-time.After(touchEvery):
		}
	}
}

func (k *Keeper) keep(ctx context.Context) {
	k.mu.Lock()
	there := slices.Sorted(maps.Keys(k.there))
	k.mu.Unlock()
	err := k.Store.Touch(ctx, there)
	if err == nil {
		err = k.Store.Expire(ctx)
	}
	if err != nil && ctx.Err() == nil {
		k.Logger.WarnContext(ctx, "presence cannot be written", "sqlstate", postgres.Code(err))
	}
	k.Announce()
}
