package team

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

// TokenPrefix begins every API token that we make, so that secret scanners recognise a leaked one.
const TokenPrefix = "guichet_"

// tokenBytes is how much chance is in a token.
const tokenBytes = 32

// Token is an API token without its value, which is shown once and never kept.
type Token struct {
	bun.BaseModel `bun:"table:api_tokens,alias:t" json:"-"`
	ID            string     `bun:",pk" json:"id"`
	Name          string     `json:"name"`
	Hash          []byte     `json:"-"`
	AgentID       string     `bun:",nullzero" json:"agent_id,omitempty"`                     // as whom it acts; empty for a program
	Role          Role       `json:"role"`                                                   // of a program; an agent's token has the agent's
	Scopes        []string   `bun:",array,nullzero" json:"scopes,omitempty"`                 // of its permissions it has these only
	AccountIDs    []string   `bun:"account_ids,array,nullzero" json:"account_ids,omitempty"` // of the accounts it sees these only
	CreatedAt     time.Time  `json:"created_at"`
	ExpiresAt     *time.Time `json:"expires_at,omitempty"`
	LastUsedAt    *time.Time `json:"last_used_at,omitempty"` // to the minute
	RevokedAt     *time.Time `json:"revoked_at,omitempty"`
}

// NewToken is what a token begins with. Either AgentID or Role is given.
type NewToken struct {
	Name       string
	AgentID    string
	Role       Role
	Scopes     []Permission // empty: all of the role's
	AccountIDs []string     // empty: all that the agent sees, or for a program the role
	ExpiresAt  *time.Time   // nil: never
}

// Tokens returns all tokens, newest first, also the revoked and expired ones.
func (s *Store) Tokens(ctx context.Context) ([]Token, error) {
	tokens := []Token{}
	if err := s.db.NewSelect().Model(&tokens).OrderExpr("id DESC").Scan(ctx); err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	return tokens, nil
}

// AgentTokens returns the tokens that act as an agent, newest first.
func (s *Store) AgentTokens(ctx context.Context, agentID string) ([]Token, error) {
	tokens := []Token{}
	if err := s.db.NewSelect().Model(&tokens).Where("agent_id = ?", agentID).OrderExpr("id DESC").Scan(ctx); err != nil {
		return nil, fmt.Errorf("list an agent's tokens: %w", err)
	}
	return tokens, nil
}

// CreateToken makes a token and returns its value, which cannot be had again. It may do and see no more than the caller.
func (s *Store) CreateToken(ctx context.Context, by Principal, in NewToken) (Token, string, error) {
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

func (s *Store) insertToken(ctx context.Context, by Principal, in NewToken, value string) (Token, error) {
	name, err := cleanName("name", in.Name)
	if err != nil {
		return Token{}, err
	}
	hash := sha256.Sum256([]byte(value))
	t := Token{
		ID: postgres.NewID(), Name: name, Hash: hash[:], AgentID: in.AgentID, Role: in.Role, AccountIDs: distinct(in.AccountIDs),
		CreatedAt: now(), ExpiresAt: in.ExpiresAt,
	}
	if t.ExpiresAt != nil && !t.ExpiresAt.After(t.CreatedAt) {
		return Token{}, conversation.Invalid("expires_at", "must lie in the future")
	}
	if err := checkPermissions("scopes", in.Scopes); err != nil {
		return Token{}, err
	}
	for _, p := range SetOf(in.Scopes).List() {
		t.Scopes = append(t.Scopes, string(p))
	}
	err = s.changeAccess(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := t.takeRole(ctx, tx); err != nil {
			return err
		}
		if err := by.mayMake(ctx, tx, t); err != nil {
			return err
		}
		if _, err := tx.NewInsert().Model(&t).Exec(ctx); err != nil {
			return fmt.Errorf("create token: %w", err)
		}
		return Audit(ctx, tx, Change{By: by.Actor(), Action: "tokens.create", SubjectKind: "token", SubjectID: t.ID, After: t})
	})
	return t, err
}

// mayMake refuses a token that could do or see more than the caller, or that is limited to what it could not do anyway.
func (p Principal) mayMake(ctx context.Context, tx bun.Tx, t Token) error {
	may, err := roleSet(ctx, tx, t.Role)
	if err != nil {
		return err
	}
	if len(t.Scopes) > 0 {
		scopes := setOfTexts(t.Scopes)
		if beyond := may.Missing(scopes); len(beyond) > 0 {
			return conversation.Invalid("scopes", "the role %s does not have %v", t.Role, beyond)
		}
		may = scopes
	}
	sight, err := agentSight(ctx, tx, t.AgentID, may)
	if err != nil {
		return err
	}
	if len(t.AccountIDs) > 0 {
		may = may.without(AllAccounts)
		if err := checkAccounts(ctx, tx, t.AccountIDs, sight); err != nil {
			return err
		}
		sight = conversation.SeesOnly(t.AccountIDs...)
	} else if err := p.unlimited(); err != nil {
		return conversation.Invalid("account_ids", "is needed: your own token is limited to some accounts")
	}
	if err := p.mayGive("scopes", may); err != nil {
		return err
	}
	return p.mayShow("account_ids", sight)
}

// checkAccounts refuses accounts that do not exist or that whoever the token acts as does not see, without telling which.
func checkAccounts(ctx context.Context, tx bun.Tx, ids []string, sight conversation.Sight) error {
	wrong := conversation.Invalid("account_ids", "must be ids of accounts whose conversations the token's agent or role may see")
	for _, id := range ids {
		if checkID(id, "account") != nil || !sight.Sees(id) {
			return wrong
		}
	}
	n, err := tx.NewSelect().TableExpr("accounts").Where("id IN (?)", bun.List(ids)).Count(ctx)
	if err != nil {
		return fmt.Errorf("look for a token's accounts: %w", err)
	}
	if n != int64(len(ids)) {
		return wrong
	}
	return nil
}

// distinct returns the ids as we write them, each once; nil for none.
func distinct(ids []string) []string {
	if len(ids) == 0 {
		return nil
	}
	ids = slices.Clone(ids)
	for i := range ids {
		ids[i] = strings.ToLower(ids[i])
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// takeRole checks that a program's token has a role and gives an agent's token the agent's.
func (t *Token) takeRole(ctx context.Context, tx bun.Tx) error {
	if t.AgentID == "" && t.Role == "" {
		return conversation.Invalid("role", "either role or agent_id is needed")
	}
	if t.AgentID == "" {
		return nil
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

// RevokeToken ends a token for good, in all processes at once; one that is not told honours it for five seconds more.
func (s *Store) RevokeToken(ctx context.Context, by conversation.Actor, id string) (Token, error) {
	return s.revoke(ctx, by, id, func(Token) bool { return true })
}

// RevokeOwnToken is RevokeToken for the tokens of one agent: no other exists.
func (s *Store) RevokeOwnToken(ctx context.Context, by conversation.Actor, agentID, id string) (Token, error) {
	return s.revoke(ctx, by, id, func(t Token) bool { return t.AgentID != "" && t.AgentID == agentID })
}

func (s *Store) revoke(ctx context.Context, by conversation.Actor, id string, mine func(Token) bool) (Token, error) {
	if err := checkID(id, "token"); err != nil {
		return Token{}, err
	}
	var t Token
	err := s.changeAccess(ctx, func(ctx context.Context, tx bun.Tx) error {
		err := found(tx.NewSelect().Model(&t).Where("id = ?", id).For("UPDATE").Scan(ctx), "token", "read token")
		if err == nil && !mine(t) {
			t, err = Token{}, conversation.Errorf(conversation.CodeNotFound, "no such token")
		}
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
	return t, err
}
