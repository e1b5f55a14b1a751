package workflows

import (
	"strconv"
	"time"

	"guichet.dev/guichet/conversation"
)

// The task queues.
const (
	TaskQueue     = "conversations" // workflow tasks, with their local activities
	SendTaskQueue = "sends"         // calls of providers
)

// WakeSignal tells a conversation's workflow to look; its payload is a [Wake].
const WakeSignal = "wake"

// StateQuery asks for a [State].
const StateQuery = "state"

// Wake says that events up to UpToSeq are in Postgres, or that something else about the conversation changed.
type Wake struct {
	UpToSeq int64 `json:"up_to_seq"`
}

// Input starts the workflow. It may only grow: runs of older releases were started with older forms.
type Input struct {
	ConversationID string `json:"conversation_id"`
	Epoch          int64  `json:"epoch,omitempty"` // of the installation, as in the workflow's id
	Carry          *Carry `json:"carry,omitempty"` // from the run before, if this one continues it
}

// Carry is what a run hands to the one that continues it. All else is read from Postgres. It may only grow.
type Carry struct {
	WokenSeq int64 `json:"woken_seq,omitempty"`
	Failures int   `json:"failures,omitempty"`
}

// ID returns the workflow id of a conversation. The epoch is part of it because a database restored from a backup must
// not meet the workflows of its lost future.
func ID(epoch int64, conversationID string) string {
	return "conversation/" + strconv.FormatInt(epoch, 10) + "/" + conversationID
}

// State is the answer to [StateQuery], for people who look at one workflow. The product itself reads Postgres.
type State struct {
	ConversationID string               `json:"conversation_id"`
	Epoch          int64                `json:"epoch"`
	WokenSeq       int64                `json:"woken_seq"` // the highest seq of a wake
	AppliedSeq     int64                `json:"applied_seq"`
	Status         conversation.Status  `json:"status,omitempty"`
	Channel        conversation.Channel `json:"channel,omitempty"`
	AccountID      string               `json:"account_id,omitempty"`
	AssigneeID     string               `json:"assignee_id,omitempty"`
	NextDeadline   time.Time            `json:"next_deadline,omitzero"` // on the product's clock
	NextKind       string               `json:"next_kind,omitempty"`
	Steps          []string             `json:"steps,omitempty"`        // of the last Advance
	Failures       int                  `json:"failures,omitempty"`     // of Advance in a row
	FailureCode    string               `json:"failure_code,omitempty"` // of the last one
	Send           SendState            `json:"send"`
}

// SendState is what the sender is doing.
type SendState struct {
	Busy      bool                     `json:"busy,omitempty"`
	Outcome   conversation.SendOutcome `json:"outcome,omitempty"` // of the last Send
	MessageID string                   `json:"message_id,omitempty"`
	Code      string                   `json:"code,omitempty"`
	WaitUntil time.Time                `json:"wait_until,omitzero"` // on the workflow's clock
}
