package inbox

import (
	"context"
	"database/sql"

	"guichet.dev/guichet/blocks"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/drafts"
	"guichet.dev/guichet/postgres"
)

// addOwn adds to a conversation what is the caller's own: whether they follow it, and their draft. A program has neither.
// What the provider made of a block is read with it.
func (in *Inbox) addOwn(ctx context.Context, c *Conversation, by conversation.Actor) error {
	agent := ""
	if by.Kind == conversation.ActorAgent {
		agent = by.ID
	}
	var (
		following     bool
		text          sql.NullString
		version       sql.NullInt64
		d             drafts.Draft
		state         sql.NullString
		b             blocks.Block
		code          string
		updated, when sql.NullTime
		blocked       sql.NullBool
	)
	err := in.DB.DB.QueryRowContext(ctx, `SELECT f.agent_id IS NOT NULL, d.text, d.reply_to, d.version, d.updated_at, b.blocked, b.provider_state, coalesce(b.provider_code, ''), b.changed_at
		FROM (SELECT $1::uuid AS conversation, $2::uuid AS agent) AS x
		LEFT JOIN followers f ON f.conversation_id = x.conversation AND f.agent_id = x.agent
		LEFT JOIN drafts d ON d.conversation_id = x.conversation AND d.agent_id = x.agent
		LEFT JOIN blocks b ON b.account_id = $3::uuid AND b.contact_id = $4::uuid`, c.ID, postgres.NullText(agent), c.AccountID, c.Contact.ID).
		Scan(&following, &text, postgres.OptText(&d.ReplyTo), &version, &updated, &blocked, &state, &code, &when)
	if err != nil {
		return wrap("read what is the caller's own", err)
	}
	if agent != "" {
		c.Following = &following
	}
	if text.Valid {
		d.Text, d.Version, d.UpdatedAt = text.String, version.Int64, updated.Time
		c.Draft = &d
	}
	if state.Valid {
		b.AccountID, b.Blocked, b.ProviderState, b.ChangedAt = c.AccountID, blocked.Bool, blocks.ProviderState(state.String), when.Time
		b.ProviderError = blocks.Failure(code, in.Meaning(c.Channel, code))
		c.Block = &b
	}
	return nil
}
