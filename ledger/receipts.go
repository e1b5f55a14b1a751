package ledger

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

// ApplyEarlyReceipts brings a message up to date with the receipts that came before we knew its provider id, and returns
// its state after them, empty if there were none. The rule is that of conversation.MessageState.Advance, whatever the
// message's state is by then: the highest of sent, delivered, read and played counts, and a failure only as long as nothing
// was delivered. The earliest time of each stays.
func ApplyEarlyReceipts(ctx context.Context, tx bun.Tx, messageID string) (conversation.MessageState, error) {
	var state conversation.MessageState
	err := tx.Tx.QueryRowContext(ctx, applyReceipts, messageID).Scan(&state)
	if postgres.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("apply early receipts: %w", err)
	}
	return state, nil
}

const applyReceipts = `
	WITH m AS (SELECT id, account_id, provider_id, state FROM messages WHERE id = $1::uuid),
	r AS (UPDATE receipts SET message_id = m.id FROM m
		WHERE receipts.account_id = m.account_id AND receipts.provider_id = m.provider_id AND receipts.message_id IS NULL
		RETURNING receipts.state, receipts.at, receipts.error_code, receipts.detail),
	a AS (SELECT max(array_position(ARRAY['sent', 'delivered', 'read', 'played'], state)) AS rank, bool_or(state = 'failed') AS failed,
		min(at) FILTER (WHERE state = 'sent') AS sent, min(at) FILTER (WHERE state = 'delivered') AS delivered,
		min(at) FILTER (WHERE state = 'read') AS read, min(at) FILTER (WHERE state = 'played') AS played,
		min(at) FILTER (WHERE state = 'failed') AS failed_at, max(error_code) AS code,
		(array_agg(detail->'pricing') FILTER (WHERE detail->'pricing' <> 'null'))[1] AS pricing FROM r HAVING count(*) > 0),
	s AS (SELECT coalesce(greatest(a.rank, array_position(ARRAY['sent', 'delivered', 'read', 'played'], m.state)), 0) AS rank,
		m.state = 'failed' OR (a.failed AND m.state <> 'cancelled') AS failed FROM m, a)
	UPDATE messages SET
		state = CASE WHEN s.rank >= 2 OR (s.rank = 1 AND NOT s.failed) THEN (ARRAY['sent', 'delivered', 'read', 'played'])[s.rank]
			WHEN s.failed THEN 'failed' ELSE messages.state END,
		error_code = CASE WHEN s.failed AND s.rank < 2 THEN coalesce(nullif(messages.error_code, ''), a.code, '') ELSE '' END,
		sent_at = least(messages.sent_at, a.sent), delivered_at = least(messages.delivered_at, a.delivered),
		read_at = least(messages.read_at, a.read), played_at = least(messages.played_at, a.played),
		failed_at = least(messages.failed_at, a.failed_at), pricing = coalesce(a.pricing, messages.pricing)
	FROM a, s WHERE messages.id = $1::uuid RETURNING messages.state`

// Waiting finds out whether a conversation has outgoing messages that must still be worked on. One whose outcome is unknown
// is none: only a receipt can settle it. In a transaction of postgres.InPipeline the answer is there when it has committed.
func Waiting(ctx context.Context, tx bun.Tx, conversationID string, waiting *bool) error {
	return postgres.LaterRows(ctx, tx, "find waiting messages", func(row postgres.Row) error { return row.Scan(waiting) },
		"SELECT EXISTS (SELECT 1 FROM messages WHERE conversation_id = $1::uuid AND state IN ('queued', 'sending'))", conversationID)
}
