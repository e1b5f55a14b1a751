package labels

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/feed"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/team"
)

// List returns the labels that are offered, by name; with deleted ones too if asked.
func (s *Store) List(ctx context.Context, deleted bool) ([]Label, error) {
	found := []Label{}
	q := s.db.NewSelect().Model(&found).OrderExpr("lower(name), id")
	if !deleted {
		q = q.Where("deleted_at IS NULL")
	}
	if err := q.Scan(ctx); err != nil {
		return nil, fmt.Errorf("list labels: %w", err)
	}
	return found, nil
}

// Get returns one label, also a deleted one.
func (s *Store) Get(ctx context.Context, id string) (Label, error) { return read(ctx, s.db, id, "") }

// Create defines a label. Its name must be new, whatever its case: conflict.
func (s *Store) Create(ctx context.Context, by conversation.Actor, in New) (Label, error) {
	l, err := define(in, s.desk.Now())
	if err != nil {
		return Label{}, err
	}
	err = postgres.InTx(ctx, s.db, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.NewInsert().Model(&l).Exec(ctx); err != nil {
			return nameError(err, "create label")
		}
		return audit(ctx, tx, by, "labels.create", nil, &l)
	})
	return l, err
}

// Update changes a definition, on all conversations that have the label.
func (s *Store) Update(ctx context.Context, by conversation.Actor, id string, c Change) (Label, error) {
	return s.change(ctx, by, id, "labels.update", func(l *Label) error {
		for _, field := range []struct {
			to   *string
			from *string
		}{{&l.Name, c.Name}, {&l.Description, c.Description}, {&l.Colour, c.Colour}} {
			if field.from != nil {
				*field.to = *field.from
			}
		}
		return l.clean()
	})
}

// Delete takes a label out of use. Conversations that have it keep it.
func (s *Store) Delete(ctx context.Context, by conversation.Actor, id string) error {
	_, err := s.change(ctx, by, id, "labels.delete", func(l *Label) error {
		now := s.desk.Now().UTC().Truncate(time.Microsecond)
		l.DeletedAt = &now
		return nil
	})
	return err
}

// change changes a label that is in use, and audits it.
func (s *Store) change(ctx context.Context, by conversation.Actor, id, action string, change func(*Label) error) (Label, error) {
	var l Label
	err := postgres.InTx(ctx, s.db, func(ctx context.Context, tx bun.Tx) error {
		before, err := read(ctx, tx, id, "UPDATE")
		if err != nil {
			return err
		}
		if before.DeletedAt != nil {
			return conversation.Errorf(conversation.CodeConflict, "this label was deleted")
		}
		l = before
		if err := change(&l); err != nil {
			return err
		}
		if _, err := tx.NewUpdate().Model(&l).WherePK().Exec(ctx); err != nil {
			return nameError(err, "change label")
		}
		return audit(ctx, tx, by, action, &before, &l)
	})
	return l, err
}

func read(ctx context.Context, db bun.IDB, id, lock string) (Label, error) {
	var l Label
	if !postgres.IsID(id) {
		return l, notFound()
	}
	q := db.NewSelect().Model(&l).Where("id = ?", id)
	if lock != "" {
		q = q.For(lock)
	}
	err := q.Scan(ctx)
	if postgres.IsNotFound(err) {
		return l, notFound()
	}
	if err != nil {
		return l, fmt.Errorf("read label: %w", err)
	}
	return l, nil
}

// audit writes a change of a definition down, and tells those who look.
func audit(ctx context.Context, tx bun.Tx, by conversation.Actor, action string, before, after *Label) error {
	c := team.Change{By: by, Action: action, SubjectKind: "label", SubjectID: after.ID, After: after}
	if before != nil {
		c.Before = before
	}
	if err := team.Audit(ctx, tx, c); err != nil {
		return err
	}
	return feed.Note(ctx, tx, feed.Change{Kind: feed.ChangeLabel, SubjectID: after.ID})
}

func nameError(err error, doing string) error {
	if postgres.IsUniqueViolation(err, "labels_name") {
		return &conversation.Error{Code: conversation.CodeConflict, Field: "name", Message: "another label has this name"}
	}
	return fmt.Errorf("%s: %w", doing, err)
}
