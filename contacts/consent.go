package contacts

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

// Change is one entry of the consent ledger with its evidence.
type Change struct {
	conversation.ConsentChange
	ContactID      string
	Channel        conversation.Channel
	Actor          conversation.Actor
	ConversationID string // where it was said, if anywhere
	MessageID      string // with which message
	Note           string // where and how, for what an agent writes down
	Key            string // unique for automatic changes: a repeat writes nothing
}

// ChangeConsent writes the ledger and the standing consent. The caller must hold the contact's lock (Lock). It reports
// whether the change was new.
func ChangeConsent(ctx context.Context, tx bun.Tx, c Change, now time.Time) (bool, error) {
	res, err := tx.Tx.ExecContext(ctx, `INSERT INTO consent_changes (id, contact_id, channel, scope, state, source, at, recorded_at,
			actor_kind, actor_id, conversation_id, message_id, note, effect_key, confidence, evidence)
		VALUES ($1::uuid, $2::uuid, $3, $4, $5, $6, $7, $8, $9, $10, $11::uuid, $12::uuid, $13, $14, coalesce(nullif($15::real, 0), 1), $16) ON CONFLICT (effect_key) DO NOTHING`,
		postgres.NewID(), c.ContactID, string(c.Channel), string(c.Scope), string(c.State), c.Source, c.At, now,
		string(c.Actor.Kind), c.Actor.ID, postgres.NullText(c.ConversationID), postgres.NullText(c.MessageID), c.Note, postgres.NullText(c.Key), c.Confidence, c.Evidence)
	if err != nil {
		return false, fmt.Errorf("write consent: %w", err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return false, fmt.Errorf("write consent: %w", err)
	}
	if n == 0 {
		return false, nil
	}
	return true, restand(ctx, tx, c.ContactID)
}

// restand derives the standing consents of a contact from its ledger: per scope the newest by the provider's time; of two
// at the same time the opt-out, so that the order of arrival does not matter.
func restand(ctx context.Context, tx bun.Tx, contactID string) error {
	if _, err := tx.Tx.ExecContext(ctx, "DELETE FROM consents WHERE contact_id = $1::uuid", contactID); err != nil {
		return fmt.Errorf("derive consent: %w", err)
	}
	_, err := tx.Tx.ExecContext(ctx, `INSERT INTO consents (contact_id, channel, scope, state, at, change_id)
		SELECT DISTINCT ON (channel, scope) contact_id, channel, scope, state, at, id FROM consent_changes WHERE contact_id = $1::uuid
		ORDER BY channel, scope, at DESC, (state = 'opted_out') DESC, recorded_at DESC, id DESC`, contactID)
	if err != nil {
		return fmt.Errorf("derive consent: %w", err)
	}
	return nil
}

// Standing returns what a contact wants on a channel kind.
func Standing(ctx context.Context, db bun.IDB, contactID string, on conversation.Channel) (conversation.Consent, error) {
	all, err := Standings(ctx, db, []string{contactID}, on)
	return all[contactID], err
}

// Standings returns what contacts want on a channel kind, by contact id.
func Standings(ctx context.Context, db bun.IDB, contactIDs []string, on conversation.Channel) (map[string]conversation.Consent, error) {
	found := make(map[string]conversation.Consent, len(contactIDs))
	for _, id := range contactIDs {
		found[id] = conversation.Consent{All: conversation.ConsentUnknown, Marketing: conversation.ConsentUnknown}
	}
	err := postgres.Rows(ctx, db, func(row *sql.Rows) error {
		var (
			id    string
			scope conversation.ConsentScope
			state conversation.ConsentState
			at    time.Time
		)
		if err := row.Scan(&id, &scope, &state, &at); err != nil {
			return err
		}
		c := found[id]
		if scope == conversation.ScopeAll {
			c.All, c.AllAt = state, at
		} else {
			c.Marketing = state
		}
		found[id] = c
		return nil
	}, "SELECT contact_id, scope, state, at FROM consents WHERE contact_id = ANY($1::uuid[]) AND channel = $2", contactIDs, string(on))
	if err != nil {
		return nil, fmt.Errorf("read consent: %w", err)
	}
	return found, nil
}
