package activities

import (
	"context"

	"guichet.dev/guichet/conversation"
)

// Advance brings the conversation up to date and says what it waits for next. It runs as a local activity, at least once.
func (a *Activities) Advance(ctx context.Context, in AdvanceInput) (out conversation.Advanced, err error) {
	defer func() { err = failure(ctx, in.ConversationID, recover(), err) }()
	return a.advancer.Advance(ctx, in.ConversationID)
}
