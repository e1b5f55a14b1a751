package app_test

import (
	"net/http"
	"testing"
	"time"

	"guichet.dev/guichet/blocks"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/simulator"
)

// A blocked customer's messages do not arrive and nothing goes to them; a provider that refuses leaves the block on our side,
// and can be asked again.
func TestBlockedCustomer(t *testing.T) {
	t.Parallel()
	d := open(t, setup{})
	const phone, other = "33612345678", "33612345679"
	d.say(phone, "Bonjour")
	d.say(other, "Bonjour aussi")
	id := d.find(phone)
	path := "/api/v1/conversations/" + id
	block := func(what string, state blocks.ProviderState, code string) inbox.Conversation {
		t.Helper()
		var c inbox.Conversation
		d.must(http.MethodPost, path+"/"+what, nil, &c)
		got := ""
		if c.Block != nil && c.Block.ProviderError != nil {
			got = c.Block.ProviderError.Code
		}
		if (c.BlockedAt != nil) != (what == "block") || c.Block == nil || c.Block.ProviderState != state || got != code {
			t.Fatalf("%s: %+v", what, c.Block)
		}
		return c
	}
	d.fault(simulator.Fault{On: simulator.KindBlockUsers, Action: simulator.ActionError, Code: 139102, Count: 1})
	block("block", blocks.Failed, "139102")
	d.refused(path+"/messages", map[string]any{"client_id": "1", "text": "Bonjour"}, conversation.CodeBlocked)
	d.say(phone, "écrit malgré tout") // the provider has not blocked: it arrives, and tells nobody
	c := d.until(id, "the message is stored", func(inbox.Conversation) bool { return len(d.messages(id)) == 2 })
	if c.Unread {
		t.Error("a blocked contact's message is unread")
	}
	block("block", blocks.Done, "")
	d.say(phone, "jamais arrivé")
	block("unblock", blocks.Done, "")
	d.say(phone, "de retour")
	d.until(id, "messages arrive again", func(c inbox.Conversation) bool { return c.Summary == "de retour" && c.Unread })
	if got := d.messages(id); len(got) != 3 {
		t.Errorf("%d messages, want 3", len(got))
	}
	d.state(d.send(id, "Bon retour"), conversation.StateDelivered)

	// The provider blocks those only who wrote within a day.
	_, err := d.sim.AdvanceClock(t.Context(), 25*time.Hour)
	d.fatal(err)
	id = d.find(other)
	path = "/api/v1/conversations/" + id
	block("block", blocks.Failed, "139100")
}
