package whatsapp

import (
	"encoding/json"
	"strings"

	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/conversation"
)

// status is an element of value.statuses.
type status struct {
	ID, Status, Timestamp                                 text
	RecipientID, RecipientUserID, RecipientParentUserID   text
	RecipientType                                         text
	ParticipantID, ParticipantUserID, ParticipantParentID text
	CallbackData                                          text
	Conversation, Pricing                                 json.RawMessage
	Errors                                                []fault
}

func (s *status) read(raw []byte) error {
	if !isObject(raw) {
		return fieldError("statuses", "has an element that is not an object")
	}
	var r reader
	members(raw, func(name, value []byte) {
		if into := s.head(name); into != nil {
			r.member(name, value, into)
			return
		}
		switch string(name) {
		case "conversation":
			s.Conversation = orNil(value)
		case "pricing":
			s.Pricing = orNil(value)
		case "errors":
			r.part("errors", value, &s.Errors)
		}
	})
	return r.err
}

// head returns where a string belongs, nil for any other member. The parent's field was renamed on 2026-05-05; both names
// occur.
func (s *status) head(name []byte) *text {
	switch string(name) {
	case "id":
		return &s.ID
	case "status":
		return &s.Status
	case "timestamp":
		return &s.Timestamp
	case "recipient_id":
		return &s.RecipientID
	case "recipient_user_id":
		return &s.RecipientUserID
	case "recipient_parent_user_id", "parent_recipient_user_id":
		return &s.RecipientParentUserID
	case "recipient_type":
		return &s.RecipientType
	case "recipient_participant_id":
		return &s.ParticipantID
	case "recipient_participant_user_id":
		return &s.ParticipantUserID
	case "recipient_participant_parent_user_id":
		return &s.ParticipantParentID
	case "biz_opaque_callback_data":
		return &s.CallbackData
	default:
		return nil
	}
}

// states are the statuses that move an outgoing message (Cloud API, "status messages webhook"). played is a voice note
// that was listened to.
var states = map[string]conversation.MessageState{
	"sent":      conversation.StateSent,
	"delivered": conversation.StateDelivered,
	"read":      conversation.StateRead,
	"played":    conversation.StatePlayed,
	"failed":    conversation.StateFailed,
}

// recipient returns the address of the person whom the status is about: in a group the member, never the group.
func (s *status) recipient() (who address, participant string) {
	if s.RecipientType == "group" || s.ParticipantID != "" || s.ParticipantUserID != "" {
		who = address{s.ParticipantID, s.ParticipantUserID, s.ParticipantParentID}
		if who.number != "" {
			return who, string(who.number)
		}
		return who, string(who.userID)
	}
	return address{s.RecipientID, s.RecipientUserID, s.RecipientParentUserID}, ""
}

// status reads one status. One that moves nothing, such as the old deleted, is a notice.
func (c *change) status(raw []byte) (channel.Body, error) {
	var s status
	if err := s.read(raw); err != nil {
		return nil, err
	}
	at, ok := unix(s.Timestamp)
	if !ok {
		return nil, fieldError("timestamp", "is no Unix time")
	}
	state, known := states[string(s.Status)]
	if !known {
		return channel.Notice{Field: "statuses", At: at}, nil
	}
	if s.ID == "" {
		return nil, fieldError("id", "is missing")
	}
	to, participant := s.recipient()
	code, failure := firstCode(s.Errors), channel.Behaviour("")
	if state == conversation.StateFailed {
		failure = Classify(code)
	}
	return channel.Receipt{
		ProviderID: string(s.ID), MessageID: ourID(string(s.CallbackData)), State: state, At: at, Participant: participant,
		Person: person(to, find(c.contacts, to, false)), ErrorCode: code, Failure: failure,
		Conversation: s.Conversation, Pricing: s.Pricing,
	}, nil
}

// ourID returns the message id that we gave along, in lower case; empty if it is none: other programs on the same account
// may give along what they like.
func ourID(s string) string {
	const length = 36
	if len(s) != length {
		return ""
	}
	for i := range len(s) {
		c := s[i]
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return ""
			}
			continue
		}
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return ""
		}
	}
	return strings.ToLower(s)
}

func orNil(raw []byte) json.RawMessage {
	if !isObject(raw) {
		return nil
	}
	return raw
}
