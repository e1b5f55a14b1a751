package server

import (
	"context"
	"net/http"

	"guichet.dev/guichet/bulk"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/team"
)

// BulkPath names a bulk action in a path.
type BulkPath struct {
	ID string `path:"bulk_id" format:"uuid"`
}

type startBulk struct {
	Body struct {
		Action bulk.Task       `json:"action"`
		IDs    []string        `json:"ids,omitempty" maxItems:"10000" doc:"Ids of conversations"`
		Filter *inbox.Criteria `json:"filter,omitempty" doc:"In place of ids: all that it selects now, at most 100,000"`
	}
}

func (s *Server) registerBulk() {
	register(s, operation{
		id: "start-bulk-action", method: http.MethodPost, path: "/bulk-actions", permission: team.RunBulk, tag: "bulk actions",
		status: http.StatusAccepted, summary: "Do something with many conversations. What is done needs its own permission too",
	}, func(ctx context.Context, in *startBulk) (*answer[bulk.Progress], error) {
		return reply(s.Bulk.Start(ctx, caller(ctx), bulk.Request{Action: in.Body.Action, IDs: in.Body.IDs, Criteria: in.Body.Filter}))
	})
	register(s, operation{
		id: "get-bulk-action", method: http.MethodGet, path: "/bulk-actions/{bulk_id}", permission: team.RunBulk, tag: "bulk actions",
		summary: "How far one's own bulk action is, and what failed",
	}, func(ctx context.Context, in *BulkPath) (*answer[bulk.Progress], error) {
		return reply(s.Bulk.Get(ctx, actor(ctx), in.ID))
	})
	register(s, operation{
		id: "cancel-bulk-action", method: http.MethodPost, path: "/bulk-actions/{bulk_id}/cancel", permission: team.RunBulk, tag: "bulk actions",
		summary: "Stop one's own bulk action; what is done stays done",
	}, func(ctx context.Context, in *BulkPath) (*answer[bulk.Progress], error) {
		return reply(s.Bulk.Cancel(ctx, actor(ctx), in.ID))
	})
}
