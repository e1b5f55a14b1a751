package blocks_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"guichet.dev/guichet/blocks"
	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/channel/whatsapp"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/internal/testkit"
	"guichet.dev/guichet/internal/testkit/office"
)

var ana = office.Person{WhatsAppID: "40712345678", Name: "Ana"}

type desk struct {
	*office.Office
	blocks *blocks.Store
	maria  conversation.Caller
	id     string
}

func open(t *testing.T) *desk {
	t.Helper()
	t.Parallel()
	o := office.Open(t)
	o.Freeze()
	store := blocks.NewStore(blocks.Options{
		Desk: o.Desk(), Accounts: o.Store, Adapters: o.Inbox.Adapters,
		Meaning: func(_ conversation.Channel, code string) string { return whatsapp.Meaning(code) },
	})
	return &desk{Office: o, blocks: store, maria: o.Agent(t, "maria"), id: o.Meet(t, ana)}
}

func (d *desk) set(t *testing.T, block bool) *blocks.Block {
	t.Helper()
	if err := d.blocks.Set(t.Context(), d.maria, d.id, block); err != nil {
		t.Fatal(err)
	}
	c, err := d.Inbox.Get(t.Context(), d.maria, d.id)
	if err != nil || (c.BlockedAt != nil) != block {
		t.Fatalf("blocked at %v, %v", c.BlockedAt, err)
	}
	return c.Block
}

func (d *desk) kinds(t *testing.T) string {
	t.Helper()
	return d.Text(t, "SELECT coalesce(string_agg(kind, ' ' ORDER BY seq), '') FROM events WHERE conversation_id = $1::uuid AND kind LIKE '%block%'", d.id)
}

func refuse(code string) func(bool, []conversation.Identity) error {
	return func(bool, []conversation.Identity) error {
		return &channel.SendError{Behaviour: channel.Permanent, Code: code, HTTP: 200}
	}
}

func TestNothingGoesToABlockedContact(t *testing.T) {
	d := open(t)
	waiting := d.Write(t, d.maria, d.id, "queued before")[0]
	if b := d.set(t, true); b.ProviderState != blocks.Done || b.ProviderError != nil || !b.Blocked {
		t.Errorf("%+v", b)
	}
	_, err := d.Inbox.Send(t.Context(), d.maria, d.id, inbox.NewMessage{ClientID: "x", Content: office.Text("hello")})
	if conversation.CodeOf(err) != conversation.CodeBlocked {
		t.Errorf("sending: %v", err)
	}
	if r := d.SendNext(t, d.id); r.Outcome != conversation.OutcomeFailed || r.Code != string(conversation.CodeBlocked) {
		t.Errorf("%+v", r)
	}
	if d.State(t, waiting) != conversation.StateFailed || len(d.Provider.Taken()) != 0 {
		t.Error("a message went out")
	}
	d.set(t, true) // again: nothing changes
	d.set(t, false)
	d.Write(t, d.maria, d.id, "after")
	if r := d.SendNext(t, d.id); r.Outcome != conversation.OutcomeSent {
		t.Errorf("after unblocking: %+v", r)
	}
	if got := d.kinds(t); got != "contact_blocked contact_unblocked" {
		t.Errorf("events %s", got)
	}
	if broken := d.Broken(t); broken != nil {
		t.Error(broken)
	}
}

func TestWhatABlockedContactWritesTellsNobody(t *testing.T) {
	d := open(t)
	d.set(t, true)
	if _, err := d.Inbox.Done(t.Context(), d.maria, d.id); err != nil {
		t.Fatal(err)
	}
	before := d.Only(t)
	d.Forward(time.Minute)
	d.Deliver(t, ana.Text("wamid.stop", d.Now(), "STOP"))
	d.Advance(t)
	c := d.Only(t)
	if c.Status != conversation.StatusDone || c.Unread || c.WaitingSince != nil || !c.LastActivityAt.Equal(before.LastActivityAt) || c.Summary != "STOP" {
		t.Errorf("%+v", c)
	}
	if c.Consent.All != conversation.ConsentOptedOut {
		t.Error("the STOP of a blocked contact does not count")
	}
	if got := d.Text(t, "SELECT data->>'blocked' FROM events WHERE conversation_id = $1::uuid AND kind = 'message_received' ORDER BY seq DESC LIMIT 1", d.id); got != "true" {
		t.Errorf("blocked: %s", got)
	}
	if got := d.Messages(t, d.id); len(got) != 2 {
		t.Errorf("%d messages", len(got))
	}
	d.set(t, false)
	d.Forward(time.Minute)
	d.Deliver(t, ana.Text("wamid.back", d.Now(), "hello again"))
	if c = d.Only(t); c.Status != conversation.StatusOpen || c.WaitingSince == nil || !c.Unread {
		t.Errorf("after unblocking: %+v", c)
	}
}

func TestProviderMayRefuse(t *testing.T) {
	d := open(t)
	d.Provider.Blocking(refuse("139100"))
	b := d.set(t, true)
	if b.ProviderState != blocks.Failed || b.ProviderError == nil || b.ProviderError.Code != "139100" || b.ProviderError.Meaning == "" {
		t.Fatalf("%+v", b)
	}
	if got := d.kinds(t); got != "contact_blocked block_refused" {
		t.Errorf("events %s", got)
	}
	d.Provider.Blocking(func(block bool, person []conversation.Identity) error {
		if !block || len(person) == 0 || person[0].Address != ana.WhatsAppID {
			return fmt.Errorf("asked of %v: %t", person, block)
		}
		return nil
	})
	if b = d.set(t, true); b.ProviderState != blocks.Done || b.ProviderError != nil {
		t.Errorf("tried again: %+v", b)
	}
	d.Provider.Blocking(func(bool, []conversation.Identity) error { t.Error("asked though it is done"); return nil })
	d.set(t, true)
	d.Provider.Blocking(func(bool, []conversation.Identity) error { return errors.New("no provider's error") })
	if b = d.set(t, false); b.ProviderState != blocks.Failed || b.ProviderError.Code != "internal" || b.Blocked {
		t.Errorf("%+v", b)
	}
}

// An answer that comes after something else was wished says nothing of that.
func TestLateAnswerOfTheProvider(t *testing.T) {
	d := open(t)
	asked, answer := make(chan struct{}), make(chan struct{})
	d.Provider.Blocking(func(block bool, _ []conversation.Identity) error {
		if !block {
			return nil
		}
		close(asked)
		<-answer
		return &channel.SendError{Behaviour: channel.Unknown, Code: "timeout"}
	})
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := d.blocks.Set(t.Context(), d.maria, d.id, true); err != nil {
			t.Error(err)
		}
	})
	<-asked
	d.set(t, false)
	close(answer)
	wg.Wait()
	found, err := d.blocks.Of(t.Context(), d.maria, d.Only(t).Contact.ID)
	if err != nil || len(found) != 1 || found[0].Blocked || found[0].ProviderState != blocks.Done {
		t.Errorf("%+v, %v", found, err)
	}
	if got := d.kinds(t); got != "contact_blocked contact_unblocked" {
		t.Errorf("events %s", got)
	}
}

// TestBlockAndSendTakeTurns meets a claim that holds the contact, and a block that does.
func TestBlockAndSendTakeTurns(t *testing.T) {
	d := open(t)
	contact := d.Only(t).Contact.ID
	begin := func(statement string, args ...any) (end func() error, exec func(string, ...any)) {
		t.Helper()
		tx, err := d.DB.DB.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		run := func(statement string, args ...any) {
			t.Helper()
			if _, err := tx.ExecContext(t.Context(), statement, args...); err != nil {
				t.Fatal(err)
			}
		}
		run(statement, args...)
		return tx.Commit, run
	}
	// A gate that has looked: the block waits for its claim.
	end, _ := begin("SELECT 1 FROM contacts WHERE id = $1::uuid FOR SHARE", contact)
	blocked := make(chan error, 1)
	go func() { blocked <- d.blocks.Set(context.WithoutCancel(t.Context()), d.maria, d.id, true) }()
	testkit.Eventually(t, 10*time.Second, func() error { return d.Blocked(t, 1) })
	if err := errors.Join(end(), <-blocked); err != nil {
		t.Fatal(err)
	}
	d.set(t, false)
	// A block that has begun: the gate waits for it, and then refuses.
	d.Write(t, d.maria, d.id, "hello")
	end, exec := begin("SELECT 1 FROM contacts WHERE id = $1::uuid FOR NO KEY UPDATE", contact)
	exec("UPDATE conversations SET blocked_at = now() WHERE id = $1::uuid", d.id)
	sent := make(chan conversation.SendResult, 1)
	go func() {
		r, err := d.Outbox.SendNext(context.WithoutCancel(t.Context()), d.id)
		if err != nil {
			t.Error(err)
		}
		sent <- r
	}()
	testkit.Eventually(t, 10*time.Second, func() error { return d.Blocked(t, 1) })
	if err := end(); err != nil {
		t.Fatal(err)
	}
	if r := <-sent; r.Code != string(conversation.CodeBlocked) || len(d.Provider.Taken()) != 0 {
		t.Errorf("%+v", r)
	}
}

func TestBlockOfOneWhoProvesToBeAnother(t *testing.T) {
	d := open(t)
	d.set(t, true)
	newer := d.Meet(t, office.Person{UserID: "RO.777", Name: "Ana"})
	d.Deliver(t, office.Person{WhatsAppID: ana.WhatsAppID, UserID: "RO.777", Name: "Ana"}.Text("wamid.both", d.Now(), "it is me"))
	c, err := d.Inbox.Get(t.Context(), d.maria, newer)
	if err != nil || c.BlockedAt == nil || c.Block == nil || !c.Block.Blocked {
		t.Errorf("%+v, %v", c.Block, err)
	}
	if conversation.CodeOf(d.blocks.Set(t.Context(), d.maria, d.id, false)) != conversation.CodeConflict {
		t.Error("the merged conversation takes commands")
	}
	d.id = newer
	if broken := d.Broken(t); broken != nil {
		t.Error(broken)
	}
	if b := d.set(t, false); b.Blocked || b.ProviderState != blocks.Done {
		t.Errorf("%+v", b)
	}
	if broken := d.Broken(t); broken != nil {
		t.Error(broken)
	}
}

func TestBlocksOfTheUnseen(t *testing.T) {
	d := open(t)
	d.set(t, true)
	contact := d.Only(t).Contact.ID
	blind := conversation.Caller{Actor: d.maria.Actor, Sight: conversation.SeesOnly(uuid.NewString())}
	if err := d.blocks.Set(t.Context(), blind, d.id, false); conversation.CodeOf(err) != conversation.CodeNotFound {
		t.Error(err)
	}
	if _, err := d.blocks.Of(t.Context(), blind, contact); conversation.CodeOf(err) != conversation.CodeNotFound {
		t.Error(err)
	}
	if !d.Only(t).BlockedAt.Equal(d.Now().Truncate(time.Microsecond)) {
		t.Error("somebody who sees nothing changed it")
	}
}
