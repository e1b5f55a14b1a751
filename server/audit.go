package server

import (
	"context"
	"net/http"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/team"
)

type listAudit struct {
	Paging
	SubjectKind string `query:"subject_kind" enum:"account,agent,attribute,conversation,label,team,token"`
	SubjectID   string `query:"subject_id" pattern:"^[a-z0-9_-]+$" maxLength:"100" doc:"Needs subject_kind"`
}

func (s *Server) registerAudit() {
	register(s, operation{
		id: "list-audit", method: http.MethodGet, path: "/audit", permission: team.ReadAudit, tag: "audit",
		summary: "What admins changed, newest first",
	}, func(ctx context.Context, in *listAudit) (*answer[page[team.AuditEntry]], error) {
		before, err := decodeCursor(in.Cursor)
		if err != nil {
			return nil, err
		}
		if in.SubjectID != "" && in.SubjectKind == "" {
			return nil, conversation.Invalid("subject_id", "needs subject_kind")
		}
		// One more than asked for tells whether there is a next page.
		entries, err := s.Team.AuditEntries(ctx, team.AuditFilter{
			SubjectKind: in.SubjectKind, SubjectID: in.SubjectID, Before: before.ID, Limit: in.Limit + 1,
		})
		var next inbox.Cursor
		if len(entries) > in.Limit {
			entries = entries[:in.Limit]
			next.ID = entries[in.Limit-1].ID
		}
		return replyPage(entries, next, err)
	})
}
