package search

import (
	"context"
	"database/sql"

	"github.com/jackc/pgx/v5/pgtype"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

// readPeople reads contacts that the caller may see; in the order of the ids.
func (s *Store) readPeople(ctx context.Context, by conversation.Caller, list []needle, ids []string) ([]Person, error) {
	visible, all := by.Accounts()
	people := make([]Person, 0, len(ids))
	types := pgtype.NewMap()
	err := postgres.Rows(ctx, s.db, func(row *sql.Rows) error {
		var (
			p                      Person
			phones                 []string
			kinds, addresses, keys []string
		)
		err := row.Scan(&p.ID, &p.Name, &p.Phone, types.SQLScanner(&phones), &p.Email, &p.Conversation.ID, &p.Conversation.AccountID, &p.Conversation.Status,
			&p.Conversation.LastActivityAt, types.SQLScanner(&kinds), types.SQLScanner(&addresses), types.SQLScanner(&keys))
		if err != nil {
			return err
		}
		p.Identities = make([]conversation.Identity, len(kinds))
		for i, kind := range kinds {
			p.Identities[i] = conversation.Identity{Kind: conversation.IdentityKind(kind), Address: addresses[i], Key: keys[i]}
		}
		p.Matches = matches(p, phones, list)
		people = append(people, p)
		return nil
	}, `SELECT p.id, p.name, p.phone, p.phones, p.email, c.id, c.account_id, c.status, c.last_activity_at, i.kinds, i.addresses, i.keys
		FROM unnest($1::uuid[]) WITH ORDINALITY AS w(id, place) JOIN contacts p ON p.id = w.id AND p.merged_into IS NULL
		JOIN LATERAL (SELECT id, account_id, status, last_activity_at FROM conversations
			WHERE contact_id = p.id AND merged_into IS NULL AND ($2 OR account_id = ANY($3::uuid[])) ORDER BY last_activity_at DESC, id DESC LIMIT 1) c ON true
		JOIN LATERAL (SELECT coalesce(array_agg(kind ORDER BY kind, key), '{}') AS kinds, coalesce(array_agg(address ORDER BY kind, key), '{}') AS addresses,
			coalesce(array_agg(key ORDER BY kind, key), '{}') AS keys FROM identities WHERE contact_id = p.id AND retired_at IS NULL) i ON true
		ORDER BY w.place`, ids, all, visible)
	return people, err
}

// matches returns the fields in which there is what was looked for.
func matches(p Person, phones []string, list []needle) []Match {
	found := []Match{}
	seen := map[string]bool{"": true}
	add := func(field, text string) {
		hits := spans(text, list, field == "phone")
		if seen[field+digitsOr(field, text)] || len(hits) == 0 {
			return
		}
		seen[field+digitsOr(field, text)] = true
		found = append(found, Match{Field: field, Text: mark(text, 0, len(text), hits)})
	}
	add("name", p.Name)
	add("phone", p.Phone)
	for _, phone := range phones {
		add("phone", phone)
	}
	add("email", p.Email)
	for _, i := range p.Identities {
		switch i.Kind {
		case conversation.Username:
			add("username", i.Address)
		case conversation.WhatsAppID:
			add("phone", i.Address)
		}
	}
	return found
}

// digitsOr returns a number's digits, so that one number in two notations is shown once, and any other text as it is.
func digitsOr(field, text string) string {
	if field == "phone" {
		return digits(text)
	}
	return text
}
