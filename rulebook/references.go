package rulebook

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/rules"
	"guichet.dev/guichet/rules/condition"
)

// References reads what rules may refer to now.
func References(ctx context.Context, db bun.IDB) (rules.References, error) {
	refs := rules.References{}
	for _, what := range []struct {
		ids   *map[string]bool
		query string
	}{
		{&refs.Accounts, "SELECT id FROM accounts"},
		{&refs.Agents, "SELECT id FROM agents WHERE state = 'active'"},
		{&refs.Teams, "SELECT id FROM teams WHERE archived_at IS NULL"},
		{&refs.Labels, "SELECT id FROM labels WHERE deleted_at IS NULL"},
	} {
		ids := make(map[string]bool)
		err := postgres.Rows(ctx, db, func(row *sql.Rows) error {
			var id string
			err := row.Scan(&id)
			ids[id] = true
			return err
		}, what.query)
		if err != nil {
			return refs, fmt.Errorf("read what rules may refer to: %w", err)
		}
		*what.ids = ids
	}
	var err error
	refs.Schema, err = readSchema(ctx, db, false)
	return refs, err
}

// readSchema reads the attributes of contacts; with the deleted ones for what was published while they were there. Options
// that went away since must not keep a published version from working, so those are left out then.
func readSchema(ctx context.Context, db bun.IDB, published bool) (condition.Schema, error) {
	schema := make(condition.Schema)
	err := postgres.Rows(ctx, db, func(row *sql.Rows) error {
		var (
			key     string
			a       condition.Attribute
			options string
		)
		if err := row.Scan(&key, &a.Type, &options); err != nil {
			return err
		}
		if !published && options != "" {
			a.Options = strings.Split(options, "\n")
		}
		schema[key] = a
		return nil
	}, "SELECT key, type, array_to_string(options, E'\\n') FROM attribute_definitions WHERE $1 OR deleted_at IS NULL", published)
	if err != nil {
		return nil, fmt.Errorf("read attributes: %w", err)
	}
	return schema, nil
}
