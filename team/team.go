package team

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

// Team is a group of agents to which conversations can be given. Teams are not deleted but archived, because what was done
// refers to them: an archived team has no members, sees nothing, gets nothing, and is in no list.
type Team struct {
	bun.BaseModel `bun:"table:teams" json:"-"`
	ID            string     `bun:",pk" json:"id"`
	Name          string     `json:"name"`
	CreatedAt     time.Time  `json:"created_at"`
	ArchivedAt    *time.Time `json:"archived_at,omitempty"`
	MemberIDs     []string   `bun:"-" json:"member_ids"` // in the order of the agents' names
}

type membership struct {
	bun.BaseModel `bun:"table:team_members"`
	TeamID        string `bun:",pk"`
	AgentID       string `bun:",pk"`
}

// Teams returns all teams by name, without the archived ones.
func (s *Store) Teams(ctx context.Context) ([]Team, error) {
	teams := []Team{}
	if err := s.db.NewSelect().Model(&teams).Where("archived_at IS NULL").OrderExpr("lower(name), id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("list teams: %w", err)
	}
	members, err := readMembers(ctx, s.db, "")
	if err != nil {
		return nil, err
	}
	for i := range teams {
		teams[i].MemberIDs = append([]string{}, members[teams[i].ID]...)
	}
	return teams, nil
}

// Team returns one team, also an archived one.
func (s *Store) Team(ctx context.Context, id string) (Team, error) {
	return readTeam(ctx, s.db, id, "")
}

func readTeam(ctx context.Context, db bun.IDB, id, lock string) (Team, error) {
	if err := checkID(id, "team"); err != nil {
		return Team{}, err
	}
	var t Team
	q := db.NewSelect().Model(&t).Where("id = ?", id)
	if lock != "" {
		q = q.For(lock)
	}
	if err := found(q.Scan(ctx), "team", "read team"); err != nil {
		return Team{}, err
	}
	members, err := readMembers(ctx, db, id)
	t.MemberIDs = append([]string{}, members[id]...)
	return t, err
}

// readMembers returns the members by team; of one team if its id is given.
func readMembers(ctx context.Context, db bun.IDB, teamID string) (map[string][]string, error) {
	var rows []membership
	q := db.NewSelect().Model(&rows).Join("JOIN agents AS a ON a.id = membership.agent_id").OrderExpr("lower(a.name), a.id")
	if teamID != "" {
		q = q.Where("membership.team_id = ?", teamID)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, fmt.Errorf("read the members of teams: %w", err)
	}
	members := map[string][]string{}
	for _, r := range rows {
		members[r.TeamID] = append(members[r.TeamID], r.AgentID)
	}
	return members, nil
}

// CreateTeam adds a team. The name must be new: conflict.
func (s *Store) CreateTeam(ctx context.Context, by conversation.Actor, name string) (Team, error) {
	name, err := cleanName("name", name)
	if err != nil {
		return Team{}, err
	}
	t := Team{ID: postgres.NewID(), Name: name, CreatedAt: now(), MemberIDs: []string{}}
	err = postgres.InTx(ctx, s.db, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.NewInsert().Model(&t).Exec(ctx); err != nil {
			return teamError(err, "create team")
		}
		return Audit(ctx, tx, Change{By: by, Action: "teams.create", SubjectKind: "team", SubjectID: t.ID, After: t})
	})
	return t, err
}

// RenameTeam changes a team's name.
func (s *Store) RenameTeam(ctx context.Context, by conversation.Actor, id, name string) (Team, error) {
	name, err := cleanName("name", name)
	if err != nil {
		return Team{}, err
	}
	return s.changeTeam(ctx, by, id, "teams.update", func(ctx context.Context, tx bun.Tx, t *Team) error {
		t.Name = name
		if _, err := tx.NewUpdate().Model(t).Column("name").WherePK().Exec(ctx); err != nil {
			return teamError(err, "rename team")
		}
		return nil
	})
}

// AddMember puts an agent into a team; one who is in it already stays. What the team sees the caller must see too: the agent
// sees it from now on.
func (s *Store) AddMember(ctx context.Context, by Principal, teamID, agentID string) (Team, error) {
	return s.changeTeam(ctx, by.Actor(), teamID, "teams.add_member", func(ctx context.Context, tx bun.Tx, _ *Team) error {
		if _, err := readAgent(ctx, tx, agentID, "SHARE"); err != nil {
			return err
		}
		var accounts []string
		if err := tx.NewSelect().TableExpr("account_viewers").Column("account_id").Where("team_id = ?", teamID).Scan(ctx, &accounts); err != nil {
			return fmt.Errorf("read what a team sees: %w", err)
		}
		if err := by.mayShow("agent_id", conversation.SeesOnly(accounts...)); err != nil {
			return err
		}
		row := membership{TeamID: teamID, AgentID: agentID}
		if _, err := tx.NewInsert().Model(&row).On("CONFLICT DO NOTHING").Exec(ctx); err != nil {
			return fmt.Errorf("add a member: %w", err)
		}
		return nil
	})
}

// RemoveMember takes an agent out of a team; one who is not in it stays out.
func (s *Store) RemoveMember(ctx context.Context, by conversation.Actor, teamID, agentID string) (Team, error) {
	if err := checkID(agentID, "agent"); err != nil {
		return Team{}, err
	}
	return s.changeTeam(ctx, by, teamID, "teams.remove_member", func(ctx context.Context, tx bun.Tx, _ *Team) error {
		row := membership{TeamID: teamID, AgentID: agentID}
		if _, err := tx.NewDelete().Model(&row).WherePK().Exec(ctx); err != nil {
			return fmt.Errorf("remove a member: %w", err)
		}
		return nil
	})
}

// ArchiveTeam ends a team for good: its members leave it, its name is free, and its conversations go back, see
// inbox.HandBack.
func (s *Store) ArchiveTeam(ctx context.Context, by conversation.Actor, id string) (Team, error) {
	return s.changeTeam(ctx, by, id, "teams.archive", func(ctx context.Context, tx bun.Tx, t *Team) error {
		at := now()
		t.ArchivedAt = &at
		if _, err := tx.NewUpdate().Model(t).Column("archived_at").WherePK().Exec(ctx); err != nil {
			return fmt.Errorf("archive team: %w", err)
		}
		for _, table := range []string{"team_members", "account_viewers"} {
			if _, err := tx.NewDelete().TableExpr(table).Where("team_id = ?", id).Exec(ctx); err != nil {
				return fmt.Errorf("archive team: %w", err)
			}
		}
		return nil
	})
}

// changeTeam changes the locked team, audits it and returns it as it is then. An archived team does not change any more.
func (s *Store) changeTeam(ctx context.Context, by conversation.Actor, id, action string, change func(context.Context, bun.Tx, *Team) error) (Team, error) {
	var after Team
	err := s.changeAccess(ctx, func(ctx context.Context, tx bun.Tx) error {
		before, err := readTeam(ctx, tx, id, "UPDATE")
		if err != nil {
			return err
		}
		if before.ArchivedAt != nil {
			return conversation.Errorf(conversation.CodeConflict, "this team is archived")
		}
		changed := before
		if err := change(ctx, tx, &changed); err != nil {
			return err
		}
		if after, err = readTeam(ctx, tx, id, ""); err != nil {
			return err
		}
		return Audit(ctx, tx, Change{By: by, Action: action, SubjectKind: "team", SubjectID: id, Before: before, After: after})
	})
	return after, err
}

func teamError(err error, doing string) error {
	if postgres.IsUniqueViolation(err, "") {
		return &conversation.Error{Code: conversation.CodeConflict, Field: "name", Message: "another team has this name"}
	}
	return fmt.Errorf("%s: %w", doing, err)
}
