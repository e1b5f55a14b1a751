// Package activities is what workflows ask to be done: the contract (small structs of ids, kinds, times and codes, never
// the customer's words, because all of it is kept in Temporal's histories) and its implementation on interfaces that are
// declared here.
package activities

import (
	"time"

	"guichet.dev/guichet/conversation"
)

// AdvanceInput names the conversation to bring up to date.
type AdvanceInput struct {
	ConversationID string `json:"conversation_id"`
}

// Advanced is where the conversation stands after Advance.
type Advanced struct {
	Now          time.Time            `json:"now"` // our clock, against which NextDeadline counts
	AppliedSeq   int64                `json:"applied_seq"`
	NextDeadline time.Time            `json:"next_deadline,omitzero"`
	NextKind     string               `json:"next_kind,omitempty"`
	Unsettled    bool                 `json:"unsettled,omitempty"` // there are outgoing messages to work on
	Steps        []string             `json:"steps,omitempty"`     // each step's result by name, "opt_out#12=none"
	Status       conversation.Status  `json:"status"`
	Channel      conversation.Channel `json:"channel"`
	AccountID    string               `json:"account_id"`
	AssigneeID   string               `json:"assignee_id,omitempty"`
}

// SendInput names the conversation whose first unsettled outgoing message is to be sent.
type SendInput struct {
	ConversationID string `json:"conversation_id"`
}

// SendOutcome is how far a Send came.
type SendOutcome string

// The outcomes. After Sent, Failed and Cancelled the next message may follow at once; after Wait and Unknown when
// SendResult.Wait has passed; after Held when something changes; after Nothing there is no message.
const (
	OutcomeSent      SendOutcome = "sent"
	OutcomeFailed    SendOutcome = "failed"
	OutcomeCancelled SendOutcome = "cancelled"
	OutcomeUnknown   SendOutcome = "unknown"
	OutcomeWait      SendOutcome = "wait"
	OutcomeHeld      SendOutcome = "held"
	OutcomeNothing   SendOutcome = "nothing"
)

// SendResult is what became of one Send.
type SendResult struct {
	Outcome   SendOutcome   `json:"outcome"`
	MessageID string        `json:"message_id,omitempty"`
	Code      string        `json:"code,omitempty"`
	Wait      time.Duration `json:"wait,omitempty"`
	// Last may be set after Sent, Failed and Cancelled when no other message waits: it spares the Send that would find
	// nothing. Leaving it unset is always right.
	Last bool `json:"last,omitempty"`
}
