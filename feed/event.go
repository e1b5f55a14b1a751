package feed

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

// Channel is the channel on which readers are told that there may be something new. A writer notifies after its commit;
// who does not is found by the readers' polling, within a second.
const Channel = "guichet_feed"

// Event is one entry of the feed: an event of a conversation, or a change.
type Event struct {
	Cursor Cursor
	// Change is nil for an event of a conversation. If it is set, there is nothing else but the cursor.
	Change *Change

	ConversationID string
	AccountID      string
	conversation.Event
}

// ChangeKind says what changed that is no event of a conversation.
type ChangeKind string

// The kinds of change. The subject is the thing's id.
const (
	ChangeLabel        ChangeKind = "label_changed"
	ChangeTeam         ChangeKind = "team_changed"
	ChangeAgent        ChangeKind = "agent_changed"
	ChangeAccount      ChangeKind = "account_changed"
	ChangeView         ChangeKind = "view_changed"
	ChangeNotification ChangeKind = "notification_changed"
	ChangeRead         ChangeKind = "read_changed"  // the agent's own mark; the subject is the conversation
	ChangeDraft        ChangeKind = "draft_changed" // the agent's own; the subject is the conversation
	ChangeContact      ChangeKind = "contact_changed"
	ChangeBulk         ChangeKind = "bulk_action_changed" // the agent's own
	ChangePresence     ChangeKind = "presence_changed"    // the subject is the agent
)

// ChangeKinds returns all kinds of change.
func ChangeKinds() []ChangeKind {
	return []ChangeKind{
		ChangeLabel, ChangeTeam, ChangeAgent, ChangeAccount, ChangeView, ChangeNotification, ChangeRead, ChangeDraft, ChangeContact, ChangePresence,
		ChangeBulk,
	}
}

// Change says that a thing was made, changed or deleted. It is for everybody unless it names an agent or an account.
type Change struct {
	Kind      ChangeKind
	SubjectID string
	AgentID   string // for this agent only
	AccountID string // for those who may see this account only
	At        time.Time
}

// Note writes a change in the transaction that makes it. Its time is the database's.
func Note(ctx context.Context, db bun.IDB, c Change) error {
	const statement = "INSERT INTO changes (kind, subject_id, agent_id, account_id) VALUES ($1, $2, $3::uuid, $4::uuid)"
	args := []any{string(c.Kind), c.SubjectID, postgres.NullText(c.AgentID), postgres.NullText(c.AccountID)}
	if tx, ok := db.(bun.Tx); ok {
		return postgres.Later(ctx, tx, "note change", statement, args...)
	}
	if _, err := postgres.Raw(db).ExecContext(ctx, statement, args...); err != nil {
		return fmt.Errorf("note change: %w", err)
	}
	return nil
}

// kind is the entry's kind as text.
func (e Event) kind() string {
	if e.Change != nil {
		return string(e.Change.Kind)
	}
	return string(e.Kind)
}
