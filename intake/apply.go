package intake

import (
	"encoding/json"
	"fmt"
	"time"

	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
)

// applyOne works out what one update changes.
func (b *batch) applyOne(w *work) error {
	switch u := w.Body.(type) {
	case channel.Message:
		return b.applyMessage(w, u)
	case channel.Receipt:
		return b.applyReceipt(w, u)
	case channel.Reaction:
		return b.applyReaction(w, u)
	case channel.Edit:
		return b.applyAmendment(w, amendment{by: author(u.Echo), target: u.Target, kind: "edit", at: b.providerTime(u.At), content: &u.Content})
	case channel.Revoke:
		return b.applyAmendment(w, amendment{by: author(u.Echo), target: u.Target, kind: "revoke", at: b.providerTime(u.At)})
	case channel.IdentityChange:
		return b.applyIdentityChange(w, u)
	case channel.Preference:
		return b.applyPreference(w, u)
	case channel.Call:
		return b.applyCall(w, u)
	case channel.ChatOpened:
		return b.applyChatOpened(w, u)
	case channel.Notice:
		return b.insertNotice(w, u)
	default:
		return fmt.Errorf("no way to apply %T", w.Body)
	}
}

// message is one to be inserted.
type message struct {
	id, conversation, account string
	seq                       int64
	direction                 conversation.Direction
	state                     conversation.MessageState
	content                   conversation.Content
	author                    conversation.Actor
	provider                  string
	at, receivedAt            time.Time
	late                      bool
	webhook                   string
	raw                       json.RawMessage
}

// isNew reports whether a message with this provider id is not stored yet, and notes that it will be.
func (b *batch) isNew(w *work, providerID string) bool {
	key := providerKey{w.account.ID, providerID}
	if b.known[key] != nil {
		return false
	}
	b.known[key] = &known{}
	return true
}

func (b *batch) applyMessage(w *work, u channel.Message) error {
	if u.ProviderID == "" {
		return conversation.Invalid("id", "a message needs an id")
	}
	if !b.isNew(w, u.ProviderID) {
		return nil
	}
	row := b.thread(w)
	m := message{
		id: postgres.NewID(), conversation: row.ID, account: w.account.ID, direction: conversation.Inbound, state: conversation.StateReceived,
		content: u.Content, author: conversation.Actor{Kind: conversation.ActorContact, ID: w.contact}, provider: u.ProviderID,
		at: b.providerTime(u.At), receivedAt: w.receivedAt, webhook: w.webhook,
	}
	if u.Content.Kind == conversation.KindUnsupported {
		m.raw = w.Raw
	}
	if u.Echo {
		b.echo(row, &m)
	} else {
		b.receive(row, w, &m)
	}
	b.inserted = append(b.inserted, m)
	return nil
}

// receive lets a customer's message change the conversation.
func (b *batch) receive(row *ledger.Row, w *work, m *message) {
	m.late = conversation.Late(m.at, m.receivedAt, w.account.Settings.LateAfter())
	m.seq = row.Append(conversation.Event{
		Kind: conversation.EventMessageReceived, Actor: conversation.Actor{Kind: conversation.ActorContact}, At: m.at,
		Data: conversation.EventData{MessageID: m.id, MessageKind: m.content.Kind, Late: m.late, Blocked: row.Blocked()},
	})
	row.InboundSeq = m.seq // also of a blocked contact: a STOP counts wherever it was written
	if m.content.Kind.OpensWindow() {
		extendWindow(row, m.at)
	}
	if m.at.After(row.LastInboundAt) {
		row.LastInboundAt = m.at
	}
	if row.Blocked() { // stored, but nobody is to look at it
		activity := row.LastActivityAt
		b.show(row, m)
		row.LastActivityAt = activity
		return
	}
	if row.WaitingSince.IsZero() || m.at.Before(row.WaitingSince) {
		row.WaitingSince = m.at
		if row.AgentSeq > 0 && m.at.Before(row.LastMessageAt) {
			b.disordered[row.ID] = true
		}
	}
	b.show(row, m)
	b.reopen(row, conversation.ActorContact, m.at)
}

// echo takes over what a colleague wrote in the provider's phone app: it answers the customer, and triggers nothing.
func (b *batch) echo(row *ledger.Row, m *message) {
	m.direction, m.state = conversation.Outbound, conversation.StateSent
	m.author = conversation.Actor{Kind: conversation.ActorPhoneApp}
	m.seq = row.Append(conversation.Event{
		Kind: conversation.EventMessageEchoed, Actor: m.author, At: m.at,
		Data: conversation.EventData{MessageID: m.id, MessageKind: m.content.Kind},
	})
	row.AgentSeq = m.seq
	switch {
	case m.at.Before(row.WaitingSince):
	case m.at.Before(row.LastInboundAt):
		b.disordered[row.ID] = true
	default:
		row.WaitingSince = time.Time{}
	}
	if row.FirstReplyAt.IsZero() || m.at.Before(row.FirstReplyAt) {
		row.FirstReplyAt = m.at
	}
	b.show(row, m)
}

// show lets the conversation show its newest message in lists. Within one second of the provider's clock seq decides.
func (b *batch) show(row *ledger.Row, m *message) {
	if m.at.After(row.LastActivityAt) || row.LastMessageID == "" {
		row.LastActivityAt = m.at
	}
	if !m.at.Before(row.LastMessageAt) {
		row.LastMessageID, row.LastMessageAt, row.Summary = m.id, m.at, m.content.Summary()
	}
}

// reopen opens a conversation that was done or snoozed.
func (b *batch) reopen(row *ledger.Row, by conversation.ActorKind, at time.Time) {
	if row.Status == conversation.StatusOpen {
		return
	}
	row.Status, row.SnoozedUntil, row.DoneAt = conversation.StatusOpen, time.Time{}, time.Time{}
	row.LastActivityAt = b.now // a late message is news now: it must not be closed again at once for its age
	row.Append(conversation.Event{Kind: conversation.EventReopened, Actor: conversation.Actor{Kind: by}, At: at})
}

func extendWindow(row *ledger.Row, at time.Time) {
	row.WindowFrom = conversation.Window{From: row.WindowFrom}.Extend(at).From
}

// applyIdentityChange writes the provider's notice into the thread; the contact was changed already.
func (b *batch) applyIdentityChange(w *work, u channel.IdentityChange) error {
	at := b.providerTime(u.At)
	row := b.thread(w)
	event := conversation.Event{
		Kind: conversation.EventIdentityChanged, Actor: conversation.Actor{Kind: conversation.ActorProvider}, At: at,
		Data: conversation.EventData{Source: u.Reason},
	}
	if u.ProviderID == "" {
		return b.once(row, event, fmt.Sprintf("identity:%s:%d", u.Reason, at.Unix()))
	}
	if !b.isNew(w, u.ProviderID) {
		return nil
	}
	m := message{
		id: postgres.NewID(), conversation: row.ID, account: w.account.ID, direction: conversation.Inbound, state: conversation.StateReceived,
		content: conversation.Content{Kind: conversation.KindSystem, System: &conversation.SystemNotice{Type: u.Reason}},
		author:  conversation.Actor{Kind: conversation.ActorProvider}, provider: u.ProviderID, at: at, receivedAt: w.receivedAt, webhook: w.webhook,
	}
	event.Data.MessageID = m.id
	m.seq = row.Append(event)
	b.inserted = append(b.inserted, m)
	return nil
}

func (b *batch) applyCall(w *work, u channel.Call) error {
	at := b.providerTime(u.At)
	row := b.thread(w)
	if u.OpensWindow {
		extendWindow(row, at)
	}
	return b.once(row, conversation.Event{
		Kind: conversation.EventCallReceived, Actor: conversation.Actor{Kind: conversation.ActorContact}, At: at,
		Data: conversation.EventData{CallID: u.ProviderID, Source: u.Event},
	}, "call:"+u.ProviderID+":"+u.Event)
}

func (b *batch) applyChatOpened(w *work, u channel.ChatOpened) error {
	at := b.providerTime(u.At)
	row := b.thread(w)
	extendWindow(row, at)
	return b.once(row, conversation.Event{
		Kind: conversation.EventChatOpened, Actor: conversation.Actor{Kind: conversation.ActorContact}, At: at,
	}, "opened:"+u.ProviderID)
}
