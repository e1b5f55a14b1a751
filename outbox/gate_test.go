package outbox_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/accounts"
	"guichet.dev/guichet/contacts"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/internal/testkit"
	"guichet.dev/guichet/internal/testkit/office"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/outbox"
)

// optOut writes a wish down that nobody has looked at yet, as a provider's switch that came in another conversation.
func (d *desk) optOut(t *testing.T) {
	t.Helper()
	d.Edit(t, d.id, func(_ context.Context, tx bun.Tx, row *ledger.Row) error {
		d.optOutIn(t, tx, row.ContactID)
		return nil
	})
}

// An agent who writes the wish down cancels at once what waits.
func TestWrittenOptOutCancels(t *testing.T) {
	d := open(t)
	id := d.write(t, "one")[0]
	for _, scope := range []conversation.ConsentScope{conversation.ScopeMarketing, conversation.ScopeAll} {
		d.wantState(t, id, conversation.StateQueued) // which is no advertising
		_, err := d.Inbox.SetConsent(t.Context(), d.agent, d.id, inbox.ConsentWish{Scope: scope, State: conversation.ConsentOptedOut})
		if err != nil {
			t.Fatal(err)
		}
	}
	d.wantState(t, id, conversation.StateCancelled)
	d.Advance(t)
	d.step(t, conversation.OutcomeNothing) // and nobody is written to, not even to confirm
	d.wantWhole(t)
}

func TestGateIsAskedAtTheClaim(t *testing.T) {
	t.Parallel()
	advance := func(t *testing.T, d *desk) { d.Advance(t) }
	for _, c := range []struct {
		name    string
		between func(t *testing.T, d *desk) // after the message was queued
		outcome conversation.SendOutcome
		code    conversation.Code
		state   conversation.MessageState
	}{
		{"nothing", func(*testing.T, *desk) {}, conversation.OutcomeSent, "", conversation.StateSent},
		{"opted out", func(t *testing.T, d *desk) { d.optOut(t) }, conversation.OutcomeFailed, conversation.CodeOptedOut, conversation.StateFailed},
		{"opted out, then wrote", func(t *testing.T, d *desk) {
			d.optOut(t)
			d.Forward(time.Minute)
			d.Deliver(t, ana.Text("wamid.2", d.Now(), "a question"))
			advance(t, d)
		}, conversation.OutcomeSent, "", conversation.StateSent},
		{"stopped marketing only", func(t *testing.T, d *desk) { d.Deliver(t, ana.Marketing("stop", d.Now())) }, conversation.OutcomeSent, "", conversation.StateSent},
		{"window about to close", func(_ *testing.T, d *desk) { d.Forward(24*time.Hour - 62*time.Second) }, conversation.OutcomeSent, "", conversation.StateSent},
		{"window closed", func(_ *testing.T, d *desk) { d.Forward(24*time.Hour - time.Minute) }, conversation.OutcomeFailed, conversation.CodeWindowClosed, conversation.StateFailed},
		{"days later", func(_ *testing.T, d *desk) { d.Forward(10 * 24 * time.Hour) }, conversation.OutcomeFailed, conversation.CodeWindowClosed, conversation.StateFailed},
		{"paused", func(t *testing.T, d *desk) { d.pause(t) }, conversation.OutcomeHeld, conversation.CodeAccountPaused, conversation.StateQueued},
		{"paused until the window closed", func(t *testing.T, d *desk) { d.pause(t); d.Forward(24 * time.Hour) }, conversation.OutcomeFailed, conversation.CodeWindowClosed, conversation.StateFailed},
		{"no address", func(t *testing.T, d *desk) { d.Exec(t, "UPDATE identities SET retired_at = now()") }, conversation.OutcomeFailed, conversation.CodeNoAddress, conversation.StateFailed},
		{"unexamined message", func(t *testing.T, d *desk) { d.Deliver(t, ana.Text("wamid.2", d.Now(), "hello?")) }, conversation.OutcomeSent, "", conversation.StateSent},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := open(t)
			id := d.write(t, "one")[0]
			c.between(t, d)
			got := d.step(t, c.outcome)
			if got.Code != string(c.code) || got.MessageID != id || got.Last != (c.outcome != conversation.OutcomeHeld) {
				t.Errorf("%+v, want code %q", got, c.code)
			}
			d.wantState(t, id, c.state)
			if n := len(d.Provider.Taken()); (n == 1) != (c.outcome == conversation.OutcomeSent) {
				t.Errorf("%d calls", n)
			}
			if n := d.events(t, conversation.EventMessageFailed, id); (n == 1) != (c.outcome == conversation.OutcomeFailed) {
				t.Errorf("%d events", n)
			}
			d.wantWhole(t)
		})
	}
}

func (d *desk) pause(t *testing.T) {
	t.Helper()
	if _, err := d.Store.Pause(t.Context(), d.agent.Actor, d.Account.ID); err != nil {
		t.Fatal(err)
	}
}

func TestHeldMessageTakesNothingFromTheLimits(t *testing.T) {
	d := open(t)
	id := d.write(t, "one")[0]
	d.pause(t)
	for range 100 {
		d.step(t, conversation.OutcomeHeld)
	}
	if _, err := d.Store.Resume(t.Context(), d.agent.Actor, d.Account.ID); err != nil {
		t.Fatal(err)
	}
	d.step(t, conversation.OutcomeSent)
	d.wantCalls(t, id)
}

// TestMessageThatStaysTakesNothingFromTheLimits has messages refused and held while the limits allow one at once.
func TestMessageThatStaysTakesNothingFromTheLimits(t *testing.T) {
	t.Parallel()
	for outcome, prepare := range map[conversation.SendOutcome]func(t *testing.T, d *desk){
		conversation.OutcomeCancelled: func(t *testing.T, d *desk) {
			seq := d.Count(t, "SELECT last_seq FROM conversations WHERE id = $1::uuid", d.id)
			for i := range 5 {
				d.Automate(t, d.id, fmt.Sprint(i), int64(seq))
			}
			d.write(t, "I am here")
		},
		conversation.OutcomeHeld: func(t *testing.T, d *desk) {
			d.Automate(t, d.id, "welcome", 0)
			d.Deliver(t, ana.Text("wamid.2", d.Now(), "more"))
		},
	} {
		t.Run(string(outcome), func(t *testing.T) {
			d := open(t)
			one := 1
			d.Tune(t, accounts.SettingsChange{ThroughputPerSecond: &one, PairBurst: &one})
			prepare(t, d)
			d.counted(t)
			for range 5 {
				d.step(t, outcome)
			}
			d.Advance(t)
			d.step(t, conversation.OutcomeSent)
			d.write(t, "the limits are kept")
			if got := d.step(t, conversation.OutcomeWait); got.Wait != 6*time.Second {
				t.Errorf("%+v", got)
			}
			d.wantWhole(t)
		})
	}
}

// pausedOnce are accounts of which one was paused when it was looked at first, and resumed right after that.
type pausedOnce struct {
	*accounts.Store
	looked bool
}

func (p *pausedOnce) Get(ctx context.Context, id string) (accounts.Account, error) {
	a, err := p.Store.Get(ctx, id)
	if !p.looked {
		p.looked, a.State = true, conversation.AccountPaused
	}
	return a, err
}

func TestResumedInBetweenKeepsTheLimits(t *testing.T) {
	d := open(t)
	d.write(t, "one")
	d.counted(t)
	options := d.Outbox.Options
	options.Accounts = &pausedOnce{Store: d.Store}
	d.Outbox = outbox.New(options)
	d.step(t, conversation.OutcomeWait)
	d.wantCalls(t)
	d.step(t, conversation.OutcomeSent)
	if n := d.Count(t, "SELECT count(*) FROM account_limits"); n != 2 {
		t.Errorf("%d limits were asked", n)
	}
}

// An opt-out cancels at once what waits for the contact, wherever it waits, and only its confirmation goes out.
func TestOptOutCancelsWhatWaits(t *testing.T) {
	d := open(t)
	here := d.write(t, "one", "two")
	d.Connect(t, "2", office.Secret)
	d.Deliver(t, office.WebhookFor("2", "messages", ana.Message("wamid.other", d.Now(), `"type":"text","text":{"body":"hello"}`)))
	d.Advance(t)
	other := d.Text(t, "SELECT id::text FROM conversations WHERE id <> $1::uuid", d.id)
	there := d.Write(t, d.agent, other, "three")
	d.Forward(time.Minute)
	d.Deliver(t, ana.Text("wamid.stop", d.Now(), "STOP"))
	d.Advance(t)
	for _, id := range append(here, there...) {
		d.wantState(t, id, conversation.StateCancelled)
	}
	got := d.step(t, conversation.OutcomeSent)
	if purpose := d.Text(t, "SELECT purpose FROM messages WHERE id = $1::uuid", got.MessageID); purpose != string(outbox.PurposeConfirmation) {
		t.Errorf("sent what is for %q", purpose)
	}
	d.step(t, conversation.OutcomeNothing)
	if n := len(d.Provider.Taken()); n != 1 {
		t.Errorf("%d messages went out, want the confirmation", n)
	}
	if n := d.Count(t, "SELECT count(*) FROM events WHERE kind = 'message_failed' AND data->>'state' = 'cancelled' AND data->>'code' = 'opted_out'"); n != 3 {
		t.Errorf("%d events tell of a cancelled message, want 3", n)
	}
	d.wantWhole(t)
}

func TestAutomaticMessages(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		assumed bool
		between func(t *testing.T, d *desk)
		outcome conversation.SendOutcome
		code    conversation.Code
		after   conversation.SendOutcome // once all is examined
	}{
		{"nothing happened", true, func(*testing.T, *desk) {}, conversation.OutcomeSent, "", conversation.OutcomeNothing},
		{"an agent wrote", true, func(t *testing.T, d *desk) { d.write(t, "I am here") }, conversation.OutcomeCancelled, conversation.CodeSuperseded, conversation.OutcomeSent},
		{"an agent wrote, assumes nothing", false, func(t *testing.T, d *desk) { d.write(t, "I am here") }, conversation.OutcomeSent, "", conversation.OutcomeSent},
		{"a newer message", true, func(t *testing.T, d *desk) { d.Deliver(t, ana.Text("wamid.2", d.Now(), "more")) },
			conversation.OutcomeHeld, conversation.CodeUnexamined, conversation.OutcomeCancelled},
		{"a newer message, assumes nothing", false, func(t *testing.T, d *desk) { d.Deliver(t, ana.Text("wamid.2", d.Now(), "more")) },
			conversation.OutcomeHeld, conversation.CodeUnexamined, conversation.OutcomeSent},
		{"a newer stop, assumes nothing", false, func(t *testing.T, d *desk) { d.Deliver(t, ana.Text("wamid.2", d.Now(), "stop")) },
			conversation.OutcomeHeld, conversation.CodeUnexamined, conversation.OutcomeSent}, // the confirmation
		{"a newer message to another number", true, func(t *testing.T, d *desk) {
			d.Connect(t, "2", office.Secret)
			d.Deliver(t, office.WebhookFor("2", "messages", ana.Message("wamid.2", d.Now(), `"type":"text","text":{"body":"more"}`)))
		}, conversation.OutcomeHeld, conversation.CodeUnexamined, conversation.OutcomeSent},
		{"another customer's message", true, func(t *testing.T, d *desk) {
			d.Deliver(t, office.Person{WhatsAppID: "40712345679", Name: "Ion"}.Text("wamid.2", d.Now(), "hello"))
		}, conversation.OutcomeSent, "", conversation.OutcomeNothing},
		{"opted out", true, func(t *testing.T, d *desk) { d.optOut(t) }, conversation.OutcomeFailed, conversation.CodeOptedOut, conversation.OutcomeNothing},
		{"an opted out customer wrote", false, func(t *testing.T, d *desk) {
			d.optOut(t)
			d.Forward(time.Second)
			d.Deliver(t, ana.Text("wamid.2", d.Now(), "more"))
			d.Advance(t)
		}, conversation.OutcomeFailed, conversation.CodeOptedOut, conversation.OutcomeNothing},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := open(t)
			assumed := int64(0)
			if c.assumed {
				assumed = int64(d.Count(t, "SELECT last_seq FROM conversations WHERE id = $1::uuid", d.id))
			}
			id := d.Automate(t, d.id, "welcome", assumed)
			c.between(t, d)
			if got := d.step(t, c.outcome); got.Code != string(c.code) || got.MessageID != id {
				t.Errorf("%+v", got)
			}
			if c.outcome == conversation.OutcomeCancelled {
				d.wantState(t, id, conversation.StateCancelled)
				if n := d.Count(t, "SELECT count(*) FROM messages WHERE id = $1::uuid AND failed_at IS NOT NULL", id); n != 0 {
					t.Error("a cancelled message has not failed")
				}
			}
			d.Advance(t)
			d.step(t, c.after)
			d.wantWhole(t)
		})
	}
}

func TestEffectKeyOfAMessageIsUnique(t *testing.T) {
	d := open(t)
	d.Automate(t, d.id, "welcome", 0)
	defer func() { d.wantWhole(t) }()
	if n := d.Count(t, "SELECT count(*) FROM messages WHERE effect_key = 'welcome'"); n != 1 {
		t.Fatalf("%d messages", n)
	}
	_, err := d.DB.DB.ExecContext(t.Context(), `INSERT INTO messages (id, conversation_id, account_id, seq, direction, kind, state, content, author_kind, at, received_at, effect_key)
		SELECT gen_random_uuid(), conversation_id, account_id, seq, direction, kind, state, content, author_kind, at, received_at, effect_key FROM messages WHERE effect_key = 'welcome'`)
	if err == nil {
		t.Error("a second one was written")
	}
}

// TestGateHoldsTheContact changes a consent while a claim is under way: either the change comes first, and the message is
// refused, or it waits.
func TestGateHoldsTheContact(t *testing.T) {
	d := open(t)
	id := d.write(t, "one")[0]
	tx, err := d.DB.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	contact := d.Text(t, "SELECT contact_id::text FROM conversations WHERE id = $1::uuid", d.id)
	if err := contacts.Lock(t.Context(), tx, []string{contact}); err != nil {
		t.Fatal(err)
	}
	d.optOutIn(t, tx, contact)
	d.wantRefusalAfter(t, tx)
	d.wantState(t, id, conversation.StateFailed)
	d.wantCalls(t)
}

// TestContactChangesWhileTheClaimWaits gives the conversation another contact, who has opted out, while the claim waits for
// the lock of the first.
func TestContactChangesWhileTheClaimWaits(t *testing.T) {
	d := open(t)
	d.write(t, "one")
	other := d.Text(t, "SELECT contact_id::text FROM conversations WHERE id = $1::uuid", d.Meet(t, office.Person{WhatsAppID: "40712345679", Name: "Ion"}))
	first := d.Text(t, "SELECT contact_id::text FROM conversations WHERE id = $1::uuid", d.id)
	tx, err := d.DB.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := contacts.Lock(t.Context(), tx, []string{first, other}); err != nil {
		t.Fatal(err)
	}
	d.optOutIn(t, tx, other)
	if err := move(t.Context(), tx, d.id, other, d.Now()); err != nil {
		t.Fatal(err)
	}
	d.wantRefusalAfter(t, tx)
}

// optOutIn is optOut of a contact in a transaction that goes on, which must have locked the contact.
func (d *desk) optOutIn(t *testing.T, tx bun.Tx, contact string) {
	t.Helper()
	_, err := contacts.ChangeConsent(t.Context(), tx, contacts.Change{
		ConsentChange: conversation.ConsentChange{Scope: conversation.ScopeAll, State: conversation.ConsentOptedOut, Source: conversation.SourceAgent, At: d.Now()},
		ContactID:     contact, Channel: conversation.WhatsApp, Actor: d.agent.Actor,
	}, d.Now())
	if err != nil {
		t.Fatal(err)
	}
}

// wantRefusalAfter wants a send that has to wait for the transaction to be refused when it has committed.
func (d *desk) wantRefusalAfter(t *testing.T, tx bun.Tx) {
	t.Helper()
	got := make(chan conversation.SendResult, 1)
	go func() {
		result, err := d.Outbox.SendNext(t.Context(), d.id)
		if err != nil {
			t.Error(err)
		}
		got <- result
	}()
	testkit.Eventually(t, 10*time.Second, func() error { return d.Blocked(t, 1) })
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if result := <-got; result.Code != string(conversation.CodeOptedOut) {
		t.Errorf("%+v", result)
	}
}

func move(ctx context.Context, tx bun.Tx, id, contact string, now time.Time) error {
	row, err := ledger.Lock(ctx, tx, id)
	if err != nil {
		return err
	}
	row.ContactID = contact
	return ledger.Save(ctx, tx, now, row)
}
