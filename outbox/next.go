package outbox

import (
	"context"
	"fmt"
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
)

// pending is the first unsettled message of a conversation, as seen without locks.
type pending struct {
	id, conversation, account, pair    string
	state                              conversation.MessageState
	attempt                            int
	callDeadline, unknownAt, notBefore time.Time
}

// firstUnsettled is the message that is next in turn: one that is on its way, or whose outcome is unknown since less than
// unknownDelay, stands before those that are queued behind it.
const firstUnsettled = `SELECT id FROM messages WHERE conversation_id = $1::uuid AND (state IN ('queued', 'sending') OR (state = 'unknown' AND unknown_at > $2::timestamptz))
	ORDER BY seq LIMIT 1`

// next returns the message that is next in turn, nil if nothing is left to do.
func (o *Outbox) next(ctx context.Context, conversationID string) (*pending, error) {
	if !postgres.IsID(conversationID) {
		return nil, ledger.NotFound()
	}
	m := pending{conversation: conversationID}
	err := o.DB.DB.QueryRowContext(ctx, `SELECT m.id, m.account_id, m.state, m.attempt, m.call_deadline, m.unknown_at, m.not_before, c.contact_id
		FROM messages m JOIN conversations c ON c.id = m.conversation_id WHERE m.id = (`+firstUnsettled+`)
		AND (m.state <> 'unknown' OR EXISTS (SELECT 1 FROM messages q WHERE q.conversation_id = $1::uuid AND q.state = 'queued'))`,
		conversationID, o.Now().Add(-unknownDelay)).Scan(&m.id, &m.account, &m.state, &m.attempt,
		postgres.OptTime(&m.callDeadline), postgres.OptTime(&m.unknownAt), postgres.OptTime(&m.notBefore), &m.pair)
	if postgres.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find next message: %w", err)
	}
	return &m, nil
}
