package assignment

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
)

// OfferView is an offer as people see it.
type OfferView struct {
	AgentID   string    `json:"agent_id"`
	Step      Step      `json:"step"`
	OfferedAt time.Time `json:"offered_at"`
	Until     time.Time `json:"until"`
}

// Place is a conversation's place in a queue.
type Place struct {
	ConversationID string                `json:"conversation_id"`
	AccountID      string                `json:"account_id"`
	TeamID         string                `json:"team_id,omitempty" doc:"Absent for the queue of the whole account"`
	Priority       conversation.Priority `json:"priority"`
	Position       int                   `json:"position" doc:"In its queue, from 1"`
	QueuedAt       time.Time             `json:"queued_at" doc:"Since when it waits"`
}

// Standing returns the offer of a conversation, and its place in a queue; nil for what it has not.
func Standing(ctx context.Context, db bun.IDB, row *ledger.Row) (*OfferView, *Place, error) {
	if !row.OfferUntil.IsZero() {
		var o OfferView
		err := postgres.Raw(db).QueryRowContext(ctx, "SELECT agent_id::text, step, offered_at, until FROM assignment_offers WHERE conversation_id = $1::uuid", row.ID).
			Scan(&o.AgentID, &o.Step, &o.OfferedAt, &o.Until)
		if postgres.IsNotFound(err) { // passed on since the conversation was read
			return nil, nil, nil
		}
		if err != nil {
			return nil, nil, fmt.Errorf("read an offer: %w", err)
		}
		return &o, nil, nil
	}
	if row.QueuedAt.IsZero() {
		return nil, nil, nil
	}
	found, err := places(ctx, db, Selected{AccountID: row.AccountID, conversation: row.ID, Limit: 1}, conversation.SeesAll())
	if err != nil || len(found) == 0 {
		return nil, nil, err
	}
	return nil, &found[0], nil
}

// Selected says which queues to show.
type Selected struct {
	AccountID, TeamID string // empty: all
	Limit             int
	conversation      string
}

// Waiting returns what waits on accounts that the caller may see, the first of each queue first.
func (s *Store) Waiting(ctx context.Context, by conversation.Caller, which Selected) ([]Place, error) {
	return places(ctx, s.DB, which, by.Sight)
}

func places(ctx context.Context, db bun.IDB, which Selected, sight conversation.Sight) ([]Place, error) {
	found := []Place{}
	visible, all := sight.Accounts()
	err := postgres.Rows(ctx, db, func(row *sql.Rows) error {
		var (
			p     Place
			level int64
		)
		err := row.Scan(&p.ConversationID, &p.AccountID, postgres.OptText(&p.TeamID), &level, &p.Position, &p.QueuedAt)
		p.Priority = conversation.PriorityOf(level)
		found = append(found, p)
		return err
	}, `SELECT conversation_id::text, account_id::text, team_id::text, priority, position, queued_at FROM (
			SELECT *, row_number() OVER (PARTITION BY account_id, team_id ORDER BY priority DESC, number) AS position FROM assignment_queue
			WHERE ($1 OR account_id = ANY($2::uuid[])) AND ($3::uuid IS NULL OR account_id = $3::uuid)) AS q
		WHERE ($4::uuid IS NULL OR team_id = $4::uuid) AND ($5::uuid IS NULL OR conversation_id = $5::uuid)
		ORDER BY position, priority DESC, number LIMIT $6`,
		all, append([]string{}, visible...), postgres.NullText(which.AccountID), postgres.NullText(which.TeamID), postgres.NullText(which.conversation), which.Limit)
	if err != nil {
		return nil, fmt.Errorf("read the queues: %w", err)
	}
	return found, nil
}
