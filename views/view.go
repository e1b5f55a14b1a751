package views

import (
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
)

// Sharing is who sees a saved view.
type Sharing string

// The ways of sharing.
const (
	Private   Sharing = "private" // its owner
	Team      Sharing = "team"    // the members of a team, and its owner
	Everybody Sharing = "everybody"
)

// Sharings lists all ways of sharing.
func Sharings() []Sharing { return []Sharing{Private, Team, Everybody} }

// View is a saved view.
type View struct {
	bun.BaseModel `bun:"table:saved_views" json:"-"`
	ID            string         `bun:",pk" json:"id"`
	Name          string         `json:"name"`
	Icon          string         `json:"icon,omitempty"`
	Colour        string         `json:"colour,omitempty"`
	OwnerID       string         `json:"owner_id"`
	Shared        Sharing        `json:"shared"`
	TeamID        string         `bun:",nullzero" json:"team_id,omitempty"`
	Criteria      inbox.Criteria `bun:"type:jsonb" json:"filter"`
	Position      int            `json:"position"`
	CreatedAt     time.Time      `json:"created_at"`
	UpdatedAt     time.Time      `json:"updated_at"`
	Missing       []Missing      `bun:"-" json:"missing,omitempty"` // what it names and the caller does not find
}

// Missing is something that a view names and that is not there any more, or not for the caller.
type Missing struct {
	Field string `json:"field" example:"label_ids"`
	ID    string `json:"id"`
}

// New is a view to be saved; it is private until it is shared.
type New struct {
	Name     string         `json:"name" minLength:"1" maxLength:"100"`
	Icon     string         `json:"icon,omitempty" maxLength:"50" doc:"A name of an icon, or an emoji"`
	Colour   string         `json:"colour,omitempty" maxLength:"20" doc:"#rrggbb or a name"`
	Criteria inbox.Criteria `json:"filter"`
	Position int            `json:"position,omitempty" minimum:"0" maximum:"100000" doc:"Smaller ones come first"`
}

// Change is what to change: nil leaves as it is.
type Change struct {
	Name     *string         `json:"name,omitempty" minLength:"1" maxLength:"100"`
	Icon     *string         `json:"icon,omitempty" maxLength:"50"`
	Colour   *string         `json:"colour,omitempty" maxLength:"20"`
	Criteria *inbox.Criteria `json:"filter,omitempty"`
	Position *int            `json:"position,omitempty" minimum:"0" maximum:"100000"`
}

var (
	colours = regexp.MustCompile(`^(#[0-9a-f]{6}|[a-z]{0,20})$`)
	icons   = regexp.MustCompile(`^[^\x00-\x20<>&"']*$`)
)

// apply changes a view and checks it whole.
func (c Change) apply(v *View) error {
	set(&v.Name, c.Name)
	set(&v.Icon, c.Icon)
	set(&v.Colour, c.Colour)
	set(&v.Position, c.Position)
	set(&v.Criteria, c.Criteria)
	v.Name = strings.TrimSpace(v.Name)
	if n := utf8.RuneCountInString(v.Name); n < 1 || n > 100 || !utf8.ValidString(v.Name) || strings.ContainsRune(v.Name, 0) {
		return conversation.Invalid("name", "must have 1 to 100 characters")
	}
	if !icons.MatchString(v.Icon) || !utf8.ValidString(v.Icon) || utf8.RuneCountInString(v.Icon) > 50 {
		return conversation.Invalid("icon", "must be the name of an icon or an emoji, at most 50 characters")
	}
	if !colours.MatchString(v.Colour) {
		return conversation.Invalid("colour", "must be #rrggbb or a name of small letters")
	}
	if v.Position < 0 || v.Position > 100_000 {
		return conversation.Invalid("position", "must be 0 to 100000")
	}
	return v.Criteria.Check()
}

func set[T any](to *T, value *T) {
	if value != nil {
		*to = *value
	}
}
