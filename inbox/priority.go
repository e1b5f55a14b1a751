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
	level, ok := p.Level()
	if !ok {
		return Conversation{}, conversation.Invalid("priority", "must be one of %s", fmt.Sprint(conversation.Priorities()))
	}
	return in.run(ctx, by, id, func(row *ledger.Row, now time.Time) error {
		if row.Priority == level {
			return nil
		}
		row.Priority = level
		row.Append(conversation.Event{Kind: conversation.EventPriorityChanged, Actor: by.Actor, At: now, Data: conversation.EventData{Priority: p}})
		return nil
	})
}
