package whatsapp

import (
	"encoding/json"
	"strings"

	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/conversation"
)

// status is an element of value.statuses. The parent's field was renamed on 2026-05-05; both names occur.
type status struct {
	ID                           text            `json:"id"`
	Status                       string          `json:"status"`
	Timestamp                    text            `json:"timestamp"`
	RecipientID                  text            `json:"recipient_id"`
	RecipientUserID              text            `json:"recipient_user_id"`
	RecipientParentUserID        text            `json:"recipient_parent_user_id"`
	ParentRecipientUserID        text            `json:"parent_recipient_user_id"`
	RecipientType                string          `json:"recipient_type"`
	RecipientParticipantID       text            `json:"recipient_participant_id"`
	RecipientParticipantUserID   text            `json:"recipient_participant_user_id"`
	RecipientParticipantParentID text            `json:"recipient_participant_parent_user_id"`
	CallbackData                 text            `json:"biz_opaque_callback_data"`
	Conversation                 json.RawMessage `json:"conversation"`
	Pricing                      json.RawMessage `json:"pricing"`
	Errors                       []fault         `json:"errors"`
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
	if s.RecipientType == "group" || s.RecipientParticipantID != "" || s.RecipientParticipantUserID != "" {
		who = address{s.RecipientParticipantID, s.RecipientParticipantUserID, s.RecipientParticipantParentID}
		if who.number != "" {
			return who, string(who.number)
		}
		return who, string(who.userID)
	}
	parent := s.RecipientParentUserID
	if parent == "" {
		parent = s.ParentRecipientUserID
	}
	return address{s.RecipientID, s.RecipientUserID, parent}, ""
}

// status reads one status. One that moves nothing, such as the old deleted, is a notice.
func (c *change) status(raw []byte) (channel.Body, error) {
	var s status
	if err := decode(raw, &s); err != nil {
		return nil, err
	}
	at, ok := unix(s.Timestamp)
	if !ok {
		return nil, fieldError("timestamp", "is no Unix time")
	}
	state, known := states[s.Status]
	if !known {
		return channel.Notice{Field: "statuses", At: at}, nil
	}
	if s.ID == "" {
		return nil, fieldError("id", "is missing")
	}
	to, participant := s.recipient()
	return channel.Receipt{
		ProviderID: string(s.ID), MessageID: ourID(string(s.CallbackData)), State: state, At: at, Participant: participant,
		Person: person(to, find(c.contacts, to, false)), ErrorCode: firstCode(s.Errors),
		Conversation: orNil(s.Conversation), Pricing: orNil(s.Pricing),
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

func orNil(raw json.RawMessage) json.RawMessage {
	if string(raw) == "null" {
		return nil
	}
	return raw
}
