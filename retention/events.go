package retention

import (
	"context"
	"time"

	"github.com/uptrace/bun"
)

// eventRound goes through the events in the order of the feed.
type eventRound struct {
	xid string
	id  int64
}

func (r *eventRound) next(ctx context.Context, tx bun.Tx, before time.Time) (int, bool, error) {
	if r.xid == "" {
		r.xid = "0"
	}
	// An event that was not applied yet stays: its conversation's workflow reads it. So does what runs now.
	var looked, deleted int
	var xid *string
	var id *int64
	err := tx.NewRaw(`WITH page AS (
			SELECT conversation_id, seq, xid, id, recorded_at FROM events
			WHERE (xid, id) > (?0::xid8, ?1) AND xid < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY xid, id LIMIT ?2
		), gone AS (
			DELETE FROM events AS e USING page, conversations AS c
			WHERE e.conversation_id = page.conversation_id AND e.seq = page.seq AND page.recorded_at < ?3
				AND c.id = e.conversation_id AND e.seq <= c.applied_seq
			RETURNING e.xid
		), raised AS (`+raised+`), last AS (
			SELECT xid::text, id FROM page ORDER BY page.xid DESC, page.id DESC LIMIT 1
		)
		SELECT (SELECT count(*) FROM page WHERE recorded_at < ?3), (SELECT count(*) FROM gone), (SELECT xid FROM last), (SELECT id FROM last)`,
		r.xid, r.id, batchSize, before).Scan(ctx, &looked, &deleted, &xid, &id)
	if err != nil || xid == nil || id == nil {
		return 0, false, err
	}
	r.xid, r.id = *xid, *id
	return deleted, looked == batchSize, nil
}
