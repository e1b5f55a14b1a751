package feed

import "sync"

// Bell tells all readers of a process that there may be something new. The zero value is ready.
type Bell struct {
	mu   sync.Mutex
	ears map[chan struct{}]struct{}
}

// Ring wakes whoever listens. It never waits.
func (b *Bell) Ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for ear := range b.ears {
		select {
		case ear <- struct{}{}:
		default: // it has not listened since the last time
		}
	}
}

// Listen returns a channel that gets a token when the bell has rung since the last one was taken, and a function that ends
// this.
func (b *Bell) Listen() (<-chan struct{}, func()) {
	ear := make(chan struct{}, 1)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ears == nil {
		b.ears = map[chan struct{}]struct{}{}
	}
	b.ears[ear] = struct{}{}
	return ear, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.ears, ear)
	}
}
