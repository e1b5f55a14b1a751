// Package drafts keeps what agents have begun to write, one draft for each conversation and agent. Nobody else sees it. Each
// writing of a draft has a version that is never used again, and says which one it replaces: two windows of one agent cannot
// overwrite each other unseen.
package drafts

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/feed"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
)

// MaxText is the longest draft, in characters. It may exceed what a channel takes: it is not sent yet.
const MaxText = 20_000

// Draft is a message that an agent has begun.
type Draft struct {
	Text      string    `json:"text"`
	ReplyTo   string    `json:"reply_to,omitempty"` // id of the quoted message
	Version   int64     `json:"version"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Writing is a draft to be kept. Replaces is the version that the writer knows; 0 if they know of none.
type Writing struct {
	Text, ReplyTo string
	Replaces      int64
}

// Store is the drafts in the database.
type Store struct{ desk ledger.Desk }

// NewStore returns the drafts that are kept in the desk's database.
func NewStore(desk ledger.Desk) *Store { return &Store{desk: desk} }

// Get returns the caller's draft in a conversation; not_found if there is none.
func (s *Store) Get(ctx context.Context, by conversation.Caller, conversationID string) (Draft, error) {
	row, err := s.own(ctx, by, conversationID)
	if err != nil {
		return Draft{}, err
	}
	return one(ctx, s.desk.DB, "SELECT text, reply_to, version, updated_at FROM drafts WHERE conversation_id = $1::uuid AND agent_id = $2::uuid", row.ID, by.ID)
}

// quotable refuses messages of other accounts, which the caller may not know of. Sending looks closer.
func (s *Store) quotable(ctx context.Context, accountID, messageID string) error {
	if messageID == "" {
		return nil
	}
	var known bool
	err := s.desk.DB.DB.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM messages WHERE id = $1::uuid AND account_id = $2::uuid)", messageID, accountID).Scan(&known)
	if err == nil && !known {
		err = conversation.Invalid("reply_to", "must be the id of a message")
	}
	return err
}

// Put keeps a draft. If the one that is there is not the one it replaces, it is a conflict that names its version.
func (s *Store) Put(ctx context.Context, by conversation.Caller, conversationID string, w Writing) (Draft, error) {
	if n := utf8.RuneCountInString(w.Text); n < 1 || n > MaxText || !utf8.ValidString(w.Text) || strings.ContainsRune(w.Text, 0) {
		return Draft{}, conversation.Invalid("text", "must have 1 to %d characters; delete a draft to empty it", MaxText)
	}
	if w.ReplyTo != "" && !postgres.IsID(w.ReplyTo) {
		return Draft{}, conversation.Invalid("reply_to", "must be the id of a message")
	}
	row, err := s.own(ctx, by, conversationID)
	if err != nil {
		return Draft{}, err
	}
	if err := row.Active(); err != nil {
		return Draft{}, err
	}
	if err := s.quotable(ctx, row.AccountID, w.ReplyTo); err != nil {
		return Draft{}, err
	}
	const returning = " RETURNING text, reply_to, version, updated_at"
	args := []any{row.ID, by.ID, w.Text, postgres.NullText(w.ReplyTo), s.desk.Now()}
	statement := `INSERT INTO drafts (conversation_id, agent_id, text, reply_to, updated_at) VALUES ($1::uuid, $2::uuid, $3, $4::uuid, $5) ON CONFLICT DO NOTHING` + returning
	if w.Replaces != 0 {
		statement = `UPDATE drafts SET text = $3, reply_to = $4::uuid, updated_at = $5, version = nextval('draft_versions')
			WHERE conversation_id = $1::uuid AND agent_id = $2::uuid AND version = $6` + returning
		args = append(args, w.Replaces)
	}
	var d Draft
	err = postgres.InPipeline(ctx, s.desk.DB, func(ctx context.Context, tx bun.Tx) error {
		if d, err = one(ctx, tx, statement, args...); err != nil {
			return err
		}
		return tell(ctx, tx, row, by.ID)
	})
	if conversation.CodeOf(err) == conversation.CodeNotFound {
		return Draft{}, s.conflict(ctx, row.ID, by.ID)
	}
	return d, err
}

// tell lets the agent's other windows know that the draft changed.
func tell(ctx context.Context, tx bun.Tx, row *ledger.Row, agentID string) error {
	return feed.Note(ctx, tx, feed.Change{Kind: feed.ChangeDraft, SubjectID: row.ID, AgentID: agentID, AccountID: row.AccountID})
}

// Delete throws the caller's draft away if it is the version that they know; any if that is 0.
func (s *Store) Delete(ctx context.Context, by conversation.Caller, conversationID string, version int64) error {
	row, err := s.own(ctx, by, conversationID)
	if err != nil {
		return err
	}
	err = postgres.InPipeline(ctx, s.desk.DB, func(ctx context.Context, tx bun.Tx) error {
		_, err := one(ctx, tx, `DELETE FROM drafts WHERE conversation_id = $1::uuid AND agent_id = $2::uuid AND ($3::bigint = 0 OR version = $3::bigint)
			RETURNING text, reply_to, version, updated_at`, row.ID, by.ID, version)
		if err != nil {
			return err
		}
		return tell(ctx, tx, row, by.ID)
	})
	if conversation.CodeOf(err) != conversation.CodeNotFound {
		return err
	}
	if _, err := s.Get(ctx, by, conversationID); err != nil {
		if conversation.CodeOf(err) == conversation.CodeNotFound {
			return nil // it is gone already
		}
		return err
	}
	return s.conflict(ctx, row.ID, by.ID)
}

// Take deletes an agent's draft with the transaction that sends it, if it is still the version that is sent.
func Take(ctx context.Context, tx bun.Tx, by conversation.Actor, row *ledger.Row, version int64) error {
	if by.Kind != conversation.ActorAgent || version == 0 {
		return nil
	}
	if err := postgres.Later(ctx, tx, "take draft", "DELETE FROM drafts WHERE conversation_id = $1::uuid AND agent_id = $2::uuid AND version = $3", row.ID, by.ID, version); err != nil {
		return err
	}
	return tell(ctx, tx, row, by.ID)
}

// Merge moves the drafts of a conversation to the one in which it goes on, where their agents have none yet.
func Merge(ctx context.Context, tx bun.Tx, from, into string) error {
	return postgres.Later(ctx, tx, "move drafts", `UPDATE drafts d SET conversation_id = $2::uuid WHERE conversation_id = $1::uuid
		AND NOT EXISTS (SELECT 1 FROM drafts o WHERE o.conversation_id = $2::uuid AND o.agent_id = d.agent_id)`, from, into)
}

// own returns a conversation in which the caller, an agent, may have a draft.
func (s *Store) own(ctx context.Context, by conversation.Caller, conversationID string) (*ledger.Row, error) {
	if by.Kind != conversation.ActorAgent {
		return nil, conversation.Errorf(conversation.CodeUnsupported, "only an agent has drafts; the token belongs to a program")
	}
	return s.desk.Read(ctx, by, conversationID)
}

func one(ctx context.Context, db bun.IDB, query string, args ...any) (Draft, error) {
	var d Draft
	err := postgres.Raw(db).QueryRowContext(ctx, query, args...).Scan(&d.Text, postgres.OptText(&d.ReplyTo), &d.Version, &d.UpdatedAt)
	if postgres.IsNotFound(err) {
		return d, conversation.Errorf(conversation.CodeNotFound, "there is no draft")
	}
	if err != nil {
		return d, fmt.Errorf("draft: %w", err)
	}
	return d, nil
}

// conflict says that another draft is there than the writer knows, or none any more.
func (s *Store) conflict(ctx context.Context, conversationID, agentID string) error {
	d, err := one(ctx, s.desk.DB, "SELECT text, reply_to, version, updated_at FROM drafts WHERE conversation_id = $1::uuid AND agent_id = $2::uuid", conversationID, agentID)
	if err != nil && conversation.CodeOf(err) != conversation.CodeNotFound {
		return err
	}
	stale := &conversation.Error{Code: conversation.CodeConflict, Field: "if_version", Message: "the draft was changed elsewhere"}
	stale.Details = map[string]any{"version": d.Version}
	return stale
}
