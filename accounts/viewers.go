package accounts

import (
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/team"
)

// Viewers are who may see an account's conversations. If it is not restricted everybody may, and the list waits.
type Viewers struct {
	Restricted bool     `json:"restricted"`
	AgentIDs   []string `json:"agent_ids" nullable:"false"`
	TeamIDs    []string `json:"team_ids" nullable:"false"` // all members of these teams
}

type viewerRow struct {
	bun.BaseModel `bun:"table:account_viewers,alias:v"`
	AccountID     string
	AgentID       string `bun:",nullzero"`
	TeamID        string `bun:",nullzero"`
}

// Viewers returns who may see an account's conversations.
func (s *Store) Viewers(ctx context.Context, id string) (Viewers, error) {
	a, err := s.Get(ctx, id)
	if err != nil {
		return Viewers{}, err
	}
	return readViewers(ctx, s.db, a)
}

func readViewers(ctx context.Context, db bun.IDB, a Account) (Viewers, error) {
	v := Viewers{Restricted: a.Restricted, AgentIDs: []string{}, TeamIDs: []string{}}
	var rows []viewerRow
	if err := db.NewSelect().Model(&rows).Where("account_id = ?", a.ID).OrderExpr("agent_id, team_id").Scan(ctx); err != nil {
		return v, fmt.Errorf("read who sees an account: %w", err)
	}
	for _, r := range rows {
		if r.AgentID != "" {
			v.AgentIDs = append(v.AgentIDs, r.AgentID)
		} else {
			v.TeamIDs = append(v.TeamIDs, r.TeamID)
		}
	}
	return v, nil
}

// SetViewers says who may see an account's conversations; it counts at once, in all processes. Only those who see them
// may say so: whoever administers an account could otherwise let themselves in.
func (s *Store) SetViewers(ctx context.Context, by team.Principal, id string, v Viewers) (Viewers, error) {
	if !by.Sight.Sees(id) {
		return Viewers{}, conversation.Errorf(conversation.CodeForbidden, "only those who see an account's conversations may choose who else does")
	}
	var after Viewers
	err := postgres.InTx(ctx, s.db, func(ctx context.Context, tx bun.Tx) error {
		a, err := s.read(ctx, tx, id, "UPDATE")
		if err != nil {
			return err
		}
		before, err := readViewers(ctx, tx, a)
		if err != nil {
			return err
		}
		if err := writeViewers(ctx, tx, id, v); err != nil {
			return err
		}
		a.Restricted = v.Restricted
		_, err = tx.NewUpdate().Model((*row)(nil)).Set("restricted = ?", v.Restricted).Set("updated_at = ?", s.clock.Now()).Where("id = ?", id).Exec(ctx)
		if err != nil {
			return fmt.Errorf("restrict an account: %w", err)
		}
		if after, err = readViewers(ctx, tx, a); err != nil {
			return err
		}
		change := team.Change{By: by.Actor(), Action: "accounts.viewers", SubjectKind: team.SubjectAccount, SubjectID: id, Before: before, After: after}
		if err := team.Audit(ctx, tx, change); err != nil {
			return err
		}
		return team.Announce(ctx, tx)
	})
	s.cache.forget(id)
	return after, err
}

// writeViewers replaces the list. Agents and teams that do not exist, and archived teams, are invalid.
func writeViewers(ctx context.Context, tx bun.Tx, id string, v Viewers) error {
	if _, err := tx.NewDelete().Model((*viewerRow)(nil)).Where("account_id = ?", id).Exec(ctx); err != nil {
		return fmt.Errorf("replace who sees an account: %w", err)
	}
	var rows []viewerRow
	for _, kind := range []struct {
		field, table, living string
		ids                  []string
		row                  func(id string) viewerRow
	}{
		{"agent_ids", "agents", "true", v.AgentIDs, func(one string) viewerRow { return viewerRow{AccountID: id, AgentID: one} }},
		{"team_ids", "teams", "archived_at IS NULL", v.TeamIDs, func(one string) viewerRow { return viewerRow{AccountID: id, TeamID: one} }},
	} {
		if len(kind.ids) == 0 {
			continue
		}
		wrong := conversation.Invalid(kind.field, "must be ids of agents, or of teams that are not archived")
		if slices.ContainsFunc(kind.ids, func(id string) bool { return !postgres.IsID(id) }) {
			return wrong
		}
		ids := slices.Compact(slices.Sorted(slices.Values(kind.ids)))
		for _, one := range ids {
			rows = append(rows, kind.row(one))
		}
		var living []string
		err := tx.NewSelect().TableExpr(kind.table).Column("id").Where("id IN (?)", bun.List(ids)).Where(kind.living).For("SHARE").Scan(ctx, &living)
		if err != nil {
			return fmt.Errorf("look for an account's viewers: %w", err)
		}
		if len(living) != len(ids) {
			return wrong
		}
	}
	if len(rows) == 0 {
		return nil
	}
	if _, err := tx.NewInsert().Model(&rows).Exec(ctx); err != nil {
		return fmt.Errorf("write down who sees an account: %w", err)
	}
	return nil
}
