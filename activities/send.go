package activities

import (
	"context"

	"guichet.dev/guichet/conversation"
)

// Send does one step on the conversation's first unsettled outgoing message. A refusal or a failure of the provider is a
// result, not an error; an error means that the step could not be done or not be written down, and is tried again.
func (a *Activities) Send(ctx context.Context, in SendInput) (out conversation.SendResult, err error) {
	defer func() { err = failure(ctx, in.ConversationID, recover(), err) }()
	return a.sender.SendNext(ctx, in.ConversationID)
}
