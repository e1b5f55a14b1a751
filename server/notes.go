package server

import (
	"context"
	"net/http"

	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/notes"
	"guichet.dev/guichet/team"
)

type noteInput struct {
	Text         string   `json:"text" minLength:"1" maxLength:"10000" doc:"Customers never see it"`
	Mentions     []string `json:"mentions,omitempty" maxItems:"50" doc:"Ids of agents to call; each must be allowed to see the conversation"`
	TeamMentions []string `json:"team_mentions,omitempty" maxItems:"50" doc:"Ids of teams whose members to call, as far as they may see the conversation"`
}

func (in noteInput) draft() notes.Draft {
	return notes.Draft{Text: in.Text, Calls: notes.Calls{Agents: in.Mentions, Teams: in.TeamMentions}}
}

// NotePath names a note of a conversation in a path.
type NotePath struct {
	ConversationPath
	NoteID string `path:"note_id" format:"uuid"`
}

type addNote struct {
	ConversationPath
	Body noteInput
}

type editNote struct {
	NotePath
	Body noteInput
}

func (s *Server) registerNotes() {
	register(s, operation{
		id: "list-notes", method: http.MethodGet, path: "/conversations/{conversation_id}/notes", permission: team.ReadConversations, tag: "notes",
		summary: "What colleagues noted beside a conversation and those merged into it, newest first",
	}, func(ctx context.Context, in *conversationPage) (*answer[page[notes.Note]], error) {
		before, err := decodeCursor(in.Cursor)
		if err != nil {
			return nil, err
		}
		found, next, err := s.Notes.List(ctx, viewer(ctx), in.ID, notes.Place{At: before.At, Seq: before.Seq, ID: before.ID}, in.Limit)
		return replyPage(found, inbox.Cursor{At: next.At, Seq: next.Seq, ID: next.ID}, err)
	})
	register(s, operation{
		id: "add-note", method: http.MethodPost, path: "/conversations/{conversation_id}/notes", permission: team.WriteNotes, tag: "notes",
		status: http.StatusCreated, summary: "Note something for colleagues; those whom it mentions follow the conversation from then on",
	}, func(ctx context.Context, in *addNote) (*answer[notes.Note], error) {
		return reply(s.Notes.Add(ctx, viewer(ctx), in.ID, in.Body.draft()))
	})
	register(s, operation{
		id: "edit-note", method: http.MethodPatch, path: "/conversations/{conversation_id}/notes/{note_id}", permission: team.WriteNotes, tag: "notes",
		summary: "Replace the text and the mentions of a note: one's own, or any with the permission conversations.moderate",
	}, func(ctx context.Context, in *editNote) (*answer[notes.Note], error) {
		return reply(s.Notes.Edit(ctx, viewer(ctx), in.ID, in.NoteID, in.Body.draft(), caller(ctx).Can(team.ModerateNotes)))
	})
	register(s, operation{
		id: "delete-note", method: http.MethodDelete, path: "/conversations/{conversation_id}/notes/{note_id}", permission: team.WriteNotes, tag: "notes",
		status: http.StatusNoContent, summary: "Take a note back: one's own, or any with the permission conversations.moderate",
	}, func(ctx context.Context, in *NotePath) (*struct{}, error) {
		return nil, s.Notes.Delete(ctx, viewer(ctx), in.ID, in.NoteID, caller(ctx).Can(team.ModerateNotes))
	})
}
