package worker

import (
	"sync"
	"time"
)

// longestProbe is the longest pause between two tries to reach Temporal.
const longestProbe = 5 * time.Second

// breaker knows whether Temporal answers. While it does not, the dispatcher tries a few rows now and then instead of all.
type breaker struct {
	mu       sync.Mutex
	failures int // in a row
}

// open reports whether Temporal does not answer.
func (b *breaker) open() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failures > 0
}

// pause returns how long to wait before the next try.
func (b *breaker) pause() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return backOff(b.failures, longestProbe)
}

// trip notes that Temporal did not answer, and reports whether that is news.
func (b *breaker) trip() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures++
	return b.failures == 1
}

// close notes that Temporal answered, and reports whether that is news.
func (b *breaker) close() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	news := b.failures > 0
	b.failures = 0
	return news
}
