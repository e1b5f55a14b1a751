package notifications

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/feed"
	"guichet.dev/guichet/postgres"
)

// Notification is the news of one conversation: all since the agent read the entry before.
type Notification struct {
	ID             string       `json:"id"`
	ConversationID string       `json:"conversation_id"`
	AccountID      string       `json:"account_id"`
	ContactName    string       `json:"contact_name"`
	Counts         map[Kind]int `json:"counts" nullable:"false" doc:"How many there are of each kind"`
	Latest         News         `json:"latest"`
	CreatedAt      time.Time    `json:"created_at"`
	ChangedAt      time.Time    `json:"changed_at" doc:"When the newest was added; for up_to"`
	ReadAt         *time.Time   `json:"read_at,omitempty"`
}

// News is the newest thing in an entry.
type News struct {
	Kind     Kind               `json:"kind"`
	Event    string             `json:"event" doc:"The kind of event" example:"note_added"`
	EventSeq int64              `json:"event_seq"`
	Actor    conversation.Actor `json:"actor"`
}

// Place is where a page of the list ends.
type Place struct {
	At time.Time
	ID string
}

// Filter says what to list.
type Filter struct {
	Unread bool // only what is unread
	Before Place
	Limit  int // 1 to 100
}

// MostUnread is where counting ends: as many stand for as many or more.
const MostUnread = 99

// visible is the condition on entries that a caller sees; $1 is the agent, $2 whether all accounts are seen, $3 which.
const visible = "n.agent_id = $1::uuid AND ($2::bool OR n.account_id = ANY($3::uuid[]))"

func visibleArgs(by conversation.Caller) ([]any, error) {
	agent, err := agentOf(by.Actor)
	accounts, all := by.Accounts()
	if accounts == nil {
		accounts = []string{}
	}
	return []any{agent, all, accounts}, err
}

// List returns a page of the caller's entries, the newest first, and where the next page begins; zero if there is none.
func (s *Store) List(ctx context.Context, by conversation.Caller, f Filter) ([]Notification, Place, error) {
	args, err := visibleArgs(by)
	if err != nil {
		return nil, Place{}, err
	}
	where := visible
	if f.Unread {
		where += " AND n.read_at IS NULL"
	}
	if f.Before != (Place{}) {
		where += " AND (n.changed_at, n.id) < ($4::timestamptz, $5::uuid)"
		args = append(args, f.Before.At, f.Before.ID)
	}
	var entries []Notification
	err = postgres.Rows(ctx, s.DB, func(found *sql.Rows) error {
		e := Notification{Counts: map[Kind]int{}}
		var read sql.NullTime
		err := found.Scan(&e.ID, &e.ConversationID, &e.AccountID, postgres.OptText(&e.ContactName), &e.CreatedAt, &e.ChangedAt, &read)
		if read.Valid {
			e.ReadAt = &read.Time
		}
		entries = append(entries, e)
		return err
	}, fmt.Sprintf(`SELECT n.id::text, n.conversation_id::text, n.account_id::text, p.name, n.created_at, n.changed_at, n.read_at
		FROM notifications n JOIN conversations c ON c.id = n.conversation_id LEFT JOIN contacts p ON p.id = c.contact_id
		WHERE %s ORDER BY n.changed_at DESC, n.id DESC LIMIT %d`, where, f.Limit+1), args...)
	if err != nil {
		return nil, Place{}, fmt.Errorf("list notifications: %w", err)
	}
	var next Place
	if len(entries) > f.Limit {
		entries = entries[:f.Limit]
		last := entries[f.Limit-1]
		next = Place{last.ChangedAt, last.ID}
	}
	return entries, next, s.describe(ctx, entries)
}

// describe adds what the entries are about.
func (s *Store) describe(ctx context.Context, entries []Notification) error {
	index := make(map[string]*Notification, len(entries))
	ids := make([]string, len(entries))
	for i := range entries {
		ids[i] = entries[i].ID
		index[ids[i]] = &entries[i]
	}
	err := postgres.Rows(ctx, s.DB, func(found *sql.Rows) error {
		var (
			id string
			l  News
			n  int
		)
		if err := found.Scan(&id, &l.Kind, &n, &l.Event, &l.EventSeq, &l.Actor.Kind, &l.Actor.ID); err != nil {
			return err
		}
		e := index[id]
		e.Counts[l.Kind] = n
		if l.EventSeq > e.Latest.EventSeq {
			e.Latest = l
		}
		return nil
	}, `SELECT DISTINCT ON (notification_id, kind) notification_id::text, kind, count(*) OVER (PARTITION BY notification_id, kind),
			event, event_seq, actor_kind, actor_id
		FROM notification_facts WHERE notification_id = ANY($1::uuid[]) ORDER BY notification_id, kind, event_seq DESC`, ids)
	if err != nil {
		return fmt.Errorf("describe notifications: %w", err)
	}
	return nil
}

// Unread counts the caller's unread entries, up to MostUnread and one more for "and more".
func (s *Store) Unread(ctx context.Context, by conversation.Caller) (int, error) {
	args, err := visibleArgs(by)
	if err != nil {
		return 0, err
	}
	var n int
	err = postgres.Raw(s.DB).QueryRowContext(ctx, fmt.Sprintf(`SELECT count(*) FROM (
		SELECT 1 FROM notifications n WHERE %s AND n.read_at IS NULL LIMIT %d) AS few`, visible, MostUnread+1), args...).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count unread notifications: %w", err)
	}
	return n, nil
}

// Reading says what an agent has read: the entries with the ids, or all, as far as they did not change after UpTo; a zero
// UpTo sets no bound.
type Reading struct {
	IDs  []string
	UpTo time.Time
}

// Read marks entries of the caller as read. What is read already, or is not the caller's, stays as it is.
func (s *Store) Read(ctx context.Context, by conversation.Caller, r Reading) error {
	args, err := visibleArgs(by)
	if err != nil {
		return err
	}
	if len(r.IDs) == 0 && r.UpTo.IsZero() {
		return conversation.Invalid("ids", "give ids, up_to or both")
	}
	for _, id := range r.IDs {
		if !postgres.IsID(id) {
			return conversation.Invalid("ids", "must be ids of notifications")
		}
	}
	changed := false
	err = postgres.InTx(ctx, s.DB, func(ctx context.Context, tx bun.Tx) error {
		result, err := tx.Tx.ExecContext(ctx, `UPDATE notifications AS n SET read_at = $4 WHERE `+visible+` AND n.read_at IS NULL
			AND ($5::uuid[] IS NULL OR n.id = ANY($5::uuid[])) AND ($6::timestamptz IS NULL OR n.changed_at <= $6::timestamptz)`,
			append(args, s.Now(), r.IDs, postgres.NullTime(r.UpTo))...)
		if err != nil {
			return fmt.Errorf("mark notifications as read: %w", err)
		}
		n, err := result.RowsAffected()
		if changed = n > 0; err != nil || !changed {
			return err
		}
		agent := by.ID
		return feed.Note(ctx, tx, feed.Change{Kind: feed.ChangeNotification, SubjectID: agent, AgentID: agent})
	})
	if err == nil && changed {
		s.Notify()
	}
	return err
}
