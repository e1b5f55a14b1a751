package team

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

// TokenPrefix begins every API token that we make, so that secret scanners recognise a leaked one.
const TokenPrefix = "guichet_"

// tokenBytes is how much chance is in a token.
const tokenBytes = 32

type tokenHash = [sha256.Size]byte

// Token is an API token without its value, which is shown once and never kept.
type Token struct {
	bun.BaseModel `bun:"table:api_tokens,alias:t" json:"-"`
	ID            string     `bun:",pk" json:"id"`
	Name          string     `json:"name"`
	Hash          []byte     `json:"-"`
	AgentID       string     `bun:",nullzero" json:"agent_id,omitempty"` // as whom it acts; empty for a program
	Role          Role       `json:"role"`                               // of a program; an agent's token has the agent's
	CreatedAt     time.Time  `json:"created_at"`
	ExpiresAt     *time.Time `json:"expires_at,omitempty"`
	LastUsedAt    *time.Time `json:"last_used_at,omitempty"` // to the minute
	RevokedAt     *time.Time `json:"revoked_at,omitempty"`
}

// NewToken is what a token begins with. Either AgentID or Role is given.
type NewToken struct {
	Name      string
	AgentID   string
	Role      Role
	ExpiresAt *time.Time // nil: never
}

// Tokens returns all tokens, newest first, also the revoked and expired ones.
func (s *Store) Tokens(ctx context.Context) ([]Token, error) {
	tokens := []Token{}
	if err := s.db.NewSelect().Model(&tokens).OrderExpr("id DESC").Scan(ctx); err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	return tokens, nil
}

// CreateToken makes a token and returns its value, which cannot be had again.
func (s *Store) CreateToken(ctx context.Context, by conversation.Actor, in NewToken) (Token, string, error) {
	secret := make([]byte, tokenBytes)
	if _, err := rand.Read(secret); err != nil {
		return Token{}, "", fmt.Errorf("make a token: %w", err)
	}
	value := TokenPrefix + base64.RawURLEncoding.EncodeToString(secret)
	t, err := s.insertToken(ctx, by, in, value)
	if err != nil {
		return Token{}, "", err
	}
	return t, value, nil
}

func (s *Store) insertToken(ctx context.Context, by conversation.Actor, in NewToken, value string) (Token, error) {
	id, err := newID()
	if err != nil {
		return Token{}, err
	}
	hash := sha256.Sum256([]byte(value))
	t := Token{ID: id, Hash: hash[:], AgentID: in.AgentID, Role: in.Role, CreatedAt: now(), ExpiresAt: in.ExpiresAt}
	if t.Name, err = cleanName("name", in.Name); err != nil {
		return Token{}, err
	}
	if t.ExpiresAt != nil && !t.ExpiresAt.After(t.CreatedAt) {
		return Token{}, conversation.Invalid("expires_at", "must lie in the future")
	}
	err = postgres.InTx(ctx, s.db, func(ctx context.Context, tx bun.Tx) error {
		if err := t.takeRole(ctx, tx); err != nil {
			return err
		}
		if _, err := tx.NewInsert().Model(&t).Exec(ctx); err != nil {
			return fmt.Errorf("create token: %w", err)
		}
		return Audit(ctx, tx, Change{By: by, Action: "tokens.create", SubjectKind: "token", SubjectID: t.ID, After: t})
	})
	return t, err
}

// takeRole checks the role of a program's token and gives an agent's token the agent's.
func (t *Token) takeRole(ctx context.Context, tx bun.Tx) error {
	if t.AgentID == "" && t.Role == "" {
		return conversation.Invalid("role", "either role or agent_id is needed")
	}
	if t.AgentID == "" {
		return checkRole(t.Role)
	}
	if t.Role != "" {
		return conversation.Invalid("role", "must be left out with agent_id: the token has the agent's role")
	}
	a, err := readAgent(ctx, tx, t.AgentID, "SHARE")
	if conversation.CodeOf(err) == conversation.CodeNotFound {
		return conversation.Invalid("agent_id", "no such agent")
	}
	if err != nil {
		return err
	}
	if a.State != AgentActive {
		return conversation.Invalid("agent_id", "this agent is deactivated")
	}
	t.Role = a.Role
	return nil
}

// RevokeToken ends a token for good. Other processes may honour it for five seconds more.
func (s *Store) RevokeToken(ctx context.Context, by conversation.Actor, id string) (Token, error) {
	if err := checkID(id, "token"); err != nil {
		return Token{}, err
	}
	var t Token
	err := postgres.InTx(ctx, s.db, func(ctx context.Context, tx bun.Tx) error {
		err := found(tx.NewSelect().Model(&t).Where("id = ?", id).For("UPDATE").Scan(ctx), "token", "read token")
		if err != nil || t.RevokedAt != nil {
			return err
		}
		before, at := t, now()
		t.RevokedAt = &at
		if _, err := tx.NewUpdate().Model(&t).Column("revoked_at").WherePK().Exec(ctx); err != nil {
			return fmt.Errorf("revoke token: %w", err)
		}
		return Audit(ctx, tx, Change{By: by, Action: "tokens.revoke", SubjectKind: "token", SubjectID: id, Before: before, After: t})
	})
	s.tokens.clear()
	return t, err
}
