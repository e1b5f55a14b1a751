package worker

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/ledger"
)

// repairBatch is how many conversations one statement of a repair looks at; it locks them meanwhile.
const repairBatch = 200

// firstID is before every id.
const firstID = "00000000-0000-0000-0000-000000000000"

// RepairOptions say what a repair looks for.
type RepairOptions struct {
	// All takes every armed deadline and every unsettled message, for a Temporal namespace that was lost. Otherwise only
	// deadlines that are due and messages that something can be done about.
	All bool
	// Overdue leaves out what became due so recently that it may be in progress.
	Overdue time.Duration
}

// Report is how many conversations a repair found, by reason, and for how many of all it inserted a row, because they had
// none.
type Report struct {
	Behind     int // events that the workflow has not applied
	Deadlines  int
	Messages   int // outgoing ones that are not settled
	Dispatched int
}

// The queries yield the next conversations after an id, in order. A conversation that somebody is writing to is skipped
// (?4), unless all are taken: most writers insert the row themselves, and the next sweep sees the others. The lock keeps
// writers out until the row is there, which excludes a deadlock.
const (
	// The deadline spares a look at every conversation; what is older than ?2 is within it.
	behindQuery = `
		SELECT c.id, c.wake_seq FROM conversations c
		WHERE c.applied_seq < c.wake_seq AND (c.next_deadline_at <= ?5 OR ?3) AND c.id > ?0 AND NOT EXISTS (
			SELECT FROM events e WHERE e.conversation_id = c.id AND e.seq = c.wake_seq AND e.recorded_at > ?2)
		ORDER BY c.id LIMIT ?1 FOR NO KEY UPDATE ?4`

	deadlineQuery = `
		SELECT c.id, c.wake_seq FROM conversations c
		WHERE (c.next_deadline_at <= ?2 OR ?3 AND c.next_deadline_at IS NOT NULL) AND c.id > ?0
		ORDER BY c.id LIMIT ?1 FOR NO KEY UPDATE ?4`

	// The first message of a conversation that waits decides for those behind it. One that is held or blocked needs nothing
	// from here: who resumes the account or examines the contact's message wakes the conversation, and a block ends by itself.
	// An unknown one waits for a receipt.
	messageQuery = `
		SELECT c.id, c.wake_seq FROM conversations c
		WHERE c.id > ?0 AND c.id IN (
			SELECT m.conversation_id FROM messages m JOIN accounts a ON a.id = m.account_id JOIN conversations h ON h.id = m.conversation_id
			WHERE m.conversation_id > ?0 AND m.state IN ('queued', 'sending', 'unknown') AND (?3 OR a.state = 'active'
				AND NOT EXISTS (SELECT FROM messages f WHERE f.conversation_id = m.conversation_id AND f.seq < m.seq AND f.state IN ('queued', 'sending'))
				AND (m.state = 'sending' AND m.call_deadline <= ?2
					OR m.state = 'queued' AND coalesce(m.not_before, m.received_at) <= ?2
					AND NOT EXISTS (SELECT FROM account_limits l
						WHERE l.account_id = m.account_id AND l.key IN ('', h.contact_id::text) AND l.blocked_until > ?2)
					AND (m.author_kind = 'agent' OR NOT EXISTS (SELECT FROM conversations u
						WHERE u.contact_id = h.contact_id AND u.channel = h.channel AND u.applied_seq < u.inbound_seq)))))
		ORDER BY c.id LIMIT ?1 FOR NO KEY UPDATE ?4`

	// A row that is there stays as it is (?1), unless all are taken: what it tells may just have gone to the namespace that
	// was lost, so it must be told once more.
	repairStatement = `
		WITH page AS (?0), inserted AS (
			INSERT INTO dispatches (conversation_id, up_to_seq, since, due_at)
			SELECT id, wake_seq, clock_timestamp(), clock_timestamp() FROM page ORDER BY id
			ON CONFLICT (conversation_id) DO ?1 RETURNING xmax = 0 AS is_new
		)
		SELECT (SELECT count(*) FROM page), (SELECT count(*) FROM inserted WHERE is_new), (SELECT id FROM page ORDER BY id DESC LIMIT 1)`
)

// Repair has the dispatcher wake every conversation that waits for something which nobody may be working on any more:
// events that were not applied, deadlines that came, messages that were not sent. It does no harm at any time; now is the
// product's time. Each page is a statement of its own: in a transaction the locks of all pages would add up.
func Repair(ctx context.Context, db bun.IDB, now time.Time, o RepairOptions) (Report, error) {
	var report Report
	before := now.Add(-o.Overdue)
	locked, conflict := bun.Safe("SKIP LOCKED"), bun.Safe("NOTHING")
	if o.All {
		locked, conflict = "", "UPDATE SET version = dispatches.version + 1"
	}
	for _, one := range []struct {
		name, query string
		found       *int
	}{
		{"events", behindQuery, &report.Behind},
		{"deadlines", deadlineQuery, &report.Deadlines},
		{"messages", messageQuery, &report.Messages},
	} {
		for after := firstID; after != ""; {
			page := bun.SafeQuery(one.query, after, repairBatch, before, o.All, locked, before.Add(ledger.SweepAfter))
			var found, inserted int
			var last sql.NullString
			if err := db.NewRaw(repairStatement, page, conflict).Scan(ctx, &found, &inserted, &last); err != nil {
				return report, fmt.Errorf("repair %s: %w", one.name, err)
			}
			*one.found += found
			report.Dispatched += inserted
			after = last.String
		}
	}
	return report, nil
}
