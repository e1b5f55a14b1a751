package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

// SweepAfter is how far ahead the next deadline of a conversation lies at most from when its workflow must hear of
// something until it has: so the sweep finds it by its deadline, among all those that sleep.
const SweepAfter = 5 * time.Minute

const insertEvents = `INSERT INTO events (conversation_id, account_id, seq, kind, actor_kind, actor_id, cause, data, at, effect_key, recorded_at)
	SELECT *, $11::timestamptz FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::jsonb[], $8::jsonb[],
		$9::timestamptz[], $10::text[])`

// insertDispatches tells workflows. Its times are the database's: the dispatcher's leases must not follow a shifted clock.
const insertDispatches = `INSERT INTO dispatches (conversation_id, up_to_seq, since, due_at)
	SELECT id, seq, clock_timestamp(), clock_timestamp() FROM unnest($1::uuid[], $2::bigint[]) AS w (id, seq)
	ON CONFLICT (conversation_id) DO UPDATE SET up_to_seq = greatest(dispatches.up_to_seq, excluded.up_to_seq), version = dispatches.version + 1`

// Save writes locked or new conversations with their appended events, and tells their workflows where that is due. Within
// postgres.InPipeline its statements share one round trip.
func Save(ctx context.Context, tx bun.Tx, now time.Time, rows ...*Row) error {
	// In the order of the ids, as everywhere: wakes of many conversations write dispatches without locking these rows.
	rows = slices.SortedFunc(slices.Values(rows), func(x, y *Row) int { return strings.Compare(x.ID, y.ID) })
	var fresh, known []*Row
	for _, r := range rows {
		if r.wake && (r.NextDeadlineAt.IsZero() || r.NextDeadlineAt.After(now.Add(SweepAfter))) {
			r.NextDeadlineAt = now.Add(SweepAfter)
		}
		if r.isNew {
			fresh = append(fresh, r)
		} else {
			known = append(known, r)
		}
	}
	for _, save := range []func() error{
		func() error { return insert(ctx, tx, fresh) },
		func() error { return update(ctx, tx, known) },
		func() error { return saveEvents(ctx, tx, rows, now) },
		func() error { return saveDispatches(ctx, tx, rows) },
	} {
		if err := save(); err != nil {
			return err
		}
	}
	for _, r := range rows {
		r.isNew, r.wake, r.events = false, false, nil
	}
	return nil
}

func insert(ctx context.Context, tx bun.Tx, rows []*Row) error {
	if len(rows) == 0 {
		return nil
	}
	return postgres.Later(ctx, tx, "insert conversations", insertRows, arguments(table, rows)...)
}

func update(ctx context.Context, tx bun.Tx, rows []*Row) error {
	switch len(rows) {
	case 0:
		return nil
	case 1:
		return postgres.Later(ctx, tx, "update conversation", updateRow, values(changing, rows[0])...)
	default:
		return postgres.Later(ctx, tx, "update conversations", updateRows, arguments(changing, rows)...)
	}
}

func saveEvents(ctx context.Context, tx bun.Tx, rows []*Row, now time.Time) error {
	if !slices.ContainsFunc(rows, func(r *Row) bool { return len(r.events) > 0 }) {
		return nil
	}
	args, err := eventArgs(rows)
	if err != nil {
		return err
	}
	return postgres.Later(ctx, tx, "insert events", insertEvents, append(args, now)...)
}

func saveDispatches(ctx context.Context, tx bun.Tx, rows []*Row) error {
	var ids []string
	var seqs []int64
	for _, r := range rows {
		if r.wake {
			ids, seqs = append(ids, r.ID), append(seqs, r.WakeSeq)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	return postgres.Later(ctx, tx, "insert dispatches", insertDispatches, ids, seqs)
}

func eventArgs(rows []*Row) ([]any, error) {
	var (
		ids, accounts, kinds, actorKinds, actorIDs, data []string
		seqs                                             []int64
		causes, keys                                     []*string
		ats                                              []time.Time
	)
	for _, r := range rows {
		for _, e := range r.events {
			cause, err := causeJSON(e.Cause)
			if err != nil {
				return nil, err
			}
			body, err := json.Marshal(e.Data)
			if err != nil {
				return nil, fmt.Errorf("event data: %w", err)
			}
			ids, accounts = append(ids, r.ID), append(accounts, r.AccountID)
			seqs, kinds, ats = append(seqs, e.Seq), append(kinds, string(e.Kind)), append(ats, e.At)
			actorKinds, actorIDs = append(actorKinds, string(e.Actor.Kind)), append(actorIDs, e.Actor.ID)
			causes, data, keys = append(causes, cause), append(data, string(body)), append(keys, postgres.NullText(e.effectKey))
		}
	}
	return []any{ids, accounts, seqs, kinds, actorKinds, actorIDs, causes, data, ats, keys}, nil
}

func causeJSON(c *conversation.Cause) (*string, error) {
	if c == nil {
		return nil, nil
	}
	b, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("event cause: %w", err)
	}
	s := string(b)
	return &s, nil
}
