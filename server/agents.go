package server

import (
	"context"
	"net/http"

	"guichet.dev/guichet/team"
)

// AgentPath names an agent in a path.
type AgentPath struct {
	ID string `path:"agent_id" format:"uuid"`
}

type listAgents struct {
	Account string `query:"account_id" format:"uuid" doc:"Only active agents who may see this account's conversations: to whom they can be given"`
}

type createAgent struct {
	Body struct {
		Name  string    `json:"name" minLength:"1" maxLength:"100"`
		Email string    `json:"email" maxLength:"254" format:"email"`
		Role  team.Role `json:"role"`
		// Invite asks for the mail at once.
		Invite bool `json:"invite,omitempty" doc:"Send them a link by which they set their password"`
	}
}

type updateAgent struct {
	AgentPath
	Body struct {
		Name  *string          `json:"name,omitempty" minLength:"1" maxLength:"100"`
		Email *string          `json:"email,omitempty" maxLength:"254" format:"email"`
		Role  *team.Role       `json:"role,omitempty"`
		State *team.AgentState `json:"state,omitempty" doc:"deactivated ends all access of the agent; active gives it back"`
	}
}

func (s *Server) registerAgents() {
	register(s, operation{
		id: "list-agents", method: http.MethodGet, path: "/agents", permission: team.ReadAgents, tag: "agents",
		summary: "All agents by name, also the deactivated ones",
	}, func(ctx context.Context, in *listAgents) (*answer[list[team.Agent]], error) {
		if in.Account == "" {
			return replyList(s.Team.Agents(ctx))
		}
		if err := s.mayKnow(ctx, in.Account); err != nil {
			return nil, err
		}
		return replyList(s.Team.AgentsSeeing(ctx, in.Account))
	})
	register(s, operation{
		id: "get-agent", method: http.MethodGet, path: "/agents/{agent_id}", permission: team.ReadAgents, tag: "agents",
		summary: "One agent",
	}, func(ctx context.Context, in *AgentPath) (*answer[team.Agent], error) {
		return reply(s.Team.Agent(ctx, in.ID))
	})
	register(s, operation{
		id: "create-agent", method: http.MethodPost, path: "/agents", permission: team.WriteAgents, tag: "agents",
		status: http.StatusCreated, summary: "Add an agent",
	}, func(ctx context.Context, in *createAgent) (*answer[team.Agent], error) {
		a, err := s.Team.CreateAgent(ctx, caller(ctx), team.NewAgent{Name: in.Body.Name, Email: in.Body.Email, Role: in.Body.Role})
		if err == nil && in.Body.Invite {
			err = s.SignIn.Invite(ctx, caller(ctx), a.ID)
		}
		return reply(a, err)
	})
	register(s, operation{
		id: "update-agent", method: http.MethodPatch, path: "/agents/{agent_id}", permission: team.WriteAgents, tag: "agents",
		summary: "Change or deactivate an agent; what is absent stays as it is",
	}, func(ctx context.Context, in *updateAgent) (*answer[team.Agent], error) {
		b := in.Body
		a, err := s.Team.UpdateAgent(ctx, caller(ctx), in.ID, team.AgentChange{Name: b.Name, Email: b.Email, Role: b.Role, State: b.State})
		if err == nil && a.State == team.AgentDeactivated && s.SignIn != nil { // so that they do not come to life again with the agent
			err = s.SignIn.EndAll(ctx, caller(ctx), in.ID, "")
		}
		return reply(a, err)
	})
}
