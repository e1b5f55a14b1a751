package server

import (
	"context"
	"time"

	"guichet.dev/guichet/accounts"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
)

// Receiver takes in what a provider posted. It returns nil only after the commit; any other outcome, also one that is not
// known, is an error.
type Receiver interface {
	Receive(ctx context.Context, account accounts.Account, body []byte) error
}

// Queries are what people read. The cursor returned is zero on the last page.
type Queries interface {
	List(ctx context.Context, by conversation.Caller, filter inbox.Filter) ([]inbox.Conversation, inbox.Cursor, error)
	Count(ctx context.Context, by conversation.Caller, criteria inbox.Criteria) (inbox.Count, error)
	Get(ctx context.Context, by conversation.Caller, conversationID string) (inbox.Conversation, error)
	Messages(ctx context.Context, by conversation.Caller, conversationID string, before inbox.Cursor, limit int) ([]inbox.Message, inbox.Cursor, error)
	Timeline(ctx context.Context, by conversation.Caller, conversationID string, before inbox.Cursor, limit int) ([]inbox.TimelineItem, inbox.Cursor, error)
}

// Handling are the commands that move a conversation on. Each returns the conversation as it is then.
type Handling interface {
	Attend(ctx context.Context, by conversation.Caller, conversationID string) (inbox.Conversation, error)
	Assign(ctx context.Context, by conversation.Caller, conversationID string, to inbox.Assignment) (inbox.Conversation, error)
	Done(ctx context.Context, by conversation.Caller, conversationID string) (inbox.Conversation, error)
	Reopen(ctx context.Context, by conversation.Caller, conversationID string) (inbox.Conversation, error)
	// Snooze until the zero time is until the customer writes.
	Snooze(ctx context.Context, by conversation.Caller, conversationID string, until time.Time) (inbox.Conversation, error)
}

// Writing are the commands that say something to the customer or about what the customer said.
type Writing interface {
	Send(ctx context.Context, by conversation.Caller, conversationID string, message inbox.NewMessage) (inbox.Message, error)
	Read(ctx context.Context, by conversation.Caller, conversationID string, upToSeq int64) (inbox.Conversation, error)
	Unread(ctx context.Context, by conversation.Caller, conversationID string) (inbox.Conversation, error)
	// LastInbound returns the provider's id of the message to mark as read there, empty if there is none.
	LastInbound(ctx context.Context, by conversation.Caller, conversationID string, upToSeq int64) (string, error)
	SetConsent(ctx context.Context, by conversation.Caller, conversationID string, wish inbox.ConsentWish) (inbox.Conversation, error)
}

// Beside is what else people ask of conversations.
type Beside interface {
	SetPriority(ctx context.Context, by conversation.Caller, conversationID string, priority conversation.Priority) (inbox.Conversation, error)
	OfContact(ctx context.Context, by conversation.Caller, contactID string, after inbox.Cursor, limit int) ([]inbox.Conversation, inbox.Cursor, error)
}

// ParkedUpdates are what could not be applied.
type ParkedUpdates interface {
	Parked(ctx context.Context, accountID, state string, after inbox.Cursor, limit int) ([]inbox.ParkedUpdate, inbox.Cursor, error)
	ApplyParked(ctx context.Context, by conversation.Actor, account accounts.Account, id string) (inbox.ParkedUpdate, error)
}
