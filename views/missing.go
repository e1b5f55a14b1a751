package views

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/team"
)

// addMissing looks which of the things that a view names are there for the caller.
func (s *Store) addMissing(ctx context.Context, by team.Principal, v *View) error {
	c := v.Criteria
	named := []struct {
		field, query string
		ids          []string
	}{
		{"account_ids", "SELECT id FROM accounts WHERE id = ANY($1::uuid[])", c.Accounts},
		{"label_ids", "SELECT id FROM labels WHERE id = ANY($1::uuid[]) AND deleted_at IS NULL", c.Labels},
		{"team", "SELECT id FROM teams WHERE id = ANY($1::uuid[])", id(c.Team)},
		{"assignee", "SELECT id FROM agents WHERE id = ANY($1::uuid[]) AND state = 'active'", id(c.Assignee)},
	}
	v.Missing = nil
	for _, n := range named {
		if len(n.ids) == 0 {
			continue
		}
		var there []string
		err := postgres.Rows(ctx, s.db, func(row *sql.Rows) error {
			var id string
			err := row.Scan(&id)
			there = append(there, id)
			return err
		}, n.query, n.ids)
		if err != nil {
			return fmt.Errorf("look for what a view names: %w", err)
		}
		for _, id := range n.ids {
			if !slices.Contains(there, id) || n.field == "account_ids" && !by.Sight.Sees(id) {
				v.Missing = append(v.Missing, Missing{Field: n.field, ID: id})
			}
		}
	}
	return nil
}

// id is what may be an id, without the words that stand in its place.
func id(word string) []string {
	if slices.Contains([]string{"", inbox.Me, inbox.Mine, inbox.Nobody}, word) {
		return nil
	}
	return []string{word}
}
