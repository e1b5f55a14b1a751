package search

import (
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
)

// Bounds of a search.
const (
	MaxQuery = 200 // characters
	MaxHits  = 50  // on a page
)

// Store is what can be found in the database.
type Store struct{ db *bun.DB }

// NewStore returns what can be found in a database.
func NewStore(db *bun.DB) *Store { return &Store{db} }

// Cursor is the place after which a page of messages begins.
type Cursor struct {
	At time.Time
	ID string
}

// Kind says what a text is.
type Kind string

// The kinds of text.
const (
	KindMessage Kind = "message"
	KindNote    Kind = "note"
)

// Kinds returns all kinds of text.
func Kinds() []Kind { return []Kind{KindMessage, KindNote} }

// From says who wrote a text.
type From string

// The authors whose texts can be asked for.
const (
	FromContact From = "contact"
	FromAgent   From = "agent" // any agent
	FromMe      From = "me"
)

// Authors returns all values of From.
func Authors() []From { return []From{FromContact, FromAgent, FromMe} }

// Wish is what somebody looks for in messages and notes. Empty fields narrow nothing.
type Wish struct {
	Query          string
	Kind           Kind
	From           From
	AgentID        string
	Direction      conversation.Direction
	AccountID      string
	ConversationID string // with those merged into it
	LabelID        string // of the conversation
	Since, Until   time.Time
	HasFile        bool

	After Cursor
	Limit int
}

// Text is a message or note that was found.
type Text struct {
	Kind           Kind                     `json:"kind"`
	ID             string                   `json:"id"`
	ConversationID string                   `json:"conversation_id"` // the one that goes on
	AccountID      string                   `json:"account_id"`
	Contact        Whose                    `json:"contact"`
	At             time.Time                `json:"at"`
	Seq            int64                    `json:"seq"`
	Author         conversation.Actor       `json:"author"`
	Direction      conversation.Direction   `json:"direction,omitempty"`    // of a message
	MessageKind    conversation.MessageKind `json:"message_kind,omitempty"` // of a message
	Excerpt        []Segment                `json:"excerpt" nullable:"false"`
}

// Whose is the contact of the conversation in which a text was found.
type Whose struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Phone string `json:"phone,omitempty"`
}
