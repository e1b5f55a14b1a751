package team

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

// seesAccount is whether an agent a sees the account: it is not restricted, or names the agent or one of the agent's teams
// among its viewers, or the agent's role has AllAccounts. It takes the account, the built-in roles with AllAccounts, and its name.
const seesAccount = `(a.role IN (?) OR EXISTS (SELECT 1 FROM roles AS r WHERE r.key = a.role AND ? = ANY (r.permissions))
	OR EXISTS (SELECT 1 FROM accounts AS x WHERE x.id = ? AND (NOT x.restricted OR EXISTS (
		SELECT 1 FROM account_viewers AS v WHERE v.account_id = x.id
			AND (v.agent_id = a.id OR v.team_id IN (SELECT m.team_id FROM team_members AS m WHERE m.agent_id = a.id))))))`

func seesAccountArgs(accountID any) []any {
	var all []Role
	for _, role := range Roles() {
		if role.Can(AllAccounts) {
			all = append(all, role)
		}
	}
	return []any{bun.List(all), AllAccounts, accountID}
}

// SeesExpr returns an expression for a query of agents a, with its arguments: whether the agent sees the account. It says
// nothing of whether the agent is active.
func SeesExpr(accountID string) (string, []any) { return seesAccount, seesAccountArgs(accountID) }

// CanExpr returns an expression for a query of agents a, with its arguments: whether the agent's role has the permission.
func CanExpr(p Permission) (string, []any) {
	var builtIn []Role
	for _, role := range Roles() {
		if role.Can(p) {
			builtIn = append(builtIn, role)
		}
	}
	return "(a.role IN (?) OR EXISTS (SELECT 1 FROM roles AS r WHERE r.key = a.role AND ? = ANY (r.permissions)))", []any{bun.List(builtIn), p}
}

// Sees reports whether an active agent may see the conversations of an account. An agent who does not exist, or is
// deactivated, sees nothing.
func Sees(ctx context.Context, db bun.IDB, agentID, accountID string) (bool, error) {
	if !postgres.IsID(agentID) || !postgres.IsID(accountID) {
		return false, nil
	}
	sees, err := db.NewSelect().TableExpr("agents AS a").Where("a.id = ?", agentID).Where("a.state = ?", AgentActive).
		Where(seesAccount, seesAccountArgs(accountID)...).Exists(ctx)
	if err != nil {
		return false, fmt.Errorf("read whether an agent sees an account: %w", err)
	}
	return sees, nil
}

// AgentsSeeing returns the active agents who may see the conversations of an account, by name: to whom they can be given.
func (s *Store) AgentsSeeing(ctx context.Context, accountID string) ([]Agent, error) {
	if err := checkID(accountID, "account"); err != nil {
		return nil, err
	}
	agents := []Agent{}
	err := s.db.NewSelect().Model(&agents).ModelTableExpr("agents AS a").ColumnExpr("a.*").Where("a.state = ?", AgentActive).
		Where(seesAccount, seesAccountArgs(accountID)...).OrderExpr("lower(a.name), a.id").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("list who sees an account: %w", err)
	}
	return agents, nil
}

// agentSight returns what an agent with these permissions sees.
func agentSight(ctx context.Context, tx bun.Tx, agentID string, set PermissionSet) (conversation.Sight, error) {
	var row principalRow
	err := tx.NewSelect().ColumnExpr(visibleAccounts+" AS visible").
		TableExpr("(SELECT ?::uuid AS id) AS a", bun.NullZero(agentID)).Scan(ctx, &row)
	if err != nil {
		return conversation.Sight{}, fmt.Errorf("read what an agent sees: %w", err)
	}
	return Principal{Permissions: set}.lookedAt(row.Visible, nil).Sight, nil
}

// Blind is an active agent and a restricted account whose conversations the agent may not see.
type Blind struct{ AgentID, AccountID string }

// BlindTo lists which active agents do not see which restricted accounts.
func BlindTo(ctx context.Context, db bun.IDB) ([]Blind, error) {
	var pairs []Blind
	err := db.NewSelect().ColumnExpr("a.id AS agent_id, y.id AS account_id").TableExpr("agents AS a").
		Join("JOIN accounts AS y ON y.restricted").Where("a.state = ?", AgentActive).
		Where("NOT "+seesAccount, seesAccountArgs(bun.Ident("y.id"))...).Scan(ctx, &pairs)
	if err != nil {
		return nil, fmt.Errorf("list who does not see which account: %w", err)
	}
	return pairs, nil
}
