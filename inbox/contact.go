package inbox

import (
	"context"
	"database/sql"
	"time"

	"guichet.dev/guichet/contacts"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

// OfContact returns a page of a contact's conversations that the caller may see, newest activity first, on all accounts.
func (in *Inbox) OfContact(ctx context.Context, by conversation.Caller, contactID string, after Cursor, limit int) ([]Conversation, Cursor, error) {
	if after.ID != "" && !postgres.IsID(after.ID) {
		return nil, Cursor{}, badCursor()
	}
	contactID, err := contacts.Visible(ctx, in.DB, by, contactID)
	if err != nil {
		return nil, Cursor{}, err
	}
	visible, all := by.Accounts()
	var places []Cursor
	err = postgres.Rows(ctx, in.DB, func(row *sql.Rows) error {
		var c Cursor
		err := row.Scan(&c.ID, &c.At)
		places = append(places, c)
		return err
	}, `SELECT id, last_activity_at FROM conversations WHERE contact_id = $1::uuid AND merged_into IS NULL AND ($2 OR account_id = ANY($3::uuid[]))
		AND ($4::timestamptz IS NULL OR (last_activity_at, id) < ($4::timestamptz, $5::uuid)) ORDER BY last_activity_at DESC, id DESC LIMIT $6`,
		contactID, all, visible, postgres.NullTime(after.At), postgres.NullText(after.ID), limit+1)
	if err != nil {
		return nil, Cursor{}, wrap("list conversations of contact", err)
	}
	var next Cursor
	if len(places) > limit {
		places = places[:limit]
		next = Cursor{At: places[limit-1].At.Truncate(time.Microsecond), ID: places[limit-1].ID}
	}
	ids := make([]string, 0, len(places))
	for _, p := range places {
		ids = append(ids, p.ID)
	}
	views, err := in.shown(ctx, by, ids)
	return views, next, err
}
