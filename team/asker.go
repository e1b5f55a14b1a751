package team

import (
	"context"
	"fmt"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

// Asker returns who asked for something earlier, with what they may do and see now. Who may do nothing any more is
// unauthorised.
func (s *Store) Asker(ctx context.Context, by conversation.Actor) (Principal, error) {
	p := Principal{Sight: conversation.SeesAll()}
	var query string
	switch by.Kind {
	case conversation.ActorAgent:
		p.AgentID = by.ID
		query = "SELECT name, role FROM agents WHERE id = $1::uuid AND state = 'active'"
	case conversation.ActorToken:
		p.TokenID = by.ID
		query = "SELECT name, role FROM api_tokens WHERE id = $1::uuid AND agent_id IS NULL AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())"
	default:
		return Principal{}, errToken()
	}
	err := postgres.Raw(s.db).QueryRowContext(ctx, query, by.ID).Scan(&p.Name, &p.Role)
	if postgres.IsNotFound(err) {
		return Principal{}, errToken()
	}
	if err != nil {
		return Principal{}, fmt.Errorf("read who asked: %w", err)
	}
	return p, nil
}
