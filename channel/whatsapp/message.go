package whatsapp

import (
	"encoding/json"
	"time"

	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/conversation"
)

// message is an element of value.messages or value.message_echoes, or what replaces one in an edit.
type message struct {
	From             text      `json:"from"`
	FromUserID       text      `json:"from_user_id"`
	FromParentUserID text      `json:"from_parent_user_id"`
	To               text      `json:"to"`
	ToUserID         text      `json:"to_user_id"`
	ToParentUserID   text      `json:"to_parent_user_id"`
	GroupID          text      `json:"group_id"`
	ID               text      `json:"id"`
	Timestamp        text      `json:"timestamp"`
	Type             string    `json:"type"`
	Context          *quoted   `json:"context"`
	Referral         *referral `json:"referral"`
	Errors           []fault   `json:"errors"`

	Text        *textBody         `json:"text"`
	Image       *file             `json:"image"`
	Video       *file             `json:"video"`
	Audio       *file             `json:"audio"`
	Voice       *file             `json:"voice"`
	Document    *file             `json:"document"`
	Sticker     *file             `json:"sticker"`
	Location    *location         `json:"location"`
	Contacts    []json.RawMessage `json:"contacts"`
	Interactive *interactive      `json:"interactive"`
	Button      *button           `json:"button"`
	Order       *order            `json:"order"`
	Reaction    *reaction         `json:"reaction"`
	System      *system           `json:"system"`
	Unsupported *unsupported      `json:"unsupported"`
	Edit        *edit             `json:"edit"`
	Revoke      *revoke           `json:"revoke"`
}

type reaction struct {
	MessageID text   `json:"message_id"`
	Emoji     string `json:"emoji"`
}

type system struct {
	Body         string `json:"body"`
	WaID         text   `json:"wa_id"`
	UserID       text   `json:"user_id"`
	ParentUserID text   `json:"parent_user_id"`
	Type         string `json:"type"`
}

type edit struct {
	OriginalMessageID text     `json:"original_message_id"`
	Message           *message `json:"message"`
}

type revoke struct {
	OriginalMessageID text `json:"original_message_id"`
}

// customer returns the address of the customer's end.
func (m *message) customer(echo bool) address {
	if echo {
		return address{m.To, m.ToUserID, m.ToParentUserID}
	}
	return address{m.From, m.FromUserID, m.FromParentUserID}
}

// readMessages reads an array of messages. They are decoded first, because a contact without matching ids is taken for
// the sender only if there is one sender.
func (c *change) readMessages(array []byte, name string, echo bool) {
	if !isArray(array) {
		return
	}
	type decoded struct {
		message
		raw []byte
		err error
	}
	var all []decoded
	elements(array, func(_ int, raw []byte) {
		d := decoded{raw: raw}
		d.err = decode(raw, &d.message)
		all = append(all, d)
	})
	alone := true
	for i := range all {
		if all[i].customer(echo) != all[0].customer(echo) {
			alone = false
		}
	}
	for i := range all {
		d := &all[i]
		var body channel.Body
		if d.err == nil {
			body, d.err = c.message(&d.message, echo, alone)
		}
		c.put(name, i, c.field, d.raw, body, d.err)
	}
}

// message returns what one message says.
func (c *change) message(m *message, echo, alone bool) (channel.Body, error) {
	at, ok := unix(m.Timestamp)
	if !ok {
		return nil, fieldError("timestamp", "is no Unix time")
	}
	if m.ID == "" {
		return nil, fieldError("id", "is missing")
	}
	if m.GroupID != "" {
		// A group has a thread and a window of its own: filed under the sender, the answer would go to the wrong place.
		return channel.Notice{Field: "group_messages", At: at}, nil
	}
	from := m.customer(echo)
	who := person(from, find(c.contacts, from, alone))
	if !matches(who) {
		return nil, fieldError("from", "names nobody")
	}
	if body, err := m.act(who, at, echo); body != nil || err != nil {
		return body, err
	}
	content := m.content(c.errorCode)
	return channel.Message{Person: who, ProviderID: string(m.ID), At: at, Content: content, Echo: echo}, nil
}

// act returns the body of the types that are no content of their own; nil for all others.
func (m *message) act(who conversation.Person, at time.Time, echo bool) (channel.Body, error) {
	id := string(m.ID)
	switch m.Type {
	case "reaction":
		if m.Reaction == nil || m.Reaction.MessageID == "" {
			return nil, fieldError("reaction.message_id", "is missing")
		}
		return channel.Reaction{Person: who, ProviderID: id, Target: string(m.Reaction.MessageID), Emoji: m.Reaction.Emoji, At: at, Echo: echo}, nil
	case "edit":
		if m.Edit == nil || m.Edit.OriginalMessageID == "" || m.Edit.Message == nil {
			return nil, fieldError("edit", "is incomplete")
		}
		return channel.Edit{Person: who, ProviderID: id, Target: string(m.Edit.OriginalMessageID), Content: m.Edit.Message.content(""), At: at, Echo: echo}, nil
	case "revoke":
		if m.Revoke == nil || m.Revoke.OriginalMessageID == "" {
			return nil, fieldError("revoke.original_message_id", "is missing")
		}
		return channel.Revoke{Person: who, ProviderID: id, Target: string(m.Revoke.OriginalMessageID), At: at, Echo: echo}, nil
	case "request_welcome":
		return channel.ChatOpened{Person: who, ProviderID: id, At: at}, nil
	case "system":
		return m.identityChange(at), nil
	default:
		return nil, nil
	}
}

// identityChange returns the change of number or user id that a system message tells, nil if it tells something else.
// The sender's ids are those of before.
func (m *message) identityChange(at time.Time) channel.Body {
	if m.System == nil {
		return nil
	}
	reason := ""
	switch m.System.Type {
	case "user_changed_number":
		reason = "number"
	case "user_changed_user_id":
		reason = "user_id"
	default:
		return nil
	}
	before := person(address{m.From, m.FromUserID, m.FromParentUserID}, nil)
	after := person(address{m.System.WaID, m.System.UserID, m.System.ParentUserID}, nil)
	if !matches(before) || !matches(after) {
		return nil
	}
	return channel.IdentityChange{ProviderID: string(m.ID), Before: before, After: after, At: at, Reason: reason}
}
