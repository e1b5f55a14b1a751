package intake

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
)

// These are rare, so each is a statement of its own.

// once appends an event unless one with this key was written before.
func (b *batch) once(row *ledger.Row, e conversation.Event, key string) error {
	var seen bool
	err := b.tx.Tx.QueryRowContext(b.ctx, "SELECT EXISTS (SELECT 1 FROM events WHERE conversation_id = $1::uuid AND effect_key = $2)", row.ID, key).Scan(&seen)
	if err != nil {
		return fmt.Errorf("find event: %w", err)
	}
	if !seen && !row.HasKey(key) {
		row.AppendOnce(e, key)
	}
	return nil
}

// applyReaction replaces a side's reaction on a message: each side has one, whoever of it reacted and under which contact.
func (b *batch) applyReaction(w *work, u channel.Reaction) error {
	at := b.providerTime(u.At)
	side := conversation.ActorContact
	if u.Echo {
		side = conversation.ActorAgent // as what is sent from here
	}
	res, err := b.tx.Tx.ExecContext(b.ctx, `INSERT INTO reactions (account_id, target_id, actor_kind, actor_id, emoji, at)
		VALUES ($1::uuid, $2, $3, '', $4, $5) ON CONFLICT (account_id, target_id, actor_kind, actor_id) DO UPDATE SET emoji = excluded.emoji, at = excluded.at
		WHERE excluded.at > reactions.at OR (excluded.at = reactions.at AND excluded.emoji < reactions.emoji)`,
		w.account.ID, u.Target, string(side), u.Emoji, at)
	if err != nil {
		return fmt.Errorf("write reaction: %w", err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return fmt.Errorf("write reaction: %w", err)
	}
	row := b.thread(w)
	if w.account.Settings.ReactionOpensWindow && !u.Echo {
		extendWindow(row, at)
		row.Wake()
	}
	if n > 0 {
		row.Append(conversation.Event{Kind: conversation.EventReaction, Actor: author(u.Echo), At: at})
	}
	return nil
}

// author returns who wrote what the provider reports: the customer, or a colleague in the phone app.
func author(echo bool) conversation.Actor {
	if echo {
		return conversation.Actor{Kind: conversation.ActorPhoneApp}
	}
	return conversation.Actor{Kind: conversation.ActorContact}
}

// amendment is an edit or a withdrawal of an earlier message.
type amendment struct {
	by           conversation.Actor
	target, kind string
	at           time.Time
	content      *conversation.Content
}

// applyAmendment keeps every amendment by its target, so that one which comes before its message waits for it, and brings
// the message up to date if it is there. The newest edit wins; a withdrawal is final.
func (b *batch) applyAmendment(w *work, a amendment) error {
	if a.target == "" {
		return conversation.Invalid("original_message_id", "an edit or withdrawal needs the id of its message")
	}
	var content *string
	if a.content != nil {
		body, err := json.Marshal(a.content)
		if err != nil {
			return fmt.Errorf("content: %w", err)
		}
		text := string(body)
		content = &text
	}
	res, err := b.tx.Tx.ExecContext(b.ctx, `INSERT INTO amendments (account_id, target_id, kind, at, content)
		VALUES ($1::uuid, $2, $3, $4, $5::jsonb) ON CONFLICT DO NOTHING`, w.account.ID, a.target, a.kind, a.at, content)
	if err != nil {
		return fmt.Errorf("write amendment: %w", err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return fmt.Errorf("write amendment: %w", err)
	}
	if n == 0 {
		return nil
	}
	key := providerKey{w.account.ID, a.target}
	b.early[key] = true // it may come later in this very batch
	m := b.known[key]
	if m == nil {
		if w.contact != "" {
			b.thread(w) // of the message to come: whoever stores it at this moment meets us there
		}
		return nil
	}
	if m.id == "" {
		return nil // of this very batch; applied after it is inserted
	}
	kind := conversation.EventMessageEdited
	if a.kind == "revoke" {
		kind = conversation.EventMessageRevoked
	}
	b.rows[m.conversation].Append(conversation.Event{
		Kind: kind, Actor: a.by, At: a.at, Data: conversation.EventData{MessageID: m.id},
	})
	return nil
}

// applyEarly brings messages up to date with edits and withdrawals that were kept for them.
func (b *batch) applyEarly() error {
	if len(b.early) == 0 {
		return nil
	}
	accountIDs, providerIDs := columns(slices.Collect(maps.Keys(b.early)))
	if err := b.applyEdits(accountIDs, providerIDs); err != nil {
		return err
	}
	_, err := b.tx.Tx.ExecContext(b.ctx, `UPDATE messages m SET revoked_at = e.at
		FROM (SELECT e.account_id, e.target_id, min(e.at) AS at FROM unnest($1::uuid[], $2::text[]) AS k(a, p)
			JOIN amendments e ON e.account_id = k.a AND e.target_id = k.p AND e.kind = 'revoke' GROUP BY 1, 2) e
		WHERE m.account_id = e.account_id AND m.provider_id = e.target_id AND m.revoked_at IS NULL`, accountIDs, providerIDs)
	if err != nil {
		return fmt.Errorf("apply withdrawals: %w", err)
	}
	return nil
}

// applyEdits gives messages the content of their newest edit, and lets lists show it.
func (b *batch) applyEdits(accountIDs, providerIDs []string) error {
	var ids, summaries []string
	err := postgres.Rows(b.ctx, b.tx, func(row *sql.Rows) error {
		var (
			id      string
			body    []byte
			content conversation.Content
		)
		if err := row.Scan(&id, &body); err != nil {
			return err
		}
		if err := json.Unmarshal(body, &content); err != nil {
			return err
		}
		ids, summaries = append(ids, id), append(summaries, content.Summary())
		return nil
	}, `UPDATE messages m SET content = e.content, edited_at = e.at
		FROM (SELECT DISTINCT ON (e.account_id, e.target_id) e.* FROM unnest($1::uuid[], $2::text[]) AS k(a, p)
			JOIN amendments e ON e.account_id = k.a AND e.target_id = k.p AND e.kind = 'edit'
			ORDER BY e.account_id, e.target_id, e.at DESC) e
		WHERE m.account_id = e.account_id AND m.provider_id = e.target_id AND (m.edited_at IS NULL OR m.edited_at < e.at)
		RETURNING m.id, m.content`, accountIDs, providerIDs)
	if err != nil {
		return fmt.Errorf("apply edits: %w", err)
	}
	if len(ids) == 0 {
		return nil
	}
	for _, statement := range []string{
		"UPDATE messages m SET summary = v.summary FROM unnest($1::uuid[], $2::text[]) AS v(id, summary) WHERE m.id = v.id",
		`UPDATE conversations c SET summary = v.summary FROM unnest($1::uuid[], $2::text[]) AS v(id, summary) JOIN messages m ON m.id = v.id
			WHERE c.id = m.conversation_id AND c.last_message_id = m.id`,
	} {
		if _, err := b.tx.Tx.ExecContext(b.ctx, statement, ids, summaries); err != nil {
			return fmt.Errorf("summarise edits: %w", err)
		}
	}
	return nil
}

func (b *batch) insertNotice(w *work, u channel.Notice) error {
	at := u.At
	if at.IsZero() {
		at = w.receivedAt
	}
	_, err := b.tx.Tx.ExecContext(b.ctx, `INSERT INTO notices (id, account_id, webhook_id, path, field, at, raw) VALUES ($1::uuid, $2::uuid, $3::uuid, $4, $5, $6, $7::jsonb)`,
		postgres.NewID(), w.account.ID, w.webhook, w.Path, u.Field, at, string(w.Raw))
	if err != nil {
		return fmt.Errorf("write notice: %w", err)
	}
	return nil
}
