package intake

import (
	"encoding/json"
	"fmt"
	"time"

	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/contacts"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/ledger"
)

// receipt is one to be inserted.
type receipt struct {
	account, provider, participant, message, code string
	state                                         conversation.MessageState
	at                                            time.Time
	detail                                        *string
}

// applyReceipt moves a message's state forward. A receipt whose message is not known yet waits for it.
func (b *batch) applyReceipt(w *work, u channel.Receipt) error {
	u.At = b.providerTime(u.At)
	detail, err := receiptDetail(u)
	if err != nil {
		return err
	}
	r := receipt{account: w.account.ID, provider: u.ProviderID, participant: u.Participant, state: u.State, at: u.At, code: u.ErrorCode, detail: detail}
	m := b.message(w, u)
	if m == nil || m.id == "" {
		// Its message may stand before or after it in this very batch, such as an echo: it is applied when all is inserted.
		b.early[providerKey{w.account.ID, u.ProviderID}] = true
		b.receipts = append(b.receipts, r)
		return nil
	}
	r.message = m.id
	b.receipts = append(b.receipts, r)
	if u.Pricing != nil {
		text := string(u.Pricing)
		m.pricing = &text
	}
	if m.provider == "" {
		m.provider = u.ProviderID
		b.known[providerKey{w.account.ID, u.ProviderID}] = m
	}
	return b.settle(b.rows[m.conversation], w, m, u)
}

func receiptDetail(u channel.Receipt) (*string, error) {
	if u.Pricing == nil && u.Conversation == nil {
		return nil, nil
	}
	body, err := json.Marshal(map[string]json.RawMessage{"pricing": orNull(u.Pricing), "conversation": orNull(u.Conversation)})
	if err != nil {
		return nil, fmt.Errorf("receipt detail: %w", err)
	}
	text := string(body)
	return &text, nil
}

func orNull(raw json.RawMessage) json.RawMessage {
	if raw == nil {
		return json.RawMessage("null")
	}
	return raw
}

// settle applies a receipt to its message and writes the event, if it says something new.
func (b *batch) settle(row *ledger.Row, w *work, m *known, u channel.Receipt) error {
	before := *m
	m.apply(u)
	if *m == before {
		return nil
	}
	b.settled[m.id] = m
	if m.state == before.state {
		return nil
	}
	e := conversation.Event{
		Kind: conversation.EventMessageStatus, Actor: conversation.Actor{Kind: conversation.ActorProvider}, At: u.At,
		Data: conversation.EventData{MessageID: m.id, State: m.state},
	}
	if m.state == conversation.StateFailed {
		e.Kind, e.Data.Code = conversation.EventMessageFailed, u.ErrorCode
	}
	if before.state.Settled() {
		row.Append(e)
	} else {
		row.AppendWaking(e) // the next message waits for this one
	}
	if m.state == conversation.StateFailed {
		return b.afterFailure(row, w, m, u)
	}
	return nil
}

// apply moves the state forward and keeps the earliest time of each.
func (m *known) apply(u channel.Receipt) {
	m.state = m.state.Advance(u.State)
	if m.state == conversation.StateFailed && u.State == conversation.StateFailed && m.errorCode == "" {
		m.errorCode = u.ErrorCode
	} else if m.state != conversation.StateFailed {
		m.errorCode = ""
	}
	var at *time.Time
	switch u.State {
	case conversation.StateSent:
		at = &m.sentAt
	case conversation.StateDelivered:
		at = &m.deliveredAt
	case conversation.StateRead:
		at = &m.readAt
	case conversation.StatePlayed:
		at = &m.playedAt
	case conversation.StateFailed:
		at = &m.failedAt
	default:
		return
	}
	if at.IsZero() || u.At.Before(*at) {
		*at = u.At
	}
}

// afterFailure draws the conclusions from a provider's reason for not delivering.
func (b *batch) afterFailure(row *ledger.Row, w *work, m *known, u channel.Receipt) error {
	switch u.Failure {
	case channel.WindowClosed:
		row.WindowRefusedAt = row.Window(0).Refuse(sentTime(m, u)).RefusedAt
		row.Wake()
	case channel.OptedOut:
		return contacts.RefusedMarketing(b.ctx, b.tx, contacts.Refusal{
			ContactID: row.ContactID, Channel: row.Channel, ConversationID: row.ID, MessageID: m.id, At: u.At,
		}, b.now)
	case channel.StopAccount:
		return b.in.Accounts.SetState(b.ctx, b.tx, w.account.ID, conversation.AccountError, u.ErrorCode)
	}
	return nil
}

// sentTime returns when the refused message was sent: a customer's message after that opens the window all the same.
func sentTime(m *known, u channel.Receipt) time.Time {
	if !m.sentAt.IsZero() && m.sentAt.Before(u.At) {
		return m.sentAt
	}
	if m.at.Before(u.At) {
		return m.at
	}
	return u.At
}

func (b *batch) applyPreference(w *work, u channel.Preference) error {
	at := b.providerTime(u.At)
	change := contacts.Change{
		ConsentChange: conversation.ConsentChange{Scope: u.Scope, State: u.State, Source: conversation.SourcePreference, At: at},
		ContactID:     w.contact, Channel: w.account.Channel, Actor: conversation.Actor{Kind: conversation.ActorContact},
		Key: fmt.Sprintf("preference:%s:%s:%s:%d", w.contact, u.Scope, u.State, at.Unix()),
	}
	row := b.threads[threadKey{w.account.ID, w.contact}] // a preference alone opens no conversation
	if row != nil {
		change.ConversationID = row.ID
	}
	changed, err := contacts.ChangeConsent(b.ctx, b.tx, change, b.now)
	if err != nil || !changed || row == nil {
		return err
	}
	row.Append(conversation.Event{
		Kind: conversation.EventConsentChanged, Actor: conversation.Actor{Kind: conversation.ActorContact}, At: at,
		Data: conversation.EventData{Consent: u.State, Scope: u.Scope, Source: conversation.SourcePreference},
	})
	return nil
}
