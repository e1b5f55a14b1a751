package server

import (
	"context"
	"net/http"
	"time"

	"guichet.dev/guichet/team"
)

// TokenLimits say what a token is, and what it may do less than whom it acts as. It is exported for huma, see AccountPath.
type TokenLimits struct {
	Name       string            `json:"name" minLength:"1" maxLength:"100"`
	Scopes     []team.Permission `json:"scopes,omitempty" minItems:"1" maxItems:"200" doc:"The only permissions of the role that the token has; leave out for all"`
	AccountIDs []string          `json:"account_ids,omitempty" minItems:"1" maxItems:"1000" format:"uuid" doc:"The only accounts that the token sees; leave out for all that its agent sees, also those to come"`
	ExpiresAt  *time.Time        `json:"expires_at,omitempty" doc:"Leave out for a token that does not expire"`
}

func (l TokenLimits) token(agentID string, role team.Role) team.NewToken {
	return team.NewToken{Name: l.Name, AgentID: agentID, Role: role, Scopes: l.Scopes, AccountIDs: l.AccountIDs, ExpiresAt: l.ExpiresAt}
}

type createToken struct {
	Body struct {
		TokenLimits
		AgentID string    `json:"agent_id,omitempty" format:"uuid" doc:"As whom the token acts, with the agent's role. Leave out for a program"`
		Role    team.Role `json:"role,omitempty" doc:"Of a program. Leave out with agent_id"`
	}
}

// newTokenView is a new token with its value.
type newTokenView struct {
	team.Token
	Value string `json:"token" doc:"The token itself: shown this once and not kept"`
}

type tokenID struct {
	ID string `path:"token_id" format:"uuid"`
}

func (s *Server) registerTokens() {
	register(s, operation{
		id: "list-tokens", method: http.MethodGet, path: "/tokens", permission: team.ReadTokens, tag: "tokens",
		summary: "All API tokens, newest first, without their values",
	}, func(ctx context.Context, _ *struct{}) (*answer[list[team.Token]], error) {
		return replyList(s.Team.Tokens(ctx))
	})
	register(s, operation{
		id: "create-token", method: http.MethodPost, path: "/tokens", permission: team.WriteTokens, tag: "tokens",
		status: http.StatusCreated, summary: "Make an API token",
	}, func(ctx context.Context, in *createToken) (*answer[newTokenView], error) {
		b := in.Body
		token, value, err := s.Team.CreateToken(ctx, caller(ctx), b.token(b.AgentID, b.Role))
		return reply(newTokenView{Token: token, Value: value}, err)
	})
	register(s, operation{
		id: "revoke-token", method: http.MethodPost, path: "/tokens/{token_id}/revoke", permission: team.WriteTokens, tag: "tokens",
		summary: "End an API token for good",
	}, func(ctx context.Context, in *tokenID) (*answer[team.Token], error) {
		return reply(s.Team.RevokeToken(ctx, actor(ctx), in.ID))
	})
}
