package notes

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/ledger"
)

// MaxText is the longest note, in characters.
const MaxText = 10_000

// maxMentions bounds how many agents and teams one note may name.
const maxMentions = 50

// Note is a note as colleagues see it. A deleted one keeps its place, without its text.
type Note struct {
	ID             string             `json:"id"`
	ConversationID string             `json:"conversation_id"`
	Seq            int64              `json:"seq"`
	Author         conversation.Actor `json:"author"`
	Text           string             `json:"text"`
	Mentions       []string           `json:"mentions,omitempty"`      // agents, those of mentioned teams included
	TeamMentions   []string           `json:"team_mentions,omitempty"` // teams
	CreatedAt      time.Time          `json:"created_at"`
	EditedAt       *time.Time         `json:"edited_at,omitempty"`
	DeletedAt      *time.Time         `json:"deleted_at,omitempty"`
}

// Draft is what somebody wants to note.
type Draft struct {
	Text  string
	Calls Calls
}

// Calls says whom a note mentions, by id.
type Calls struct {
	Agents []string
	Teams  []string
}

// Store is the notes in the database.
type Store struct {
	db   *bun.DB
	desk ledger.Desk
}

// NewStore returns the notes that are kept in the desk's database.
func NewStore(desk ledger.Desk) *Store { return &Store{db: desk.DB, desk: desk} }

func cleanText(text string) (string, error) {
	text = strings.TrimSpace(text)
	if n := utf8.RuneCountInString(text); n < 1 || n > MaxText || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return "", conversation.Invalid("text", "must have 1 to %d characters", MaxText)
	}
	return text, nil
}

func notFound() error { return conversation.Errorf(conversation.CodeNotFound, "there is no such note") }
