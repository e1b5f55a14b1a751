package notes

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
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
		if slices.ContainsFunc(ids, func(id string) bool { return !ledger.IsID(id) }) {
			return nil, conversation.Invalid(field, "must be ids")
		}
	}
	if err := checkTeams(ctx, tx, teams); err != nil {
		return nil, err
	}
	called, err := seeing(ctx, tx, accountID, agents, teams)
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

// seeing returns those of the agents, and of the members of the teams, who are active and may see the account, in the order
// of their ids.
func seeing(ctx context.Context, db bun.IDB, accountID string, agents, teams []string) ([]string, error) {
	var found []string
	err := postgres.Rows(ctx, db, func(row *sql.Rows) error {
		var id string
		err := row.Scan(&id)
		found = append(found, id)
		return err
	}, `SELECT a.id FROM agents a WHERE a.state = 'active'
		AND (a.id = ANY($2::uuid[]) OR a.id IN (SELECT agent_id FROM team_members WHERE team_id = ANY($3::uuid[])))
		AND (a.role = 'admin' OR NOT (SELECT restricted FROM accounts WHERE id = $1::uuid)
			OR EXISTS (SELECT 1 FROM account_viewers v WHERE v.account_id = $1::uuid AND v.agent_id = a.id)
			OR EXISTS (SELECT 1 FROM account_viewers v JOIN team_members m ON m.team_id = v.team_id WHERE v.account_id = $1::uuid AND m.agent_id = a.id))
		ORDER BY a.id`, accountID, list(agents), list(teams))
	if err != nil {
		return nil, fmt.Errorf("find who is mentioned: %w", err)
	}
	return found, nil
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
