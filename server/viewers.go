package server

import (
	"context"
	"net/http"

	"guichet.dev/guichet/accounts"
	"guichet.dev/guichet/team"
)

type setViewers struct {
	AccountPath
	Body struct {
		Restricted bool     `json:"restricted" doc:"Whether only these see the account's conversations, and those with the permission accounts.all"`
		AgentIDs   []string `json:"agent_ids" nullable:"false" maxItems:"1000" format:"uuid"`
		TeamIDs    []string `json:"team_ids" nullable:"false" maxItems:"1000" format:"uuid" doc:"All members of these teams"`
	}
}

func (s *Server) registerViewers() {
	register(s, operation{
		id: "get-account-viewers", method: http.MethodGet, path: "/accounts/{account_id}/viewers", permission: team.WriteAccounts, tag: "accounts",
		summary: "Who sees an account's conversations",
	}, func(ctx context.Context, in *AccountPath) (*answer[accounts.Viewers], error) {
		if err := s.mayKnow(ctx, in.ID); err != nil {
			return nil, err
		}
		return reply(s.Accounts.Viewers(ctx, in.ID))
	})
	register(s, operation{
		id: "set-account-viewers", method: http.MethodPut, path: "/accounts/{account_id}/viewers", permission: team.WriteAccounts, tag: "accounts",
		summary: "Choose who sees an account's conversations; to all others they do not exist",
	}, func(ctx context.Context, in *setViewers) (*answer[accounts.Viewers], error) {
		if err := s.mayKnow(ctx, in.ID); err != nil {
			return nil, err
		}
		b := in.Body
		v, err := s.Accounts.SetViewers(ctx, caller(ctx), in.ID, accounts.Viewers{Restricted: b.Restricted, AgentIDs: b.AgentIDs, TeamIDs: b.TeamIDs})
		s.Team.Forget() // the next request must not come before the notification
		return reply(v, err)
	})
}
