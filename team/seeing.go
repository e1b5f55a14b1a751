package team

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"
)

// Seeing returns those of the agents, and of the members of the teams, who are active and may see the account's
// conversations, in the order of their ids. It says the same as the sight of Authenticate.
func Seeing(ctx context.Context, db bun.IDB, accountID string, agents, teams []string) ([]string, error) {
	found := []string{}
	err := db.NewSelect().TableExpr("agents AS a").ColumnExpr("a.id").Where("a.state = ?", AgentActive).
		Where("a.id IN (?) OR a.id IN (SELECT agent_id FROM team_members WHERE team_id IN (?))", bun.List(agents), bun.List(teams)).
		Where(seesAccount, seesAccountArgs(accountID)...).OrderExpr("a.id").Scan(ctx, &found)
	if err != nil {
		return nil, fmt.Errorf("find who sees an account: %w", err)
	}
	return found, nil
}
