package team

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

const (
	// lastUsedEvery is how exact last_used_at is.
	lastUsedEvery = time.Minute
	// maxTokenLength is the longest value that is looked at.
	maxTokenLength = 512
)

// errToken says the same about every token that is not accepted, so that it tells nothing about it.
func errToken() error {
	return conversation.Errorf(conversation.CodeUnauthorised, "the token is unknown, expired or revoked")
}

// visibleAccounts lists what an agent a sees without AllAccounts; a program, whose a is NULL, sees what is not restricted.
const visibleAccounts = `ARRAY(SELECT x.id FROM accounts AS x WHERE NOT x.restricted OR EXISTS (
	SELECT 1 FROM account_viewers AS v WHERE v.account_id = x.id
		AND (v.agent_id = a.id OR v.team_id IN (SELECT m.team_id FROM team_members AS m WHERE m.agent_id = a.id))))`

// principalRow is a token with its agent, or an agent alone, and what they may do and see.
type principalRow struct {
	TokenID     string
	TokenName   string
	ExpiresAt   *time.Time
	LastUsedAt  *time.Time
	Scopes      []string `bun:",array"`
	AccountIDs  []string `bun:"account_ids,array"`
	AgentID     string
	AgentName   string
	Role        Role
	Permissions []string `bun:",array"` // of a role that an admin made
	Visible     []string `bun:",array"`
}

func (r principalRow) principal() Principal {
	p := Principal{TokenID: r.TokenID, AgentID: r.AgentID, Name: r.TokenName, Role: r.Role, Permissions: r.Role.set(r.Permissions)}
	if r.AgentID != "" {
		p.Name = r.AgentName
	}
	if len(r.Scopes) > 0 {
		p.Permissions = p.Permissions.With(setOfTexts(r.Scopes))
	}
	return p.lookedAt(r.Visible, r.AccountIDs)
}

// Authenticate returns who the token belongs to. Every token that is not accepted is unauthorised.
//
// The value is looked up by its hash, so how long that takes tells nothing about the values that exist.
func (s *Store) Authenticate(ctx context.Context, token string) (Principal, error) {
	if token == "" || len(token) > maxTokenLength {
		return Principal{}, errToken()
	}
	hash := sha256.Sum256([]byte(token))
	key, at := "token "+string(hash[:]), now()
	p, changes, ok := s.principals.get(key, at)
	if ok {
		return p, nil
	}
	var row principalRow
	err := s.principalQuery().TableExpr("api_tokens AS t").Join("LEFT JOIN agents AS a ON a.id = t.agent_id").
		Join("LEFT JOIN roles AS r ON r.key = coalesce(a.role, t.role)").
		ColumnExpr("t.id AS token_id, t.name AS token_name, t.expires_at, t.last_used_at, t.scopes, t.account_ids").
		ColumnExpr("coalesce(a.role, t.role) AS role").
		Where("t.hash = ?", hash[:]).Where("t.revoked_at IS NULL").
		Where("t.expires_at IS NULL OR t.expires_at > ?", at).
		Where("t.agent_id IS NULL OR a.state = ?", AgentActive).
		Scan(ctx, &row)
	if postgres.IsNotFound(err) {
		return Principal{}, errToken()
	}
	if err != nil {
		return Principal{}, fmt.Errorf("read token: %w", err)
	}
	if err := s.used(ctx, row, at); err != nil {
		return Principal{}, err
	}
	until := at.Add(principalStale)
	if row.ExpiresAt != nil && row.ExpiresAt.Before(until) {
		until = *row.ExpiresAt
	}
	p = row.principal()
	s.principals.put(key, cachedPrincipal{principal: p, until: until}, changes)
	return p, nil
}

// AgentPrincipal returns an agent who is logged in. One who is unknown or deactivated is unauthorised.
func (s *Store) AgentPrincipal(ctx context.Context, agentID string) (Principal, error) {
	gone := conversation.Errorf(conversation.CodeUnauthorised, "nobody is logged in")
	if checkID(agentID, "agent") != nil {
		return Principal{}, gone
	}
	key, at := "agent "+agentID, now()
	p, changes, ok := s.principals.get(key, at)
	if ok {
		return p, nil
	}
	var row principalRow
	err := s.principalQuery().TableExpr("agents AS a").Join("LEFT JOIN roles AS r ON r.key = a.role").ColumnExpr("a.role").
		Where("a.id = ?", agentID).Where("a.state = ?", AgentActive).Scan(ctx, &row)
	if postgres.IsNotFound(err) {
		return Principal{}, gone
	}
	if err != nil {
		return Principal{}, fmt.Errorf("read who is logged in: %w", err)
	}
	p = row.principal()
	s.principals.put(key, cachedPrincipal{principal: p, until: at.Add(principalStale)}, changes)
	return p, nil
}

// principalQuery selects what tokens with their agents and agents alone have in common.
func (s *Store) principalQuery() *bun.SelectQuery {
	return s.db.NewSelect().ColumnExpr("a.id AS agent_id, a.name AS agent_name, r.permissions").ColumnExpr(visibleAccounts + " AS visible")
}

// used writes down that the token is in use, at most once a minute.
func (s *Store) used(ctx context.Context, row principalRow, at time.Time) error {
	if row.LastUsedAt != nil && at.Sub(*row.LastUsedAt) < lastUsedEvery {
		return nil
	}
	_, err := s.db.NewUpdate().Model((*Token)(nil)).Set("last_used_at = ?", at).Where("id = ?", row.TokenID).
		Where("last_used_at IS NULL OR last_used_at < ?", at.Add(-lastUsedEvery)).Exec(ctx)
	if err != nil {
		return fmt.Errorf("note the use of a token: %w", err)
	}
	return nil
}
