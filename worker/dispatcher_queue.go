package worker

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
)

// queue is the table dispatches as the dispatcher sees it. Its times are the database's, because several processes
// compare them. Statements that wait for rows lock them in order of id, as everybody does who locks several.
type queue struct{ db *bun.DB }

// row is a leased row.
type row struct {
	ConversationID string  `bun:"conversation_id"`
	UpToSeq        int64   `bun:"up_to_seq"`
	Version        int64   `bun:"version"`
	Tries          int     `bun:"tries"`
	Age            float64 `bun:"age"` // seconds
	Epoch          int64   `bun:"epoch"`
}

// lease takes up to n rows that are due, the oldest first, for leaseTime. Rows that somebody is writing are left for the
// next time. statement_timestamp() lets the index on due_at be used, which clock_timestamp() would not.
func (q queue) lease(ctx context.Context, n int) ([]row, error) {
	var rows []row
	err := q.db.NewRaw(`
		WITH due AS (
			SELECT conversation_id FROM dispatches
			WHERE due_at <= statement_timestamp()
			ORDER BY since LIMIT ? FOR UPDATE SKIP LOCKED
		), leased AS (
			UPDATE dispatches d SET due_at = clock_timestamp() + ? * interval '1 second'
			FROM due WHERE d.conversation_id = due.conversation_id
			RETURNING d.conversation_id, d.up_to_seq, d.version, d.tries, d.since
		)
		SELECT l.conversation_id, l.up_to_seq, l.version, l.tries, i.epoch,
			extract(epoch FROM clock_timestamp() - l.since)::float8 AS age
		FROM leased l CROSS JOIN installation i ORDER BY l.since`, n, leaseTime.Seconds()).Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("lease dispatches: %w", err)
	}
	return rows, nil
}

// told deletes the rows that did not change since they were leased. Those that did are due again at once.
func (q queue) told(ctx context.Context, rows []row) error {
	if len(rows) == 0 {
		return nil
	}
	ids, versions := make([]string, len(rows)), make([]int64, len(rows))
	for i, one := range rows {
		ids[i], versions[i] = one.ConversationID, one.Version
	}
	var deleted []string
	err := q.db.NewRaw(`
		WITH told AS (
			SELECT d.conversation_id, t.version
			FROM unnest(?::uuid[], ?::bigint[]) AS t (conversation_id, version)
			JOIN dispatches d USING (conversation_id)
			ORDER BY d.conversation_id FOR UPDATE OF d
		)
		DELETE FROM dispatches d USING told
		WHERE d.conversation_id = told.conversation_id AND d.version = told.version
		RETURNING d.conversation_id`, pgdialect.Array(ids), pgdialect.Array(versions)).Scan(ctx, &deleted)
	if err != nil {
		return fmt.Errorf("delete dispatches: %w", err)
	}
	gone := make(map[string]bool, len(deleted))
	for _, id := range deleted {
		gone[id] = true
	}
	var moved []row
	for _, one := range rows {
		if !gone[one.ConversationID] {
			moved = append(moved, one)
		}
	}
	return q.renew(ctx, moved)
}

// renew makes rows due at once that changed while they were signalled: what they wait with is new.
func (q queue) renew(ctx context.Context, rows []row) error {
	return q.dueNow(ctx, rows, "since = clock_timestamp(), tries = 0, error_code = ''")
}

// release makes rows due at once that were not tried.
func (q queue) release(ctx context.Context, rows []row) error {
	return q.dueNow(ctx, rows, "since = d.since")
}

func (q queue) dueNow(ctx context.Context, rows []row, change string) error {
	if len(rows) == 0 {
		return nil
	}
	ids := make([]string, len(rows))
	for i, one := range rows {
		ids[i] = one.ConversationID
	}
	_, err := q.db.NewRaw(`
		WITH mine AS (
			SELECT conversation_id FROM dispatches WHERE conversation_id = ANY (?::uuid[])
			ORDER BY conversation_id FOR UPDATE
		)
		UPDATE dispatches d SET due_at = clock_timestamp(), ?
		FROM mine WHERE d.conversation_id = mine.conversation_id`, pgdialect.Array(ids), bun.Safe(change)).Exec(ctx)
	if err != nil {
		return fmt.Errorf("release dispatches: %w", err)
	}
	return nil
}

// failed counts a try against each row and makes it due after 1 s, doubled with each try up to 5 min.
func (q queue) failed(ctx context.Context, rows []failedRow) error {
	return q.setBack(ctx, rows, 1, 0)
}

// postpone makes rows due after the pause, without counting a try.
func (q queue) postpone(ctx context.Context, rows []failedRow, pause time.Duration) error {
	return q.setBack(ctx, rows, 0, pause)
}

func (q queue) setBack(ctx context.Context, rows []failedRow, counted int, pause time.Duration) error {
	if len(rows) == 0 {
		return nil
	}
	ids, codes, pauses := make([]string, len(rows)), make([]string, len(rows)), make([]float64, len(rows))
	for i, one := range rows {
		ids[i], codes[i], pauses[i] = one.ConversationID, one.code, pause.Seconds()
		if counted > 0 {
			pauses[i] = backOff(one.Tries+counted, 5*time.Minute).Seconds()
		}
	}
	_, err := q.db.NewRaw(`
		WITH mine AS (
			SELECT d.conversation_id, f.code, f.pause
			FROM unnest(?::uuid[], ?::text[], ?::float8[]) AS f (conversation_id, code, pause)
			JOIN dispatches d USING (conversation_id)
			ORDER BY d.conversation_id FOR UPDATE OF d
		)
		UPDATE dispatches d SET tries = d.tries + ?, error_code = mine.code,
			due_at = clock_timestamp() + mine.pause * interval '1 second'
		FROM mine WHERE d.conversation_id = mine.conversation_id`,
		pgdialect.Array(ids), pgdialect.Array(codes), pgdialect.Array(pauses), counted).Exec(ctx)
	if err != nil {
		return fmt.Errorf("set dispatches back: %w", err)
	}
	return nil
}

// lag returns how many rows wait and how old the oldest is.
func (q queue) lag(ctx context.Context) (waiting int, oldest time.Duration, err error) {
	var seconds float64
	err = q.db.NewRaw(`SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(since)), 0)::float8 FROM dispatches`).
		Scan(ctx, &waiting, &seconds)
	if err != nil {
		return 0, 0, fmt.Errorf("measure dispatches: %w", err)
	}
	return waiting, time.Duration(seconds * float64(time.Second)), nil
}
