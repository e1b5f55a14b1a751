package server

import (
	"context"
	"net/http"
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/team"
)

type listAudit struct {
	Paging
	ActorKind   string    `query:"actor_kind" enum:"agent,token,system" doc:"Who did it: an agent, a program's token, or Guichet itself"`
	ActorID     string    `query:"actor_id" format:"uuid"`
	Action      string    `query:"action" pattern:"^[a-z_]+\\.([a-z_]+)?$" maxLength:"60" example:"agents.update" doc:"What was done; one that ends with a dot, such as agents., is all that begins so"`
	SubjectKind string    `query:"subject_kind" pattern:"^[a-z_]+$" maxLength:"40" example:"agent" doc:"To what it was done: account, agent, team, token, role, …"`
	SubjectID   string    `query:"subject_id" pattern:"^[A-Za-z0-9_-]+$" maxLength:"100" doc:"Needs subject_kind"`
	From        time.Time `query:"from" doc:"From this time on"`
	To          time.Time `query:"to" doc:"Before this time"`
}

func (in *listAudit) filter() (team.AuditFilter, error) {
	before, err := decodeCursor(in.Cursor)
	if err == nil && in.SubjectID != "" && in.SubjectKind == "" {
		err = conversation.Invalid("subject_id", "needs subject_kind")
	}
	if err == nil && !in.From.IsZero() && !in.To.IsZero() && !in.From.Before(in.To) {
		err = conversation.Invalid("to", "must lie after from")
	}
	// One more than asked for tells whether there is a next page.
	return team.AuditFilter{
		ActorKind: conversation.ActorKind(in.ActorKind), ActorID: in.ActorID, Action: in.Action, SubjectKind: in.SubjectKind,
		SubjectID: in.SubjectID, From: in.From, To: in.To, Before: before.ID, Limit: in.Limit + 1,
	}, err
}

func (s *Server) registerAudit() {
	register(s, operation{
		id: "list-audit", method: http.MethodGet, path: "/audit", permission: team.ReadAudit, tag: "audit",
		summary: "What admins changed, newest first",
	}, func(ctx context.Context, in *listAudit) (*answer[page[team.AuditEntry]], error) {
		filter, err := in.filter()
		if err != nil {
			return nil, err
		}
		entries, err := s.Team.AuditEntries(ctx, caller(ctx), filter)
		var next inbox.Cursor
		if len(entries) > in.Limit {
			entries = entries[:in.Limit]
			next.ID = entries[in.Limit-1].ID
		}
		return replyPage(entries, next, err)
	})
}
