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

// sweepAfter is how long the workflow has to apply an event before the sweep looks after it.
const sweepAfter = 5 * time.Minute

// saveAll writes conversations, events and dispatches in one statement: a round trip costs as much as the rows of a small
// batch. $1 to $35 are the columns of the conversations, $36 whether they are new and $37 whether their workflow must look.
// ANY($1) keeps the planner from reading the whole table while it believes that it is small. The dispatches' times are the database's: the dispatcher's leases must not follow a shifted clock.
const saveAll = `WITH v AS (SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::timestamptz[],
	$8::uuid[], $9::uuid[], $10::uuid[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[], $16::bigint[],
	$17::timestamptz[], $18::timestamptz[], $19::jsonb[], $20::timestamptz[], $21::timestamptz[], $22::timestamptz[],
	$23::timestamptz[], $24::uuid[], $25::timestamptz[], $26::text[], $27::timestamptz[], $28::timestamptz[], $29::timestamptz[],
	$30::timestamptz[], $31::timestamptz[], $32::timestamptz[], $33::integer[], $34::text[], $35::timestamptz[],
	$36::boolean[], $37::boolean[]) AS v (` + columns + `, is_new, wake)),
inserted AS (INSERT INTO conversations (` + columns + `) SELECT ` + columns + ` FROM v WHERE is_new),
updated AS (UPDATE conversations AS c SET contact_id = v.contact_id, status = v.status, snoozed_until = v.snoozed_until,
	assignee_id = v.assignee_id, team_id = v.team_id, merged_into = v.merged_into, last_seq = v.last_seq, wake_seq = v.wake_seq,
	inbound_seq = v.inbound_seq, applied_seq = v.applied_seq, agent_seq = v.agent_seq, read_seq = v.read_seq,
	window_from = v.window_from, window_refused_at = v.window_refused_at, deadlines = v.deadlines,
	next_deadline_at = v.next_deadline_at, closing_told = v.closing_told, closed_told = v.closed_told,
	last_activity_at = v.last_activity_at, last_message_id = v.last_message_id, last_message_at = v.last_message_at,
	summary = v.summary, last_inbound_at = v.last_inbound_at, waiting_since = v.waiting_since,
	first_reply_at = v.first_reply_at, opened_at = v.opened_at, done_at = v.done_at, tries = v.tries,
	stuck_code = v.stuck_code, failing_since = v.failing_since
	FROM v WHERE c.id = v.id AND NOT v.is_new AND c.id = ANY($1::uuid[])),
told AS (INSERT INTO events (conversation_id, seq, kind, actor_kind, actor_id, cause, data, at, effect_key, recorded_at)
	SELECT *, $47::timestamptz FROM unnest($38::uuid[], $39::bigint[], $40::text[], $41::text[], $42::text[], $43::jsonb[], $44::jsonb[],
		$45::timestamptz[], $46::text[]))
INSERT INTO dispatches (conversation_id, up_to_seq, since, due_at) SELECT id, wake_seq, clock_timestamp(), clock_timestamp() FROM v WHERE wake
	ON CONFLICT (conversation_id) DO UPDATE SET up_to_seq = greatest(dispatches.up_to_seq, excluded.up_to_seq), version = dispatches.version + 1`

// Save writes locked or new conversations with their appended events, and tells their workflows where that is due.
func Save(ctx context.Context, tx bun.Tx, now time.Time, rows ...*Row) error {
	if len(rows) == 0 {
		return nil
	}
	// In the order of the ids, as everywhere: wakes of many conversations write dispatches without locking these rows.
	rows = slices.SortedFunc(slices.Values(rows), func(x, y *Row) int { return strings.Compare(x.ID, y.ID) })
	args, err := rowArgs(rows, now)
	if err != nil {
		return err
	}
	events, err := eventArgs(rows)
	if err != nil {
		return err
	}
	if err := postgres.Later(ctx, tx, "save conversations", saveAll, append(append(args, events...), now)...); err != nil {
		return err
	}
	for _, r := range rows {
		r.isNew, r.wake, r.events = false, false, nil
	}
	return nil
}

func rowArgs(rows []*Row, now time.Time) ([]any, error) {
	cols := make([][]any, 37)
	for i := range cols {
		cols[i] = make([]any, 0, len(rows))
	}
	for _, r := range rows {
		if r.wake && (r.NextDeadlineAt.IsZero() || r.NextDeadlineAt.After(now.Add(sweepAfter))) {
			r.NextDeadlineAt = now.Add(sweepAfter)
		}
		deadlines := "[]"
		if len(r.Deadlines) > 0 {
			body, err := json.Marshal(r.Deadlines)
			if err != nil {
				return nil, fmt.Errorf("deadlines: %w", err)
			}
			deadlines = string(body)
		}
		for i, v := range [...]any{
			r.ID, r.AccountID, string(r.Channel), r.ContactID, r.ThreadKey, string(r.Status), postgres.NullTime(r.SnoozedUntil),
			postgres.NullText(r.AssigneeID), postgres.NullText(r.TeamID), postgres.NullText(r.MergedInto), r.LastSeq, r.WakeSeq,
			r.InboundSeq, r.AppliedSeq, r.AgentSeq, r.ReadSeq, postgres.NullTime(r.WindowFrom), postgres.NullTime(r.WindowRefusedAt),
			deadlines, postgres.NullTime(r.NextDeadlineAt), postgres.NullTime(r.ClosingTold), postgres.NullTime(r.ClosedTold),
			r.LastActivityAt, postgres.NullText(r.LastMessageID), postgres.NullTime(r.LastMessageAt), r.Summary,
			postgres.NullTime(r.LastInboundAt), postgres.NullTime(r.WaitingSince), postgres.NullTime(r.FirstReplyAt), r.OpenedAt,
			postgres.NullTime(r.DoneAt), r.CreatedAt, int64(r.Tries), r.StuckCode, postgres.NullTime(r.FailingSince), r.isNew, r.wake,
		} {
			cols[i] = append(cols[i], v)
		}
	}
	args := make([]any, len(cols), len(cols)+10)
	for i := range cols {
		args[i] = cols[i]
	}
	return args, nil
}

func eventArgs(rows []*Row) ([]any, error) {
	var (
		ids, kinds, actorKinds, actorIDs, data []string
		seqs                                   []int64
		causes, keys                           []*string
		ats                                    []time.Time
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
			ids, seqs, kinds, ats = append(ids, r.ID), append(seqs, e.Seq), append(kinds, string(e.Kind)), append(ats, e.At)
			actorKinds, actorIDs = append(actorKinds, string(e.Actor.Kind)), append(actorIDs, e.Actor.ID)
			causes, data, keys = append(causes, cause), append(data, string(body)), append(keys, postgres.NullText(e.effectKey))
		}
	}
	return []any{ids, seqs, kinds, actorKinds, actorIDs, causes, data, ats, keys}, nil
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
