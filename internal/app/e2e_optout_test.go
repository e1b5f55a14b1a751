package app_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"testing"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/internal/devstack"
	"guichet.dev/guichet/internal/testkit"
)

// answering is an edition that answers every message.
func answering() map[string]any {
	return map[string]any{"rules": []any{map[string]any{
		"id": "answer", "name": "Answer", "when": "message_received", "then": []any{map[string]any{"do": "reply", "text": "We are looking into it"}},
	}}, "opt_out": map[string]any{"confirmation_off": true}}
}

// An automatic message waits, Temporal goes away, the customer says STOP and the account can send again: whatever comes first
// when Temporal is back, the message is never sent.
func TestStopWhileTemporalIsAway(t *testing.T) {
	t.Parallel()
	temporal := testkit.TemporalWith(t, devstack.TemporalConfig{DataFile: filepath.Join(t.TempDir(), "temporal.db")})
	d := open(t, setup{temporal: temporal, rules: answering()})
	const phone, other = "33612345678", "33600000001"
	account := "/api/v1/accounts/" + d.account
	d.must(http.MethodPost, account+"/pause", nil, nil)
	d.say(phone, "Bonjour")
	d.say(other, "Bonjour")
	id, kept := d.find(phone), d.find(other)
	waiting, sent := d.count(id, 2)[1], d.count(kept, 2)[1]
	d.fatal(temporal.Server.Kill())
	d.say(phone, "STOP")
	d.count(id, 3)
	d.must(http.MethodPost, account+"/resume", nil, nil)
	d.fatal(temporal.Server.Restart(t.Context()))
	cancelled := d.state(waiting, conversation.StateCancelled)
	if cancelled.Error == nil || cancelled.Error.Code != string(conversation.CodeOptedOut) {
		t.Errorf("cancelled because of %+v", cancelled.Error)
	}
	d.state(sent, conversation.StateDelivered)
	d.until(id, "opted out", func(c inbox.Conversation) bool { return c.Consent.All == conversation.ConsentOptedOut })
	if n := d.accepted(phone); n != 0 {
		t.Errorf("the provider took %d messages to somebody who said STOP", n)
	}
}

// A wish in the customer's own words counts at once if it is plain; if it is not, nothing answers it automatically, and an agent
// says what it meant.
func TestWishesInOwnWords(t *testing.T) {
	t.Parallel()
	d := open(t, setup{rules: answering()})
	const plain, hard, unsure = "33612345678", "33600000001", "33600000002"
	d.say(plain, "Please take my number off your list and never write to me again")
	d.until(d.find(plain), "opted out", func(c inbox.Conversation) bool { return c.Consent.All == conversation.ConsentOptedOut })
	d.say(hard, "Can you stop by tomorrow at ten?")
	if got := d.phone(hard, 1); got[0] != "We are looking into it" {
		t.Errorf("a question about a visit was answered %q", got)
	}
	text, question := d.unsure(unsure)
	path := "/api/v1/conversations/" + question.conversation
	if err := has(d, question.conversation, conversation.EventConsentAsked); err != nil {
		t.Errorf("the timeline does not show what was asked about %q: %v", text, err)
	}
	if all := d.messages(question.conversation); len(all) != 1 {
		t.Errorf("%q was answered: %+v", text, all)
	}
	d.must(http.MethodPost, path+"/consent-questions/"+question.message+"/answer", map[string]any{"answer": "all"}, nil)
	d.until(question.conversation, "opted out", func(c inbox.Conversation) bool { return c.Consent.All == conversation.ConsentOptedOut })
}

// asked is a question to an agent.
type asked struct{ conversation, message string }

// unsure lets a customer say things that may be wishes until one makes a question.
func (d *desk) unsure(phone string) (string, asked) {
	d.t.Helper()
	for i, text := range []string{
		"I get a lot of messages from you", "is there a way to get less of this?", "not sure I want to get all this from you", "enough for now I guess",
		"you write too often", "stop it please", "who gave you my number?",
	} {
		from := fmt.Sprintf("%s%d", phone, i)
		d.say(from, text)
		id := d.find(from)
		d.until(id, "examined", func(inbox.Conversation) bool { return len(d.decided(id)) > 0 })
		var list struct {
			Items []struct {
				MessageID string `json:"message_id"`
			}
		}
		if d.must(http.MethodGet, "/api/v1/conversations/"+id+"/consent-questions", nil, &list); len(list.Items) > 0 {
			return text, asked{id, list.Items[0].MessageID}
		}
	}
	d.t.Fatal("none of the messages made a question")
	return "", asked{}
}

// decided are the triggers of what was decided in a conversation.
func (d *desk) decided(id string) []string {
	d.t.Helper()
	var why struct{ Items []struct{ Trigger string } }
	d.must(http.MethodGet, "/api/v1/conversations/"+id+"/decisions", nil, &why)
	triggers := make([]string, 0, len(why.Items))
	for _, e := range why.Items {
		triggers = append(triggers, e.Trigger)
	}
	return triggers
}
