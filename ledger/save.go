package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

// sweepAfter is how long the workflow has to apply an event before the sweep looks after it.
const sweepAfter = 5 * time.Minute

// Save writes locked or new conversations with their appended events in a constant number of statements.
func Save(ctx context.Context, tx bun.Tx, now time.Time, rows ...*Row) error {
	var fresh, known []*Row
	for _, r := range rows {
		if r.wake && (r.NextDeadlineAt.IsZero() || r.NextDeadlineAt.After(now.Add(sweepAfter))) {
			r.NextDeadlineAt = now.Add(sweepAfter)
		}
		if r.isNew {
			fresh = append(fresh, r)
		} else {
			known = append(known, r)
		}
	}
	if err := write(ctx, tx, insertRows, fresh); err != nil {
		return fmt.Errorf("insert conversations: %w", err)
	}
	if err := write(ctx, tx, updateRows, known); err != nil {
		return fmt.Errorf("update conversations: %w", err)
	}
	if err := insertEvents(ctx, tx, now, rows); err != nil {
		return err
	}
	if err := dispatch(ctx, tx, rows); err != nil {
		return err
	}
	for _, r := range rows {
		r.isNew, r.wake, r.events = false, false, nil
	}
	return nil
}

const values = `SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::timestamptz[],
	$8::uuid[], $9::uuid[], $10::uuid[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[], $16::bigint[],
	$17::timestamptz[], $18::timestamptz[], $19::jsonb[], $20::timestamptz[], $21::timestamptz[], $22::timestamptz[],
	$23::timestamptz[], $24::uuid[], $25::timestamptz[], $26::text[], $27::timestamptz[], $28::timestamptz[], $29::timestamptz[],
	$30::timestamptz[], $31::timestamptz[], $32::timestamptz[], $33::integer[], $34::text[], $35::timestamptz[])`

const insertRows = `INSERT INTO conversations (` + columns + `) ` + values

const updateRows = `UPDATE conversations AS c SET contact_id = v.contact_id, status = v.status, snoozed_until = v.snoozed_until,
	assignee_id = v.assignee_id, team_id = v.team_id, merged_into = v.merged_into, last_seq = v.last_seq, wake_seq = v.wake_seq,
	inbound_seq = v.inbound_seq, applied_seq = v.applied_seq, agent_seq = v.agent_seq, read_seq = v.read_seq,
	window_from = v.window_from, window_refused_at = v.window_refused_at, deadlines = v.deadlines,
	next_deadline_at = v.next_deadline_at, closing_told = v.closing_told, closed_told = v.closed_told,
	last_activity_at = v.last_activity_at, last_message_id = v.last_message_id, last_message_at = v.last_message_at,
	summary = v.summary, last_inbound_at = v.last_inbound_at, waiting_since = v.waiting_since,
	first_reply_at = v.first_reply_at, opened_at = v.opened_at, done_at = v.done_at, tries = v.tries,
	stuck_code = v.stuck_code, failing_since = v.failing_since
	FROM (` + values + `) AS v (` + columns + `) WHERE c.id = v.id`

func write(ctx context.Context, tx bun.Tx, statement string, rows []*Row) error {
	if len(rows) == 0 {
		return nil
	}
	cols := make([][]any, 35)
	for _, r := range rows {
		deadlines, err := json.Marshal(nonNil(r.Deadlines))
		if err != nil {
			return fmt.Errorf("deadlines: %w", err)
		}
		for i, v := range []any{
			r.ID, r.AccountID, string(r.Channel), r.ContactID, r.ThreadKey, string(r.Status), postgres.NullTime(r.SnoozedUntil),
			postgres.NullText(r.AssigneeID), postgres.NullText(r.TeamID), postgres.NullText(r.MergedInto), r.LastSeq, r.WakeSeq, r.InboundSeq, r.AppliedSeq, r.AgentSeq,
			r.ReadSeq, postgres.NullTime(r.WindowFrom), postgres.NullTime(r.WindowRefusedAt), string(deadlines), postgres.NullTime(r.NextDeadlineAt),
			postgres.NullTime(r.ClosingTold), postgres.NullTime(r.ClosedTold), r.LastActivityAt, postgres.NullText(r.LastMessageID), postgres.NullTime(r.LastMessageAt), r.Summary,
			postgres.NullTime(r.LastInboundAt), postgres.NullTime(r.WaitingSince), postgres.NullTime(r.FirstReplyAt), r.OpenedAt, postgres.NullTime(r.DoneAt), r.CreatedAt,
			int64(r.Tries), r.StuckCode, postgres.NullTime(r.FailingSince),
		} {
			cols[i] = append(cols[i], v)
		}
	}
	args := make([]any, len(cols))
	for i := range cols {
		args[i] = cols[i]
	}
	_, err := tx.Tx.ExecContext(ctx, statement, args...)
	return err
}

func nonNil(d []conversation.Deadline) []conversation.Deadline {
	if d == nil {
		return []conversation.Deadline{}
	}
	return d
}

func insertEvents(ctx context.Context, tx bun.Tx, now time.Time, rows []*Row) error {
	var (
		ids, kinds, actorKinds, actorIDs []string
		seqs                             []int64
		causes, data, keys               []*string
		ats                              []time.Time
	)
	for _, r := range rows {
		for _, e := range r.events {
			cause, err := causeJSON(e.Cause)
			if err != nil {
				return err
			}
			body, err := json.Marshal(e.Data)
			if err != nil {
				return fmt.Errorf("event data: %w", err)
			}
			text := string(body)
			ids, seqs = append(ids, r.ID), append(seqs, e.Seq)
			kinds, ats = append(kinds, string(e.Kind)), append(ats, e.At)
			actorKinds, actorIDs = append(actorKinds, string(e.Actor.Kind)), append(actorIDs, e.Actor.ID)
			causes, data = append(causes, cause), append(data, &text)
			keys = append(keys, postgres.NullText(e.effectKey))
		}
	}
	if len(ids) == 0 {
		return nil
	}
	_, err := tx.Tx.ExecContext(ctx, `INSERT INTO events (conversation_id, seq, kind, actor_kind, actor_id, cause, data, at, effect_key, recorded_at)
		SELECT *, $10::timestamptz FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::jsonb[], $7::jsonb[], $8::timestamptz[], $9::text[])`,
		ids, seqs, kinds, actorKinds, actorIDs, causes, data, ats, keys, now)
	if err != nil {
		return fmt.Errorf("insert events: %w", err)
	}
	return nil
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
