package inbox_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/internal/testkit/office"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
)

// append adds events to the conversation.
func (d *desk) append(t *testing.T, events ...conversation.Event) {
	t.Helper()
	err := postgres.InTx(t.Context(), d.DB, func(ctx context.Context, tx bun.Tx) error {
		row, err := ledger.Lock(ctx, tx, d.id)
		if err != nil {
			return err
		}
		for _, e := range events {
			e.At = d.Now()
			row.Append(e)
		}
		return ledger.Save(ctx, tx, d.Now(), row)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// seeing is an agent who knows the conversation up to an event.
func seeing(who conversation.Caller, seq int64) conversation.Caller {
	who.Seen = seq
	return who
}

func TestEveryCommandOnAnOldViewIsRefused(t *testing.T) {
	d := open(t)
	paul := d.Agent(t, "paul")
	seq := d.Only(t).LastSeq
	d.append(t, conversation.Event{Kind: conversation.EventReaction, Actor: conversation.Actor{Kind: conversation.ActorContact}})
	ctx, nobody := t.Context(), ""
	commands := map[string]func(by conversation.Caller) error{
		"attend": func(by conversation.Caller) error { _, err := d.Inbox.Attend(ctx, by, d.id); return err },
		"assign": func(by conversation.Caller) error {
			_, err := d.Inbox.Assign(ctx, by, d.id, inbox.Assignment{AgentID: &nobody})
			return err
		},
		"done":   func(by conversation.Caller) error { _, err := d.Inbox.Done(ctx, by, d.id); return err },
		"reopen": func(by conversation.Caller) error { _, err := d.Inbox.Reopen(ctx, by, d.id); return err },
		"snooze": func(by conversation.Caller) error {
			_, err := d.Inbox.Snooze(ctx, by, d.id, d.Now().Add(time.Hour))
			return err
		},
		"read": func(by conversation.Caller) error { _, err := d.Inbox.Read(ctx, by, d.id, 1); return err },
		"consent": func(by conversation.Caller) error {
			_, err := d.Inbox.SetConsent(ctx, by, d.id, inbox.ConsentWish{Scope: conversation.ScopeMarketing, State: conversation.ConsentOptedOut})
			return err
		},
		"send": func(by conversation.Caller) error {
			_, err := d.Inbox.Send(ctx, by, d.id, inbox.NewMessage{ClientID: "1", Content: office.Text("hello")})
			return err
		},
	}
	for name, do := range commands {
		if err := do(seeing(paul, seq)); conversation.CodeOf(err) != conversation.CodeStale {
			t.Errorf("%s: %v, want stale", name, err)
		}
	}
	if now := d.Only(t).LastSeq; now != seq+1 {
		t.Fatalf("the refused commands wrote %s", d.kinds(t, seq+1))
	}
	for name, do := range commands {
		if err := do(seeing(paul, d.Only(t).LastSeq)); err != nil {
			t.Errorf("%s on a fresh view: %v", name, err)
		}
	}
	d.wantWhole(t)
}

func TestWhatIsNews(t *testing.T) {
	d := open(t)
	paul := d.Agent(t, "paul")
	for name, c := range map[string]struct {
		event conversation.Event
		stale bool
	}{
		"receipt":         {conversation.Event{Kind: conversation.EventMessageStatus, Actor: conversation.Actor{Kind: conversation.ActorProvider}}, false},
		"window":          {conversation.Event{Kind: conversation.EventWindowClosed, Actor: conversation.Actor{Kind: conversation.ActorSystem}}, false},
		"own assignment":  {conversation.Event{Kind: conversation.EventAssigned, Actor: paul.Actor}, false},
		"a colleague's":   {conversation.Event{Kind: conversation.EventAssigned, Actor: d.maria.Actor}, true},
		"failure":         {conversation.Event{Kind: conversation.EventMessageFailed, Actor: conversation.Actor{Kind: conversation.ActorProvider}}, true},
		"what is unknown": {conversation.Event{Kind: "painted_green", Actor: conversation.Actor{Kind: conversation.ActorSystem}}, true},
	} {
		seq := d.Only(t).LastSeq
		d.append(t, c.event)
		_, err := d.Inbox.Read(t.Context(), seeing(paul, seq), d.id, 1)
		if got := conversation.CodeOf(err) == conversation.CodeStale; got != c.stale {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Two agents answer the same question: the second learns of the first one's answer instead of sending a second one. Who
// repeats a request that went through gets its message, whatever came after it.
func TestAnswerOnAnOldViewTellsTheNews(t *testing.T) {
	d := open(t)
	paul := d.Agent(t, "paul")
	seq := d.Only(t).LastSeq
	m := inbox.NewMessage{ClientID: "mine", Content: office.Text("We are open until six.")}
	mine, err := d.Inbox.Send(t.Context(), seeing(d.maria, seq), d.id, m)
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.Inbox.Send(t.Context(), seeing(paul, seq), d.id, inbox.NewMessage{ClientID: "his", Content: office.Text("Until six.")})
	stale, _ := errors.AsType[*conversation.Error](err)
	if stale == nil || stale.Code != conversation.CodeStale {
		t.Fatalf("error %v, want stale", err)
	}
	news, _ := stale.Details["events"].([]conversation.Event)
	if len(news) != 1 || news[0].Kind != conversation.EventMessageQueued || news[0].Actor != d.maria.Actor || news[0].Data.MessageID != mine.ID || stale.Details["last_seq"] != news[0].Seq {
		t.Errorf("news %+v", stale.Details)
	}
	d.Deliver(t, ana.Text("wamid.next", d.Now(), "thanks"))
	again, err := d.Inbox.Send(t.Context(), seeing(d.maria, seq), d.id, m)
	if err != nil || again.ID != mine.ID {
		t.Errorf("repeated: %q, %v; want %q", again.ID, err, mine.ID)
	}
}
