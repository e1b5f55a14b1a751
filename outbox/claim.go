package outbox

import (
	"context"
	"encoding/json"
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

// claimed is a message in "sending" that this attempt may call the provider for; or, with an outcome, one that it may not.
type claimed struct {
	message      channel.Outbound
	conversation string
	reserved     bool // whether the limits allow the call
	attempt      int
	deadline     time.Time // of the call
	last         bool      // no other message waits
	outcome      conversation.SendOutcome
	code         string
}

// stored is a message as the claim locks it.
type stored struct {
	state      conversation.MessageState
	content    conversation.Content
	author     conversation.Actor
	replyTo    string
	attempt    int
	assumedSeq int64
	purpose    Purpose
	last       bool // no other message waits
}

// claim asks the send gate and, if it lets the message go, writes "sending" with a new attempt and its deadline. Everything
// that the gate looks at is locked: the contact first, so that no consent can change in between.
func (o *Outbox) claim(ctx context.Context, conversationID, messageID string, reserved bool) (*claimed, error) {
	var c *claimed
	err := ledger.InTx(ctx, o.DB, func(ctx context.Context, tx bun.Tx) error {
		c = &claimed{conversation: conversationID, reserved: reserved}
		row, err := ledger.LockWith(ctx, tx, conversationID, contacts.LockShared)
		if err != nil {
			return err
		}
		m, err := o.lockFirst(ctx, tx, conversationID, messageID)
		if err != nil {
			return err
		}
		if m == nil || m.state != conversation.StateQueued {
			c.outcome = conversation.OutcomeWait // somebody else is at it: look again
			return nil
		}
		return o.decide(ctx, tx, row, m, c, messageID)
	})
	if err != nil {
		return nil, fmt.Errorf("claim message: %w", err)
	}
	return c, nil
}

// noneBeside is whether no other message of the conversation of m waits to be sent.
const noneBeside = `NOT EXISTS (SELECT 1 FROM messages o WHERE o.conversation_id = m.conversation_id AND o.id <> m.id AND o.state IN ('queued', 'sending'))`

// lockFirst locks the message if it is still the first unsettled one of its conversation.
func (o *Outbox) lockFirst(ctx context.Context, tx bun.Tx, conversationID, messageID string) (*stored, error) {
	var (
		m       stored
		content []byte
	)
	err := tx.Tx.QueryRowContext(ctx, `SELECT m.state, m.content, m.author_kind, m.author_id, coalesce(q.provider_id, ''), m.attempt, coalesce(m.assumed_seq, 0), m.purpose, `+noneBeside+`
		FROM messages m LEFT JOIN messages q ON q.id = m.reply_to
		WHERE m.id = $3::uuid AND m.id = (`+firstUnsettled+`) FOR NO KEY UPDATE OF m`, conversationID, o.Now().Add(-unknownDelay), messageID).
		Scan(&m.state, &content, &m.author.Kind, &m.author.ID, &m.replyTo, &m.attempt, &m.assumedSeq, &m.purpose, &m.last)
	if postgres.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("lock message: %w", err)
	}
	if err := json.Unmarshal(content, &m.content); err != nil {
		return nil, fmt.Errorf("content of message: %w", err)
	}
	return &m, nil
}

func (o *Outbox) decide(ctx context.Context, tx bun.Tx, row *ledger.Row, m *stored, c *claimed, messageID string) error {
	account, err := accountIn(ctx, tx, row.AccountID)
	if err != nil {
		return err
	}
	in, err := GateInput(ctx, tx, row, account, m.author, m.content.Kind, o.Now())
	if err != nil {
		return err
	}
	in.Confirmation, in.Marketing = m.purpose == PurposeConfirmation, m.purpose == PurposeMarketing
	in.Superseded = m.assumedSeq > 0 && (row.AgentSeq > m.assumedSeq || row.InboundSeq > m.assumedSeq)
	to, err := contacts.Identities(ctx, tx, row.ContactID, row.Channel)
	if err != nil {
		return err
	}
	verdict, reason := conversation.Gate(in)
	if verdict == conversation.Send && len(to) == 0 {
		verdict, reason = conversation.Refuse, conversation.Errorf(conversation.CodeNoAddress, "no address is known")
	}
	switch verdict {
	case conversation.Hold:
		c.outcome, c.code = conversation.OutcomeHeld, string(reason.Code)
		return nil
	case conversation.Refuse:
		c.last = m.last
		return o.refuse(ctx, tx, row, c, messageID, reason.Code)
	}
	if !c.reserved { // the account became active only now
		c.outcome = conversation.OutcomeWait
		return nil
	}
	c.attempt, c.deadline = m.attempt+1, o.Now().Add(CallTimeout)
	c.message = channel.Outbound{MessageID: messageID, To: to, Content: m.content, ReplyTo: m.replyTo}
	_, err = tx.Tx.ExecContext(ctx, "UPDATE messages SET state = 'sending', attempt = $2, call_deadline = $3 WHERE id = $1::uuid", messageID, c.attempt, c.deadline)
	if err != nil {
		return fmt.Errorf("claim: %w", err)
	}
	return nil
}

// refuse settles a message that the gate does not let go: superseded ones are cancelled, others have failed.
func (o *Outbox) refuse(ctx context.Context, tx bun.Tx, row *ledger.Row, c *claimed, messageID string, code conversation.Code) error {
	state := conversation.StateFailed
	c.outcome, c.code = conversation.OutcomeFailed, string(code)
	if code == conversation.CodeSuperseded {
		state, c.outcome = conversation.StateCancelled, conversation.OutcomeCancelled
	}
	if err := settle(ctx, tx, messageID, state, string(code), o.Now()); err != nil {
		return err
	}
	row.Append(conversation.Event{
		Kind: conversation.EventMessageFailed, Actor: conversation.Actor{Kind: conversation.ActorSystem}, At: o.Now(),
		Data: conversation.EventData{MessageID: messageID, State: state, Code: string(code)},
	})
	return ledger.Save(ctx, tx, o.Now(), row)
}

func settle(ctx context.Context, tx bun.Tx, messageID string, state conversation.MessageState, code string, now time.Time) error {
	_, err := tx.Tx.ExecContext(ctx, `UPDATE messages SET state = $2, error_code = $3, failed_at = CASE WHEN $2 = 'failed' THEN $4::timestamptz END WHERE id = $1::uuid`,
		messageID, string(state), code, now)
	if err != nil {
		return fmt.Errorf("settle message: %w", err)
	}
	return nil
}

// accountIn reads state and settings of an account in the caller's transaction.
func accountIn(ctx context.Context, db bun.IDB, id string) (accounts.Account, error) {
	a := accounts.Account{ID: id, Settings: accounts.DefaultSettings()}
	var settings []byte
	if err := postgres.Raw(db).QueryRowContext(ctx, "SELECT state, settings FROM accounts WHERE id = $1::uuid", id).Scan(&a.State, &settings); err != nil {
		return a, fmt.Errorf("read account: %w", err)
	}
	if err := json.Unmarshal(settings, &a.Settings); err != nil {
		return a, fmt.Errorf("settings of account: %w", err)
	}
	return a, nil
}

// GateInput reads what the send gate looks at. In the transaction that claims a message the contact must be locked.
func GateInput(ctx context.Context, db bun.IDB, row *ledger.Row, account accounts.Account, author conversation.Actor, kind conversation.MessageKind, now time.Time) (conversation.GateInput, error) {
	consent, err := contacts.Standing(ctx, db, row.ContactID, row.Channel)
	if err != nil {
		return conversation.GateInput{}, err
	}
	in := conversation.GateInput{
		Now: now, Author: author, Kind: kind, Account: account.State, Window: row.Window(account.Settings.WindowMargin()), Consent: consent,
		Blocked: row.Blocked(), LastInboundAt: row.LastInboundAt, AgentMayAnswerOptedOut: account.Settings.AgentMayAnswerOptedOut,
	}
	if author.Person() {
		return in, nil
	}
	err = postgres.Raw(db).QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM conversations WHERE contact_id = $1::uuid AND channel = $2 AND applied_seq < inbound_seq)`,
		row.ContactID, string(row.Channel)).Scan(&in.Unexamined)
	if err != nil {
		return in, fmt.Errorf("look for unexamined messages: %w", err)
	}
	return in, nil
}
