// Package rules holds what admins write: rules that form a numbered, published set. It is pure: no database, no Temporal.
package rules

import (
	"time"

	"guichet.dev/guichet/conversation"
)

// Set is one published version of the rules.
type Set struct {
	version int
}

// Empty returns the rule set of a new installation: version 0, without rules.
func Empty() Set { return Set{} }

// Version implements conversation.Policy.
func (s Set) Version() int { return s.version }

// Decide implements conversation.Policy. A set without rules wants nothing and has nothing to explain.
func (s Set) Decide(conversation.State, conversation.InputEvent, time.Time) ([]conversation.Effect, []conversation.Outcome) {
	return nil, nil
}
