package server

import (
	"context"
	"net/http"

	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/team"
	"guichet.dev/guichet/views"
)

// ViewPath names a saved view in a path.
type ViewPath struct {
	ID string `path:"view_id" format:"uuid"`
}

type createView struct{ Body views.New }

type updateView struct {
	ViewPath
	Body views.Change
}

type shareView struct {
	ViewPath
	Body struct {
		With   views.Sharing `json:"with"`
		TeamID string        `json:"team_id,omitempty" format:"uuid" doc:"With team"`
	}
}

func (s *Server) registerViews() {
	register(s, operation{
		id: "list-views", method: http.MethodGet, path: "/views", permission: team.ReadConversations, tag: "views",
		summary: "The saved views that the caller sees, in their order",
	}, func(ctx context.Context, _ *struct{}) (*answer[list[views.View]], error) {
		return replyList(s.Views.List(ctx, caller(ctx)))
	})
	register(s, operation{
		id: "get-view", method: http.MethodGet, path: "/views/{view_id}", permission: team.ReadConversations, tag: "views",
		summary: "One saved view",
	}, func(ctx context.Context, in *ViewPath) (*answer[views.View], error) {
		return reply(s.Views.Get(ctx, caller(ctx), in.ID))
	})
	register(s, operation{
		id: "count-view", method: http.MethodGet, path: "/views/{view_id}/count", permission: team.ReadConversations, tag: "views",
		summary: "How many conversations a saved view has, exact up to 999",
	}, func(ctx context.Context, in *ViewPath) (*answer[inbox.Count], error) {
		v, err := s.Views.Get(ctx, caller(ctx), in.ID)
		if err != nil {
			return nil, err
		}
		return reply(s.Queries.Count(ctx, viewer(ctx), v.Criteria))
	})
	register(s, operation{
		id: "create-view", method: http.MethodPost, path: "/views", permission: team.WriteViews, tag: "views",
		status: http.StatusCreated, summary: "Save a view for oneself",
	}, func(ctx context.Context, in *createView) (*answer[views.View], error) {
		return reply(s.Views.Create(ctx, caller(ctx), in.Body))
	})
	register(s, operation{
		id: "update-view", method: http.MethodPatch, path: "/views/{view_id}", permission: team.WriteViews, tag: "views",
		summary: "Change a saved view; a shared one needs the permission to share",
	}, func(ctx context.Context, in *updateView) (*answer[views.View], error) {
		return reply(s.Views.Update(ctx, caller(ctx), in.ID, in.Body))
	})
	register(s, operation{
		id: "share-view", method: http.MethodPut, path: "/views/{view_id}/sharing", permission: team.ShareViews, tag: "views",
		summary: "Say who sees a saved view: its owner, a team, or everybody",
	}, func(ctx context.Context, in *shareView) (*answer[views.View], error) {
		return reply(s.Views.Share(ctx, caller(ctx), in.ID, in.Body.With, in.Body.TeamID))
	})
	register(s, operation{
		id: "delete-view", method: http.MethodDelete, path: "/views/{view_id}", permission: team.WriteViews, tag: "views",
		status: http.StatusNoContent, summary: "Delete a saved view; a shared one needs the permission to share",
	}, func(ctx context.Context, in *ViewPath) (*struct{}, error) {
		return nil, s.Views.Delete(ctx, caller(ctx), in.ID)
	})
}
