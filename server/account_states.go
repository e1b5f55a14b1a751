package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/team"
)

// checkView is what the provider says of an account.
type checkView struct {
	OK             bool   `json:"ok" doc:"Whether the provider accepts our credentials and knows the number"`
	Code           string `json:"code,omitempty" doc:"If not, the provider's error code, or connect, timeout, answer for failures on the way"`
	MustReconnect  bool   `json:"must_reconnect,omitempty" doc:"The credentials are not accepted any more"`
	Name           string `json:"name,omitempty" doc:"As the provider has it"`
	DisplayAddress string `json:"display_address,omitempty"`
	Quality        string `json:"quality,omitempty" doc:"The provider's rating of the number"`
}

func (s *Server) registerAccountStates() {
	register(s, operation{
		id: "pause-account", method: http.MethodPost, path: "/accounts/{account_id}/pause", permission: team.WriteAccounts, tag: "accounts",
		summary: "Hold all sends of an account; messages are received all the same",
	}, func(ctx context.Context, in *AccountPath) (*answer[accountView], error) {
		if err := s.mayKnow(ctx, in.ID); err != nil {
			return nil, err
		}
		return replyAccount(s.Accounts.Pause(ctx, actor(ctx), in.ID))
	})
	register(s, operation{
		id: "resume-account", method: http.MethodPost, path: "/accounts/{account_id}/resume", permission: team.WriteAccounts, tag: "accounts",
		summary: "End a pause or an error: what was held is sent in order",
	}, func(ctx context.Context, in *AccountPath) (*answer[accountView], error) {
		if err := s.mayKnow(ctx, in.ID); err != nil {
			return nil, err
		}
		return replyAccount(s.Accounts.Resume(ctx, actor(ctx), in.ID))
	})
	register(s, operation{
		id: "check-account", method: http.MethodPost, path: "/accounts/{account_id}/check", permission: team.CheckAccounts, tag: "accounts",
		summary: "Ask the provider whether the account can be used; changes nothing",
	}, func(ctx context.Context, in *AccountPath) (*answer[checkView], error) {
		if err := s.mayKnow(ctx, in.ID); err != nil {
			return nil, err
		}
		return reply(s.checkAccount(ctx, in.ID))
	})
}

func (s *Server) checkAccount(ctx context.Context, id string) (checkView, error) {
	account, err := s.Accounts.Get(ctx, id)
	if err != nil {
		return checkView{}, err
	}
	health, err := s.Adapters[account.Channel].Check(ctx, account.ForAdapter())
	if refused, ok := errors.AsType[*channel.SendError](err); ok {
		return checkView{Code: refused.Code, MustReconnect: refused.Behaviour == channel.StopAccount}, nil
	}
	if err != nil {
		return checkView{}, fmt.Errorf("check account: %w", err)
	}
	return checkView{OK: true, Name: health.Name, DisplayAddress: health.DisplayAddress, Quality: health.Quality}, nil
}
