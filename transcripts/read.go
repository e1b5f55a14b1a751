package transcripts

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

// pageSize is how many items are read at once.
const pageSize = 500

// item is one line of a transcript.
type item struct {
	Type   string                    `json:"type"` // message, note, event
	At     time.Time                 `json:"at"`
	By     conversation.Actor        `json:"by"`
	Name   string                    `json:"name,omitempty"` // of who it was
	State  conversation.MessageState `json:"state,omitempty"`
	Kind   string                    `json:"kind"` // of the message or event; "note"
	Text   string                    `json:"text,omitempty"`
	Files  []string                  `json:"files,omitempty"` // names or media types of a message's files
	Edited *time.Time                `json:"edited_at,omitempty"`
	Gone   *time.Time                `json:"deleted_at,omitempty"` // a message that was withdrawn, a note that was deleted
	Data   *conversation.EventData   `json:"data,omitempty"`

	place
}

// place orders items: by the second, within it by seq, as in the timeline.
type place struct {
	second time.Time
	seq    int64
	id     string
}

// The parts of a page: each begins after the place in $2 to $4, and gives up to $5 items of the conversation $1 and of those
// merged into it.
const (
	scope = `IN (SELECT id FROM conversations WHERE id = $1::uuid OR merged_into = $1::uuid)`
	after = `> ($2::timestamptz, $3::bigint, $4::uuid)`

	messagesPart = `(SELECT 'message' AS type, m.id, m.at AS second, m.at, m.seq, m.author_kind, m.author_id, m.kind, m.state, m.content::text AS body, m.edited_at, m.revoked_at AS gone
		FROM messages m WHERE m.conversation_id ` + scope + ` AND (m.at, m.seq, m.id) ` + after + ` ORDER BY m.at, m.seq, m.id LIMIT $5)`
	notesPart = ` UNION ALL (SELECT 'note', n.id, date_trunc('second', n.created_at), n.created_at, n.seq, n.author_kind, n.author_id, 'note', '', n.text, n.edited_at, n.deleted_at
		FROM notes n WHERE n.conversation_id ` + scope + ` AND (date_trunc('second', n.created_at), n.seq, n.id) ` + after + ` ORDER BY 3, 5, 2 LIMIT $5)`
	eventsPart = ` UNION ALL (SELECT 'event', e.conversation_id, date_trunc('second', e.at), e.at, e.seq, e.actor_kind, e.actor_id, e.kind, '', e.data::text, NULL, NULL
		FROM events e WHERE e.conversation_id ` + scope + ` AND e.kind NOT LIKE 'message\_%' AND e.kind NOT LIKE 'note\_%'
		AND (date_trunc('second', e.at), e.seq, e.conversation_id) ` + after + ` ORDER BY 3, 5, 2 LIMIT $5)`
)

// page reads the items after a place.
func (t *Transcript) page(ctx context.Context, from place) ([]item, error) {
	query := messagesPart
	if t.Notes {
		query += notesPart
	}
	if t.Events {
		query += eventsPart
	}
	if from.id == "" {
		from.id = "00000000-0000-0000-0000-000000000000"
	}
	var items []item
	err := postgres.Rows(ctx, t.db, func(row *sql.Rows) error {
		i, err := scan(row)
		items = append(items, i)
		return err
	}, "SELECT * FROM ("+query+") AS items ORDER BY second, seq, id LIMIT $5", t.head.ConversationID, from.second, from.seq, from.id, pageSize)
	if err != nil {
		return nil, fmt.Errorf("read transcript: %w", err)
	}
	return items, nil
}

func scan(row *sql.Rows) (item, error) {
	var (
		i    item
		body string
	)
	if err := row.Scan(&i.Type, &i.id, &i.second, &i.At, &i.seq, &i.By.Kind, &i.By.ID, &i.Kind, &i.State, &body, &i.Edited, &i.Gone); err != nil {
		return i, err
	}
	switch i.Type {
	case "message":
		var content conversation.Content
		if err := json.Unmarshal([]byte(body), &content); err != nil {
			return i, err
		}
		if i.Gone == nil { // what the sender took back is not passed on
			i.Text, i.Files = words(content)
		}
	case "event":
		i.Data = &conversation.EventData{}
		return i, json.Unmarshal([]byte(body), i.Data)
	default:
		i.Text = body
	}
	return i, nil
}

// words returns what a message says in full, and its files.
func words(content conversation.Content) (text string, files []string) {
	for _, f := range content.Media {
		name := f.FileName
		if name == "" {
			name = f.MIMEType
		}
		files = append(files, name)
	}
	if text = content.Text; text == "" && len(files) == 0 {
		text = content.Summary()
	}
	return text, files
}

// names finds out who is who.
type names struct {
	db      *bun.DB
	contact string
	known   map[string]string // agents and tokens, by id
}

// give writes names into items.
func (n *names) give(ctx context.Context, items []item) error {
	var unknown []string
	for _, i := range items {
		if _, known := n.known[i.By.ID]; !known && (i.By.Kind == conversation.ActorAgent || i.By.Kind == conversation.ActorToken) && postgres.IsID(i.By.ID) && !slices.Contains(unknown, i.By.ID) {
			unknown = append(unknown, i.By.ID)
		}
	}
	if len(unknown) > 0 {
		err := postgres.Rows(ctx, n.db, func(row *sql.Rows) error {
			var id, name string
			err := row.Scan(&id, &name)
			n.known[id] = name
			return err
		}, "SELECT id, name FROM agents WHERE id = ANY($1::uuid[]) UNION ALL SELECT id, name FROM api_tokens WHERE id = ANY($1::uuid[])", unknown)
		if err != nil {
			return fmt.Errorf("read names: %w", err)
		}
	}
	for k := range items {
		if i := &items[k]; i.By.Kind == conversation.ActorContact {
			i.Name = n.contact
		} else {
			i.Name = n.known[i.By.ID]
		}
	}
	return nil
}

// who returns the name to print.
func (i item) who() string {
	if i.Name != "" {
		return i.Name
	}
	return strings.ReplaceAll(string(i.By.Kind), "_", " ")
}
