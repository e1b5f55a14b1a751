package retention

import (
	"context"
	"time"

	"github.com/uptrace/bun"
)

// raised lifts the feed's floor, in the transaction that deletes, above the newest transaction of what is gone: whoever has
// read the feed less far must begin anew. It is above, because a cursor may stand within that transaction.
const raised = `UPDATE installation SET feed_floor_xid = greatest(feed_floor_xid, g.above)
	FROM (SELECT ((max(xid::text::numeric) + 1)::text)::xid8 AS above FROM gone) AS g WHERE g.above IS NOT NULL`

// changeRound deletes what only told clients to load something again. It goes in the order of the feed, which is nearly that
// of time, and stays behind what runs now.
func changeRound(ctx context.Context, tx bun.Tx, before time.Time) (int, bool, error) {
	var deleted int
	err := tx.NewRaw(`WITH gone AS (
			DELETE FROM changes WHERE at < ?0 AND (xid, id) IN (
				SELECT xid, id FROM changes WHERE xid < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY xid, id LIMIT ?1)
			RETURNING xid
		), raised AS (`+raised+`)
		SELECT count(*) FROM gone`, before, batchSize).Scan(ctx, &deleted)
	return deleted, deleted == batchSize, err
}
