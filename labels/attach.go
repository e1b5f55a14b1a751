package labels

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

// Choice names a label by its id, or by a name, which is defined on the spot if there is no such label.
type Choice struct{ ID, Name string }

// Add puts a label on a conversation; one that is there already stays.
func (s *Store) Add(ctx context.Context, by conversation.Caller, conversationID string, c Choice) error {
	if (c.ID == "") == (c.Name == "") {
		return conversation.Invalid("label_id", "either label_id or name is needed, and not both")
	}
	return s.desk.Active(ctx, by, conversationID, func(ctx context.Context, tx bun.Tx, row *ledger.Row) error {
		l, err := s.choose(ctx, tx, by.Actor, c)
		if err != nil {
			return err
		}
		_, err = Attach(ctx, tx, row, by.Actor, l.ID, s.desk.Now())
		return err
	})
}

// Attach puts a label that is known to be offered, or was when a rule was published, on a locked conversation, which the caller
// saves. It reports whether that is new.
func Attach(ctx context.Context, tx bun.Tx, row *ledger.Row, by conversation.Actor, labelID string, now time.Time) (bool, error) {
	var has int
	err := postgres.Raw(tx).QueryRowContext(ctx, "SELECT count(*) FROM conversation_labels WHERE conversation_id = $1::uuid AND label_id <> $2::uuid",
		row.ID, labelID).Scan(&has)
	if err != nil {
		return false, fmt.Errorf("count labels: %w", err)
	}
	if has >= maxPerConversation {
		return false, conversation.Errorf(conversation.CodeConflict, "a conversation can have at most %d labels", maxPerConversation)
	}
	added, err := changed(postgres.Raw(tx).ExecContext(ctx, `INSERT INTO conversation_labels (conversation_id, label_id, added_at)
		SELECT $1::uuid, id, $3 FROM labels WHERE id = $2::uuid AND deleted_at IS NULL ON CONFLICT DO NOTHING`, row.ID, labelID, now))
	if added {
		row.Append(conversation.Event{Kind: conversation.EventLabelAdded, Actor: by, At: now, Data: conversation.EventData{LabelID: labelID}})
	}
	return added, err
}

func changed(res sql.Result, err error) (bool, error) {
	if err != nil {
		return false, fmt.Errorf("label conversation: %w", err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return false, fmt.Errorf("label conversation: %w", err)
	}
	return n > 0, nil
}

// choose returns the label to put on a conversation, held so that it is not deleted in between.
func (s *Store) choose(ctx context.Context, tx bun.Tx, by conversation.Actor, c Choice) (Label, error) {
	if c.ID != "" {
		l, err := read(ctx, tx, c.ID, "SHARE")
		if conversation.CodeOf(err) == conversation.CodeNotFound || err == nil && l.DeletedAt != nil {
			return l, conversation.Invalid("label_id", "must be the id of a label that is offered")
		}
		return l, err
	}
	l, err := define(New{Name: c.Name}, s.desk.Now())
	if err != nil {
		return l, err
	}
	// Whoever defines the same name at the same time is waited for; then it is theirs.
	made, err := changed(postgres.Raw(tx).ExecContext(ctx, `INSERT INTO labels (id, name, description, colour, created_at) VALUES ($1::uuid, $2, '', $3, $4)
		ON CONFLICT (lower(name)) WHERE deleted_at IS NULL DO NOTHING`, l.ID, l.Name, l.Colour, l.CreatedAt))
	if err != nil {
		return l, err
	}
	if made {
		return l, audit(ctx, tx, by, "labels.create", nil, &l)
	}
	name := l.Name
	l = Label{}
	err = tx.NewSelect().Model(&l).Where("lower(name) = lower(?)", name).Where("deleted_at IS NULL").For("SHARE").Scan(ctx)
	if postgres.IsNotFound(err) {
		return l, conversation.Errorf(conversation.CodeConflict, "this label was deleted just now; try again")
	}
	if err != nil {
		return l, fmt.Errorf("find label: %w", err)
	}
	return l, nil
}

// Remove takes a label off a conversation; one that is not there stays away.
func (s *Store) Remove(ctx context.Context, by conversation.Caller, conversationID, labelID string) error {
	return s.desk.Active(ctx, by, conversationID, func(ctx context.Context, tx bun.Tx, row *ledger.Row) error {
		if !postgres.IsID(labelID) {
			return notFound()
		}
		_, err := Detach(ctx, tx, row, by.Actor, labelID, s.desk.Now())
		return err
	})
}

// Detach takes a label off a locked conversation, which the caller saves. It reports whether it was there.
func Detach(ctx context.Context, tx bun.Tx, row *ledger.Row, by conversation.Actor, labelID string, now time.Time) (bool, error) {
	removed, err := changed(postgres.Raw(tx).ExecContext(ctx, "DELETE FROM conversation_labels WHERE conversation_id = $1::uuid AND label_id = $2::uuid", row.ID, labelID))
	if removed {
		row.Append(conversation.Event{Kind: conversation.EventLabelRemoved, Actor: by, At: now, Data: conversation.EventData{LabelID: labelID}})
	}
	return removed, err
}

// Of returns the labels of conversations by their ids, each list by name.
func Of(ctx context.Context, db bun.IDB, conversationIDs []string) (map[string][]Tag, error) {
	found := map[string][]Tag{}
	err := postgres.Rows(ctx, db, func(row *sql.Rows) error {
		var (
			id  string
			tag Tag
		)
		err := row.Scan(&id, &tag.ID, &tag.Name, &tag.Colour, &tag.Deleted)
		found[id] = append(found[id], tag)
		return err
	}, `SELECT c.conversation_id, l.id, l.name, l.colour, l.deleted_at IS NOT NULL FROM conversation_labels c JOIN labels l ON l.id = c.label_id
		WHERE c.conversation_id = ANY($1::uuid[]) ORDER BY lower(l.name), l.id`, conversationIDs)
	if err != nil {
		return nil, fmt.Errorf("read labels: %w", err)
	}
	return found, nil
}

// Merge puts a conversation's labels on the one in which it goes on.
func Merge(ctx context.Context, tx bun.Tx, from, into string) error {
	return postgres.Later(ctx, tx, "move labels", `INSERT INTO conversation_labels (conversation_id, label_id, added_at)
		SELECT $2::uuid, label_id, added_at FROM conversation_labels WHERE conversation_id = $1::uuid ORDER BY label_id ON CONFLICT DO NOTHING`, from, into)
}
