package feed

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/postgres"
)

// place is how far a consumer has come.
type place struct {
	Cursor
	moved time.Time // when it was written last
}

// claim locks the consumer's place until the transaction ends, if no other process has it.
func (r *round) claim(ctx context.Context, tx bun.Tx) (at place, mine bool, err error) {
	find := func() error {
		return tx.Tx.QueryRowContext(ctx, "SELECT epoch, xid::text, id, moved_at FROM feed_consumers WHERE name = $1 FOR UPDATE SKIP LOCKED", r.Name).
			Scan(&at.Epoch, (*xid)(&at.XID), &at.ID, &at.moved)
	}
	if err = find(); postgres.IsNotFound(err) {
		if err = r.begin(ctx, tx); err == nil {
			err = find()
		}
	}
	if postgres.IsNotFound(err) {
		return place{}, false, nil
	}
	if err != nil {
		return place{}, false, fmt.Errorf("claim the place of %s: %w", r.Name, err)
	}
	return at, true, nil
}

// begin makes the place of a new consumer.
func (r *round) begin(ctx context.Context, tx bun.Tx) error {
	var known bool
	if err := tx.Tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM feed_consumers WHERE name = $1)", r.Name).Scan(&known); err != nil || known {
		return err
	}
	_, err := tx.Tx.ExecContext(ctx, `INSERT INTO feed_consumers (name, epoch, xid, id)
		SELECT $1, epoch, CASE WHEN $2 THEN pg_snapshot_xmin(pg_current_snapshot()) ELSE feed_floor_xid END, 0 FROM installation
		ON CONFLICT DO NOTHING`, r.Name, r.FromNow)
	return err
}

// move writes the new place. With nothing to apply it does so seldom: just so often that retention does not overtake it.
func (r *round) move(ctx context.Context, tx bun.Tx, from place, page Page) error {
	if page.End == from.Cursor || len(page.Events) == 0 && !page.More && page.End.Epoch == from.Epoch && time.Since(from.moved) < keepPlace {
		return nil
	}
	_, err := tx.Tx.ExecContext(ctx, "UPDATE feed_consumers SET epoch = $2, xid = $3::text::xid8, id = $4, moved_at = clock_timestamp() WHERE name = $1",
		r.Name, page.End.Epoch, strconv.FormatUint(page.End.XID, 10), page.End.ID)
	if err != nil {
		return fmt.Errorf("move the place of %s: %w", r.Name, err)
	}
	return nil
}

// note writes down an entry that is left behind.
func (r *round) note(ctx context.Context, tx bun.Tx, e Event, failure error) error {
	subject := ""
	if e.Change != nil {
		subject = e.Change.SubjectID
	}
	_, err := tx.Tx.ExecContext(ctx, `INSERT INTO feed_failures (consumer, xid, id, kind, conversation_id, subject_id, error_code)
		VALUES ($1, $2::text::xid8, $3, $4, $5::uuid, $6, $7) ON CONFLICT DO NOTHING`,
		r.Name, strconv.FormatUint(e.Cursor.XID, 10), e.Cursor.ID, e.kind(), postgres.NullText(e.ConversationID), subject, code(failure))
	if err != nil {
		return fmt.Errorf("note what %s leaves behind: %w", r.Name, err)
	}
	return nil
}

// tellLoss says that retention was faster than the consumer.
func (r *round) tellLoss(ctx context.Context, at Cursor, e edge) {
	if at.XID < e.floor {
		r.Logger.WarnContext(ctx, "feed consumer was away for so long that events were deleted before it came to them", "consumer", r.Name)
	}
}

// Rebase makes the feed readable after a new epoch has begun, in its transaction. A dump that was restored into another
// server brings rows of transactions which that server has not come to: they go to the beginning, in the order of their
// ids, and consumers go on with the first that they had not applied. It does nothing where the server's transactions go on.
func Rebase(ctx context.Context, tx bun.Tx) error {
	for _, statement := range []string{
		`UPDATE feed_consumers AS f SET xid = '0', id = coalesce(
				(SELECT min(id) FROM (SELECT xid, id FROM events UNION ALL SELECT xid, id FROM changes) AS e WHERE (e.xid, e.id) > (f.xid, f.id)) - 1,
				(SELECT max(id) FROM (SELECT id FROM events UNION ALL SELECT id FROM changes) AS e), 0)
			WHERE xid > pg_current_xact_id()`,
		"UPDATE events SET xid = '0' WHERE xid > pg_current_xact_id()",
		"UPDATE changes SET xid = '0' WHERE xid > pg_current_xact_id()",
		"UPDATE installation SET feed_floor_xid = '0' WHERE feed_floor_xid > pg_current_xact_id()",
	} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("rebase the feed: %w", err)
		}
	}
	return nil
}
