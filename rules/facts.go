package rules

import (
	"time"

	"guichet.dev/guichet/hours"
	"guichet.dev/guichet/rules/condition"
)

// Facts are what a decision is made on, as they stand in the database at the moment. A policy changes its own copy as it
// decides.
type Facts struct {
	AccountID string
	ContactID string
	Env       *condition.Environment
	// Hours are the business hours of the conversation's team, or else of its account; nil if there are none.
	Hours *hours.Hours
	// LabelNames are the names by id, of the labels that events are about.
	LabelNames map[string]string
	// Marks are the limits that were used up, as Effect.Mark says them, by rule id.
	Marks map[string]map[string]bool
	// LastAutomatic is when the newest automatic message was queued that was not cancelled and has not failed; Automatic counts
	// them over the last 24 hours.
	LastAutomatic time.Time
	Automatic     int
}
