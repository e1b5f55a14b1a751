package outbox_test

import (
	"fmt"
	"testing"
	"time"

	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/internal/testkit/office"
)

func TestTemporaryRefusals(t *testing.T) {
	t.Parallel()
	s := func(n ...int) []time.Duration {
		list := make([]time.Duration, len(n))
		for i := range n {
			list[i] = time.Duration(n[i]) * time.Second
		}
		return list
	}
	for _, c := range []struct {
		behaviour channel.Behaviour
		after     time.Duration // the provider's wish
		waits     []time.Duration
		fails     bool // for good after these
	}{
		{channel.Retry, 0, s(1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300), true},
		{channel.Retry, 20 * time.Second, s(20, 20, 20, 20, 20, 32), false},
		{channel.SlowPair, 0, s(1, 4, 16, 64, 256, 300, 300), false},
		{channel.SlowAccount, 0, s(1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300, 300), false},
		{channel.SlowAll, 40 * time.Minute, s(2400, 2400), false},
	} {
		t.Run(fmt.Sprint(c.behaviour, c.after), func(t *testing.T) {
			d := open(t)
			ids := d.write(t, "one", "two")
			d.Exec(t, "UPDATE accounts SET settings = settings || '{\"pair_interval_seconds\": 1}'")
			err := refusal(c.behaviour)
			err.RetryAfter = c.after
			d.Provider.Answer(func(n int, _ channel.Outbound) (channel.Sent, error) {
				if n <= len(c.waits) || c.fails && n == len(c.waits)+1 {
					return channel.Sent{}, err
				}
				return channel.Sent{ProviderID: fmt.Sprintf("wamid.out.%d", n)}, nil
			})
			for i, wait := range c.waits {
				if got := d.step(t, conversation.OutcomeWait); got.Wait != wait || got.Code != err.Code || got.MessageID != ids[0] || got.Last {
					t.Fatalf("attempt %d: %+v, want %v", i+1, got, wait)
				}
				d.wantState(t, ids[0], conversation.StateQueued)
				d.Forward(wait - time.Millisecond)
				if got := d.step(t, conversation.OutcomeWait); got.Wait != time.Millisecond {
					t.Fatalf("attempt %d came too early: %+v", i+2, got)
				}
				d.Forward(time.Millisecond)
			}
			if n := d.events(t, conversation.EventMessageFailed, ids[0]); n != 0 {
				t.Errorf("people were told of %d retries", n)
			}
			first := conversation.StateSent
			if c.fails {
				d.step(t, conversation.OutcomeFailed)
				first = conversation.StateFailed
			} else {
				d.step(t, conversation.OutcomeSent)
			}
			d.step(t, conversation.OutcomeSent)
			d.wantState(t, ids[0], first)
			d.wantState(t, ids[1], conversation.StateSent)
			d.wantWhole(t)
		})
	}
}

func TestWhoIsSlowedDown(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		behaviour              channel.Behaviour
		colleague, same, other bool // whether another pair, another account of the business, and of another business wait too
	}{
		{channel.Retry, false, false, false},
		{channel.SlowPair, false, false, false},
		{channel.SlowAccount, true, false, false},
		{channel.SlowAll, true, true, false},
	} {
		t.Run(string(c.behaviour), func(t *testing.T) {
			d := open(t)
			d.Connect(t, "2", office.Secret)
			other := d.Connect(t, "3", office.Secret)
			d.Exec(t, "UPDATE accounts SET business_id = 'another' WHERE id = $1::uuid", other.ID)
			conversations := map[string]string{"pair": d.Meet(t, office.Person{WhatsAppID: "40712345679", Name: "Ion"})}
			for name, number := range map[string]string{"same": "2", "other": "3"} {
				d.Deliver(t, office.WebhookFor(number, "messages", ana.Message("wamid."+number, d.Now(), `"type":"text","text":{"body":"hello"}`)))
				conversations[name] = d.Text(t, "SELECT conversation_id::text FROM messages WHERE provider_id = $1", "wamid."+number)
			}
			for _, id := range conversations {
				d.Write(t, d.agent, id, "hello")
			}
			d.write(t, "too fast")
			d.fails(refusal(c.behaviour))
			d.step(t, conversation.OutcomeWait)
			for name, waits := range map[string]bool{"pair": c.colleague, "same": c.same, "other": c.other} {
				want := conversation.OutcomeSent
				if waits {
					want = conversation.OutcomeWait
				}
				if got := d.SendNext(t, conversations[name]); got.Outcome != want || waits && got.Wait != time.Second {
					t.Errorf("%s: %+v, want %s", name, got, want)
				}
			}
			d.Forward(time.Second)
			d.step(t, conversation.OutcomeSent)
		})
	}
}

func TestStoppedAccountHoldsInOrder(t *testing.T) {
	d := open(t)
	ids := d.write(t, "one", "two")
	d.fails(&channel.SendError{Behaviour: channel.StopAccount, Code: "190", HTTP: 401})
	if got := d.step(t, conversation.OutcomeHeld); got.Code != "190" || got.Wait != 0 {
		t.Errorf("%+v", got)
	}
	account, err := d.Store.Get(t.Context(), d.Account.ID)
	if err != nil || account.State != conversation.AccountError || account.StateCode != "190" {
		t.Errorf("account %v %q, %v", account, account.StateCode, err)
	}
	if got := d.step(t, conversation.OutcomeHeld); got.Code != string(conversation.CodeAccountError) || got.MessageID != ids[0] {
		t.Errorf("%+v", got)
	}
	ids = append(ids, d.write(t, "three")...)
	version := d.Count(t, "SELECT version FROM dispatches")
	if _, err := d.Store.Resume(t.Context(), d.agent.Actor, d.Account.ID); err != nil {
		t.Fatal(err)
	}
	if d.Count(t, "SELECT version FROM dispatches") == version {
		t.Error("nobody was woken")
	}
	for range ids {
		d.step(t, conversation.OutcomeSent)
	}
	d.wantCalls(t, ids[0], ids[0], ids[1], ids[2])
	d.wantWhole(t)
}

func TestAPauseStaysWhenTheAccountIsRefused(t *testing.T) {
	d := open(t)
	d.write(t, "one")
	d.Provider.Answer(func(int, channel.Outbound) (channel.Sent, error) {
		if _, err := d.Store.Pause(t.Context(), d.agent.Actor, d.Account.ID); err != nil {
			t.Error(err)
		}
		return channel.Sent{}, refusal(channel.StopAccount)
	})
	d.step(t, conversation.OutcomeHeld)
	if account, err := d.Store.Get(t.Context(), d.Account.ID); err != nil || account.State != conversation.AccountPaused {
		t.Errorf("%v, %v", account, err)
	}
}

func TestWindowIsClosedAtTheProvider(t *testing.T) {
	d := open(t)
	ids := d.write(t, "one", "two")
	d.fails(&channel.SendError{Behaviour: channel.WindowClosed, Code: "131047", HTTP: 400})
	if got := d.step(t, conversation.OutcomeFailed); got.Code != "131047" || got.Last {
		t.Errorf("%+v", got)
	}
	if got := d.step(t, conversation.OutcomeFailed); got.Code != string(conversation.CodeWindowClosed) || got.MessageID != ids[1] || !got.Last {
		t.Errorf("%+v", got)
	}
	d.wantCalls(t, ids[0])
	if w := d.Only(t).Window; w.Open {
		t.Errorf("window %+v", w)
	}
	_, err := d.Inbox.Send(t.Context(), d.agent, d.id, inbox.NewMessage{ClientID: "c", Content: office.Text("three")})
	if conversation.CodeOf(err) != conversation.CodeWindowClosed {
		t.Errorf("a colleague may still write: %v", err)
	}
	d.Forward(time.Minute)
	d.Deliver(t, ana.Text("wamid.old", office.Start.Add(-time.Minute), "an older message"))
	if w := d.Only(t).Window; w.Open {
		t.Error("an older message opened the window")
	}
	d.Deliver(t, ana.Text("wamid.new", d.Now(), "here I am"))
	third := d.write(t, "three")
	d.step(t, conversation.OutcomeSent)
	d.wantCalls(t, ids[0], third[0])
	d.wantWhole(t)
}

// TestCustomerWritesDuringTheCall opens the window anew while a message is being refused for the old one.
func TestCustomerWritesDuringTheCall(t *testing.T) {
	d := open(t)
	d.write(t, "one")
	d.Provider.Answer(func(n int, _ channel.Outbound) (channel.Sent, error) {
		if n > 1 {
			return channel.Sent{ProviderID: "wamid.out.2"}, nil
		}
		d.Forward(5 * time.Second)
		d.Deliver(t, ana.Text("wamid.new", d.Now(), "here I am"))
		d.Forward(5 * time.Second)
		return channel.Sent{}, refusal(channel.WindowClosed)
	})
	d.step(t, conversation.OutcomeFailed)
	if w := d.Only(t).Window; !w.Open {
		t.Errorf("window %+v", w)
	}
	d.write(t, "two")
	d.step(t, conversation.OutcomeSent)
}

func TestFinalRefusals(t *testing.T) {
	t.Parallel()
	for _, b := range []channel.Behaviour{channel.OptedOut, channel.Unreachable, channel.Permanent} {
		t.Run(string(b), func(t *testing.T) {
			d := open(t)
			ids := d.write(t, "one", "two")
			d.fails(refusal(b))
			if got := d.step(t, conversation.OutcomeFailed); got.Code != "131000" || got.MessageID != ids[0] {
				t.Errorf("%+v", got)
			}
			d.wantState(t, ids[0], conversation.StateFailed)
			if m := d.Messages(t, d.id)[1]; m.Error == nil || m.Error.Code != "131000" || m.FailedAt == nil {
				t.Errorf("message %+v", m)
			}
			if n := d.events(t, conversation.EventMessageFailed, ids[0]); n != 1 {
				t.Errorf("%d events", n)
			}
			c := d.Only(t)
			wantMarketing := conversation.ConsentUnknown
			if b == channel.OptedOut {
				wantMarketing = conversation.ConsentOptedOut
			}
			if c.Consent.Marketing != wantMarketing || c.Consent.All != conversation.ConsentUnknown {
				t.Errorf("consent %+v", c.Consent)
			}
			if n := d.events(t, conversation.EventConsentChanged, ids[0]); (n == 1) != (b == channel.OptedOut) {
				t.Errorf("%d changes of consent are told", n)
			}
			d.step(t, conversation.OutcomeSent)
			d.wantCalls(t, ids...)
			d.wantWhole(t)
		})
	}
}

func TestNoAdapter(t *testing.T) {
	d := open(t)
	id := d.write(t, "one")[0]
	d.Outbox.Adapters = nil
	if got := d.step(t, conversation.OutcomeFailed); got.Code != "no_adapter" {
		t.Errorf("%+v", got)
	}
	d.wantState(t, id, conversation.StateFailed)
}
