package conversation

import "time"

// EventKind is the kind of a fact of one conversation.
type EventKind string

// The events.
const (
	EventOpened          EventKind = "opened"
	EventReopened        EventKind = "reopened" // a message came after done or while snoozed, or somebody reopened
	EventMessageReceived EventKind = "message_received"
	EventMessageEchoed   EventKind = "message_echoed" // a colleague wrote in the provider's phone app
	EventMessageQueued   EventKind = "message_queued"
	EventMessageStatus   EventKind = "message_status" // sent, delivered, read, played
	EventMessageFailed   EventKind = "message_failed"
	EventMessageUnknown  EventKind = "message_unknown"
	EventMessageEdited   EventKind = "message_edited"
	EventMessageRevoked  EventKind = "message_revoked"
	EventReaction        EventKind = "reaction"
	EventAssigned        EventKind = "assigned" // also to nobody
	EventDone            EventKind = "done"
	EventSnoozed         EventKind = "snoozed"
	EventWoken           EventKind = "woken" // a snooze ended
	EventWindowClosing   EventKind = "window_closing"
	EventWindowClosed    EventKind = "window_closed"
	EventConsentChanged  EventKind = "consent_changed"
	EventCallReceived    EventKind = "call_received"
	EventChatOpened      EventKind = "chat_opened" // the customer opened the chat for the first time
	EventIdentityChanged EventKind = "identity_changed"
	EventMerged          EventKind = "merged" // this conversation goes on in another
)

// The events of automatic assignment. An assigned event with a time until which it must be taken up is an offer.
const (
	EventOfferAccepted EventKind = "offer_accepted"
	EventOfferPassed   EventKind = "offer_passed" // the agent did not take it up; Code says why
	EventQueued        EventKind = "queued"       // it waits until somebody of the team, or of the account, has room
)

// The events of what agents do around a conversation. Its workflow need not hear of them.
const (
	EventNoteAdded        EventKind = "note_added"
	EventNoteEdited       EventKind = "note_edited"
	EventNoteDeleted      EventKind = "note_deleted"
	EventLabelAdded       EventKind = "label_added"
	EventLabelRemoved     EventKind = "label_removed"
	EventPriorityChanged  EventKind = "priority_changed"
	EventContactChanged   EventKind = "contact_changed" // what is written down about the contact
	EventContactBlocked   EventKind = "contact_blocked"
	EventContactUnblocked EventKind = "contact_unblocked"
	EventBlockRefused     EventKind = "block_refused" // the provider did not block or unblock; Code says why
	EventConsentAsked     EventKind = "consent_asked" // a message may be a wish to be left alone: an agent must say
	EventConsentAnswered  EventKind = "consent_answered"
	EventNotified         EventKind = "notified" // a rule calls agents or teams
)

// Wakes reports whether the conversation's workflow must see the event. Receipts do not matter to it unless a send failed
// or one whose outcome was unknown got settled; whoever writes those says so.
func (k EventKind) Wakes() bool {
	switch k {
	case EventMessageStatus, EventReaction, EventMessageEdited, EventMessageRevoked, EventIdentityChanged:
		return false
	case EventNoteAdded, EventNoteEdited, EventNoteDeleted, EventLabelRemoved, EventConsentAsked, EventConsentAnswered, EventNotified, EventPriorityChanged,
		EventContactChanged, EventContactBlocked, EventContactUnblocked, EventBlockRefused:
		return false
	default:
		return true
	}
}

// NoNews are the kinds that cannot change what a person would do: what became of a message on its way, and what the clock did
// to the window, which the send gate looks at itself. Whoever decided without knowing of any other event decided on an old
// view.
func NoNews() []EventKind {
	return []EventKind{EventMessageStatus, EventMessageUnknown, EventWindowClosing, EventWindowClosed, EventChatOpened, EventIdentityChanged}
}

// Event is an immutable, numbered fact of one conversation. It holds ids, kinds, times and codes: the customer's words
// stay with the message.
type Event struct {
	Seq   int64     `json:"seq"` // in order of arrival, from 1
	Kind  EventKind `json:"kind"`
	Actor Actor     `json:"actor"`
	Cause *Cause    `json:"cause,omitempty"`
	Data  EventData `json:"data"`
	At    time.Time `json:"at"` // the provider's time where there is one
}

// Cause says what led to an event: an automatic decision or, with the trigger TriggerNote, a colleague's note.
type Cause struct {
	Seq     int64  `json:"seq"` // the event that was decided on; the applied seq for a deadline
	Trigger string `json:"trigger"`
	RuleID  string `json:"rule_id,omitempty"`
	Version int    `json:"version,omitempty"` // rule set version
	Depth   int    `json:"depth"`             // how many automatic causes lie behind this one
	// Chain are the rules that lie behind the event, the last one included: none of them acts on it again.
	Chain []string `json:"chain,omitempty"`
}

// MaxDepth is how many rules may follow from one another. What lies deeper is cut: it would be a loop, or nobody could
// follow it.
const MaxDepth = 5

// TriggerNote is the trigger of a cause that is a note: what was done was done with it.
const TriggerNote = "note"

// EventData is what the kinds of event say; each uses the fields that it needs.
type EventData struct {
	MessageID   string       `json:"message_id,omitempty"`
	MessageKind MessageKind  `json:"message_kind,omitempty"`
	State       MessageState `json:"state,omitempty"`
	Code        string       `json:"code,omitempty"` // a provider's error code or our own
	Late        bool         `json:"late,omitempty"`
	AgentID     string       `json:"agent_id,omitempty"`
	TeamID      string       `json:"team_id,omitempty"`
	Until       *time.Time   `json:"until,omitempty"`
	Step        string       `json:"step,omitempty"` // of an automatic assignment: policy, team, supervisors or queue
	Consent     ConsentState `json:"consent,omitempty"`
	Scope       ConsentScope `json:"scope,omitempty"`
	Source      string       `json:"source,omitempty"`
	Into        string       `json:"into,omitempty"` // the conversation in which a merged one goes on
	CallID      string       `json:"call_id,omitempty"`
	NoteID      string       `json:"note_id,omitempty"`
	Mentions    []string     `json:"mentions,omitempty"` // ids of the agents whom a note newly calls, its author left out
	LabelID     string       `json:"label_id,omitempty"`
	Priority    Priority     `json:"priority,omitempty"`
	Fields      []string     `json:"fields,omitempty"`     // names of what was changed of a contact
	Blocked     bool         `json:"blocked,omitempty"`    // of a message: its contact is blocked, nobody is to be told
	Confidence  float64      `json:"confidence,omitempty"` // of a wish that was understood from a message, 0 to 1
	Evidence    string       `json:"evidence,omitempty"`   // what it was understood by: a phrase of the list, or the classifier
	Teams       []string     `json:"teams,omitempty"`      // ids of the teams that a rule calls
}
