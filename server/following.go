package server

import (
	"context"
	"net/http"

	"guichet.dev/guichet/team"
)

func (s *Server) registerFollowing() {
	path := "/conversations/{conversation_id}/follow"
	register(s, operation{
		id: "follow-conversation", method: http.MethodPut, path: path, permission: team.FollowConversations, tag: "conversations",
		status: http.StatusNoContent, summary: "Hear of what happens in a conversation",
	}, func(ctx context.Context, in *ConversationPath) (*struct{}, error) {
		return nil, s.Followers.Set(ctx, viewer(ctx), in.ID, true)
	})
	register(s, operation{
		id: "unfollow-conversation", method: http.MethodDelete, path: path, permission: team.FollowConversations, tag: "conversations",
		status: http.StatusNoContent, summary: "Hear no more of it, until one writes in it or is mentioned again",
	}, func(ctx context.Context, in *ConversationPath) (*struct{}, error) {
		return nil, s.Followers.Set(ctx, viewer(ctx), in.ID, false)
	})
}
