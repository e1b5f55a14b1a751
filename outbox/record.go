package outbox

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/accounts"
	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/contacts"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
)

// record writes down what came of a call. A receipt may have settled the message in the meantime; then only what is
// missing is added.
func (o *Outbox) record(ctx context.Context, account accounts.Account, c *claimed, r report) (conversation.SendResult, error) {
	var result conversation.SendResult
	err := ledger.InTx(ctx, o.DB, func(ctx context.Context, tx bun.Tx) error {
		result = conversation.SendResult{MessageID: c.message.MessageID}
		row, err := lockFor(ctx, tx, c.conversation, r)
		if err != nil {
			return err
		}
		state, last, err := lockAttempt(ctx, tx, c)
		if err != nil {
			return err
		}
		defer func() { result.Last = last && settles(result.Outcome) }()
		if r.err == nil {
			result.Outcome = conversation.OutcomeSent
			return o.accepted(ctx, tx, row, c, r, state)
		}
		return o.refused(ctx, tx, account, row, c, r, state, &result)
	})
	if err != nil {
		return result, fmt.Errorf("record send: %w", err)
	}
	o.Announce()
	o.Observer.Send(string(account.Channel), string(result.Outcome), result.Code)
	return result, nil
}

// lockFor locks the conversation, and its contact first if the report changes that.
func lockFor(ctx context.Context, tx bun.Tx, conversationID string, r report) (*ledger.Row, error) {
	if r.err != nil && r.err.Behaviour.ChangesContact() {
		return ledger.LockWith(ctx, tx, conversationID, contacts.LockOne)
	}
	return ledger.Lock(ctx, tx, conversationID)
}

// settles reports whether the next message may follow at once.
func settles(outcome conversation.SendOutcome) bool {
	return outcome == conversation.OutcomeSent || outcome == conversation.OutcomeFailed || outcome == conversation.OutcomeCancelled
}

// lockAttempt locks the message and returns its state, empty if another attempt took over, and whether no other message
// waits.
func lockAttempt(ctx context.Context, tx bun.Tx, c *claimed) (state conversation.MessageState, last bool, err error) {
	var attempt int
	err = tx.Tx.QueryRowContext(ctx, "SELECT m.state, m.attempt, "+noneBeside+" FROM messages m WHERE m.id = $1::uuid FOR NO KEY UPDATE OF m", c.message.MessageID).
		Scan(&state, &attempt, &last)
	if err != nil {
		return "", false, fmt.Errorf("lock message: %w", err)
	}
	if attempt != c.attempt {
		return "", last, nil
	}
	return state, last, nil
}

// accepted writes the provider's id, whatever became of the message meanwhile, and applies receipts that came before it.
func (o *Outbox) accepted(ctx context.Context, tx bun.Tx, row *ledger.Row, c *claimed, r report, state conversation.MessageState) error {
	_, err := tx.Tx.ExecContext(ctx, `UPDATE messages SET provider_id = coalesce(provider_id, $2), sent_at = coalesce(sent_at, $3),
		state = CASE WHEN state IN ('sending', 'unknown', 'queued') THEN 'sent' ELSE state END, error_code = CASE WHEN state IN ('sending', 'unknown', 'queued') THEN '' ELSE error_code END
		WHERE id = $1::uuid`, c.message.MessageID, r.sent.ProviderID, r.at)
	if err != nil {
		return fmt.Errorf("write acceptance: %w", err)
	}
	if err := react(ctx, tx, row, c, r.at); err != nil {
		return err
	}
	after, err := ledger.ApplyEarlyReceipts(ctx, tx, c.message.MessageID)
	if err != nil {
		return err
	}
	if after == "" {
		after = conversation.StateSent
	}
	if state.Settled() && state != "" {
		return nil // a receipt with our id was faster and has written the event
	}
	kind := conversation.EventMessageStatus
	if after == conversation.StateFailed {
		kind = conversation.EventMessageFailed
	}
	row.Append(conversation.Event{
		Kind: kind, Actor: conversation.Actor{Kind: conversation.ActorProvider}, At: r.at,
		Data: conversation.EventData{MessageID: c.message.MessageID, State: after},
	})
	return ledger.Save(ctx, tx, r.at, row)
}

// react puts a reaction that the provider took on its message. Our side has one on each message, whoever sent it.
func react(ctx context.Context, tx bun.Tx, row *ledger.Row, c *claimed, at time.Time) error {
	reaction := c.message.Content.Reaction
	if reaction == nil {
		return nil
	}
	_, err := tx.Tx.ExecContext(ctx, `INSERT INTO reactions (account_id, target_id, actor_kind, actor_id, emoji, at) VALUES ($1::uuid, $2, $3, '', $4, $5)
		ON CONFLICT (account_id, target_id, actor_kind, actor_id) DO UPDATE SET emoji = excluded.emoji, at = excluded.at WHERE excluded.at >= reactions.at`,
		row.AccountID, reaction.ProviderID, string(conversation.ActorAgent), reaction.Emoji, at)
	if err != nil {
		return fmt.Errorf("write reaction: %w", err)
	}
	return nil
}

// refused writes down a failure by what it means. A message that a receipt settled meanwhile stays as it is.
func (o *Outbox) refused(ctx context.Context, tx bun.Tx, account accounts.Account, row *ledger.Row, c *claimed, r report, state conversation.MessageState, result *conversation.SendResult) error {
	if err := o.conclude(ctx, tx, account, row, c, r); err != nil {
		return err
	}
	result.Code = r.err.Code
	if state != conversation.StateSending && (state != conversation.StateUnknown || r.err.Behaviour == channel.Unknown) {
		switch {
		case state == conversation.StateFailed:
			result.Outcome = conversation.OutcomeFailed
		case state.Rank() > 0:
			result.Outcome = conversation.OutcomeSent
		default:
			result.Outcome, result.Wait = conversation.OutcomeUnknown, unknownDelay
		}
		return ledger.Save(ctx, tx, r.at, row)
	}
	next := conversation.StateFailed
	result.Outcome = conversation.OutcomeFailed
	if r.err.Behaviour == channel.Unknown {
		next, result.Outcome, result.Wait = conversation.StateUnknown, conversation.OutcomeUnknown, unknownDelay
	} else if wait, again := retryAfter(r.err, c.attempt); again && state == conversation.StateSending {
		// One that was taken for unknown is not tried again: it has been shown as such, and somebody may have sent it anew.
		next, result.Outcome, result.Wait = conversation.StateQueued, conversation.OutcomeWait, wait
		if r.err.Behaviour == channel.StopAccount {
			result.Outcome = conversation.OutcomeHeld
		}
	}
	if err := o.write(ctx, tx, c.message.MessageID, next, r, result.Wait); err != nil {
		return err
	}
	if event, told := told(next); told {
		row.Append(conversation.Event{
			Kind: event, Actor: conversation.Actor{Kind: conversation.ActorProvider}, At: r.at,
			Data: conversation.EventData{MessageID: c.message.MessageID, State: next, Code: r.err.Code},
		})
	}
	return ledger.Save(ctx, tx, r.at, row)
}

// told returns the event with which people hear of a failed attempt; a retry is nobody's concern.
func told(next conversation.MessageState) (conversation.EventKind, bool) {
	switch next {
	case conversation.StateFailed:
		return conversation.EventMessageFailed, true
	case conversation.StateUnknown:
		return conversation.EventMessageUnknown, true
	default:
		return "", false
	}
}

func (o *Outbox) write(ctx context.Context, tx bun.Tx, messageID string, next conversation.MessageState, r report, wait time.Duration) error {
	_, err := tx.Tx.ExecContext(ctx, `UPDATE messages SET state = $2, error_code = $3, not_before = $4::timestamptz,
		unknown_at = CASE WHEN $2 = 'unknown' THEN $5::timestamptz END, failed_at = CASE WHEN $2 = 'failed' THEN $5::timestamptz END WHERE id = $1::uuid`,
		messageID, string(next), r.err.Code, postgres.NullTime(notBefore(next, r.at, wait)), r.at)
	if err != nil {
		return fmt.Errorf("write refusal: %w", err)
	}
	return nil
}

func notBefore(next conversation.MessageState, at time.Time, wait time.Duration) time.Time {
	if next != conversation.StateQueued || wait == 0 {
		return time.Time{}
	}
	return at.Add(wait)
}

// conclude draws what a refusal means beyond its message, also for those that wait behind it.
func (o *Outbox) conclude(ctx context.Context, tx bun.Tx, account accounts.Account, row *ledger.Row, c *claimed, r report) error {
	wait, _ := retryAfter(r.err, c.attempt)
	switch r.err.Behaviour {
	case channel.SlowPair:
		return block(ctx, tx, account.ID, row.ContactID, r.at.Add(wait), r.at)
	case channel.SlowAccount:
		return block(ctx, tx, account.ID, accountKey, r.at.Add(wait), r.at)
	case channel.SlowAll:
		return blockApp(ctx, tx, account, r.at.Add(wait), r.at)
	default:
		refusal := Refusal{Behaviour: r.err.Behaviour, Code: r.err.Code, MessageID: c.message.MessageID, SentAt: r.began, At: r.at}
		return Conclude(ctx, tx, o.Accounts, row, refusal, r.at)
	}
}

// maxRetries bounds the attempts at a message whose refusals are temporary: about twenty minutes.
const maxRetries = 12

// retryAfter returns when to try again, if at all. A pair that is too fast waits 4^n seconds (the provider's rule), all
// others 2^n up to five minutes.
func retryAfter(err *channel.SendError, attempt int) (time.Duration, bool) {
	const most = 5 * time.Minute
	n := min(attempt, 10)
	wait := time.Second << (n - 1)
	switch err.Behaviour {
	case channel.Retry:
		return max(min(wait, most), err.RetryAfter), attempt < maxRetries
	case channel.SlowPair:
		return max(min(time.Second<<(2*(n-1)), most), err.RetryAfter), true
	case channel.SlowAccount, channel.SlowAll:
		return max(min(wait, most), err.RetryAfter), true
	case channel.StopAccount:
		return 0, true // held until the account is back
	default:
		return 0, false
	}
}

// markUnknown settles an attempt whose deadline has passed without a word: its worker died.
func (o *Outbox) markUnknown(ctx context.Context, m *pending) (conversation.SendResult, error) {
	result := conversation.SendResult{MessageID: m.id}
	err := postgres.InTx(ctx, o.DB, func(ctx context.Context, tx bun.Tx) error {
		result.Outcome, result.Wait = conversation.OutcomeWait, 0
		row, err := ledger.Lock(ctx, tx, m.conversation)
		if err != nil {
			return err
		}
		now := o.Now()
		res, err := tx.Tx.ExecContext(ctx, "UPDATE messages SET state = 'unknown', unknown_at = $2, error_code = 'no_answer' WHERE id = $1::uuid AND state = 'sending' AND call_deadline <= $2", m.id, now)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if err != nil || n == 0 {
			return err // a receipt was faster: look again
		}
		result.Outcome, result.Wait = conversation.OutcomeUnknown, unknownDelay
		row.Append(conversation.Event{
			Kind: conversation.EventMessageUnknown, Actor: conversation.Actor{Kind: conversation.ActorSystem}, At: now,
			Data: conversation.EventData{MessageID: m.id, State: conversation.StateUnknown, Code: "no_answer"},
		})
		return ledger.Save(ctx, tx, now, row)
	})
	if err != nil {
		return result, fmt.Errorf("mark unknown: %w", err)
	}
	o.Announce()
	return result, nil
}
