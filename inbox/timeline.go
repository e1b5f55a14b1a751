package inbox

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/notes"
	"guichet.dev/guichet/postgres"
)

// Timeline returns a page of a conversation's messages, notes and events, newest first, with those of conversations merged
// into it. Events that only say what the messages and notes themselves show (received, queued, status) are left out.
func (in *Inbox) Timeline(ctx context.Context, by conversation.Caller, id string, before Cursor, limit int) ([]TimelineItem, Cursor, error) {
	messages, more, err := in.Messages(ctx, by, id, before, limit)
	if err != nil {
		return nil, Cursor{}, err
	}
	items := make([]TimelineItem, 0, 3*limit)
	for i := range messages {
		items = append(items, TimelineItem{Type: "message", At: messages[i].At, Seq: messages[i].Seq, Message: &messages[i]})
	}
	events, err := in.events(ctx, id, before, limit+1)
	if err != nil {
		return nil, Cursor{}, err
	}
	items = append(items, events...)
	noted, err := notes.Page(ctx, in.DB, id, notes.Place{At: before.At, Seq: before.Seq, ID: before.ID}, limit+1)
	if err != nil {
		return nil, Cursor{}, err
	}
	for i := range noted {
		items = append(items, TimelineItem{Type: "note", At: noted[i].CreatedAt, Seq: noted[i].Seq, Note: &noted[i]})
	}
	slices.SortFunc(items, func(x, y TimelineItem) int { return compareItems(y, x) })
	if len(items) <= limit && more.Zero() {
		return items, Cursor{}, nil
	}
	items = items[:min(limit, len(items))]
	last := items[len(items)-1]
	return items, Cursor{At: second(last), Seq: last.Seq, ID: itemID(last)}, nil
}

// second is the time by which an item is ordered: the provider has whole seconds, and within one seq decides.
func second(i TimelineItem) time.Time { return i.At.Truncate(time.Second) }

func compareItems(x, y TimelineItem) int {
	if d := second(x).Compare(second(y)); d != 0 {
		return d
	}
	if x.Seq != y.Seq {
		if x.Seq < y.Seq {
			return -1
		}
		return 1
	}
	if itemID(x) < itemID(y) {
		return -1
	}
	return 1
}

// itemID orders items of the same time and seq, which only merged conversations have.
func itemID(i TimelineItem) string {
	switch {
	case i.Message != nil:
		return i.Message.ID
	case i.Note != nil:
		return i.Note.ID
	default:
		return i.conversation
	}
}

func (in *Inbox) events(ctx context.Context, id string, before Cursor, limit int) ([]TimelineItem, error) {
	var items []TimelineItem
	err := postgres.Rows(ctx, in.DB, func(row *sql.Rows) error {
		var (
			e           conversation.Event
			cause, data []byte
			item        TimelineItem
		)
		if err := row.Scan(&item.conversation, &e.Seq, &e.Kind, &e.Actor.Kind, &e.Actor.ID, &cause, &data, &e.At); err != nil {
			return err
		}
		if cause != nil {
			if err := json.Unmarshal(cause, &e.Cause); err != nil {
				return err
			}
		}
		item.Type, item.At, item.Seq, item.Event = "event", e.At, e.Seq, &e
		items = append(items, item)
		return json.Unmarshal(data, &e.Data)
	}, `SELECT e.conversation_id, e.seq, e.kind, e.actor_kind, e.actor_id, e.cause, e.data, e.at FROM events e
		WHERE e.conversation_id IN (SELECT id FROM conversations WHERE id = $1::uuid OR merged_into = $1::uuid)
		AND e.kind NOT IN ('message_received', 'message_echoed', 'message_queued', 'message_status', 'message_failed', 'message_unknown',
			'note_added', 'note_edited', 'note_deleted')
		AND ($2::timestamptz IS NULL OR (date_trunc('second', e.at), e.seq, e.conversation_id) < ($2::timestamptz, $3::bigint, coalesce($4, '00000000-0000-0000-0000-000000000000')::uuid))
		ORDER BY date_trunc('second', e.at) DESC, e.seq DESC, e.conversation_id DESC LIMIT $5`, id, postgres.NullTime(before.At), before.Seq, postgres.NullText(before.ID), limit)
	return items, wrap("read events", err)
}
