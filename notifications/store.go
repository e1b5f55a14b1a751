package notifications

import (
	"context"
	"log/slog"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
)

// Kind says why an agent is told of something.
type Kind string

// The kinds. If an event is of several kinds for an agent, the first counts.
const (
	Mention    Kind = "mention"    // a note mentions the agent
	Assignment Kind = "assignment" // somebody else gave the conversation to the agent, or to the agent's team
	Follow     Kind = "follow"     // something happened in a conversation that the agent follows
)

// Kinds returns the kinds.
func Kinds() []Kind { return []Kind{Mention, Assignment, Follow} }

// Mailer queues mails.
type Mailer interface {
	Ready() bool
	Send(ctx context.Context, tx bun.IDB, to, kind, language string, data map[string]string) error
}

// Sealer makes the tokens of links that end digests.
type Sealer interface {
	Seal(plain []byte, owner string) ([]byte, error)
	Open(sealed []byte, owner string) ([]byte, error)
}

// Options are what a Store needs.
type Options struct {
	DB        *bun.DB
	Mailer    Mailer
	Sealer    Sealer
	PublicURL func() string    // where people reach Guichet, without a slash at the end
	Now       func() time.Time // the office's
	Notify    func()           // tells the readers of the feed that there is something new
	Logger    *slog.Logger     // nil is silent
}

// Store keeps notifications in the database.
type Store struct{ Options }

// NewStore returns a Store.
func NewStore(o Options) *Store {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Notify == nil {
		o.Notify = func() {}
	}
	return &Store{o}
}

// agentOf returns whose notifications a caller asks for.
func agentOf(by conversation.Actor) (string, error) {
	if by.Kind != conversation.ActorAgent || by.ID == "" {
		return "", conversation.Errorf(conversation.CodeNotFound, "a program has no notifications")
	}
	return by.ID, nil
}
