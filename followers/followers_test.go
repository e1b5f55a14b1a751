package followers_test

import (
	"testing"

	"github.com/google/uuid"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/followers"
	"guichet.dev/guichet/internal/testkit/office"
)

func TestFollow(t *testing.T) {
	t.Parallel()
	o := office.Open(t)
	id := o.Meet(t, office.Person{WhatsAppID: "40712345678", Name: "Ana"})
	store, maria := followers.NewStore(o.Desk()), o.Agent(t, "maria")
	follows := func() bool {
		t.Helper()
		c, err := o.Inbox.Get(t.Context(), maria, id)
		if err != nil || c.Following == nil {
			t.Fatal(c.Following, err)
		}
		return *c.Following
	}
	if follows() {
		t.Error("follows from the beginning")
	}
	for _, want := range []bool{true, true, false, false} {
		if err := store.Set(t.Context(), maria, id, want); err != nil || follows() != want {
			t.Errorf("want %t, %v", want, err)
		}
	}
	o.Write(t, maria, id, "hello")
	if !follows() {
		t.Error("does not follow what she answered")
	}
	if c := o.Only(t); c.Following != nil {
		t.Error("a program follows")
	}
	blind := conversation.Caller{Actor: maria.Actor, Sight: conversation.SeesOnly(uuid.NewString())}
	for by, code := range map[string]conversation.Code{"blind": conversation.CodeNotFound, "program": conversation.CodeUnsupported} {
		if err := store.Set(t.Context(), map[string]conversation.Caller{"blind": blind, "program": office.Token}[by], id, true); conversation.CodeOf(err) != code {
			t.Errorf("%s: %v", by, err)
		}
	}
}
