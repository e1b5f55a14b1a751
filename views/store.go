package views

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

// maxOwn is how many views somebody can have.
const maxOwn = 200

// Store is the saved views in the database.
type Store struct{ db *bun.DB }

// NewStore returns the views that are kept in db.
func NewStore(db *bun.DB) *Store { return &Store{db} }

// seen keeps a query to the views that somebody sees: a program sees those for everybody.
func seen(q *bun.SelectQuery, by team.Principal) *bun.SelectQuery {
	if by.AgentID == "" {
		return q.Where("shared = 'everybody'")
	}
	return q.Where("owner_id = ? OR shared = 'everybody' OR team_id IN (SELECT team_id FROM team_members WHERE agent_id = ?)", by.AgentID, by.AgentID)
}

// List returns the views that the caller sees, in their order.
func (s *Store) List(ctx context.Context, by team.Principal) ([]View, error) {
	list := []View{}
	if err := seen(s.db.NewSelect().Model(&list), by).OrderExpr("position, lower(name), id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("list saved views: %w", err)
	}
	for i := range list {
		if err := s.addMissing(ctx, by, &list[i]); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Get returns a view that the caller sees.
func (s *Store) Get(ctx context.Context, by team.Principal, id string) (View, error) {
	v, err := read(ctx, s.db, by, id, "")
	if err != nil {
		return View{}, err
	}
	return v, s.addMissing(ctx, by, &v)
}

func read(ctx context.Context, db bun.IDB, by team.Principal, id, lock string) (View, error) {
	none := conversation.Errorf(conversation.CodeNotFound, "no such view")
	if !postgres.IsID(id) {
		return View{}, none
	}
	var v View
	q := seen(db.NewSelect().Model(&v).Where("id = ?", id), by)
	if lock != "" {
		q = q.For(lock)
	}
	err := q.Scan(ctx)
	if postgres.IsNotFound(err) {
		return View{}, none
	}
	if err != nil {
		return View{}, fmt.Errorf("read a saved view: %w", err)
	}
	return v, nil
}

// Create saves a view of the caller, who is an agent.
func (s *Store) Create(ctx context.Context, by team.Principal, in New) (View, error) {
	if by.AgentID == "" {
		return View{}, conversation.Errorf(conversation.CodeUnsupported, "only agents have views; this token belongs to a program")
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	v := View{ID: postgres.NewID(), OwnerID: by.AgentID, Shared: Private, CreatedAt: now, UpdatedAt: now}
	change := Change{Name: &in.Name, Icon: &in.Icon, Colour: &in.Colour, Criteria: &in.Criteria, Position: &in.Position}
	if err := change.apply(&v); err != nil {
		return View{}, err
	}
	err := postgres.InTx(ctx, s.db, func(ctx context.Context, tx bun.Tx) error {
		n, err := tx.NewSelect().Model((*View)(nil)).Where("owner_id = ?", by.AgentID).Count(ctx)
		if err != nil {
			return fmt.Errorf("count saved views: %w", err)
		}
		if n >= maxOwn {
			return conversation.Errorf(conversation.CodeConflict, "one can have at most %d views", maxOwn)
		}
		if _, err := tx.NewInsert().Model(&v).Exec(ctx); err != nil {
			return fmt.Errorf("save a view: %w", err)
		}
		return changed(ctx, tx, v, v)
	})
	if err != nil {
		return View{}, err
	}
	return v, s.addMissing(ctx, by, &v)
}

// mayChange refuses to change a view: a private one is its owner's, who alone sees it; for a shared one it takes a permission.
func mayChange(by team.Principal, v View) error {
	if v.Shared == Private || by.Can(team.ShareViews) {
		return nil
	}
	err := conversation.Errorf(conversation.CodeForbidden, "this view is shared; changing it needs the permission %s", team.ShareViews)
	err.Details = map[string]any{"permission": team.ShareViews}
	return err
}

// Update changes a view.
func (s *Store) Update(ctx context.Context, by team.Principal, id string, c Change) (View, error) {
	return s.change(ctx, by, id, "views.update", func(_ context.Context, _ bun.Tx, v *View) error { return c.apply(v) })
}

// Share says who sees a view. It audits, as the view then appears at others'.
func (s *Store) Share(ctx context.Context, by team.Principal, id string, with Sharing, teamID string) (View, error) {
	return s.change(ctx, by, id, "views.share", func(ctx context.Context, tx bun.Tx, v *View) error {
		switch with {
		case Private, Everybody:
			if teamID != "" {
				return conversation.Invalid("team_id", "goes with team only")
			}
		case Team:
			exists := false
			var err error
			if postgres.IsID(teamID) {
				exists, err = tx.NewSelect().Table("teams").Where("id = ?", teamID).Exists(ctx)
			}
			if err != nil {
				return fmt.Errorf("find team: %w", err)
			}
			if !exists {
				return conversation.Invalid("team_id", "must be the id of a team")
			}
		default:
			return conversation.Invalid("with", "must be one of %v", Sharings())
		}
		v.Shared, v.TeamID = with, teamID
		return nil
	})
}

func (s *Store) change(ctx context.Context, by team.Principal, id, action string, change func(context.Context, bun.Tx, *View) error) (View, error) {
	var v View
	err := postgres.InTx(ctx, s.db, func(ctx context.Context, tx bun.Tx) (err error) {
		if v, err = read(ctx, tx, by, id, "UPDATE"); err != nil {
			return err
		}
		if err := mayChange(by, v); err != nil {
			return err
		}
		before := v
		if err := change(ctx, tx, &v); err != nil {
			return err
		}
		v.UpdatedAt = time.Now().UTC().Truncate(time.Microsecond)
		if _, err := tx.NewUpdate().Model(&v).WherePK().Exec(ctx); err != nil {
			return fmt.Errorf("change a saved view: %w", err)
		}
		if before.Shared != Private || v.Shared != Private {
			if err := team.Audit(ctx, tx, team.Change{By: by.Actor(), Action: action, SubjectKind: "view", SubjectID: id, Before: before, After: v}); err != nil {
				return err
			}
		}
		return changed(ctx, tx, before, v)
	})
	if err != nil {
		return View{}, err
	}
	return v, s.addMissing(ctx, by, &v)
}

// Delete deletes a view.
func (s *Store) Delete(ctx context.Context, by team.Principal, id string) error {
	return postgres.InTx(ctx, s.db, func(ctx context.Context, tx bun.Tx) error {
		v, err := read(ctx, tx, by, id, "UPDATE")
		if err != nil {
			return err
		}
		if err := mayChange(by, v); err != nil {
			return err
		}
		if _, err := tx.NewDelete().Model(&v).WherePK().Exec(ctx); err != nil {
			return fmt.Errorf("delete a saved view: %w", err)
		}
		if v.Shared != Private {
			if err := team.Audit(ctx, tx, team.Change{By: by.Actor(), Action: "views.delete", SubjectKind: "view", SubjectID: id, Before: v}); err != nil {
				return err
			}
		}
		return changed(ctx, tx, v, v)
	})
}

// changed tells those who see the view, or saw it: its owner alone, or everybody.
func changed(ctx context.Context, tx bun.Tx, before, after View) error {
	c := feed.Change{Kind: feed.ChangeView, SubjectID: after.ID}
	if before.Shared == Private && after.Shared == Private {
		c.AgentID = after.OwnerID
	}
	return feed.Note(ctx, tx, c)
}
