package bulk

import (
	"context"
	"log/slog"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/labels"
	"guichet.dev/guichet/team"
)

// Limits of one action.
const (
	// MaxTargets is how many conversations a filter may select.
	MaxTargets = 100_000
	// MaxIDs is how many can be named.
	MaxIDs = 10_000
	// maxShown is how many failures are listed.
	maxShown = 100
)

// Askers say what somebody may do and see now.
type Askers interface {
	Asker(ctx context.Context, by conversation.Actor, tokenID string) (team.Principal, error)
}

// Options are what bulk actions work with. All are required.
type Options struct {
	DB     *bun.DB
	Inbox  *inbox.Inbox
	Labels *labels.Store
	Askers Askers
	Logger *slog.Logger
}

// Store is the bulk actions in the database, and what carries them out.
type Store struct{ Options }

// NewStore returns the bulk actions.
func NewStore(o Options) *Store { return &Store{o} }

// State is how far an action is.
type State string

// The states.
const (
	Selecting State = "selecting" // the targets are being written down; an action that stays so was given up
	Running   State = "running"   // also while it waits for its turn
	Finished  State = "done"
	Cancelled State = "cancelled"
)

// States lists those that somebody can see.
func States() []State { return []State{Running, Finished, Cancelled} }

// Progress is an action and how far it is.
type Progress struct {
	ID         string     `json:"id"`
	Action     Task       `json:"action"`
	State      State      `json:"state"`
	Total      int        `json:"total"`
	Done       int        `json:"done"`
	Failed     int        `json:"failed"`
	Failures   []Failure  `json:"failures" nullable:"false" doc:"The first 100 of those that failed"`
	CreatedAt  time.Time  `json:"created_at"`
	FinishedAt *time.Time `json:"finished_at,omitempty"`

	by    conversation.Actor
	token string // by which it was asked for; its limits count
}

// Failure is a conversation with which it could not be done.
type Failure struct {
	ConversationID string            `json:"conversation_id"`
	Code           conversation.Code `json:"code"`
}

// Request is what somebody asks for: the named conversations, or all that the criteria select.
type Request struct {
	Action   Task
	IDs      []string
	Criteria *inbox.Criteria
}
