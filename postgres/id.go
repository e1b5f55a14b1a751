package postgres

import "github.com/google/uuid"

// NewID returns an id of version 7 (RFC 9562): ids are in the order in which they were made, so that rows with them as key are
// written beside each other.
func NewID() string { return uuid.Must(uuid.NewV7()).String() } // which fails only without randomness, as everything does then

// IsID reports whether a text is an id as we write it: anything else belongs to nothing, and the database refuses some that
// uuid.Parse takes.
func IsID(text string) bool {
	id, err := uuid.Parse(text)
	return err == nil && id.String() == text
}
