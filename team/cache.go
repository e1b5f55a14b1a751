package team

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/uptrace/bun"
)

// AccessChannel is the channel on which all processes are told that somebody may do or see something else than before.
const AccessChannel = "guichet_access"

const (
	// principalStale is how long a process may go on honouring what has changed if it is not told.
	principalStale = 5 * time.Second
	// maxCached bounds the memory that the cache takes.
	maxCached = 10_000
)

// Announce tells all processes, once the transaction is committed, that somebody may do or see something else. Whatever
// changes agents, roles, memberships, tokens, or who sees which account, says so with it.
func Announce(ctx context.Context, tx bun.IDB) error {
	if _, err := tx.ExecContext(ctx, "SELECT pg_notify(?, '')", AccessChannel); err != nil {
		return fmt.Errorf("announce a change of access: %w", err)
	}
	return nil
}

// Forget makes the process read anew what everybody may do and see.
func (s *Store) Forget() { s.principals.clear() }

type cachedPrincipal struct {
	principal Principal
	until     time.Time
}

// cache keeps principals for a short time, by a token's hash or an agent's id. Refused ones are asked for again each time.
// changes counts what was forgotten, so that a read which began before a change does not put back what it replaced.
type cache struct {
	mu      sync.RWMutex
	entries map[string]cachedPrincipal
	changes uint64
}

func (c *cache) get(key string, at time.Time) (Principal, uint64, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	e, ok := c.entries[key]
	return e.principal, c.changes, ok && at.Before(e.until)
}

func (c *cache) put(key string, e cachedPrincipal, changes uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes != changes {
		return
	}
	if len(c.entries) >= maxCached {
		clear(c.entries)
	}
	c.entries[key] = e
}

func (c *cache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.entries)
	c.changes++
}
