package server

import (
	"context"

	"guichet.dev/guichet/team"
)

func (s *Server) registerBlocks() {
	for name, summary := range map[string]string{
		"block":   "Block the contact on this account, here and at the provider; again: ask the provider again if it did not do it",
		"unblock": "Let the contact write again",
	} {
		register(s, handling(name, team.BlockContacts, summary), func(ctx context.Context, in *ConversationPath) (*conversationAnswer, error) {
			return s.after(ctx, in.ID, s.Blocks.Set(ctx, viewer(ctx), in.ID, name == "block"))
		})
	}
}
