package inbox

import (
	"context"
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
)

// Done closes a conversation. The customer's next message reopens it.
func (in *Inbox) Done(ctx context.Context, by conversation.Caller, id string) (Conversation, error) {
	return in.run(ctx, by, id, func(row *ledger.Row, now time.Time) error {
		if row.Status == conversation.StatusDone {
			return nil
		}
		row.Status, row.DoneAt, row.SnoozedUntil, row.WaitingSince = conversation.StatusDone, now, time.Time{}, time.Time{}
		row.Append(conversation.Event{Kind: conversation.EventDone, Actor: by.Actor, At: now})
		return nil
	})
}

// Reopen opens a conversation that was done or snoozed.
func (in *Inbox) Reopen(ctx context.Context, by conversation.Caller, id string) (Conversation, error) {
	return in.run(ctx, by, id, func(row *ledger.Row, now time.Time) error {
		reopen(row, by.Actor, now)
		return nil
	})
}

func reopen(row *ledger.Row, by conversation.Actor, now time.Time) {
	if row.Status == conversation.StatusOpen {
		return
	}
	row.Status, row.DoneAt, row.SnoozedUntil, row.LastActivityAt = conversation.StatusOpen, time.Time{}, time.Time{}, now
	row.Append(conversation.Event{Kind: conversation.EventReopened, Actor: by, At: now})
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
		until := until.UTC().Truncate(time.Microsecond)
		row.Status, row.SnoozedUntil, row.DoneAt = conversation.StatusSnoozed, until, time.Time{}
		row.Append(conversation.Event{Kind: conversation.EventSnoozed, Actor: by.Actor, At: now, Data: conversation.EventData{Until: postgres.NullTime(until)}})
		return nil
	})
}
