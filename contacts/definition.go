package contacts

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/team"
)

// AttributeType is what kind of value an attribute has.
type AttributeType string

// The types.
const (
	TextAttribute    AttributeType = "text"
	NumberAttribute  AttributeType = "number"
	BooleanAttribute AttributeType = "boolean"
	DateAttribute    AttributeType = "date" // "2026-11-22"
	ListAttribute    AttributeType = "list" // one of the options
	URLAttribute     AttributeType = "url"
)

// AttributeTypes lists the types.
func AttributeTypes() []AttributeType {
	return []AttributeType{TextAttribute, NumberAttribute, BooleanAttribute, DateAttribute, ListAttribute, URLAttribute}
}

// Limits of definitions.
const (
	maxDefinitions = 200
	maxOptions     = 100
	maxOption      = 100 // characters, also of a label
)

// Definition is an attribute that contacts can have. Key and type never change: values and rules refer to them.
type Definition struct {
	bun.BaseModel `bun:"table:attribute_definitions" json:"-"`
	Key           string        `bun:",pk" json:"key"`
	Label         string        `json:"label"`
	Type          AttributeType `json:"type"`
	Options       []string      `bun:",array" json:"options" nullable:"false"` // of a list
	CreatedAt     time.Time     `json:"created_at"`
	DeletedAt     *time.Time    `json:"deleted_at,omitempty"`
}

// DefinitionChange is what to change of a definition: nil leaves as it is. A value that is no option any more stays until it
// is changed.
type DefinitionChange struct {
	Label   *string
	Options *[]string
}

var keyForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,49}$`)

func (d *Definition) clean() error {
	d.Label = strings.TrimSpace(d.Label)
	for i := range d.Options {
		d.Options[i] = strings.TrimSpace(d.Options[i])
	}
	options := slices.Clone(d.Options)
	slices.Sort(options)
	switch {
	case !keyForm.MatchString(d.Key):
		return conversation.Invalid("key", "must begin with a letter and have at most 50 of a to z, 0 to 9 and _")
	case !fits(d.Label, 1, maxOption):
		return conversation.Invalid("label", "must have 1 to %d characters", maxOption)
	case !slices.Contains(AttributeTypes(), d.Type):
		return conversation.Invalid("type", "must be one of %v", AttributeTypes())
	case d.Type != ListAttribute && len(d.Options) > 0:
		return conversation.Invalid("options", "only a list has options")
	case d.Type == ListAttribute && (len(d.Options) < 1 || len(d.Options) > maxOptions):
		return conversation.Invalid("options", "a list needs 1 to %d options", maxOptions)
	case slices.ContainsFunc(d.Options, func(o string) bool { return !fits(o, 1, maxOption) }):
		return conversation.Invalid("options", "each must have 1 to %d characters", maxOption)
	case len(slices.Compact(options)) != len(d.Options):
		return conversation.Invalid("options", "must differ from each other")
	}
	if d.Options == nil {
		d.Options = []string{}
	}
	return nil
}

func fits(text string, low, high int) bool {
	n := utf8.RuneCountInString(text)
	return n >= low && n <= high && utf8.ValidString(text) && !strings.ContainsRune(text, 0)
}

// Definitions returns the attributes that contacts can have, by label.
func (s *Store) Definitions(ctx context.Context, deleted bool) ([]Definition, error) {
	return readDefinitions(ctx, s.db, deleted)
}

func readDefinitions(ctx context.Context, db bun.IDB, deleted bool) ([]Definition, error) {
	found := []Definition{}
	q := db.NewSelect().Model(&found).OrderExpr("lower(label), key")
	if !deleted {
		q = q.Where("deleted_at IS NULL")
	}
	if err := q.Scan(ctx); err != nil {
		return nil, fmt.Errorf("read attribute definitions: %w", err)
	}
	return found, nil
}

// definitionOf reads one definition that is in use, within a transaction of any kind; none if there is none.
func definitionOf(ctx context.Context, tx bun.Tx, key string) ([]Definition, error) {
	d, options := Definition{Key: key}, ""
	err := tx.Tx.QueryRowContext(ctx, "SELECT type, array_to_string(options, E'\\n') FROM attribute_definitions WHERE key = $1 AND deleted_at IS NULL", key).Scan(&d.Type, &options)
	if postgres.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read attribute definition: %w", err)
	}
	d.Options = strings.Split(options, "\n")
	return []Definition{d}, nil
}

// Define adds an attribute. A deleted one comes back with its values if key and type are the same; any other known key is a
// conflict.
func (s *Store) Define(ctx context.Context, by conversation.Actor, d Definition) (Definition, error) {
	d.CreatedAt, d.DeletedAt = s.desk.Now().UTC().Truncate(time.Microsecond), nil
	if err := d.clean(); err != nil {
		return d, err
	}
	err := postgres.InTx(ctx, s.db, func(ctx context.Context, tx bun.Tx) error {
		known, err := tx.NewSelect().Model((*Definition)(nil)).Where("deleted_at IS NULL").Count(ctx)
		if err != nil {
			return fmt.Errorf("count attribute definitions: %w", err)
		}
		if known >= maxDefinitions {
			return conversation.Errorf(conversation.CodeConflict, "there are %d attributes already", maxDefinitions)
		}
		res, err := tx.NewInsert().Model(&d).On("CONFLICT (key) DO UPDATE").
			Set("label = excluded.label").Set("options = excluded.options").Set("deleted_at = NULL").
			Where("definition.deleted_at IS NOT NULL").Where("definition.type = excluded.type").Exec(ctx)
		if err != nil {
			return fmt.Errorf("define attribute: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return &conversation.Error{Code: conversation.CodeConflict, Field: "key", Message: "another attribute has this key, or had it with another type"}
		}
		return auditDefinition(ctx, tx, by, "attributes.create", nil, &d)
	})
	return d, err
}

// Redefine changes label or options.
func (s *Store) Redefine(ctx context.Context, by conversation.Actor, key string, c DefinitionChange) (Definition, error) {
	return s.changeDefinition(ctx, by, key, "attributes.update", func(d *Definition) error {
		if c.Label != nil {
			d.Label = *c.Label
		}
		if c.Options != nil {
			d.Options = slices.Clone(*c.Options)
		}
		return d.clean()
	})
}

// Undefine deletes an attribute. The contacts' values stay and are not shown.
func (s *Store) Undefine(ctx context.Context, by conversation.Actor, key string) error {
	_, err := s.changeDefinition(ctx, by, key, "attributes.delete", func(d *Definition) error {
		now := s.desk.Now().UTC().Truncate(time.Microsecond)
		d.DeletedAt = &now
		return nil
	})
	return err
}

func (s *Store) changeDefinition(ctx context.Context, by conversation.Actor, key, action string, change func(*Definition) error) (Definition, error) {
	var d Definition
	err := postgres.InTx(ctx, s.db, func(ctx context.Context, tx bun.Tx) error {
		d = Definition{}
		err := tx.NewSelect().Model(&d).Where("key = ?", key).Where("deleted_at IS NULL").For("UPDATE").Scan(ctx)
		if postgres.IsNotFound(err) {
			return conversation.Errorf(conversation.CodeNotFound, "there is no such attribute")
		}
		if err != nil {
			return fmt.Errorf("read attribute definition: %w", err)
		}
		before := d
		if err := change(&d); err != nil {
			return err
		}
		if _, err := tx.NewUpdate().Model(&d).WherePK().Exec(ctx); err != nil {
			return fmt.Errorf("change attribute definition: %w", err)
		}
		return auditDefinition(ctx, tx, by, action, &before, &d)
	})
	return d, err
}

func auditDefinition(ctx context.Context, tx bun.Tx, by conversation.Actor, action string, before, after *Definition) error {
	c := team.Change{By: by, Action: action, SubjectKind: "attribute", SubjectID: after.Key, After: after}
	if before != nil {
		c.Before = before
	}
	return team.Audit(ctx, tx, c)
}
