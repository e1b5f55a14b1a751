package server

import (
	"context"
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/team"
)

const (
	// marksAtOnce is how many read marks may be on their way to providers. What comes on top is left out: the next mark
	// covers the earlier messages too.
	marksAtOnce = 32
	// markTimeout is how long a provider may take to note one.
	markTimeout = 10 * time.Second
)

type markRead struct {
	ConversationPath
	Body struct {
		UpToSeq int64 `json:"up_to_seq" minimum:"1" doc:"The seq of the newest message that was read"`
		Typing  bool  `json:"typing,omitempty" doc:"Also show the customer that somebody is writing, where the channel can"`
	}
}

func (s *Server) registerRead() {
	register(s, handling("read", team.MarkConversations, "Mark as read, here and, where the channel can, for the customer"),
		func(ctx context.Context, in *markRead) (*conversationAnswer, error) {
			c, err := s.Writing.Read(ctx, viewer(ctx), in.ID, in.Body.UpToSeq)
			if err == nil {
				s.tellRead(ctx, c, in.Body.UpToSeq, in.Body.Typing)
			}
			return reply(c, err)
		})
	register(s, handling("unread", team.MarkConversations, "Mark as unread for oneself"),
		func(ctx context.Context, in *ConversationPath) (*conversationAnswer, error) {
			return reply(s.Writing.Unread(ctx, viewer(ctx), in.ID))
		})
}

// tellRead tells the customer that messages were read. The agent does not wait for it and it may fail: it is a courtesy.
func (s *Server) tellRead(ctx context.Context, c inbox.Conversation, upToSeq int64, typing bool) {
	select {
	case s.marks <- struct{}{}:
	default:
		return
	}
	ctx = context.WithoutCancel(ctx)
	s.background.Go(func() {
		defer func() { <-s.marks }()
		ctx, cancel := context.WithTimeout(ctx, markTimeout)
		defer cancel()
		if err := s.markRead(ctx, c, upToSeq, typing); err != nil {
			s.Logger.WarnContext(ctx, "the provider was not told of a read mark", "conversation_id", c.ID, errorAttr(err))
		}
	})
}

func (s *Server) markRead(ctx context.Context, c inbox.Conversation, upToSeq int64, typing bool) error {
	account, err := s.Accounts.Cached(ctx, c.AccountID)
	if err != nil {
		return err
	}
	adapter := s.Adapters[account.Channel]
	if account.State != conversation.AccountActive || !adapter.Capabilities().ReadReceipt {
		return nil
	}
	id, err := s.Writing.LastInbound(ctx, viewer(ctx), c.ID, upToSeq)
	if err != nil || id == "" {
		return err
	}
	return adapter.MarkRead(ctx, account.ForAdapter(), id, typing && adapter.Capabilities().Typing)
}
