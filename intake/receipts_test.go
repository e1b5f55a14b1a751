package intake_test

import (
	"testing"
	"time"

	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/internal/testkit/office"
)

// A customer's wish that a provider tells by refusing a message stands in the conversation, as one told by a preference.
func TestRefusedMarketingIsToldInTheConversation(t *testing.T) {
	t.Parallel()
	o := office.Open(t)
	id := o.Meet(t, ana)
	sent := o.Write(t, o.Agent(t, "maria"), id, "hello")[0]
	o.SendNext(t, id)
	for range 2 {
		o.Deliver(t, ana.Status("wamid.out.1", sent, "failed", office.Start.Add(time.Second), 131050))
	}
	if c := o.Only(t); c.Consent.Marketing != conversation.ConsentOptedOut {
		t.Errorf("consent %+v", c.Consent)
	}
	if n := o.Count(t, `SELECT count(*) FROM events WHERE kind = 'consent_changed' AND actor_kind = 'provider' AND data->>'consent' = 'opted_out'
		AND data->>'scope' = 'marketing' AND data->>'source' = 'send_error' AND data->>'message_id' = $1`, sent); n != 1 {
		t.Errorf("%d events", n)
	}
}

// A message whose call ended without a word carries the code of that; its failure brings its own.
func TestFailureBringsItsOwnCode(t *testing.T) {
	t.Parallel()
	o := office.Open(t)
	id := o.Meet(t, ana)
	sent := o.Write(t, o.Agent(t, "maria"), id, "hello")[0]
	o.Provider.Answer(func(int, channel.Outbound) (channel.Sent, error) {
		return channel.Sent{}, &channel.SendError{Behaviour: channel.Unknown, Code: "timeout"}
	})
	o.SendNext(t, id)
	o.Deliver(t, ana.Status("wamid.out.1", sent, "failed", office.Start.Add(time.Second), 131026))
	if m := o.Messages(t, id)[1]; m.State != conversation.StateFailed || m.Error == nil || m.Error.Code != "131026" {
		t.Errorf("%s %+v", m.State, m.Error)
	}
}

// Our id in a receipt names a message of the account that the receipt is for, never another account's.
func TestReceiptOfAnotherAccountChangesNothing(t *testing.T) {
	t.Parallel()
	o := office.Open(t)
	o.Connect(t, "999", office.Secret)
	id := o.Meet(t, ana)
	queued := o.Write(t, o.Agent(t, "maria"), id, "hello")[0]
	o.Deliver(t, office.WebhookFor("999", "messages", `{"statuses":[{"id":"wamid.x","status":"read","timestamp":"1793610001","recipient_id":"40712345678","biz_opaque_callback_data":"`+queued+`"}]}`))
	if got := o.State(t, queued); got != conversation.StateQueued {
		t.Errorf("state %s", got)
	}
}
