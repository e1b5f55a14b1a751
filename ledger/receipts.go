package ledger

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

// ApplyEarlyReceipts brings a message up to date with the receipts that came before we knew its provider id, and returns
// its state after them. The rule is that of conversation.MessageState.Advance: the highest report of sent, delivered, read
// and played counts, and a failure only as long as nothing was delivered.
func ApplyEarlyReceipts(ctx context.Context, tx bun.Tx, messageID string) (conversation.MessageState, error) {
	var state conversation.MessageState
	err := tx.Tx.QueryRowContext(ctx, `
		WITH m AS (SELECT id, account_id, provider_id, state FROM messages WHERE id = $1::uuid),
		r AS (UPDATE receipts SET message_id = m.id FROM m
			WHERE receipts.account_id = m.account_id AND receipts.provider_id = m.provider_id AND receipts.message_id IS NULL
			RETURNING receipts.state, receipts.at, receipts.error_code, receipts.detail),
		a AS (SELECT max(array_position(ARRAY['sent', 'delivered', 'read', 'played'], state)) AS rank, bool_or(state = 'failed') AS failed,
			min(at) FILTER (WHERE state = 'sent') AS sent, min(at) FILTER (WHERE state = 'delivered') AS delivered,
			min(at) FILTER (WHERE state = 'read') AS read, min(at) FILTER (WHERE state = 'played') AS played,
			min(at) FILTER (WHERE state = 'failed') AS failed_at, max(error_code) AS code,
			(array_agg(detail->'pricing') FILTER (WHERE detail->'pricing' <> 'null'))[1] AS pricing FROM r HAVING count(*) > 0)
		UPDATE messages SET
			state = CASE WHEN a.rank >= 2 THEN (ARRAY['sent', 'delivered', 'read', 'played'])[a.rank] WHEN a.failed THEN 'failed' ELSE messages.state END,
			error_code = CASE WHEN a.failed AND coalesce(a.rank, 0) < 2 THEN a.code ELSE '' END,
			sent_at = least(messages.sent_at, a.sent), delivered_at = a.delivered, read_at = a.read, played_at = a.played,
			failed_at = a.failed_at, pricing = coalesce(a.pricing, messages.pricing)
		FROM a WHERE messages.id = $1::uuid RETURNING messages.state`, messageID).Scan(&state)
	if err == sql.ErrNoRows {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("apply early receipts: %w", err)
	}
	return state, nil
}

// Waiting returns the ids of a conversation's outgoing messages that must still be worked on, in the order of their seq.
// One whose outcome is unknown is not among them: only a receipt can settle it.
func Waiting(ctx context.Context, db bun.IDB, conversationID string) ([]string, error) {
	var ids []string
	err := postgres.Rows(ctx, db, func(row *sql.Rows) error {
		var id string
		err := row.Scan(&id)
		ids = append(ids, id)
		return err
	}, "SELECT id FROM messages WHERE conversation_id = $1::uuid AND state IN ('queued', 'sending') ORDER BY seq", conversationID)
	if err != nil {
		return nil, fmt.Errorf("find waiting messages: %w", err)
	}
	return ids, nil
}
