package server

import (
	"context"
	"net/http"

	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/team"
)

type listParked struct {
	AccountPath
	Paging
	State string `query:"state" enum:"parked,applied,dismissed" default:"parked"`
}

type applyParked struct {
	AccountPath
	ParkedID string `path:"parked_id" format:"uuid"`
}

func (s *Server) registerParked() {
	register(s, operation{
		id: "list-parked-updates", method: http.MethodGet, path: "/accounts/{account_id}/parked", permission: team.ReadParked, tag: "accounts",
		summary: "Updates of the provider that could not be applied",
	}, func(ctx context.Context, in *listParked) (*answer[page[inbox.ParkedUpdate]], error) {
		after, err := decodeCursor(in.Cursor)
		if err != nil {
			return nil, err
		}
		if err := s.maySee(ctx, in.ID); err != nil {
			return nil, err
		}
		if _, err := s.Accounts.Cached(ctx, in.ID); err != nil {
			return nil, err
		}
		return replyPage(s.Parked.Parked(ctx, in.ID, in.State, after, in.Limit))
	})
	register(s, operation{
		id: "apply-parked-update", method: http.MethodPost, path: "/accounts/{account_id}/parked/{parked_id}/apply", permission: team.ApplyParked, tag: "accounts",
		summary: "Try once more to apply an update, after what was wrong has been mended",
	}, func(ctx context.Context, in *applyParked) (*answer[inbox.ParkedUpdate], error) {
		if err := s.maySee(ctx, in.ID); err != nil {
			return nil, err
		}
		account, err := s.Accounts.Get(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		return reply(s.Parked.ApplyParked(ctx, actor(ctx), account, in.ParkedID))
	})
}
