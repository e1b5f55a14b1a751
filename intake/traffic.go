package intake

import (
	"context"
	"fmt"
	"sync"
	"time"

	"guichet.dev/guichet/outbox"
)

// traffic counts received messages per account between two flushes: a provider's throughput limit counts both directions,
// and admins want to see when an account last received. Losing a count in a crash only makes the limit a little late.
type traffic struct {
	mu     sync.Mutex
	counts map[string]int
}

func (t *traffic) add(accountID string, messages int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts[accountID] += messages
}

func (t *traffic) take() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	taken := t.counts
	t.counts = map[string]int{}
	return taken
}

const trafficInterval = 250 * time.Millisecond

func (in *Intake) countTraffic(ctx context.Context) {
	tick := time.NewTicker(trafficInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		for accountID, messages := range in.traffic.take() {
			if err := in.flushTraffic(ctx, accountID, messages); err != nil && ctx.Err() == nil {
				in.Logger.WarnContext(ctx, "received messages not counted", "account_id", accountID, "error", errorCode(err))
			}
		}
	}
}

func (in *Intake) flushTraffic(ctx context.Context, accountID string, messages int) error {
	if err := outbox.CountInbound(ctx, in.DB, accountID, messages, in.Now()); err != nil {
		return err
	}
	if _, err := in.DB.DB.ExecContext(ctx, "UPDATE accounts SET last_received_at = $2 WHERE id = $1::uuid", accountID, in.Now()); err != nil {
		return fmt.Errorf("touch account: %w", err)
	}
	return nil
}
