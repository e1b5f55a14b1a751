package server

import (
	"context"
	"net/http"
	"strings"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/team"
)

type reactionInput struct {
	MessageID string `json:"message_id" format:"uuid" doc:"The message to react to"`
	Emoji     string `json:"emoji" maxLength:"32" doc:"Empty takes the reaction back"`
}

type sendMessage struct {
	ConversationPath
	Body struct {
		ClientID string         `json:"client_id" minLength:"1" maxLength:"100" doc:"Your id of this message. The same id again is the same message and sends nothing twice"`
		Text     string         `json:"text,omitempty" maxLength:"65536" doc:"The channel may allow less"`
		Reaction *reactionInput `json:"reaction,omitempty"`
		ReplyTo  string         `json:"reply_to,omitempty" format:"uuid" doc:"The message to quote"`
		Draft    int64          `json:"draft_version,omitempty" minimum:"0" doc:"Version of the draft that this was: it is deleted with the sending, unless it was changed since"`
	}
}

// message checks that the request says exactly one thing.
func (in *sendMessage) message() (inbox.NewMessage, error) {
	b := in.Body
	m := inbox.NewMessage{ClientID: b.ClientID, ReplyTo: b.ReplyTo, DraftVersion: b.Draft}
	hasText := strings.TrimSpace(b.Text) != ""
	switch {
	case strings.ContainsRune(b.ClientID+b.Text, 0) || b.Reaction != nil && strings.ContainsRune(b.Reaction.Emoji, 0):
		return m, conversation.Invalid("", "must not hold the character NUL")
	case hasText == (b.Reaction != nil):
		return m, conversation.Invalid("text", "either text or reaction is needed, and not both")
	case hasText:
		m.Content = conversation.Content{Kind: conversation.KindText, Text: b.Text}
	case b.ReplyTo != "":
		return m, conversation.Invalid("reply_to", "a reaction quotes nothing")
	default:
		m.Content = conversation.Content{Kind: conversation.KindReaction, Reaction: &conversation.Reaction{
			MessageID: b.Reaction.MessageID, Emoji: b.Reaction.Emoji,
		}}
	}
	return m, nil
}

func (s *Server) registerMessages() {
	register(s, operation{
		id: "send-message", method: http.MethodPost, path: "/conversations/{conversation_id}/messages", permission: team.SendMessages, tag: "messages",
		status: http.StatusCreated, summary: "Send a text or a reaction. The answer says that it is queued; its state follows",
	}, func(ctx context.Context, in *sendMessage) (*answer[inbox.Message], error) {
		message, err := in.message()
		if err != nil {
			return nil, err
		}
		return reply(s.Writing.Send(ctx, viewer(ctx), in.ID, message))
	})
}
