package server

import (
	"context"
	"net/http"

	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/team"
)

// ConversationPath names a conversation in a path.
type ConversationPath struct {
	ID string `path:"conversation_id" format:"uuid"`
}

type listConversations struct {
	Paging
	Selecting
	SavedView string `query:"saved_view" format:"uuid" doc:"What this saved view selects; the other parameters narrow it further or replace its own"`
}

type conversationPage struct {
	ConversationPath
	Paging
}

func (s *Server) registerConversations() {
	register(s, operation{
		id: "list-conversations", method: http.MethodGet, path: "/conversations", permission: team.ReadConversations, tag: "conversations",
		summary: "A view of the inbox, narrowed and ordered",
	}, s.listConversations)
	register(s, operation{
		id: "count-conversations", method: http.MethodGet, path: "/conversations/counts", permission: team.ReadConversations, tag: "conversations",
		summary: "How many conversations each view has, exactly up to 999",
	}, s.countConversations)
	register(s, operation{
		id: "get-conversation", method: http.MethodGet, path: "/conversations/{conversation_id}", permission: team.ReadConversations, tag: "conversations",
		summary: "One conversation, with what can be done with it now and what happens next by itself",
	}, func(ctx context.Context, in *ConversationPath) (*answer[inbox.Conversation], error) {
		return reply(s.Queries.Get(ctx, viewer(ctx), in.ID))
	})
	register(s, operation{
		id: "list-messages", method: http.MethodGet, path: "/conversations/{conversation_id}/messages", permission: team.ReadConversations, tag: "messages",
		summary: "The messages of a conversation, newest first",
	}, func(ctx context.Context, in *conversationPage) (*answer[page[inbox.Message]], error) {
		before, err := decodeCursor(in.Cursor)
		if err != nil {
			return nil, err
		}
		return replyPage(s.Queries.Messages(ctx, viewer(ctx), in.ID, before, in.Limit))
	})
	register(s, operation{
		id: "list-timeline", method: http.MethodGet, path: "/conversations/{conversation_id}/timeline", permission: team.ReadConversations, tag: "conversations",
		summary: "Messages and events of a conversation and of those merged into it, newest first",
	}, func(ctx context.Context, in *conversationPage) (*answer[page[inbox.TimelineItem]], error) {
		before, err := decodeCursor(in.Cursor)
		if err != nil {
			return nil, err
		}
		return replyPage(s.Queries.Timeline(ctx, viewer(ctx), in.ID, before, in.Limit))
	})
}
