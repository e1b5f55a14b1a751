package inbox

import (
	"context"
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/ledger"
)

// Done closes a conversation. The customer's next message reopens it.
func (in *Inbox) Done(ctx context.Context, by conversation.Caller, id string) (Conversation, error) {
	return in.run(ctx, by, id, func(row *ledger.Row, now time.Time) error {
		row.Finish(by.Actor, now)
		return nil
	})
}

// Reopen opens a conversation that was done or snoozed.
func (in *Inbox) Reopen(ctx context.Context, by conversation.Caller, id string) (Conversation, error) {
	return in.run(ctx, by, id, func(row *ledger.Row, now time.Time) error {
		row.Reopen(by.Actor, now)
		return nil
	})
}

// maxSnooze bounds a snooze.
const maxSnooze = 366 * 24 * time.Hour

// Snooze puts a conversation aside until the given time or the customer's next message; without a time, until that message
// alone.
func (in *Inbox) Snooze(ctx context.Context, by conversation.Caller, id string, until time.Time) (Conversation, error) {
	return in.run(ctx, by, id, func(row *ledger.Row, now time.Time) error {
		if !until.IsZero() && (!until.After(now) || until.After(now.Add(maxSnooze))) {
			return conversation.Invalid("until", "must lie in the future, at most a year ahead")
		}
		row.Snooze(until, by.Actor, now)
		return nil
	})
}
