package notes

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

// thread is the condition for the notes of a conversation and of those merged into it.
const thread = "conversation_id IN (SELECT id FROM conversations WHERE id = $1::uuid OR merged_into = $1::uuid)"

// Place is where a page begins: after the item with this time, seq and id. Times count in whole seconds, as in the timeline.
type Place struct {
	At  time.Time
	Seq int64
	ID  string
}

// List returns a page of a conversation's notes, newest first, with those of conversations merged into it.
func (s *Store) List(ctx context.Context, by conversation.Caller, conversationID string, before Place, limit int) ([]Note, Place, error) {
	row, err := s.desk.Read(ctx, by, conversationID)
	if err != nil {
		return nil, Place{}, err
	}
	found, err := Page(ctx, s.db, row.ID, before, limit+1)
	if err != nil || len(found) <= limit {
		return found, Place{}, err
	}
	last := found[limit-1]
	return found[:limit], Place{At: last.CreatedAt.Truncate(time.Second), Seq: last.Seq, ID: last.ID}, nil
}

// Page returns notes of a conversation, which its caller has found that they may see, and of those merged into it.
func Page(ctx context.Context, db bun.IDB, conversationID string, before Place, limit int) ([]Note, error) {
	return find(ctx, db, thread+` AND ($2::timestamptz IS NULL OR (date_trunc('second', created_at), seq, id) <
			($2::timestamptz, $3::bigint, coalesce($4, '00000000-0000-0000-0000-000000000000')::uuid))
		ORDER BY date_trunc('second', created_at) DESC, seq DESC, id DESC LIMIT $5`,
		conversationID, postgres.NullTime(before.At), before.Seq, postgres.NullText(before.ID), limit)
}

func find(ctx context.Context, db bun.IDB, condition string, args ...any) ([]Note, error) {
	var found []Note
	types := pgtype.NewMap()
	err := postgres.Rows(ctx, db, func(row *sql.Rows) error {
		var n Note
		err := row.Scan(&n.ID, &n.ConversationID, &n.Seq, &n.Author.Kind, &n.Author.ID, &n.Text,
			types.SQLScanner(&n.Mentions), types.SQLScanner(&n.TeamMentions), &n.CreatedAt, &n.EditedAt, &n.DeletedAt)
		found = append(found, n)
		return err
	}, `SELECT id, conversation_id, seq, author_kind, author_id, text, mentions::text[], team_mentions::text[], created_at, edited_at, deleted_at
		FROM notes WHERE `+condition, args...)
	if err != nil {
		return nil, fmt.Errorf("read notes: %w", err)
	}
	return found, nil
}
