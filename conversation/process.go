package conversation

import "time"

// Advanced is where a conversation stands after its process was brought up to date. It is kept in Temporal's histories:
// ids, kinds, times and codes only.
type Advanced struct {
	Now          time.Time `json:"now"` // our clock, against which NextDeadline counts
	AppliedSeq   int64     `json:"applied_seq"`
	NextDeadline time.Time `json:"next_deadline,omitzero"`
	NextKind     string    `json:"next_kind,omitempty"`
	Unsettled    bool      `json:"unsettled,omitempty"` // there are outgoing messages to work on
	Steps        []string  `json:"steps,omitempty"`     // each step's result by name, "opt_out#12=none"
	Status       Status    `json:"status"`
	Channel      Channel   `json:"channel"`
	AccountID    string    `json:"account_id"`
	AssigneeID   string    `json:"assignee_id,omitempty"`
}

// SendOutcome is how far a send came.
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

// SendResult is what became of one send. It is kept in Temporal's histories, like Advanced.
type SendResult struct {
	Outcome   SendOutcome   `json:"outcome"`
	MessageID string        `json:"message_id,omitempty"`
	Code      string        `json:"code,omitempty"`
	Wait      time.Duration `json:"wait,omitempty"`
	// Last may be set after Sent, Failed and Cancelled when no other message waits: it spares the send that would find
	// nothing. Leaving it unset is always right.
	Last bool `json:"last,omitempty"`
}
