package inbox

import (
	"context"
	"database/sql"
	"encoding/json"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

// thread is the condition for the messages of a conversation and of those merged into it.
const thread = "m.conversation_id IN (SELECT id FROM conversations WHERE id = $1::uuid OR merged_into = $1::uuid)"

const messageColumns = `m.id, m.conversation_id, m.account_id, m.seq, m.direction, m.state, m.author_kind, m.author_id, m.content, m.summary, m.at, m.late,
	m.client_id, m.reply_to, m.provider_id, m.sent_at, m.delivered_at, m.read_at, m.played_at, m.failed_at, m.edited_at, m.revoked_at, m.error_code`

// stored is a message with what is needed to find what belongs to it.
type stored struct {
	Message
	account, provider, errorCode string
}

// Messages returns a page of a conversation's messages, newest first by the provider's time and, within one second of it,
// by seq. It begins before the cursor.
func (in *Inbox) Messages(ctx context.Context, by conversation.Caller, id string, before Cursor, limit int) ([]Message, Cursor, error) {
	if limit < 1 || limit > 200 {
		return nil, Cursor{}, conversation.Invalid("limit", "must be 1 to 200")
	}
	if before.ID != "" && !postgres.IsID(before.ID) {
		return nil, Cursor{}, badCursor()
	}
	if _, err := in.read(ctx, by, id); err != nil {
		return nil, Cursor{}, err
	}
	found, err := in.find(ctx, `SELECT `+messageColumns+` FROM messages m WHERE `+thread+`
		AND ($2::timestamptz IS NULL OR (m.at, m.seq, m.id) < ($2::timestamptz, $3::bigint, coalesce($4, '00000000-0000-0000-0000-000000000000')::uuid))
		ORDER BY m.at DESC, m.seq DESC, m.id DESC LIMIT $5`, id, postgres.NullTime(before.At), before.Seq, postgres.NullText(before.ID), limit+1)
	if err != nil {
		return nil, Cursor{}, err
	}
	if len(found) <= limit {
		return found, Cursor{}, nil
	}
	last := found[limit-1]
	return found[:limit], Cursor{At: last.At, Seq: last.Seq, ID: last.ID}, nil
}

func (in *Inbox) message(ctx context.Context, id string) (Message, error) {
	found, err := in.find(ctx, "SELECT "+messageColumns+" FROM messages m WHERE m.id = $1::uuid", id)
	if err != nil {
		return Message{}, err
	}
	if len(found) == 0 {
		return Message{}, conversation.Errorf(conversation.CodeNotFound, "there is no such message")
	}
	return found[0], nil
}

// find reads messages with their reactions, attachments and quoted messages.
func (in *Inbox) find(ctx context.Context, query string, args ...any) ([]Message, error) {
	var list []*stored
	err := postgres.Rows(ctx, in.DB, func(row *sql.Rows) error {
		m, err := scanMessage(row)
		list = append(list, m)
		return err
	}, query, args...)
	if err != nil {
		return nil, wrap("read messages", err)
	}
	if err := addBelongings(ctx, in.DB, list); err != nil {
		return nil, err
	}
	messages := make([]Message, 0, len(list))
	for _, m := range list {
		if m.errorCode != "" {
			m.Error = &SendFailure{Code: m.errorCode, Meaning: in.Meaning(conversation.WhatsApp, m.errorCode)}
		}
		messages = append(messages, m.Message)
	}
	return messages, nil
}

func scanMessage(row *sql.Rows) (*stored, error) {
	var (
		m       stored
		content []byte
	)
	err := row.Scan(&m.ID, &m.ConversationID, &m.account, &m.Seq, &m.Direction, &m.State, &m.Author.Kind, &m.Author.ID, &content, &m.Summary, &m.At, &m.Late,
		postgres.OptText(&m.ClientID), postgres.OptText(&m.ReplyTo), postgres.OptText(&m.provider), &m.SentAt, &m.DeliveredAt, &m.ReadAt, &m.PlayedAt,
		&m.FailedAt, &m.EditedAt, &m.RevokedAt, &m.errorCode)
	if err != nil {
		return nil, err
	}
	return &m, json.Unmarshal(content, &m.Content)
}

// addBelongings adds what refers to messages by the provider's ids: it may have come before the message itself.
func addBelongings(ctx context.Context, db bun.IDB, list []*stored) error {
	byID, byProvider := map[string]*stored{}, map[string]*stored{}
	var ids, accountIDs, providers, quoteAccounts, quotes []string
	for _, m := range list {
		byID[m.ID] = m
		ids = append(ids, m.ID)
		if m.provider != "" {
			byProvider[m.account+m.provider] = m
			accountIDs, providers = append(accountIDs, m.account), append(providers, m.provider)
		}
		if q := m.Content.Quote; q != nil && q.ProviderID != "" && m.ReplyTo == "" {
			quoteAccounts, quotes = append(quoteAccounts, m.account), append(quotes, q.ProviderID)
		}
	}
	err := postgres.Rows(ctx, db, func(row *sql.Rows) error {
		var (
			account, target string
			r               ReactionView
		)
		if err := row.Scan(&account, &target, &r.By.Kind, &r.By.ID, &r.Emoji, &r.At); err != nil {
			return err
		}
		if m := byProvider[account+target]; m != nil {
			m.Reactions = append(m.Reactions, r)
		}
		return nil
	}, `SELECT r.account_id, r.target_id, r.actor_kind, r.actor_id, r.emoji, r.at FROM unnest($1::uuid[], $2::text[]) AS k(a, p)
		JOIN reactions r ON r.account_id = k.a AND r.target_id = k.p WHERE r.emoji <> '' ORDER BY r.at`, accountIDs, providers)
	if err != nil {
		return wrap("read reactions", err)
	}
	err = postgres.Rows(ctx, db, func(row *sql.Rows) error {
		var (
			message string
			a       Attachment
			size    sql.NullInt64
		)
		if err := row.Scan(&message, &a.ID, &a.MIMEType, &a.FileName, &a.State, &size); err != nil {
			return err
		}
		a.Size = size.Int64
		byID[message].Attachments = append(byID[message].Attachments, a)
		return nil
	}, "SELECT message_id, id, mime_type, file_name, state, size FROM attachments WHERE message_id = ANY($1::uuid[]) ORDER BY message_id, position", ids)
	if err != nil {
		return wrap("read attachments", err)
	}
	return addQuotes(ctx, db, list, quoteAccounts, quotes)
}

func addQuotes(ctx context.Context, db bun.IDB, list []*stored, accountIDs, quotes []string) error {
	if len(quotes) == 0 {
		return nil
	}
	ids := map[string]string{}
	err := postgres.Rows(ctx, db, func(row *sql.Rows) error {
		var account, provider, id string
		err := row.Scan(&account, &provider, &id)
		ids[account+provider] = id
		return err
	}, "SELECT m.account_id, m.provider_id, m.id FROM unnest($1::uuid[], $2::text[]) AS k(a, p) JOIN messages m ON m.account_id = k.a AND m.provider_id = k.p", accountIDs, quotes)
	if err != nil {
		return wrap("read quoted messages", err)
	}
	for _, m := range list {
		if q := m.Content.Quote; q != nil && m.ReplyTo == "" {
			m.ReplyTo = ids[m.account+q.ProviderID]
		}
	}
	return nil
}

// LastInbound returns the provider's id of the newest message that the customer wrote up to a seq, empty if there is none:
// the one to mark as read at the provider.
func (in *Inbox) LastInbound(ctx context.Context, by conversation.Caller, conversationID string, upToSeq int64) (string, error) {
	if _, err := in.read(ctx, by, conversationID); err != nil {
		return "", err
	}
	var id string
	err := in.DB.DB.QueryRowContext(ctx, `SELECT m.provider_id FROM messages m WHERE `+thread+` AND m.direction = 'in' AND m.kind <> 'system' AND m.seq <= $2
		ORDER BY m.at DESC, m.seq DESC LIMIT 1`, conversationID, upToSeq).Scan(&id)
	if postgres.IsNotFound(err) {
		return "", nil
	}
	return id, wrap("find last message", err)
}
