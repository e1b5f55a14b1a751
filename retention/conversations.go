package retention

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/uptrace/bun"
)

// conversationFree is true of a closed conversation for which nothing waits: everything is applied, no timer is armed, no
// message is unsettled, and no other one has been merged into it, or that one is gone already.
const conversationFree = `c.status = 'done' AND c.done_at < ?0 AND c.last_activity_at < ?0 AND c.applied_seq >= c.wake_seq
	AND c.next_deadline_at IS NULL AND NOT EXISTS (SELECT FROM dispatches AS d WHERE d.conversation_id = c.id)
	AND NOT EXISTS (SELECT FROM messages AS m WHERE m.conversation_id = c.id AND m.state IN ('scheduled', 'queued', 'sending', 'unknown'))
	AND NOT EXISTS (SELECT FROM conversations AS o WHERE o.merged_into = c.id)`

// evidence are the tables that outlive a conversation: consent must be provable, and failures of readers looked into. Both
// hold ids and codes only.
var evidence = []string{"consent_changes", "feed_failures"}

// conversationRound deletes closed conversations, the longest quiet first.
type conversationRound struct {
	from   string // where they are looked for, by an index
	tables []string
}

// Merged ones go before those into which they were merged. They have no place in the list's index, but one of their own.
const (
	merged   = "SELECT c.id FROM conversations AS c WHERE c.merged_into IS NOT NULL AND " + conversationFree + " LIMIT ?1"
	unmerged = `SELECT f.id FROM accounts AS a CROSS JOIN LATERAL (
		SELECT c.id FROM conversations AS c WHERE c.account_id = a.id AND c.merged_into IS NULL AND ` + conversationFree + `
		ORDER BY c.last_activity_at LIMIT ?1) AS f LIMIT ?1`
)

func (r *conversationRound) next(ctx context.Context, tx bun.Tx, before time.Time) (int, bool, error) {
	if r.tables == nil {
		var err error
		if r.tables, err = dependents(ctx, tx); err != nil {
			return 0, false, err
		}
	}
	var ids []string
	// What somebody is writing to is skipped.
	err := tx.NewRaw("SELECT c.id::text FROM conversations AS c WHERE c.id IN ("+r.from+") AND "+conversationFree+" FOR UPDATE SKIP LOCKED",
		before, conversationBatch).Scan(ctx, &ids)
	if err != nil || len(ids) == 0 {
		return 0, false, err
	}
	if err := r.erase(ctx, tx, ids); err != nil {
		return 0, false, err
	}
	return len(ids), len(ids) == conversationBatch, nil
}

// erase deletes the conversations with all that belongs to them.
func (r *conversationRound) erase(ctx context.Context, tx bun.Tx, ids []string) error {
	all := bun.Tuple(ids)
	statements := []string{
		`DELETE FROM attachments WHERE message_id IN (SELECT id FROM messages WHERE conversation_id IN ?0)`,
	}
	for _, table := range []string{"reactions", "amendments"} {
		statements = append(statements, `DELETE FROM `+table+` AS t USING messages AS m WHERE m.conversation_id IN ?0 AND t.account_id = m.account_id AND t.target_id = m.provider_id`)
	}
	statements = append(statements, `DELETE FROM receipts AS t USING messages AS m WHERE m.conversation_id IN ?0 AND t.account_id = m.account_id AND t.provider_id = m.provider_id`)
	for _, table := range r.tables {
		statements = append(statements, "DELETE FROM "+pgx.Identifier{table}.Sanitize()+" WHERE conversation_id IN ?0")
	}
	// Events that go with their conversation raise the feed's floor as those do that go by age.
	statements = append(statements,
		"WITH gone AS (DELETE FROM events WHERE conversation_id IN ?0 RETURNING xid) "+raised,
		"DELETE FROM messages WHERE conversation_id IN ?0",
		"DELETE FROM conversations WHERE id IN ?0")
	for _, statement := range statements {
		if _, err := tx.NewRaw(statement, all).Exec(ctx); err != nil {
			return fmt.Errorf("delete conversations: %w", err)
		}
	}
	return nil
}

// dependents returns the tables whose rows belong to a conversation, the ones that others refer to last. They are read from
// the schema, so that a table that comes later is not forgotten: forgotten rows would be a customer's data that nobody finds.
func dependents(ctx context.Context, tx bun.Tx) ([]string, error) {
	var tables []string
	err := tx.NewRaw(`SELECT c.table_name::text FROM information_schema.columns AS c JOIN information_schema.tables AS t USING (table_schema, table_name)
		WHERE c.table_schema = current_schema() AND c.column_name = 'conversation_id' AND t.table_type = 'BASE TABLE'
		ORDER BY (SELECT count(*) FROM pg_constraint AS f WHERE f.contype = 'f'
			AND f.confrelid = format('%I.%I', c.table_schema, c.table_name)::regclass), c.table_name`).Scan(ctx, &tables)
	if err != nil {
		return nil, fmt.Errorf("find what belongs to conversations: %w", err)
	}
	return slices.DeleteFunc(tables, func(table string) bool {
		return table == "events" || table == "messages" || slices.Contains(evidence, table)
	}), nil
}
