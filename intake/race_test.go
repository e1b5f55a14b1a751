package intake_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/intake"
	"guichet.dev/guichet/internal/testkit"
	"guichet.dev/guichet/internal/testkit/office"
)

// beside starts a second process's intake and returns what hands a webhook to it; it waits for the outcome at the end.
func beside(t *testing.T, o *office.Office) (deliver func(body string), wait func()) {
	t.Helper()
	other := intake.New(o.Intake.Options)
	ctx, stop := context.WithCancel(context.Background())
	var running, delivering sync.WaitGroup
	running.Go(func() {
		if err := other.Run(ctx); err != nil {
			t.Errorf("intake: %v", err)
		}
	})
	t.Cleanup(func() { stop(); running.Wait() })
	return func(body string) {
		delivering.Go(func() {
			if err := other.Receive(t.Context(), o.Account, []byte(body)); err != nil {
				t.Error(err)
			}
		})
	}, delivering.Wait
}

func echo(id string, at time.Time, text string) string {
	return office.Webhook("smb_message_echoes", fmt.Sprintf(`{"message_echoes":[{"from":"15550783881","to":%q,"id":%q,"timestamp":"%d","type":"text","text":{"body":%q}}]}`,
		ana.WhatsAppID, id, at.Unix(), text))
}

// hold runs a statement in a transaction of the test's and returns what ends it.
func hold(t *testing.T, o *office.Office, statement string, args ...any) (release func()) {
	t.Helper()
	tx, err := o.DB.DB.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestReceiptMeetsItsEcho stores an echo and its receipt in two transactions at once: neither sees the other's row when it
// first looks. Nothing but the message's id is common to them.
func TestReceiptMeetsItsEcho(t *testing.T) {
	t.Parallel()
	receipt := ana.Status("wamid.echo", "", "read", office.Start.Add(2*time.Second), 0)
	message := echo("wamid.echo", office.Start.Add(time.Second), "from the app")
	for name, race := range map[string]func(t *testing.T, o *office.Office){
		"while the echo is written": func(t *testing.T, o *office.Office) {
			deliver, wait := beside(t, o)
			release := hold(t, o, "SELECT 1 FROM dispatches FOR UPDATE")
			deliver(message)
			testkit.Eventually(t, 10*time.Second, func() error { return o.Blocked(t, 1) })
			o.Deliver(t, receipt)
			release()
			wait()
		},
		"while the receipt is written": func(t *testing.T, o *office.Office) {
			deliver, wait := beside(t, o)
			release := hold(t, o, "INSERT INTO receipts (account_id, provider_id, state, at, received_at) VALUES ($1::uuid, 'wamid.echo', 'read', now(), now())", o.Account.ID)
			deliver(receipt)
			testkit.Eventually(t, 10*time.Second, func() error { return o.Blocked(t, 1) })
			o.Deliver(t, message)
			release()
			wait()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := office.Open(t)
			o.Deliver(t, ana.Text("wamid.1", office.Start, "hello"))
			race(t, o)
			if m := o.Messages(t, o.Only(t).ID); len(m) != 2 || m[1].State != conversation.StateRead {
				t.Errorf("the receipt was not applied: %+v", m)
			}
		})
	}
}

// TestMessageMovesWhileItsReceiptWaits moves a message into another conversation, as a merge does, while a receipt waits
// for the lock of the one it was in.
func TestMessageMovesWhileItsReceiptWaits(t *testing.T) {
	t.Parallel()
	o := office.Open(t)
	from, to := o.Meet(t, ana), o.Meet(t, office.Person{WhatsAppID: "40712345679", Name: "Ion"})
	id := o.Write(t, o.Agent(t, "maria"), from, "hello")[0]
	tx, err := o.DB.DB.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), "SELECT 1 FROM conversations WHERE id = $1::uuid FOR UPDATE", from); err != nil {
		t.Fatal(err)
	}
	deliver, wait := beside(t, o)
	deliver(ana.Status("wamid.out", id, "delivered", office.Start.Add(time.Second), 0))
	testkit.Eventually(t, 10*time.Second, func() error { return o.Blocked(t, 1) })
	if _, err := tx.ExecContext(t.Context(), "UPDATE messages SET conversation_id = $2::uuid WHERE id = $1::uuid", id, to); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	wait()
	if got := o.State(t, id); got != conversation.StateDelivered {
		t.Errorf("state %s", got)
	}
	if n := o.Count(t, "SELECT count(*) FROM events WHERE conversation_id = $1::uuid AND kind = 'message_status'", to); n != 1 {
		t.Errorf("%d events where the message is now", n)
	}
}

// TestContactsAreLockedInOneOrder has a batch that changes the name of one contact and the consent of an older one: while
// it waits for the older, it must not hold the newer.
func TestContactsAreLockedInOneOrder(t *testing.T) {
	t.Parallel()
	o := office.Open(t)
	ion := office.Person{WhatsAppID: "40712345679", Name: "Ion"}
	older, newer := o.Meet(t, ana), o.Meet(t, ion)
	sent := o.Write(t, o.Agent(t, "maria"), older, "hello")[0]
	o.SendNext(t, older)
	release := hold(t, o, "SELECT 1 FROM contacts WHERE id = (SELECT contact_id FROM conversations WHERE id = $1::uuid) FOR NO KEY UPDATE", older)
	deliver, wait := beside(t, o)
	ion.Name = "Ion P."
	deliver(joined([]string{ion.Text("wamid.2", office.Start.Add(time.Minute), "hello"), ana.Status("wamid.out.1", sent, "failed", office.Start.Add(time.Minute), 131050)}))
	testkit.Eventually(t, 10*time.Second, func() error { return o.Blocked(t, 1) })
	o.Exec(t, "SELECT 1 FROM contacts WHERE id = (SELECT contact_id FROM conversations WHERE id = $1::uuid) FOR NO KEY UPDATE NOWAIT", newer)
	release()
	wait()
	if n := o.Count(t, "SELECT count(*) FROM consents WHERE scope = 'marketing' AND state = 'opted_out'"); n != 1 {
		t.Errorf("%d opt-outs", n)
	}
}
