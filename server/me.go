package server

import (
	"context"
	"net/http"

	"guichet.dev/guichet/team"
)

// meView is who the caller is and what it may do.
type meView struct {
	TokenID     string            `json:"token_id"`
	AgentID     string            `json:"agent_id,omitempty" doc:"Absent for a program"`
	Name        string            `json:"name"`
	Role        team.Role         `json:"role"`
	Permissions []team.Permission `json:"permissions" nullable:"false"`
	AllAccounts bool              `json:"all_accounts" doc:"Whether the conversations of every account are seen"`
	AccountIDs  []string          `json:"account_ids,omitempty" doc:"Otherwise of which"`
}

type updateMe struct {
	Body struct {
		Name     *string        `json:"name,omitempty" minLength:"1" maxLength:"100"`
		Language *team.Language `json:"language,omitempty" doc:"Of the mails that one gets"`
	}
}

func (s *Server) registerMe() {
	register(s, operation{
		id: "get-me", method: http.MethodGet, path: "/me", permission: team.ReadSelf, tag: "me",
		summary: "Who the token belongs to and what it may do",
	}, func(ctx context.Context, _ *struct{}) (*answer[meView], error) {
		p := caller(ctx)
		ids, all := p.Sight.Accounts()
		return reply(meView{
			TokenID: p.TokenID, AgentID: p.AgentID, Name: p.Name, Role: p.Role, Permissions: p.Permissions.List(),
			AllAccounts: all, AccountIDs: ids,
		}, nil)
	})
	register(s, operation{
		id: "update-me", method: http.MethodPatch, path: "/me", permission: team.ReadSelf, tag: "me",
		summary: "Change one's own name or language; what is absent stays as it is",
	}, func(ctx context.Context, in *updateMe) (*answer[team.Agent], error) {
		agent, err := agentOf(ctx)
		if err != nil {
			return nil, err
		}
		return reply(s.Team.UpdateAgent(ctx, caller(ctx), agent, team.AgentChange{Name: in.Body.Name, Language: in.Body.Language}))
	})
}
