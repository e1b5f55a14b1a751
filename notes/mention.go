package notes

import (
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/team"
)

// resolve returns the agents who are called: each must be active and may see the account. Of a team, those members are
// called who may; one with none of them calls nobody.
func (c Calls) resolve(ctx context.Context, tx bun.Tx, accountID string) ([]string, error) {
	agents, teams := distinct(c.Agents), distinct(c.Teams)
	if len(agents)+len(teams) == 0 {
		return nil, nil
	}
	for field, ids := range map[string][]string{"mentions": agents, "team_mentions": teams} {
		if len(ids) > maxMentions {
			return nil, conversation.Invalid(field, "must be at most %d", maxMentions)
		}
		if slices.ContainsFunc(ids, func(id string) bool { return !postgres.IsID(id) }) {
			return nil, conversation.Invalid(field, "must be ids")
		}
	}
	if err := checkTeams(ctx, tx, teams); err != nil {
		return nil, err
	}
	called, err := team.Seeing(ctx, tx, accountID, agents, teams)
	if err != nil {
		return nil, err
	}
	for _, id := range agents {
		if !slices.Contains(called, id) {
			return nil, conversation.Invalid("mentions", "must be ids of active agents who may see this conversation")
		}
	}
	return called, nil
}

func checkTeams(ctx context.Context, db bun.IDB, teams []string) error {
	if len(teams) == 0 {
		return nil
	}
	var known int
	err := postgres.Raw(db).QueryRowContext(ctx, "SELECT count(*) FROM teams WHERE id = ANY($1::uuid[])", teams).Scan(&known)
	if err != nil {
		return fmt.Errorf("find mentioned teams: %w", err)
	}
	if known != len(teams) {
		return conversation.Invalid("team_mentions", "must be ids of teams")
	}
	return nil
}
