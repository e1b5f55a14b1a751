package server

import (
	"context"
	"net/http"

	"guichet.dev/guichet/automation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/team"
)

type listDecisions struct {
	ConversationPath
	Paging
}

type answerQuestion struct {
	ConversationPath
	MessageID string `path:"message_id" format:"uuid"`
	Body      struct {
		Answer automation.Answer `json:"answer" doc:"all: no more messages; marketing: no more advertising; no: they meant something else"`
	}
}

func (s *Server) registerDecisions() {
	register(s, operation{
		id: "list-decisions", method: http.MethodGet, path: "/conversations/{conversation_id}/decisions", permission: team.ReadConversations, tag: "automation",
		summary: "What the automation decided about a conversation and why, newest first",
	}, func(ctx context.Context, in *listDecisions) (*answer[page[automation.Explanation]], error) {
		before, err := decodeCursor(in.Cursor)
		if err != nil {
			return nil, err
		}
		found, err := s.Automation.Decisions(ctx, viewer(ctx), in.ID, automation.Place{At: before.At, ID: before.ID}, in.Limit+1)
		var next inbox.Cursor
		if len(found) > in.Limit {
			found = found[:in.Limit]
			next.At, next.ID = found[in.Limit-1].At, found[in.Limit-1].ID
		}
		return replyPage(found, next, err)
	})
	register(s, operation{
		id: "list-next", method: http.MethodGet, path: "/conversations/{conversation_id}/next", permission: team.ReadConversations, tag: "automation",
		summary: "What will happen to a conversation by itself, the soonest first",
	}, func(ctx context.Context, in *ConversationPath) (*answer[list[automation.Upcoming]], error) {
		return replyList(s.Automation.Next(ctx, viewer(ctx), in.ID))
	})
	register(s, operation{
		id: "list-consent-questions", method: http.MethodGet, path: "/conversations/{conversation_id}/consent-questions", permission: team.ReadConversations, tag: "automation",
		summary: "Messages that may be a wish to be left alone, the open questions first",
	}, func(ctx context.Context, in *ConversationPath) (*answer[list[automation.Question]], error) {
		return replyList(s.Automation.Questions(ctx, viewer(ctx), in.ID))
	})
	register(s, operation{
		id: "answer-consent-question", method: http.MethodPost, path: "/conversations/{conversation_id}/consent-questions/{message_id}/answer", permission: team.WriteConsent,
		tag: "automation", status: http.StatusNoContent, summary: "Say whether they asked to be left alone; if so, it holds from when they wrote",
	}, func(ctx context.Context, in *answerQuestion) (*struct{}, error) {
		return nil, s.Automation.Answer(ctx, viewer(ctx), in.ID, in.MessageID, in.Body.Answer)
	})
}
