package clock

import (
	"context"
	"time"
)

// Sleep waits for a time of the machine and reports false if the context ended before.
func Sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
