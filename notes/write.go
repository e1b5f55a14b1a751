package notes

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/followers"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
)

// Add notes something beside a conversation.
func (s *Store) Add(ctx context.Context, by conversation.Caller, conversationID string, d Draft) (Note, error) {
	var n Note
	err := s.desk.Active(ctx, by, conversationID, func(ctx context.Context, tx bun.Tx, row *ledger.Row) error {
		var err error
		n, err = Append(ctx, tx, row, by.Actor, d, s.desk.Now())
		return err
	})
	return n, err
}

// Append adds a note to a locked conversation, which the caller saves.
func Append(ctx context.Context, tx bun.Tx, row *ledger.Row, by conversation.Actor, d Draft, now time.Time) (Note, error) {
	text, err := cleanText(d.Text)
	if err != nil {
		return Note{}, err
	}
	called, err := d.Calls.resolve(ctx, tx, row.AccountID)
	if err != nil {
		return Note{}, err
	}
	n := Note{
		ID: postgres.NewID(), ConversationID: row.ID, Author: by, Text: text,
		Mentions: called, TeamMentions: distinct(d.Calls.Teams), CreatedAt: now.UTC().Truncate(time.Microsecond),
	}
	others := without(called, by.ID)
	n.Seq = row.Append(conversation.Event{
		Kind: conversation.EventNoteAdded, Actor: by, At: n.CreatedAt, Data: conversation.EventData{NoteID: n.ID, Mentions: others},
	})
	err = postgres.Later(ctx, tx, "insert note", `INSERT INTO notes (id, conversation_id, seq, author_kind, author_id, text, mentions, team_mentions, created_at)
		VALUES ($1::uuid, $2::uuid, $3, $4, $5, $6, $7::uuid[], $8::uuid[], $9)`,
		n.ID, row.ID, n.Seq, string(by.Kind), by.ID, text, list(called), list(n.TeamMentions), n.CreatedAt)
	if err != nil {
		return Note{}, err
	}
	follow := others
	if by.Kind == conversation.ActorAgent {
		follow = append(follow, by.ID)
	}
	return n, followers.Add(ctx, tx, row.ID, now, follow...)
}

// Edit replaces the text and the mentions of a note: one's own, or any if others is set. Those who were mentioned before
// are not called again.
func (s *Store) Edit(ctx context.Context, by conversation.Caller, conversationID, id string, d Draft, others bool) (Note, error) {
	text, err := cleanText(d.Text)
	if err != nil {
		return Note{}, err
	}
	return s.change(ctx, by, conversationID, id, others, func(ctx context.Context, tx bun.Tx, row *ledger.Row, n *Note) error {
		called, err := d.Calls.resolve(ctx, tx, row.AccountID)
		if err != nil {
			return err
		}
		before := append(slices.Clone(n.Mentions), by.ID)
		fresh := without(called, before...)
		now := s.desk.Now().UTC().Truncate(time.Microsecond)
		n.Text, n.Mentions, n.TeamMentions, n.EditedAt = text, called, distinct(d.Calls.Teams), &now
		row.Append(conversation.Event{
			Kind: conversation.EventNoteEdited, Actor: by.Actor, At: now, Data: conversation.EventData{NoteID: n.ID, Mentions: fresh},
		})
		if err := postgres.Later(ctx, tx, "edit note", `UPDATE notes SET text = $2, mentions = $3::uuid[], team_mentions = $4::uuid[], edited_at = $5 WHERE id = $1::uuid`,
			n.ID, n.Text, list(n.Mentions), list(n.TeamMentions), now); err != nil {
			return err
		}
		return followers.Add(ctx, tx, row.ID, now, fresh...)
	})
}

// Delete takes a note back: one's own, or any if others is set. Its text is gone; that there was one stays.
func (s *Store) Delete(ctx context.Context, by conversation.Caller, conversationID, id string, others bool) error {
	_, err := s.change(ctx, by, conversationID, id, others, func(ctx context.Context, tx bun.Tx, row *ledger.Row, n *Note) error {
		now := s.desk.Now()
		row.Append(conversation.Event{
			Kind: conversation.EventNoteDeleted, Actor: by.Actor, At: now, Data: conversation.EventData{NoteID: n.ID},
		})
		return postgres.Later(ctx, tx, "delete note", "UPDATE notes SET text = '', mentions = '{}', team_mentions = '{}', deleted_at = $2 WHERE id = $1::uuid", n.ID, now)
	})
	return err
}

// change finds a note of the conversation or of one merged into it, and changes it with the conversation locked.
func (s *Store) change(ctx context.Context, by conversation.Caller, conversationID, id string, others bool, do func(context.Context, bun.Tx, *ledger.Row, *Note) error) (Note, error) {
	var n Note
	err := s.desk.Active(ctx, by, conversationID, func(ctx context.Context, tx bun.Tx, row *ledger.Row) error {
		if !postgres.IsID(id) {
			return notFound()
		}
		found, err := find(ctx, tx, thread+" AND id = $2::uuid AND deleted_at IS NULL", row.ID, id)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return notFound()
		}
		if n = found[0]; n.Author != by.Actor && !others {
			return conversation.Errorf(conversation.CodeForbidden, "this note is a colleague's")
		}
		return do(ctx, tx, row, &n)
	})
	if err != nil {
		return Note{}, fmt.Errorf("change note: %w", err)
	}
	return n, nil
}

func distinct(ids []string) []string {
	var out []string
	for _, id := range ids {
		if !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}

func without(ids []string, left ...string) []string {
	var out []string
	for _, id := range ids {
		if !slices.Contains(left, id) {
			out = append(out, id)
		}
	}
	return out
}

// list is never nil, which the driver would take for NULL.
func list(ids []string) []string { return append([]string{}, ids...) }
