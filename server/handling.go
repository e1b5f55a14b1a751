package server

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/team"
)

// target is to whom a conversation is given: absent, somebody's id, or nobody as null or an empty string.
type target struct {
	given bool
	id    string
}

// Schema implements huma.SchemaProvider.
func (target) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Nullable: true}
}

// UnmarshalJSON implements json.Unmarshaler. It is called for null too, and not if the property is absent.
func (t *target) UnmarshalJSON(text []byte) error {
	t.given = true
	return json.Unmarshal(text, &t.id)
}

// pointer returns the target as commands take it.
func (t target) pointer(field string) (*string, error) {
	if !t.given {
		return nil, nil
	}
	if t.id != "" && !postgres.IsID(t.id) {
		return nil, conversation.Invalid(field, "must be an id, or null for nobody")
	}
	return &t.id, nil
}

type assign struct {
	ConversationPath
	Body struct {
		AgentID target     `json:"agent_id,omitempty" doc:"An agent's id; null or empty for nobody; absent to leave as it is"`
		TeamID  target     `json:"team_id,omitempty" doc:"A team's id; null or empty for none; absent to leave as it is"`
		Note    *noteInput `json:"note,omitempty" doc:"For whoever takes over; written with the assignment or not at all"`
	}
}

func (in *assign) assignment() (to inbox.Assignment, err error) {
	if to.AgentID, err = in.Body.AgentID.pointer("agent_id"); err != nil {
		return to, err
	}
	if to.TeamID, err = in.Body.TeamID.pointer("team_id"); err != nil {
		return to, err
	}
	if to.AgentID == nil && to.TeamID == nil {
		return to, conversation.Invalid("", "agent_id or team_id is needed")
	}
	if in.Body.Note != nil {
		note := in.Body.Note.draft()
		to.Note = &note
	}
	return to, nil
}

type snooze struct {
	ConversationPath
	Body struct {
		Until      time.Time `json:"until,omitzero" doc:"When the conversation comes back by itself, in the future; the customer's message brings it back before"`
		UntilReply bool      `json:"until_reply,omitempty" doc:"In place of a time: only the customer's message brings it back"`
	}
}

// check returns an error unless the request says until when.
func (in *snooze) check(now time.Time) error {
	switch b := in.Body; {
	case b.Until.IsZero() != b.UntilReply:
		return conversation.Invalid("until", "either until or until_reply is needed, and not both")
	case !b.UntilReply && !b.Until.After(now):
		return conversation.Invalid("until", "must lie in the future")
	default:
		return nil
	}
}

// conversationAnswer is a conversation as it is after a command.
type conversationAnswer = answer[inbox.Conversation]

func (s *Server) registerHandling() {
	register(s, handling("attend", team.AttendConversations, "Take a conversation; a conflict if a colleague was faster"),
		func(ctx context.Context, in *ConversationPath) (*conversationAnswer, error) {
			if caller(ctx).AgentID == "" {
				if _, err := s.Queries.Get(ctx, viewer(ctx), in.ID); err != nil { // what it may not see does not exist
					return nil, err
				}
				return nil, conversation.Errorf(conversation.CodeUnsupported, "only agents can take a conversation; this token belongs to a program")
			}
			return reply(s.Handling.Attend(ctx, viewer(ctx), in.ID))
		})
	register(s, handling("assign", team.AssignConversations, "Give a conversation to an agent, a team, or nobody"),
		func(ctx context.Context, in *assign) (*conversationAnswer, error) {
			to, err := in.assignment()
			if err != nil {
				return nil, err
			}
			return reply(s.Handling.Assign(ctx, viewer(ctx), in.ID, to))
		})
	register(s, handling("done", team.CloseConversations, "Close a conversation; the customer's next message reopens it"),
		func(ctx context.Context, in *ConversationPath) (*conversationAnswer, error) {
			return reply(s.Handling.Done(ctx, viewer(ctx), in.ID))
		})
	register(s, handling("reopen", team.CloseConversations, "Open a conversation that is done or snoozed"),
		func(ctx context.Context, in *ConversationPath) (*conversationAnswer, error) {
			return reply(s.Handling.Reopen(ctx, viewer(ctx), in.ID))
		})
	register(s, handling("snooze", team.SnoozeConversations, "Put a conversation aside until a time, or until the customer writes"),
		func(ctx context.Context, in *snooze) (*conversationAnswer, error) {
			if err := in.check(s.Clock.Now()); err != nil {
				return nil, err
			}
			return reply(s.Handling.Snooze(ctx, viewer(ctx), in.ID, in.Body.Until.UTC()))
		})
}

// handling describes a command on one conversation.
func handling(name string, permission team.Permission, summary string) operation {
	return operation{
		id: name + "-conversation", method: http.MethodPost, path: "/conversations/{conversation_id}/" + name,
		permission: permission, summary: summary, tag: "conversations",
	}
}
