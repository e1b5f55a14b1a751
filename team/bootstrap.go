package team

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"unicode"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

// EnsureBootstrapToken makes an admin token with the given value, so that a new deployment can be set up. It may be called
// at every start. The token acts as the oldest active admin agent; until there is one, as a program. One that was revoked
// stays so; a changed value makes another token and leaves the old one as it is.
func (s *Store) EnsureBootstrapToken(ctx context.Context, value string) error {
	if value == "" || len(value) > maxTokenLength || strings.ContainsFunc(value, unicode.IsSpace) {
		return conversation.Invalid("bootstrap_token", "must have 1 to %d bytes, and no white space: it stands in a header", maxTokenLength)
	}
	admin, err := s.firstAdmin(ctx)
	if err != nil {
		return err
	}
	hash := sha256.Sum256([]byte(value))
	known, err := s.db.NewSelect().Model((*Token)(nil)).Where("hash = ?", hash[:]).Exists(ctx)
	if err != nil {
		return fmt.Errorf("read the bootstrap token: %w", err)
	}
	if !known {
		in := NewToken{Name: "bootstrap", AgentID: admin}
		if admin == "" {
			in.Role = RoleAdmin
		}
		_, err := s.insertToken(ctx, System(), in, value)
		if !postgres.IsUniqueViolation(err, "api_tokens_hash_key") { // else another process was faster
			return err
		}
	}
	if admin == "" {
		return nil
	}
	return s.changeAccess(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewUpdate().Model((*Token)(nil)).Set("agent_id = ?", admin).Where("hash = ? AND agent_id IS NULL", hash[:]).Exec(ctx)
		if err != nil {
			return fmt.Errorf("give the bootstrap token to an admin: %w", err)
		}
		return nil
	})
}

func (s *Store) firstAdmin(ctx context.Context) (string, error) {
	var id string
	err := s.db.NewSelect().Model((*Agent)(nil)).Column("id").Where("role = ? AND state = ?", RoleAdmin, AgentActive).
		OrderExpr("created_at, id").Limit(1).Scan(ctx, &id)
	if postgres.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("find an admin: %w", err)
	}
	return id, nil
}
