package search

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

// texts reads what was found, in its order, as it is now: what was withdrawn, deleted or hidden since is left out.
func (s *Store) texts(ctx context.Context, by conversation.Caller, q query, places []place) ([]Text, error) {
	found := map[string]Text{}
	visible, all := by.Accounts()
	scan := func(row *sql.Rows) error {
		var (
			t    Text
			body []byte
			note sql.NullString
			said []string
		)
		if err := row.Scan(&t.Kind, &t.ID, &t.ConversationID, &t.AccountID, &t.Contact.ID, &t.Contact.Name, &t.Contact.Phone,
			&t.At, &t.Seq, &t.Author.Kind, &t.Author.ID, &t.Direction, &t.MessageKind, &body, &note); err != nil {
			return err
		}
		if note.Valid {
			said = []string{note.String}
		} else {
			var c conversation.Content
			if err := json.Unmarshal(body, &c); err != nil {
				return err
			}
			said = texts(c)
		}
		t.Excerpt = excerpt(q, said)
		found[t.ID] = t
		return nil
	}
	err := postgres.Rows(ctx, s.db, scan, `SELECT 'message', m.id, coalesce(c.merged_into, c.id), c.account_id, p.id, p.name, p.phone,
			m.at, m.seq, m.author_kind, m.author_id, m.direction, m.kind, m.content, NULL
		FROM messages m JOIN conversations c ON c.id = m.conversation_id JOIN contacts p ON p.id = c.contact_id
		WHERE m.id = ANY($1::uuid[]) AND m.revoked_at IS NULL AND ($3 OR c.account_id = ANY($4::uuid[]))
		UNION ALL SELECT 'note', n.id, coalesce(c.merged_into, c.id), c.account_id, p.id, p.name, p.phone,
			n.created_at, n.seq, n.author_kind, n.author_id, '', '', NULL, n.text
		FROM notes n JOIN conversations c ON c.id = n.conversation_id JOIN contacts p ON p.id = c.contact_id
		WHERE n.id = ANY($2::uuid[]) AND n.deleted_at IS NULL AND ($3 OR c.account_id = ANY($4::uuid[]))`,
		ids(places, false), ids(places, true), all, visible)
	if err != nil {
		return nil, fmt.Errorf("read what was found: %w", err)
	}
	list := make([]Text, 0, len(places))
	for _, p := range places {
		if t, ok := found[p.id]; ok {
			list = append(list, t)
		}
	}
	return list, nil
}
