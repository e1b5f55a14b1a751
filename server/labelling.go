package server

import (
	"context"
	"net/http"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/labels"
	"guichet.dev/guichet/team"
)

type addLabel struct {
	ConversationPath
	Body struct {
		LabelID string `json:"label_id,omitempty" format:"uuid"`
		Name    string `json:"name,omitempty" maxLength:"50" doc:"In place of the id. If no label has this name, one is defined on the spot"`
	}
}

type removeLabel struct {
	ConversationPath
	LabelID string `path:"label_id" format:"uuid"`
}

type setPriority struct {
	ConversationPath
	Body struct {
		Priority conversation.Priority `json:"priority"`
	}
}

func (s *Server) registerLabelling() {
	register(s, operation{
		id: "label-conversation", method: http.MethodPost, path: "/conversations/{conversation_id}/labels", permission: team.LabelConversations, tag: "labels",
		summary: "Put a label on a conversation",
	}, func(ctx context.Context, in *addLabel) (*conversationAnswer, error) {
		return s.after(ctx, in.ID, s.Labels.Add(ctx, viewer(ctx), in.ID, labels.Choice{ID: in.Body.LabelID, Name: in.Body.Name}))
	})
	register(s, operation{
		id: "unlabel-conversation", method: http.MethodDelete, path: "/conversations/{conversation_id}/labels/{label_id}", permission: team.LabelConversations, tag: "labels",
		summary: "Take a label off a conversation",
	}, func(ctx context.Context, in *removeLabel) (*conversationAnswer, error) {
		return s.after(ctx, in.ID, s.Labels.Remove(ctx, viewer(ctx), in.ID, in.LabelID))
	})
	register(s, operation{
		id: "prioritise-conversation", method: http.MethodPost, path: "/conversations/{conversation_id}/priority", permission: team.RankConversations, tag: "conversations",
		summary: "Say how urgent a conversation is",
	}, func(ctx context.Context, in *setPriority) (*conversationAnswer, error) {
		return reply(s.Beside.SetPriority(ctx, viewer(ctx), in.ID, in.Body.Priority))
	})
}

// after returns the conversation as it is after a command, or the command's error.
func (s *Server) after(ctx context.Context, id string, err error) (*conversationAnswer, error) {
	if err != nil {
		return nil, err
	}
	return reply(s.Queries.Get(ctx, viewer(ctx), id))
}
