package server

import (
	"context"
	"strings"
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/team"
)

type setConsent struct {
	ConversationPath
	Body struct {
		Scope conversation.ConsentScope `json:"scope"`
		State conversation.ConsentState `json:"state" enum:"opted_in,opted_out"`
		Note  string                    `json:"note,omitempty" maxLength:"1000" doc:"Where and how the contact said it; required for opted_in"`
		At    *time.Time                `json:"at,omitempty" doc:"When the contact said it; now if left out"`
	}
}

// wish checks what can be checked without the contact.
func (in *setConsent) wish(now time.Time) (inbox.ConsentWish, error) {
	b := in.Body
	w := inbox.ConsentWish{Scope: b.Scope, State: b.State, Note: strings.TrimSpace(b.Note), At: now}
	if b.At != nil {
		w.At = b.At.UTC()
	}
	if w.At.After(now) {
		return w, conversation.Invalid("at", "must not lie in the future")
	}
	if strings.ContainsRune(w.Note, 0) {
		return w, conversation.Invalid("note", "must not hold the character NUL")
	}
	if w.State == conversation.ConsentOptedIn && w.Note == "" {
		return w, conversation.Invalid("note", "is required for opted_in: where and how the contact said it")
	}
	return w, nil
}

func (s *Server) registerConsent() {
	register(s, handling("consent", team.WriteConsent, "Write down what the contact wants"),
		func(ctx context.Context, in *setConsent) (*conversationAnswer, error) {
			wish, err := in.wish(s.Clock.Now())
			if err != nil {
				return nil, err
			}
			return reply(s.Writing.SetConsent(ctx, viewer(ctx), in.ID, wish))
		})
}
