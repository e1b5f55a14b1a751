package inbox

import (
	"context"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/accounts"
	"guichet.dev/guichet/assignment"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/drafts"
	"guichet.dev/guichet/followers"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/outbox"
	"guichet.dev/guichet/postgres"
)

// Send queues a message of a person. The same client id is the same message: repeating it returns the message as it stands
// now. The send gate refuses at once what cannot go out; a paused or broken account only lets it wait.
func (in *Inbox) Send(ctx context.Context, by conversation.Caller, id string, m NewMessage) (Message, error) {
	if m.ClientID == "" || utf8.RuneCountInString(m.ClientID) > 100 || !storable(m.ClientID) {
		return Message{}, conversation.Invalid("client_id", "must have 1 to 100 characters")
	}
	m.Content.Text = strings.ReplaceAll(m.Content.Text, "\x00", "\uFFFD")
	account, err := in.accountOf(ctx, by, id)
	if err != nil {
		return Message{}, err
	}
	messageID := ""
	err = in.repeatable(ctx, by, id, lockShared, func(ctx context.Context, tx bun.Tx, row *ledger.Row) error {
		earlier, err := sameMessage(ctx, tx, id, m)
		if earlier != "" || err != nil {
			messageID = earlier
			return err
		}
		if err := ledger.Fresh(ctx, tx, by, row); err != nil {
			return err
		}
		if err := row.Active(); err != nil {
			return err
		}
		content, err := in.check(ctx, tx, row, account, m)
		if err != nil {
			return err
		}
		gate, err := outbox.GateInput(ctx, tx, row, account, by.Actor, content.Kind, in.Now())
		if err != nil {
			return err
		}
		if verdict, reason := conversation.Gate(gate); verdict == conversation.Refuse {
			return reason
		}
		row.Reopen(by.Actor, in.Now())
		assignment.TakeUp(row, by.Actor, in.Now()) // whoever answers has taken it up
		if err := in.sends(ctx, tx, row, by.Actor, m.DraftVersion); err != nil {
			return err
		}
		messageID, err = outbox.Queue(ctx, tx, row, outbox.Message{Content: content, Author: by.Actor, ClientID: m.ClientID, ReplyTo: m.ReplyTo}, in.Now())
		return err
	})
	if err != nil {
		return Message{}, err
	}
	return in.message(ctx, messageID)
}

// sends does what goes with a message of an agent: the draft that it was is gone, and the agent follows the conversation.
func (in *Inbox) sends(ctx context.Context, tx bun.Tx, row *ledger.Row, by conversation.Actor, draft int64) error {
	if by.Kind != conversation.ActorAgent {
		return nil
	}
	if err := drafts.Take(ctx, tx, by, row, draft); err != nil {
		return err
	}
	return followers.Add(ctx, tx, row.ID, in.Now(), by.ID)
}

// accountOf returns a conversation's account, which never changes. It is looked up before the transaction: who waits for a
// second session while holding one may wait for ever, when all sessions are held so.
func (in *Inbox) accountOf(ctx context.Context, by conversation.Caller, id string) (accounts.Account, error) {
	row, err := in.read(ctx, by, id)
	if err != nil {
		return accounts.Account{}, err
	}
	return in.Accounts.Cached(ctx, row.AccountID)
}

// sameMessage returns the id of the message that the caller sent before with this client id.
func sameMessage(ctx context.Context, tx bun.Tx, conversationID string, m NewMessage) (string, error) {
	var (
		id, replyTo string
		body        []byte
	)
	err := postgres.Raw(tx).QueryRowContext(ctx, "SELECT id, content, reply_to FROM messages WHERE conversation_id = $1::uuid AND client_id = $2", conversationID, m.ClientID).
		Scan(&id, &body, postgres.OptText(&replyTo))
	if postgres.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", wrap("find message", err)
	}
	var content conversation.Content
	if err := json.Unmarshal(body, &content); err != nil {
		return "", wrap("content of message", err)
	}
	asked := m.Content
	if content.Kind != asked.Kind || asked.Kind == conversation.KindText && content.Text != asked.Text || !sameReaction(content.Reaction, asked) || replyTo != m.ReplyTo {
		return "", &conversation.Error{Code: conversation.CodeConflict, Field: "client_id", Message: "another message was sent with this client id"}
	}
	return id, nil
}

func sameReaction(stored *conversation.Reaction, asked conversation.Content) bool {
	if asked.Kind != conversation.KindReaction || stored == nil || asked.Reaction == nil {
		return asked.Kind != conversation.KindReaction
	}
	return stored.Emoji == asked.Reaction.Emoji && stored.MessageID == asked.Reaction.MessageID
}

// storable reports whether Postgres can keep a text.
func storable(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

// check validates what is to be sent and returns the content as it will be stored.
func (in *Inbox) check(ctx context.Context, tx bun.Tx, row *ledger.Row, account accounts.Account, m NewMessage) (conversation.Content, error) {
	capabilities := in.Adapters[account.Channel].Capabilities()
	content := m.Content
	if m.ReplyTo != "" {
		if _, err := providerID(ctx, tx, row.ID, m.ReplyTo, "reply_to"); err != nil {
			return content, err
		}
	}
	switch content.Kind {
	case conversation.KindText:
		if strings.TrimSpace(content.Text) == "" || !utf8.ValidString(content.Text) || utf8.RuneCountInString(content.Text) > capabilities.MaxText {
			return content, conversation.Invalid("text", "must have 1 to %d characters", capabilities.MaxText)
		}
		return conversation.Content{Kind: conversation.KindText, Text: content.Text}, nil
	case conversation.KindReaction:
		if content.Reaction == nil || len(content.Reaction.Emoji) > 64 || !storable(content.Reaction.Emoji) {
			return content, conversation.Invalid("reaction.emoji", "must be one emoji, or empty to take the reaction back")
		}
		if m.ReplyTo != "" {
			return content, conversation.Invalid("reply_to", "a reaction cannot quote a message")
		}
		target, err := providerID(ctx, tx, row.ID, content.Reaction.MessageID, "reaction.message_id")
		return conversation.Content{Kind: conversation.KindReaction, Reaction: &conversation.Reaction{
			MessageID: content.Reaction.MessageID, ProviderID: target, Emoji: content.Reaction.Emoji,
		}}, err
	default:
		return content, conversation.Errorf(conversation.CodeUnsupported, "only text and reactions can be sent")
	}
}

// providerID returns the provider's id of one of the conversation's messages, those of merged conversations included.
func providerID(ctx context.Context, tx bun.Tx, conversationID, messageID, field string) (string, error) {
	var provider string
	if postgres.IsID(messageID) {
		err := postgres.Raw(tx).QueryRowContext(ctx, `SELECT coalesce(m.provider_id, '') FROM messages m JOIN conversations c ON c.id = m.conversation_id
			WHERE m.id = $1::uuid AND (c.id = $2::uuid OR c.merged_into = $2::uuid)`, messageID, conversationID).Scan(&provider)
		if err != nil && !postgres.IsNotFound(err) {
			return "", wrap("find message", err)
		}
	}
	if provider == "" {
		return "", conversation.Invalid(field, "must be the id of a message of this conversation that the provider has taken")
	}
	return provider, nil
}
