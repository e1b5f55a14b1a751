package accounts

import (
	"context"
	"sync"
	"time"

	"guichet.dev/guichet/conversation"
)

const (
	// cacheFor is how old an account from the cache may be: another process may have changed it since.
	cacheFor = 5 * time.Second
	// maxCached bounds the memory that the cache takes.
	maxCached = 10_000
)

// cached is an account and how long it may be used.
type cached struct {
	account Account
	until   time.Time // real time
}

// cache keeps accounts for the path of webhooks. changes counts what was forgotten, so that a read which began before a
// change does not put back what it replaced.
type cache struct {
	mu      sync.RWMutex
	entries map[string]cached
	changes uint64
}

func (c *cache) get(id string) (cached, uint64, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	e, ok := c.entries[id]
	return e, c.changes, ok && time.Now().Before(e.until)
}

func (c *cache) put(id string, e cached, changes uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes != changes {
		return
	}
	if len(c.entries) >= maxCached {
		clear(c.entries)
	}
	c.entries[id] = e
}

func (c *cache) forget(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.entries, id)
	c.changes++
}

// Cached returns an account as it was at most five seconds ago; changes made by this process show once they are committed.
func (s *Store) Cached(ctx context.Context, id string) (Account, error) {
	e, changes, ok := s.cache.get(id)
	if ok {
		return e.account, nil
	}
	// While a transaction is about to change the account, which its lock tells, what is read is not kept.
	a, err := s.read(ctx, s.db, id, "SHARE SKIP LOCKED")
	if conversation.CodeOf(err) == conversation.CodeNotFound {
		return s.Get(ctx, id)
	}
	if err != nil {
		return Account{}, err
	}
	s.cache.put(id, cached{account: a, until: time.Now().Add(cacheFor)}, changes)
	return a, nil
}
