package outbox

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/accounts"
	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/internal/failpoint"
)

// CallTimeout is how long a provider has to answer; after it the outcome is unknown.
const CallTimeout = 15 * time.Second

// unknownDelay is by how much a message with unknown outcome delays the next one of its conversation.
const unknownDelay = 60 * time.Second

// Accounts is what sending needs of accounts.
type Accounts interface {
	Get(ctx context.Context, id string) (accounts.Account, error)
	SetState(ctx context.Context, db bun.IDB, id string, state conversation.AccountState, code string) error
}

// Observer is told what came of sends, for metrics.
type Observer interface {
	Send(channel, outcome, code string)
}

// Options are what an Outbox works with.
type Options struct {
	DB       *bun.DB
	Accounts Accounts
	Adapters map[conversation.Channel]channel.Sender
	Now      func() time.Time
	Observer Observer
	// Announce is called after a commit that left events; nil does nothing.
	Announce func()
	Logger   *slog.Logger
}

// Outbox sends messages.
type Outbox struct{ Options }

// New returns an Outbox.
func New(o Options) *Outbox {
	if o.Announce == nil {
		o.Announce = func() {}
	}
	return &Outbox{o}
}

// SendNext works on the first unsettled outgoing message of a conversation: it is sent, or settled, or the result says for
// how long or for what to wait. It may be repeated at any time.
func (o *Outbox) SendNext(ctx context.Context, conversationID string) (conversation.SendResult, error) {
	m, err := o.next(ctx, conversationID)
	if err != nil || m == nil {
		return conversation.SendResult{Outcome: conversation.OutcomeNothing}, err
	}
	result := conversation.SendResult{MessageID: m.id}
	now := o.Now()
	switch {
	case m.state == conversation.StateSending && now.Before(m.callDeadline):
		result.Outcome, result.Wait = conversation.OutcomeWait, m.callDeadline.Sub(now)
		return result, nil
	case m.state == conversation.StateSending:
		return o.markUnknown(ctx, m)
	case m.state == conversation.StateUnknown:
		result.Outcome, result.Wait = conversation.OutcomeWait, m.unknownAt.Add(unknownDelay).Sub(now)
		return result, nil
	case now.Before(m.notBefore):
		result.Outcome, result.Wait = conversation.OutcomeWait, m.notBefore.Sub(now)
		return result, nil
	}
	return o.send(ctx, m, result)
}

func (o *Outbox) send(ctx context.Context, m *pending, result conversation.SendResult) (conversation.SendResult, error) {
	account, err := o.Accounts.Get(ctx, m.account)
	if err != nil {
		return result, err
	}
	reserved := account.State == conversation.AccountActive // a held message uses up no limit
	if reserved {
		wait, err := reserve(ctx, o.DB, account, m.pair, o.Now())
		if err != nil {
			return result, err
		}
		if wait > 0 {
			result.Outcome, result.Wait = conversation.OutcomeWait, wait
			return result, nil
		}
	}
	failpoint.Hit("outbox.reserved")
	c, err := o.claim(ctx, m.conversation, m.id, reserved)
	if err != nil {
		return result, err
	}
	if c.outcome != "" {
		o.Announce()
		if reserved {
			o.giveBack(ctx, account, m.pair)
		}
		result.Outcome, result.Code, result.Last = c.outcome, c.code, c.last
		return result, nil
	}
	failpoint.Hit("outbox.claimed")
	report := o.call(ctx, account, c)
	failpoint.Hit("outbox.called")
	// The provider was asked; what came of it is recorded even if the caller is gone.
	result, err = o.record(context.WithoutCancel(ctx), account, c, report)
	failpoint.Hit("outbox.recorded")
	return result, err
}

// report is what came of a call.
type report struct {
	sent  channel.Sent
	err   *channel.SendError // nil if it was accepted
	began time.Time
	at    time.Time
}

// recordMargin is how long before its deadline in the database a call ends, so that it can still be written down.
const recordMargin = time.Second

// call asks the provider, in the time that the claim has left: after it another worker takes the outcome for unknown.
func (o *Outbox) call(ctx context.Context, account accounts.Account, c *claimed) report {
	r := report{began: o.Now()}
	left := c.deadline.Sub(r.began) - recordMargin
	adapter, ok := o.Adapters[account.Channel]
	switch {
	case !ok:
		r.err = &channel.SendError{Behaviour: channel.Permanent, Code: "no_adapter"}
	case left <= 0:
		r.err = &channel.SendError{Behaviour: channel.Retry, Code: "too_late"} // nothing was sent
	default:
		ctx, cancel := context.WithTimeout(ctx, left)
		defer cancel()
		var err error
		if r.sent, err = adapter.Send(ctx, account.ForAdapter(), c.message); err != nil && !errors.As(err, &r.err) {
			r.err = &channel.SendError{Behaviour: channel.Unknown, Code: "adapter"}
		}
	}
	r.at = o.Now()
	return r
}
