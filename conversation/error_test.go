package conversation_test

import (
	"errors"
	"fmt"
	"testing"

	"guichet.dev/guichet/conversation"
)

func TestCodeOf(t *testing.T) {
	t.Parallel()
	wrapped := fmt.Errorf("send: %w", conversation.Errorf(conversation.CodeOptedOut, "no"))
	for want, err := range map[conversation.Code]error{
		"": nil, conversation.CodeInternal: errors.New("x"), conversation.CodeOptedOut: wrapped, conversation.CodeInvalid: conversation.Invalid("name", "at most %d", 3),
	} {
		if got := conversation.CodeOf(err); got != want {
			t.Errorf("code of %v: %q, want %q", err, got, want)
		}
	}
	if got := conversation.Invalid("name", "at most %d", 3).Error(); got != "invalid: at most 3 (name)" {
		t.Errorf("text %q", got)
	}
}

func TestWakes(t *testing.T) {
	t.Parallel()
	for kind, want := range map[conversation.EventKind]bool{
		conversation.EventMessageReceived: true, conversation.EventMessageFailed: true, conversation.EventDone: true, conversation.EventMessageStatus: false,
		conversation.EventReaction: false, conversation.EventMessageEdited: false, conversation.EventMessageRevoked: false, conversation.EventIdentityChanged: false,
	} {
		if kind.Wakes() != want {
			t.Errorf("%s wakes: %v", kind, !want)
		}
	}
}

func TestIdentities(t *testing.T) {
	t.Parallel()
	p := conversation.Person{Identities: []conversation.Identity{{Kind: conversation.UserID, Key: "FR.1"}, {Kind: conversation.Username, Key: "adele"}}}
	if id, ok := p.Identity(conversation.UserID); !ok || id.Key != "FR.1" {
		t.Errorf("user id %+v, %v", id, ok)
	}
	if _, ok := p.Identity(conversation.WhatsAppID); ok {
		t.Error("found an identity that the person does not have")
	}
	for kind, want := range map[conversation.IdentityKind]bool{conversation.WhatsAppID: true, conversation.UserID: true, conversation.ParentUserID: true, conversation.Username: false, "": false} {
		if kind.Matches() != want {
			t.Errorf("%q matches: %v", kind, !want)
		}
	}
}
