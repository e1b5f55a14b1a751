package team

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

const (
	// tokenStale is how long a process may go on honouring a token that another one revoked.
	tokenStale = 5 * time.Second
	// lastUsedEvery is how exact last_used_at is.
	lastUsedEvery = time.Minute
	// maxCachedTokens bounds the memory that the cache takes.
	maxCachedTokens = 10_000
	// maxTokenLength is the longest value that is looked at.
	maxTokenLength = 512
)

// errToken says the same about every token that is not accepted, so that it tells nothing about it.
func errToken() error {
	return conversation.Errorf(conversation.CodeUnauthorised, "the token is unknown, expired or revoked")
}

type cachedToken struct {
	principal Principal
	until     time.Time
}

// tokenCache keeps accepted tokens for a short time. Refused ones are asked for again each time.
type tokenCache struct {
	mu      sync.RWMutex
	entries map[tokenHash]cachedToken
}

func (c *tokenCache) get(hash tokenHash, at time.Time) (Principal, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	e, ok := c.entries[hash]
	return e.principal, ok && at.Before(e.until)
}

func (c *tokenCache) put(hash tokenHash, e cachedToken) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.entries) >= maxCachedTokens {
		clear(c.entries)
	}
	c.entries[hash] = e
}

func (c *tokenCache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.entries)
}

// authRow is a token with its agent.
type authRow struct {
	ID         string
	Name       string
	Role       Role
	ExpiresAt  *time.Time
	LastUsedAt *time.Time
	AgentID    string
	AgentName  string
	AgentRole  Role
}

// Authenticate returns who the token belongs to. Every token that is not accepted is unauthorised.
func (s *Store) Authenticate(ctx context.Context, token string) (Principal, error) {
	if token == "" || len(token) > maxTokenLength {
		return Principal{}, errToken()
	}
	hash := sha256.Sum256([]byte(token))
	at := now()
	if p, ok := s.tokens.get(hash, at); ok {
		return p, nil
	}
	row, err := s.readToken(ctx, hash, at)
	if err != nil {
		return Principal{}, err
	}
	if err := s.used(ctx, row, at); err != nil {
		return Principal{}, err
	}
	p := Principal{TokenID: row.ID, Name: row.Name, Role: row.Role, Sight: conversation.SeesAll()}
	if row.AgentID != "" {
		p = Principal{TokenID: row.ID, AgentID: row.AgentID, Name: row.AgentName, Role: row.AgentRole, Sight: conversation.SeesAll()}
	}
	until := at.Add(tokenStale)
	if row.ExpiresAt != nil && row.ExpiresAt.Before(until) {
		until = *row.ExpiresAt
	}
	s.tokens.put(hash, cachedToken{principal: p, until: until})
	return p, nil
}

func (s *Store) readToken(ctx context.Context, hash tokenHash, at time.Time) (authRow, error) {
	var row authRow
	err := s.db.NewSelect().TableExpr("api_tokens AS t").Join("LEFT JOIN agents AS a ON a.id = t.agent_id").
		ColumnExpr("t.id, t.name, t.role, t.expires_at, t.last_used_at").
		ColumnExpr("a.id AS agent_id, a.name AS agent_name, a.role AS agent_role").
		Where("t.hash = ?", hash[:]).Where("t.revoked_at IS NULL").
		Where("t.expires_at IS NULL OR t.expires_at > ?", at).
		Where("t.agent_id IS NULL OR a.state = ?", AgentActive).
		Scan(ctx, &row)
	if postgres.IsNotFound(err) {
		return authRow{}, errToken()
	}
	if err != nil {
		return authRow{}, fmt.Errorf("read token: %w", err)
	}
	return row, nil
}

// used writes down that the token is in use, at most once a minute.
func (s *Store) used(ctx context.Context, row authRow, at time.Time) error {
	if row.LastUsedAt != nil && at.Sub(*row.LastUsedAt) < lastUsedEvery {
		return nil
	}
	_, err := s.db.NewUpdate().Model((*Token)(nil)).Set("last_used_at = ?", at).Where("id = ?", row.ID).
		Where("last_used_at IS NULL OR last_used_at < ?", at.Add(-lastUsedEvery)).Exec(ctx)
	if err != nil {
		return fmt.Errorf("note the use of a token: %w", err)
	}
	return nil
}
