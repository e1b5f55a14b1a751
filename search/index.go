package search

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/feed"
	"guichet.dev/guichet/postgres"
)

// Consumer is the name under which the feed remembers how far the search has come. The consumer must ask for changes too.
const Consumer = "search"

// Apply brings what is searched up to date with what happened. It looks at each thing as it is now, so it may come again.
func Apply(ctx context.Context, tx bun.Tx, events []feed.Event) error {
	var messages, notes, conversations, people []string
	for _, e := range events {
		if e.Change != nil {
			if e.Change.Kind == feed.ChangeContact {
				people = append(people, e.Change.SubjectID)
			}
			continue
		}
		switch e.Kind {
		case conversation.EventMessageReceived, conversation.EventMessageEchoed, conversation.EventMessageQueued,
			conversation.EventMessageEdited, conversation.EventMessageRevoked:
			messages = append(messages, e.Data.MessageID)
		case conversation.EventNoteAdded, conversation.EventNoteEdited, conversation.EventNoteDeleted:
			notes = append(notes, e.Data.NoteID)
		}
		conversations = append(conversations, e.ConversationID)
	}
	if err := indexMessages(ctx, tx, distinct(messages)); err != nil {
		return err
	}
	if err := indexNotes(ctx, tx, distinct(notes)); err != nil {
		return err
	}
	return indexPeople(ctx, tx, distinct(people), distinct(conversations))
}

// distinct returns the ids in their order, each once. One order for all keeps two writers from waiting for each other.
func distinct(ids []string) []string {
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if len(ids) > 0 && ids[0] == "" {
		ids = ids[1:]
	}
	return ids
}

func indexMessages(ctx context.Context, tx bun.Tx, ids []string) error {
	return index(ctx, tx, ids, func(row *sql.Rows) (d document, err error) {
		var (
			body    []byte
			content conversation.Content
		)
		if err := row.Scan(&d.id, &d.conversation, &d.account, &d.at, &d.direction, &d.author.Kind, &d.author.ID, &body); err != nil {
			return d, err
		}
		if err := json.Unmarshal(body, &content); err != nil {
			return d, err
		}
		d.texts, d.hasFile = texts(content), len(content.Media) > 0
		return d, nil
	}, `SELECT id, conversation_id, account_id, at, direction, author_kind, author_id, content FROM messages
		WHERE id = ANY($1::uuid[]) AND revoked_at IS NULL`)
}

func indexNotes(ctx context.Context, tx bun.Tx, ids []string) error {
	return index(ctx, tx, ids, func(row *sql.Rows) (d document, err error) {
		var text string
		d.note = true
		err = row.Scan(&d.id, &d.conversation, &d.account, &d.at, &d.author.Kind, &d.author.ID, &text)
		d.texts = []string{text}
		return d, err
	}, `SELECT n.id, n.conversation_id, c.account_id, n.created_at, n.author_kind, n.author_id, n.text FROM notes n
		JOIN conversations c ON c.id = n.conversation_id WHERE n.id = ANY($1::uuid[]) AND n.deleted_at IS NULL`)
}

// index writes what the query finds of the ids, and removes what is there no longer.
func index(ctx context.Context, tx bun.Tx, ids []string, read func(*sql.Rows) (document, error), query string) error {
	if len(ids) == 0 {
		return nil
	}
	var (
		found, conversations, vectors []string
		ats                           []time.Time
		notes                         []bool
	)
	err := postgres.Rows(ctx, tx, func(row *sql.Rows) error {
		d, err := read(row)
		found, conversations, vectors = append(found, d.id), append(conversations, d.conversation), append(vectors, d.vector())
		ats, notes = append(ats, d.at), append(notes, d.note)
		return err
	}, query, ids)
	if err != nil {
		return fmt.Errorf("read texts to index: %w", err)
	}
	if len(found) < len(ids) {
		_, err := tx.Tx.ExecContext(ctx, "DELETE FROM search_texts WHERE id = ANY($1::uuid[]) AND id <> ALL($2::uuid[])", ids, append([]string{}, found...))
		if err != nil {
			return fmt.Errorf("take texts out of the index: %w", err)
		}
	}
	if len(found) == 0 {
		return nil
	}
	_, err = tx.Tx.ExecContext(ctx, `INSERT INTO search_texts (id, conversation_id, at, note, words)
		SELECT id, conversation_id, at, note, words::tsvector FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::boolean[], $5::text[])
			AS v(id, conversation_id, at, note, words) ORDER BY at, id
		ON CONFLICT (id) DO UPDATE SET conversation_id = excluded.conversation_id, at = excluded.at, words = excluded.words
		WHERE (search_texts.conversation_id, search_texts.at, search_texts.words) IS DISTINCT FROM (excluded.conversation_id, excluded.at, excluded.words)`,
		found, conversations, ats, notes, vectors)
	if err != nil {
		return fmt.Errorf("index texts: %w", err)
	}
	return nil
}
