package contacts

import (
	"context"
	"database/sql"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/team"
)

// ConsentEntry is one entry of the consent ledger.
type ConsentEntry struct {
	ID             string                    `json:"id"`
	Channel        conversation.Channel      `json:"channel"`
	Scope          conversation.ConsentScope `json:"scope"`
	State          conversation.ConsentState `json:"state"`
	Source         string                    `json:"source"`
	At             time.Time                 `json:"at"`
	RecordedAt     time.Time                 `json:"recorded_at"`
	Actor          conversation.Actor        `json:"actor"`
	ConversationID string                    `json:"conversation_id,omitempty"` // left out, with message and note, if the caller does not see it
	MessageID      string                    `json:"message_id,omitempty"`
	Note           string                    `json:"note,omitempty"`
	Confidence     float64                   `json:"confidence" doc:"How sure it is, 0 to 1; below 1 only for what a classifier understood"`
	Evidence       string                    `json:"evidence,omitempty" doc:"What it was understood by: a keyword, a button or the classifier; left out like the note"`
}

// ConsentEntries returns a page of a contact's consent ledger, newest first, beginning before an entry.
func (s *Store) ConsentEntries(ctx context.Context, by conversation.Caller, id, before string, limit int) ([]ConsentEntry, error) {
	id, err := Visible(ctx, s.db, by, id)
	if err != nil {
		return nil, err
	}
	visible, all := by.Accounts()
	var found []ConsentEntry
	err = postgres.Rows(ctx, s.db, func(row *sql.Rows) error {
		var e ConsentEntry
		err := row.Scan(&e.ID, &e.Channel, &e.Scope, &e.State, &e.Source, &e.At, &e.RecordedAt, &e.Actor.Kind, &e.Actor.ID,
			postgres.OptText(&e.ConversationID), postgres.OptText(&e.MessageID), postgres.OptText(&e.Note), &e.Confidence, postgres.OptText(&e.Evidence))
		found = append(found, e)
		return err
	}, `SELECT h.id, h.channel, h.scope, h.state, h.source, h.at, h.recorded_at, h.actor_kind, h.actor_id,
			CASE WHEN v.seen THEN h.conversation_id END, CASE WHEN v.seen THEN h.message_id END, CASE WHEN v.seen THEN h.note END,
			h.confidence::float8, CASE WHEN v.seen THEN h.evidence END
		FROM consent_changes h, LATERAL (SELECT h.conversation_id IS NULL OR $2
			OR EXISTS (SELECT 1 FROM conversations c WHERE c.id = h.conversation_id AND c.account_id = ANY($3::uuid[])) AS seen) AS v
		WHERE h.contact_id = $1::uuid AND ($4::uuid IS NULL OR h.id < $4::uuid) ORDER BY h.id DESC LIMIT $5`, id, all, visible, postgres.NullText(before), limit)
	if err != nil {
		return nil, fmt.Errorf("read the consent ledger: %w", err)
	}
	return found, nil
}

// maxExported bounds an export, in entries: nobody changes their mind more often.
const maxExported = 10_000

// ExportConsents writes a contact's whole consent ledger as CSV, oldest first, with the words of the messages that the caller
// may see: proof of what the contact wanted and when. That it was exported is in the audit.
func (s *Store) ExportConsents(ctx context.Context, by conversation.Caller, id string, to io.Writer) error {
	entries, err := s.ConsentEntries(ctx, by, id, "", maxExported)
	if err != nil {
		return err
	}
	words, err := s.words(ctx, entries)
	if err != nil {
		return err
	}
	err = postgres.InTx(ctx, s.db, func(ctx context.Context, tx bun.Tx) error {
		return team.Audit(ctx, tx, team.Change{By: by.Actor, Action: "contacts.export_consents", SubjectKind: "contact", SubjectID: id})
	})
	if err != nil {
		return err
	}
	w := csv.NewWriter(to)
	rows := [][]string{{"at", "recorded_at", "channel", "scope", "state", "source", "confidence", "evidence", "actor_kind", "actor_id", "conversation_id", "message_id", "words", "note"}}
	for i := len(entries) - 1; i >= 0; i-- {
		e := entries[i]
		rows = append(rows, []string{
			e.At.UTC().Format(time.RFC3339), e.RecordedAt.UTC().Format(time.RFC3339), string(e.Channel), string(e.Scope), string(e.State), e.Source,
			strconv.FormatFloat(e.Confidence, 'f', 3, 64), cell(e.Evidence), string(e.Actor.Kind), e.Actor.ID, e.ConversationID, e.MessageID,
			cell(words[e.MessageID]), cell(e.Note),
		})
	}
	if err := w.WriteAll(rows); err != nil {
		return fmt.Errorf("write the consent ledger: %w", err)
	}
	return nil
}

// words reads what the messages say that the entries name.
func (s *Store) words(ctx context.Context, entries []ConsentEntry) (map[string]string, error) {
	ids, found := []string{}, make(map[string]string)
	for _, e := range entries {
		if e.MessageID != "" {
			ids = append(ids, e.MessageID)
		}
	}
	err := postgres.Rows(ctx, s.db, func(row *sql.Rows) error {
		var id, text string
		err := row.Scan(&id, &text)
		found[id] = text
		return err
	}, "SELECT id, coalesce(content->>'text', content->'choice'->>'title', '') FROM messages WHERE id = ANY($1::uuid[])", ids)
	if err != nil {
		return nil, fmt.Errorf("read messages of the consent ledger: %w", err)
	}
	return found, nil
}

// cell keeps a spreadsheet from taking a customer's words for a formula.
func cell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}
