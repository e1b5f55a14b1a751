package server

import (
	"context"
	"net/http"

	"guichet.dev/guichet/team"
)

// TeamPath names a team in a path.
type TeamPath struct {
	ID string `path:"team_id" format:"uuid"`
}

type teamName struct {
	Name string `json:"name" minLength:"1" maxLength:"100"`
}

type createTeam struct{ Body teamName }

type renameTeam struct {
	TeamPath
	Body teamName
}

type teamMember struct {
	TeamPath
	AgentID string `path:"agent_id" format:"uuid"`
}

func (s *Server) registerTeams() {
	register(s, operation{
		id: "list-teams", method: http.MethodGet, path: "/teams", permission: team.ReadTeams, tag: "teams",
		summary: "All teams by name, without the archived ones",
	}, func(ctx context.Context, _ *struct{}) (*answer[list[team.Team]], error) {
		return replyList(s.Team.Teams(ctx))
	})
	register(s, operation{
		id: "create-team", method: http.MethodPost, path: "/teams", permission: team.WriteTeams, tag: "teams",
		status: http.StatusCreated, summary: "Add a team",
	}, func(ctx context.Context, in *createTeam) (*answer[team.Team], error) {
		return reply(s.Team.CreateTeam(ctx, actor(ctx), in.Body.Name))
	})
	register(s, operation{
		id: "get-team", method: http.MethodGet, path: "/teams/{team_id}", permission: team.ReadTeams, tag: "teams",
		summary: "One team",
	}, func(ctx context.Context, in *TeamPath) (*answer[team.Team], error) {
		return reply(s.Team.Team(ctx, in.ID))
	})
	register(s, operation{
		id: "rename-team", method: http.MethodPatch, path: "/teams/{team_id}", permission: team.WriteTeams, tag: "teams",
		summary: "Change a team's name",
	}, func(ctx context.Context, in *renameTeam) (*answer[team.Team], error) {
		return reply(s.Team.RenameTeam(ctx, actor(ctx), in.ID, in.Body.Name))
	})
	register(s, operation{
		id: "archive-team", method: http.MethodDelete, path: "/teams/{team_id}", permission: team.WriteTeams, tag: "teams",
		summary: "End a team for good: its members leave it and its conversations go back",
	}, func(ctx context.Context, in *TeamPath) (*answer[team.Team], error) {
		return reply(s.Team.ArchiveTeam(ctx, actor(ctx), in.ID))
	})
	register(s, operation{
		id: "add-team-member", method: http.MethodPut, path: "/teams/{team_id}/members/{agent_id}", permission: team.WriteTeams, tag: "teams",
		summary: "Put an agent into a team",
	}, func(ctx context.Context, in *teamMember) (*answer[team.Team], error) {
		return reply(s.Team.AddMember(ctx, caller(ctx), in.ID, in.AgentID))
	})
	register(s, operation{
		id: "remove-team-member", method: http.MethodDelete, path: "/teams/{team_id}/members/{agent_id}", permission: team.WriteTeams, tag: "teams",
		summary: "Take an agent out of a team",
	}, func(ctx context.Context, in *teamMember) (*answer[team.Team], error) {
		return reply(s.Team.RemoveMember(ctx, actor(ctx), in.ID, in.AgentID))
	})
}
