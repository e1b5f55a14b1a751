package postgres

import "github.com/google/uuid"

// IsID reports whether a text is an id as we write it: anything else belongs to nothing, and the database refuses some that
// uuid.Parse takes.
func IsID(text string) bool {
	id, err := uuid.Parse(text)
	return err == nil && id.String() == text
}
