package team

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/postgres"
)

// Seeing returns those of the agents, and of the members of the teams, who are active and may see the account's
// conversations, in the order of their ids. It must say the same as the sight of Authenticate.
func Seeing(ctx context.Context, db bun.IDB, accountID string, agents, teams []string) ([]string, error) {
	var found []string
	err := postgres.Rows(ctx, db, func(row *sql.Rows) error {
		var id string
		err := row.Scan(&id)
		found = append(found, id)
		return err
	}, `SELECT a.id FROM agents a WHERE a.state = 'active'
		AND (a.id = ANY($2::uuid[]) OR a.id IN (SELECT agent_id FROM team_members WHERE team_id = ANY($3::uuid[])))
		AND (a.role = 'admin' OR EXISTS (SELECT 1 FROM roles r WHERE r.key = a.role AND 'accounts.all' = ANY (r.permissions)) OR NOT (SELECT restricted FROM accounts WHERE id = $1::uuid)
			OR EXISTS (SELECT 1 FROM account_viewers v WHERE v.account_id = $1::uuid AND v.agent_id = a.id)
			OR EXISTS (SELECT 1 FROM account_viewers v JOIN team_members m ON m.team_id = v.team_id WHERE v.account_id = $1::uuid AND m.agent_id = a.id))
		ORDER BY a.id`, accountID, append([]string{}, agents...), append([]string{}, teams...))
	if err != nil {
		return nil, fmt.Errorf("find who sees an account: %w", err)
	}
	return found, nil
}
