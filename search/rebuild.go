package search

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/postgres"
)

// rebuildBatch is how many things are indexed in one transaction; the feed's reader waits for it.
const rebuildBatch = 500

// Rebuilt says how much was indexed anew.
type Rebuilt struct {
	Messages int `json:"messages"`
	Notes    int `json:"notes"`
	People   int `json:"people"`
}

// source is a table that is gone through in the order of its ids.
type source struct {
	name  string // for progress and errors
	next  string // the ids after $1
	index func(ctx context.Context, tx bun.Tx, ids []string) error
	stale string // removes what is indexed between $1 and $2 and is not in the table
	count func(*Rebuilt) *int
}

// sources are all that is searched.
var sources = []source{
	{
		"messages", "SELECT id FROM messages WHERE id > $1::uuid ORDER BY id LIMIT $2", indexMessages,
		"DELETE FROM search_texts s WHERE id > $1::uuid AND id <= $2::uuid AND NOT note AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.id = s.id)",
		func(r *Rebuilt) *int { return &r.Messages },
	},
	{
		"notes", "SELECT id FROM notes WHERE id > $1::uuid ORDER BY id LIMIT $2", indexNotes,
		"DELETE FROM search_texts s WHERE id > $1::uuid AND id <= $2::uuid AND note AND NOT EXISTS (SELECT 1 FROM notes n WHERE n.id = s.id)",
		func(r *Rebuilt) *int { return &r.Notes },
	},
	{
		"people", "SELECT id FROM contacts WHERE id > $1::uuid ORDER BY id LIMIT $2",
		func(ctx context.Context, tx bun.Tx, ids []string) error { return indexPeople(ctx, tx, ids, nil) },
		`DELETE FROM search_people s WHERE contact_id > $1::uuid AND contact_id <= $2::uuid
			AND NOT EXISTS (SELECT 1 FROM contacts p WHERE p.id = s.contact_id AND p.merged_into IS NULL)`,
		func(r *Rebuilt) *int { return &r.People },
	},
}

// The ids before and behind all others.
const (
	firstID = "00000000-0000-0000-0000-000000000000"
	lastID  = "ffffffff-ffff-ffff-ffff-ffffffffffff"
)

// Rebuild indexes everything anew, in batches, while the system is in use. Progress, if given, is told after each batch.
func Rebuild(ctx context.Context, db *bun.DB, progress func(Rebuilt)) (done Rebuilt, err error) {
	for _, s := range sources {
		for after, more := firstID, true; more; {
			var n int
			if n, after, more, err = s.batch(ctx, db, after); err != nil {
				return done, fmt.Errorf("index %s: %w", s.name, err)
			}
			*s.count(&done) += n
			if progress != nil {
				progress(done)
			}
		}
	}
	return done, nil
}

// batch indexes what comes after an id. It holds the reader's place in the feed, so that the reader does not write
// something newer in between: what it comes to later is newer than what was read here.
func (s source) batch(ctx context.Context, db *bun.DB, after string) (n int, last string, more bool, err error) {
	err = postgres.InTx(ctx, db, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.Tx.ExecContext(ctx, "SELECT 1 FROM feed_consumers WHERE name = $1 FOR UPDATE", Consumer); err != nil {
			return err
		}
		var ids []string
		err := postgres.Rows(ctx, tx, func(row *sql.Rows) error {
			var id string
			err := row.Scan(&id)
			ids = append(ids, id)
			return err
		}, s.next, after, rebuildBatch)
		if err != nil {
			return err
		}
		n, last, more = len(ids), lastID, len(ids) == rebuildBatch
		if more {
			last = ids[n-1]
		}
		if err := s.index(ctx, tx, ids); err != nil {
			return err
		}
		_, err = tx.Tx.ExecContext(ctx, s.stale, after, last)
		return err
	})
	return n, last, more, err
}

// Lag is how many seconds ago the oldest event was written that is not searched yet; 0 if there is none.
const Lag = `SELECT coalesce(greatest(extract(epoch FROM clock_timestamp() - (
		SELECT e.recorded_at FROM events e, feed_consumers f WHERE f.name = 'search' AND (e.xid, e.id) > (f.xid, f.id) ORDER BY e.xid, e.id LIMIT 1
	)), 0), 0)::float8`
