package team

import (
	"context"
	"fmt"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

// Asker returns who asked for something earlier, with what they may do and see now: with a token, as far as that goes, else
// as an agent who was logged in. Who may do nothing any more is unauthorised.
func (s *Store) Asker(ctx context.Context, by conversation.Actor, tokenID string) (Principal, error) {
	if tokenID == "" && by.Kind == conversation.ActorAgent {
		return s.AgentPrincipal(ctx, by.ID)
	}
	if checkID(tokenID, "token") != nil {
		return Principal{}, errToken()
	}
	var row principalRow
	err := s.principalQuery().TableExpr("api_tokens AS t").Join("LEFT JOIN agents AS a ON a.id = t.agent_id").
		Join("LEFT JOIN roles AS r ON r.key = coalesce(a.role, t.role)").
		ColumnExpr("t.id AS token_id, t.name AS token_name, t.scopes, t.account_ids").ColumnExpr("coalesce(a.role, t.role) AS role").
		Where("t.id = ?", tokenID).Where("t.revoked_at IS NULL").Where("t.expires_at IS NULL OR t.expires_at > ?", now()).
		Where("t.agent_id IS NULL OR a.state = ?", AgentActive).Scan(ctx, &row)
	if postgres.IsNotFound(err) {
		return Principal{}, errToken()
	}
	if err != nil {
		return Principal{}, fmt.Errorf("read who asked: %w", err)
	}
	return row.principal(), nil
}
