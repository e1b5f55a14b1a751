package server

import (
	"context"
	"net/http"

	"guichet.dev/guichet/drafts"
	"guichet.dev/guichet/team"
)

type putDraft struct {
	ConversationPath
	Body struct {
		Text      string `json:"text" minLength:"1" maxLength:"20000"`
		ReplyTo   string `json:"reply_to,omitempty" format:"uuid" doc:"The message to quote"`
		IfVersion int64  `json:"if_version" minimum:"0" doc:"The version of the draft that this one replaces; 0 if you know of none. Another one there is a conflict with details.version"`
	}
}

type deleteDraft struct {
	ConversationPath
	IfVersion int64 `query:"if_version" minimum:"0" doc:"Only if the draft still has this version"`
}

func (s *Server) registerDrafts() {
	path := "/conversations/{conversation_id}/draft"
	register(s, operation{
		id: "get-draft", method: http.MethodGet, path: path, permission: team.SendMessages, tag: "drafts",
		summary: "What the caller has begun to write; nobody else sees it",
	}, func(ctx context.Context, in *ConversationPath) (*answer[drafts.Draft], error) {
		return reply(s.Drafts.Get(ctx, viewer(ctx), in.ID))
	})
	register(s, operation{
		id: "put-draft", method: http.MethodPut, path: path, permission: team.SendMessages, tag: "drafts",
		summary: "Keep what the caller has begun to write",
	}, func(ctx context.Context, in *putDraft) (*answer[drafts.Draft], error) {
		b := in.Body
		return reply(s.Drafts.Put(ctx, viewer(ctx), in.ID, drafts.Writing{Text: b.Text, ReplyTo: b.ReplyTo, Replaces: b.IfVersion}))
	})
	register(s, operation{
		id: "delete-draft", method: http.MethodDelete, path: path, permission: team.SendMessages, tag: "drafts",
		status: http.StatusNoContent, summary: "Throw the draft away",
	}, func(ctx context.Context, in *deleteDraft) (*struct{}, error) {
		return nil, s.Drafts.Delete(ctx, viewer(ctx), in.ID, in.IfVersion)
	})
}
