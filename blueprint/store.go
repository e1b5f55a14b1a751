package blueprint

import (
	"github.com/uptrace/bun"

	"guichet.dev/guichet/assignment"
	"guichet.dev/guichet/calendars"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/rulebook"
)

// Options are what a Store works with.
type Options struct {
	DB         *bun.DB
	Calendars  *calendars.Store
	Rulebook   *rulebook.Store
	Assignment *assignment.Store
}

// Store exports files from an office, checks them against it and applies them to it. It may be used concurrently.
type Store struct{ Options }

// NewStore returns a Store.
func NewStore(o Options) *Store { return &Store{o} }

// Caller is who asks, and how much of the office they may know and change.
type Caller struct {
	conversation.Actor
	// Knows reports whether an account exists for the caller. Others are exported by their ids alone.
	Knows func(accountID string) bool
	// Plans and Capacities say whether plans of assignment, and what agents can have, may be exported or applied.
	Plans, Capacities bool
}
