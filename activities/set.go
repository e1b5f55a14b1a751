package activities

import (
	"context"

	"guichet.dev/guichet/conversation"
)

// Advancer brings a conversation up to date: it applies the events that were not applied yet and the deadlines that are
// due, in one transaction, and may be repeated.
type Advancer interface {
	Advance(ctx context.Context, conversationID string) (conversation.Advanced, error)
}

// Sender does one step on a conversation's first unsettled outgoing message: limits, claim, call, record. It may be
// repeated: a claim of an earlier attempt is never called again.
type Sender interface {
	SendNext(ctx context.Context, conversationID string) (conversation.SendResult, error)
}

// Activities are the activities of the conversation's workflow. Workflows refer to its methods through a nil pointer.
type Activities struct {
	advancer Advancer
	sender   Sender
}

// New returns the activities on what carries them out.
func New(advancer Advancer, sender Sender) *Activities {
	return &Activities{advancer: advancer, sender: sender}
}
