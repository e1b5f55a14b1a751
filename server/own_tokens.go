package server

import (
	"context"
	"net/http"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/team"
)

type createOwnToken struct{ Body TokenLimits }

func (s *Server) registerOwnTokens() {
	register(s, operation{
		id: "list-own-tokens", method: http.MethodGet, path: "/me/tokens", permission: team.OwnTokens, tag: "me",
		summary: "One's own API tokens, newest first, without their values",
	}, func(ctx context.Context, _ *struct{}) (*answer[list[team.Token]], error) {
		agent, err := person(ctx)
		if err != nil {
			return nil, err
		}
		return replyList(s.Team.AgentTokens(ctx, agent))
	})
	register(s, operation{
		id: "create-own-token", method: http.MethodPost, path: "/me/tokens", permission: team.OwnTokens, tag: "me",
		status: http.StatusCreated, summary: "Make an API token for oneself, within what one may do",
	}, func(ctx context.Context, in *createOwnToken) (*answer[newTokenView], error) {
		agent, err := person(ctx)
		if err != nil {
			return nil, err
		}
		token, value, err := s.Team.CreateToken(ctx, caller(ctx), in.Body.token(agent, ""))
		return reply(newTokenView{Token: token, Value: value}, err)
	})
	register(s, operation{
		id: "revoke-own-token", method: http.MethodPost, path: "/me/tokens/{token_id}/revoke", permission: team.OwnTokens, tag: "me",
		summary: "End one of one's own API tokens for good",
	}, func(ctx context.Context, in *tokenID) (*answer[team.Token], error) {
		agent, err := person(ctx)
		if err != nil {
			return nil, err
		}
		return reply(s.Team.RevokeOwnToken(ctx, actor(ctx), agent, in.ID))
	})
}

// person returns the agent who calls. Programs have no tokens of their own: whoever made them makes others.
func person(ctx context.Context) (string, error) {
	if id := caller(ctx).AgentID; id != "" {
		return id, nil
	}
	return "", conversation.Errorf(conversation.CodeUnsupported, "only agents have tokens of their own; this token belongs to a program")
}
