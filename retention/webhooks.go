package retention

import (
	"context"
	"time"

	"github.com/uptrace/bun"
)

// webhookFree is true of a body that nothing needs any more: an update that is parked is applied from it.
const webhookFree = "NOT EXISTS (SELECT FROM parked_updates AS p WHERE p.webhook_id = w.id AND p.state = 'parked')"

// webhookRound goes through the bodies in the order of their ids, which is that of their arrival.
type webhookRound struct{ after string }

func (r *webhookRound) next(ctx context.Context, tx bun.Tx, before time.Time) (int, bool, error) {
	if r.after == "" {
		r.after = "00000000-0000-0000-0000-000000000000"
	}
	var looked, deleted int
	var last *string
	err := tx.NewRaw(`WITH page AS (
			SELECT id, received_at FROM webhooks WHERE id > ?0 ORDER BY id LIMIT ?1
		), gone AS (
			DELETE FROM webhooks AS w USING page WHERE w.id = page.id AND page.received_at < ?2 AND `+webhookFree+` RETURNING 1
		)
		SELECT (SELECT count(*) FROM page WHERE received_at < ?2), (SELECT count(*) FROM gone), (SELECT max(id::text) FROM page)`,
		r.after, batchSize, before).Scan(ctx, &looked, &deleted, &last)
	if err != nil || last == nil {
		return 0, false, err
	}
	r.after = *last
	return deleted, looked == batchSize, nil
}
