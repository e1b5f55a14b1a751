package inbox

import (
	"context"
	"fmt"
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/ledger"
)

// SetPriority says how urgent a conversation is.
func (in *Inbox) SetPriority(ctx context.Context, by conversation.Caller, id string, p conversation.Priority) (Conversation, error) {
	if _, ok := p.Level(); !ok {
		return Conversation{}, conversation.Invalid("priority", "must be one of %s", fmt.Sprint(conversation.Priorities()))
	}
	return in.run(ctx, by, id, func(row *ledger.Row, now time.Time) error {
		row.Prioritise(p, by.Actor, now)
		return nil
	})
}
