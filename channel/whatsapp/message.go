package whatsapp

import (
	"encoding/json"
	"time"

	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/conversation"
)

// message is an element of value.messages or value.message_echoes, or what replaces one in an edit.
type message struct {
	From, FromUserID, FromParentUserID text
	To, ToUserID, ToParentUserID       text
	GroupID, ID, Timestamp             text

	Type        string
	Context     *quoted
	Referral    *referral
	Errors      []fault
	Text        *textBody
	Image       *file
	Video       *file
	Audio       *file
	Voice       *file
	Document    *file
	Sticker     *file
	Location    *location
	Contacts    []json.RawMessage
	Interactive *interactive
	Button      *button
	Order       *order
	Reaction    *reaction
	System      *system
	Unsupported *unsupported
	Edit        *edit
	Revoke      *revoke
}

// UnmarshalJSON reads a message; see reader.
func (m *message) UnmarshalJSON(raw []byte) error {
	var r reader
	r.object("message", raw, func(name, value []byte) {
		if into := m.head(name); into != nil {
			r.member(name, value, into)
			return
		}
		switch string(name) {
		case "type":
			r.words("type", value, &m.Type)
		case "text":
			if isObject(value) {
				m.Text = &textBody{}
			}
			r.object("text", value, func(name, value []byte) {
				if string(name) == "body" {
					r.words("text.body", value, &m.Text.Body)
				}
			})
		default:
			if into := m.part(name); into != nil {
				r.part(string(name), value, into)
			}
		}
	})
	return r.err
}

// head returns where an id or time belongs, nil for any other member.
func (m *message) head(name []byte) *text {
	switch string(name) {
	case "from":
		return &m.From
	case "from_user_id":
		return &m.FromUserID
	case "from_parent_user_id":
		return &m.FromParentUserID
	case "to":
		return &m.To
	case "to_user_id":
		return &m.ToUserID
	case "to_parent_user_id":
		return &m.ToParentUserID
	case "group_id":
		return &m.GroupID
	case "id":
		return &m.ID
	case "timestamp":
		return &m.Timestamp
	default:
		return nil
	}
}

// part returns where an object belongs, nil for a member that we do not know.
func (m *message) part(name []byte) any {
	switch string(name) {
	case "context":
		return &m.Context
	case "referral":
		return &m.Referral
	case "errors":
		return &m.Errors
	case "image":
		return &m.Image
	case "video":
		return &m.Video
	case "audio":
		return &m.Audio
	case "voice":
		return &m.Voice
	case "document":
		return &m.Document
	case "sticker":
		return &m.Sticker
	case "location":
		return &m.Location
	case "contacts":
		return &m.Contacts
	case "interactive":
		return &m.Interactive
	case "button":
		return &m.Button
	case "order":
		return &m.Order
	case "reaction":
		return &m.Reaction
	case "system":
		return &m.System
	case "unsupported":
		return &m.Unsupported
	case "edit":
		return &m.Edit
	case "revoke":
		return &m.Revoke
	default:
		return nil
	}
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
	all := make([]decoded, 0, 1)
	elements(array, func(_ int, raw []byte) {
		d := decoded{raw: raw}
		d.err = d.message.UnmarshalJSON(raw)
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
	var reason string
	switch m.System.Type {
	case "user_changed_number":
		reason = "number"
	case "user_changed_user_id":
		reason = "user_id"
	default:
		return nil
	}
	old := address{m.From, m.FromUserID, m.FromParentUserID}
	now := address{m.System.WaID, m.System.UserID, m.System.ParentUserID}
	if reason == "user_id" && now.number == "" && old.userID != "" {
		old.number = "" // nothing is said of the number: it may have been kept, or given up some messages ago
	}
	before, after := person(old, nil), person(now, nil)
	if !matches(before) || !matches(after) {
		return nil
	}
	return channel.IdentityChange{ProviderID: string(m.ID), Before: before, After: after, At: at, Reason: reason}
}
