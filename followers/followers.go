// Package followers holds who wants to hear of a conversation beside the one whose it is. Whoever writes in a conversation
// or is mentioned in it follows it from then on, until they say otherwise.
package followers

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
)

// Store is the followers in the database.
type Store struct{ desk ledger.Desk }

// NewStore returns the followers that are kept in the desk's database.
func NewStore(desk ledger.Desk) *Store { return &Store{desk: desk} }

// Set lets the caller follow a conversation, or no longer. It writes no event: it concerns nobody else.
func (s *Store) Set(ctx context.Context, by conversation.Caller, conversationID string, follow bool) error {
	if by.Kind != conversation.ActorAgent {
		return conversation.Errorf(conversation.CodeUnsupported, "only an agent can follow a conversation; the token belongs to a program")
	}
	row, err := s.desk.Read(ctx, by, conversationID)
	if err != nil {
		return err
	}
	if err := row.Active(); err != nil {
		return err
	}
	statement, args := "DELETE FROM followers WHERE conversation_id = $1::uuid AND agent_id = $2::uuid", []any{row.ID, by.ID}
	if follow {
		statement, args = insert, []any{row.ID, s.desk.Now(), []string{by.ID}}
	}
	if _, err := s.desk.DB.DB.ExecContext(ctx, statement, args...); err != nil {
		return fmt.Errorf("follow: %w", err)
	}
	return nil
}

const insert = `INSERT INTO followers (conversation_id, agent_id, since) SELECT $1::uuid, a, $2 FROM unnest($3::uuid[]) AS a ORDER BY a ON CONFLICT DO NOTHING`

// Add lets agents follow a conversation, in the transaction of what made them do so.
func Add(ctx context.Context, tx bun.Tx, conversationID string, now time.Time, agents ...string) error {
	if len(agents) == 0 {
		return nil
	}
	return postgres.Later(ctx, tx, "add followers", insert, conversationID, now, agents)
}

// Merge lets those who follow a conversation follow the one in which it goes on.
func Merge(ctx context.Context, tx bun.Tx, from, into string) error {
	return postgres.Later(ctx, tx, "move followers", `INSERT INTO followers (conversation_id, agent_id, since)
		SELECT $2::uuid, agent_id, since FROM followers WHERE conversation_id = $1::uuid ORDER BY agent_id ON CONFLICT DO NOTHING`, from, into)
}
