package outbox

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
)

// Message is one to be queued.
type Message struct {
	Content  conversation.Content
	Author   conversation.Actor
	ClientID string // the caller's id, empty for automatic messages
	ReplyTo  string // our id of the quoted message
	Cause    *conversation.Cause
	Key      string // unique within the conversation, of automatic messages
	// AssumedSeq is the newest event on which an automatic message was decided; 0 if it assumes nothing.
	AssumedSeq int64
	Purpose    Purpose
}

// Purpose is what a message is for, where it matters to the send gate.
type Purpose string

// The purposes.
const (
	PurposeAnswer       Purpose = "answer"               // an automatic reply to a message
	PurposeConfirmation Purpose = "opt_out_confirmation" // the one that may follow an opt-out
	PurposeMarketing    Purpose = "marketing"
)

// Queue adds a message to a locked conversation. The caller saves the conversation, and with it the event by which the
// workflow hears of the message. It returns our id of the message.
func Queue(ctx context.Context, tx bun.Tx, row *ledger.Row, m Message, now time.Time) (string, error) {
	content, err := json.Marshal(m.Content)
	if err != nil {
		return "", fmt.Errorf("content: %w", err)
	}
	id := postgres.NewID()
	seq := row.Append(conversation.Event{
		Kind: conversation.EventMessageQueued, Actor: m.Author, Cause: m.Cause, At: now,
		Data: conversation.EventData{MessageID: id, MessageKind: m.Content.Kind},
	})
	var assumed *int64
	if m.AssumedSeq > 0 {
		assumed = &m.AssumedSeq
	}
	at := now.Truncate(time.Second) // the provider has whole seconds: within one, seq decides the order of both sides' messages
	_, err = tx.Tx.ExecContext(ctx, `INSERT INTO messages (id, conversation_id, account_id, seq, direction, kind, state, content, summary,
			author_kind, author_id, at, received_at, client_id, reply_to, effect_key, assumed_seq, purpose)
		VALUES ($1::uuid, $2::uuid, $3::uuid, $4, 'out', $5, 'queued', $6::jsonb, $7, $8, $9, $10, $11, $12, $13::uuid, $14, $15, $16)`,
		id, row.ID, row.AccountID, seq, string(m.Content.Kind), string(content), m.Content.Summary(), string(m.Author.Kind), m.Author.ID, at, now,
		postgres.NullText(m.ClientID), postgres.NullText(m.ReplyTo), postgres.NullText(m.Key), assumed, string(m.Purpose))
	if err != nil {
		return "", fmt.Errorf("queue message: %w", err)
	}
	row.LastActivityAt = now
	if m.Content.Kind == conversation.KindReaction {
		return id, nil // it answers nobody
	}
	row.LastMessageID, row.LastMessageAt, row.Summary = id, at, m.Content.Summary()
	if m.Author.Person() {
		row.AgentSeq, row.WaitingSince = seq, time.Time{}
		if row.FirstReplyAt.IsZero() {
			row.FirstReplyAt = now
		}
	}
	return id, nil
}
