package server

import (
	"context"
	"net/http"

	"guichet.dev/guichet/accounts"
	"guichet.dev/guichet/team"
)

func (s *Server) registerAccountHealth() {
	register(s, operation{
		id: "get-account-health", method: http.MethodGet, path: "/accounts/{account_id}/health", permission: team.ReadAccounts, tag: "accounts",
		summary: "How far an account's incoming events have come: last received, last applied, lag, last error",
	}, func(ctx context.Context, in *AccountPath) (*answer[accounts.Health], error) {
		return reply(s.Accounts.Health(ctx, viewer(ctx), in.ID))
	})
	register(s, operation{
		id: "list-account-health", method: http.MethodGet, path: "/account-health", permission: team.ReadAccounts, tag: "accounts",
		summary: "The same of all accounts, the oldest account first",
	}, func(ctx context.Context, _ *struct{}) (*answer[list[accounts.Health]], error) {
		return replyList(s.Accounts.Healths(ctx, viewer(ctx)))
	})
}
