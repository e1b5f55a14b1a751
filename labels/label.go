package labels

import (
	"hash/crc32"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
)

const (
	// maxName is the longest name, in characters.
	maxName = 50
	// maxDescription is the longest description, in characters.
	maxDescription = 500
	// maxPerConversation bounds the labels of one conversation.
	maxPerConversation = 50
)

// Label is a label's definition.
type Label struct {
	bun.BaseModel `bun:"table:labels" json:"-"`
	ID            string     `bun:",pk" json:"id"`
	Name          string     `json:"name"`
	Description   string     `json:"description,omitempty"`
	Colour        string     `json:"colour"` // one of Colours, or #rrggbb
	CreatedAt     time.Time  `json:"created_at"`
	DeletedAt     *time.Time `json:"deleted_at,omitempty"`
}

// Tag is a label as it is shown on a conversation.
type Tag struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Colour  string `json:"colour"`
	Deleted bool   `json:"deleted,omitempty"` // it is there from before, and not offered any more
}

// New is a label to be defined. Without a colour, the name chooses one of the palette.
type New struct{ Name, Description, Colour string }

// Change is what to change of a definition: nil leaves as it is.
type Change struct{ Name, Description, Colour *string }

// Store is the labels in the database.
type Store struct {
	db   *bun.DB
	desk ledger.Desk
}

// NewStore returns the labels that are kept in the desk's database.
func NewStore(desk ledger.Desk) *Store { return &Store{db: desk.DB, desk: desk} }

// Colours returns the palette. Screens have a light and a dark tone for each.
func Colours() []string {
	return []string{"grey", "red", "orange", "amber", "green", "teal", "blue", "indigo", "purple", "pink"}
}

var hexColour = regexp.MustCompile(`^#[0-9a-f]{6}$`)

// clean brings a definition into its stored form, or says what is wrong with it.
func (l *Label) clean() error {
	l.Name = strings.Join(strings.Fields(l.Name), " ")
	l.Description, l.Colour = strings.TrimSpace(l.Description), strings.ToLower(strings.TrimSpace(l.Colour))
	if !fits(l.Name, 1, maxName) {
		return conversation.Invalid("name", "must have 1 to %d characters", maxName)
	}
	if !fits(l.Description, 0, maxDescription) {
		return conversation.Invalid("description", "must have at most %d characters", maxDescription)
	}
	if l.Colour == "" {
		palette := Colours()
		l.Colour = palette[crc32.ChecksumIEEE([]byte(strings.ToLower(l.Name)))%uint32(len(palette))]
	}
	if !slices.Contains(Colours(), l.Colour) && !hexColour.MatchString(l.Colour) {
		return conversation.Invalid("colour", "must be one of %s, or #rrggbb", strings.Join(Colours(), ", "))
	}
	return nil
}

func fits(text string, low, high int) bool {
	n := utf8.RuneCountInString(text)
	return n >= low && n <= high && utf8.ValidString(text) && !strings.ContainsRune(text, 0)
}

func define(in New, now time.Time) (Label, error) {
	l := Label{
		ID: postgres.NewID(), Name: in.Name, Description: in.Description, Colour: in.Colour, CreatedAt: now.UTC().Truncate(time.Microsecond),
	}
	return l, l.clean()
}

func notFound() error {
	return conversation.Errorf(conversation.CodeNotFound, "there is no such label")
}
