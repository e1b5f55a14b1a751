package inbox

import (
	"time"

	"guichet.dev/guichet/assignment"
	"guichet.dev/guichet/blocks"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/drafts"
	"guichet.dev/guichet/labels"
	"guichet.dev/guichet/notes"
)

// Cursor is the place after which a page begins: the last row of the page before.
type Cursor struct {
	At  time.Time
	Seq int64  // of messages and events
	ID  string // of conversations

	Sort  Sort      // of conversations: the order to which the place belongs
	Phase int       // which part of that order
	AsOf  time.Time // the time for which the first page was made
	Of    string    // names the filter to which the place belongs
}

// Zero reports whether the cursor is that of the first page.
func (c Cursor) Zero() bool { return c == Cursor{} }

// Conversation is a conversation as people see it.
type Conversation struct {
	ID             string                `json:"id"`
	AccountID      string                `json:"account_id"`
	Channel        conversation.Channel  `json:"channel"`
	Contact        Contact               `json:"contact"`
	Status         conversation.Status   `json:"status"`
	SnoozedUntil   *time.Time            `json:"snoozed_until,omitempty"`
	AssigneeID     string                `json:"assignee_id,omitempty"`
	TeamID         string                `json:"team_id,omitempty"`
	MergedInto     string                `json:"merged_into,omitempty"`
	Priority       conversation.Priority `json:"priority"`
	Labels         []labels.Tag          `json:"labels" nullable:"false"`
	BlockedAt      *time.Time            `json:"blocked_at,omitempty"` // since when the contact is blocked on this account
	Window         WindowView            `json:"window"`
	Consent        conversation.Consent  `json:"consent"`
	Summary        string                `json:"summary"`
	LastActivityAt time.Time             `json:"last_activity_at"`
	LastInboundAt  *time.Time            `json:"last_inbound_at,omitempty"`
	WaitingSince   *time.Time            `json:"waiting_since,omitempty"`
	FirstReplyAt   *time.Time            `json:"first_reply_at,omitempty"`
	OpenedAt       time.Time             `json:"opened_at"`
	DoneAt         *time.Time            `json:"done_at,omitempty"`
	LastSeq        int64                 `json:"last_seq"`
	Unread         bool                  `json:"unread"`
	ConsentAsked   bool                  `json:"consent_asked"`       // whether a message is a wish to be left alone, and nobody has said yet
	Actions        []Action              `json:"actions,omitempty"`   // single reads only
	Next           []DeadlineView        `json:"next,omitempty"`      // armed deadlines, single reads only
	Following      *bool                 `json:"following,omitempty"` // whether the caller, an agent, follows it; single reads only
	Draft          *drafts.Draft         `json:"draft,omitempty"`     // the caller's own, single reads only
	Block          *blocks.Block         `json:"block,omitempty"`     // what the provider made of it, single reads only
	Offer          *assignment.OfferView `json:"offer,omitempty"`     // which the assignee must take up, single reads only
	Queue          *assignment.Place     `json:"queue,omitempty"`     // where it waits for somebody with room, single reads only
}

// DeadlineView is an armed deadline.
type DeadlineView struct {
	Kind conversation.DeadlineKind `json:"kind"`
	At   time.Time                 `json:"at"`
}

// Contact is a person as shown beside a conversation.
type Contact struct {
	ID         string                  `json:"id"`
	Name       string                  `json:"name"`
	Phone      string                  `json:"phone,omitempty"`
	Identities []conversation.Identity `json:"identities,omitempty"` // single reads only
}

// WindowView is the 24-hour window at the time of the answer.
type WindowView struct {
	Open     bool       `json:"open"`
	ClosesAt *time.Time `json:"closes_at,omitempty"` // when it closes or closed
}

// Action is something that can be done with a conversation, and if not now, why.
type Action struct {
	Name    string            `json:"name"` // send_text, send_reaction, attend, assign, done, reopen, snooze, read, consent, note, label, priority, block, unblock
	Allowed bool              `json:"allowed"`
	Code    conversation.Code `json:"code,omitempty"`
	Reason  string            `json:"reason,omitempty"`
}

// Message is a message as people see it.
type Message struct {
	ID             string                    `json:"id"`
	ConversationID string                    `json:"conversation_id"`
	Seq            int64                     `json:"seq"`
	Direction      conversation.Direction    `json:"direction"`
	State          conversation.MessageState `json:"state"`
	Author         conversation.Actor        `json:"author"`
	Content        conversation.Content      `json:"content"`
	Summary        string                    `json:"summary"`
	At             time.Time                 `json:"at"`
	Late           bool                      `json:"late,omitempty"`
	ClientID       string                    `json:"client_id,omitempty"`
	ReplyTo        string                    `json:"reply_to,omitempty"` // id of the quoted message
	Reactions      []ReactionView            `json:"reactions,omitempty"`
	Attachments    []Attachment              `json:"attachments,omitempty"`
	SentAt         *time.Time                `json:"sent_at,omitempty"`
	DeliveredAt    *time.Time                `json:"delivered_at,omitempty"`
	ReadAt         *time.Time                `json:"read_at,omitempty"`
	PlayedAt       *time.Time                `json:"played_at,omitempty"`
	FailedAt       *time.Time                `json:"failed_at,omitempty"`
	EditedAt       *time.Time                `json:"edited_at,omitempty"`
	RevokedAt      *time.Time                `json:"revoked_at,omitempty"`
	Error          *SendFailure              `json:"error,omitempty"`
}

// SendFailure is why a message was not sent or delivered.
type SendFailure struct {
	Code    string `json:"code"` // the provider's, or one of ours
	Meaning string `json:"meaning"`
}

// ReactionView is an emoji that somebody put on a message.
type ReactionView struct {
	By    conversation.Actor `json:"by"`
	Emoji string             `json:"emoji"`
	At    time.Time          `json:"at"`
}

// Attachment is a file of a message.
type Attachment struct {
	ID       string `json:"id"`
	MIMEType string `json:"mime_type,omitempty"`
	FileName string `json:"file_name,omitempty"`
	State    string `json:"state"`
	Size     int64  `json:"size,omitempty"` // bytes, once stored
}

// TimelineItem is one line of a conversation's timeline: a message, an event or a note, with the conversations merged into
// it.
type TimelineItem struct {
	Type    string              `json:"type" enum:"message,event,note"`
	At      time.Time           `json:"at"`
	Seq     int64               `json:"seq"`
	Message *Message            `json:"message,omitempty"`
	Event   *conversation.Event `json:"event,omitempty"`
	Note    *notes.Note         `json:"note,omitempty"`

	conversation string // of an event
}

// NewMessage is what an agent sends.
type NewMessage struct {
	ClientID string // the same id is the same message; required, 1–100 characters
	Content  conversation.Content
	ReplyTo  string // id of one of the conversation's messages
	// DraftVersion is the author's draft that this was: it is deleted with the sending, unless it was changed since. 0: none.
	DraftVersion int64
}

// Assignment says to whom a conversation is given: nil leaves as it is, "" means nobody.
type Assignment struct {
	AgentID *string
	TeamID  *string
	Note    *notes.Draft // for whom it is given to; nil for none

	after *notes.Note // the note as it was written
}

// ConsentWish is a change of consent that an agent writes down.
type ConsentWish struct {
	Scope conversation.ConsentScope
	State conversation.ConsentState
	Note  string // where and how the contact said it; required for an opt-in
	At    time.Time
}

// ParkedUpdate is something signed by a provider that could not be applied.
type ParkedUpdate struct {
	ID        string     `json:"id"`
	AccountID string     `json:"account_id"`
	WebhookID string     `json:"webhook_id"`
	Path      string     `json:"path"`
	Kind      string     `json:"kind"`
	Reason    string     `json:"reason"`
	Detail    string     `json:"detail,omitempty"`
	State     string     `json:"state"`
	Tries     int        `json:"tries"`
	ParkedAt  time.Time  `json:"parked_at"`
	SettledAt *time.Time `json:"settled_at,omitempty"`
}
