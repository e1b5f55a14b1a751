package inbox_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"guichet.dev/guichet/accounts"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/internal/testkit/office"
)

func (d *desk) send(t *testing.T, m inbox.NewMessage) (inbox.Message, error) {
	t.Helper()
	return d.Inbox.Send(t.Context(), d.maria, d.id, m)
}

func reaction(messageID, emoji string) conversation.Content {
	return conversation.Content{Kind: conversation.KindReaction, Reaction: &conversation.Reaction{MessageID: messageID, Emoji: emoji}}
}

func TestSendIsTheSameMessageByItsClientID(t *testing.T) {
	d := open(t)
	received := d.Messages(t, d.id)[0].ID
	for i, m := range []inbox.NewMessage{
		{ClientID: "a", Content: office.Text("hello")},
		{ClientID: "b", Content: office.Text("with a \x00 in it")},
		{ClientID: "ș" + strings.Repeat("ă", 99), Content: office.Text("quotes"), ReplyTo: received},
		{ClientID: "d", Content: reaction(received, "👍")},
		{ClientID: "e", Content: reaction(received, "")},
	} {
		first, err := d.send(t, m)
		if err != nil {
			t.Fatalf("%d: %v", i, err)
		}
		again, err := d.send(t, m)
		if err != nil || again.ID != first.ID {
			t.Errorf("%d: again %q, %v; want %q", i, again.ID, err, first.ID)
		}
		if first.ClientID != m.ClientID || first.State != conversation.StateQueued || first.Author != d.maria.Actor || first.ReplyTo != m.ReplyTo {
			t.Errorf("%d: %+v", i, first)
		}
		for name, other := range map[string]inbox.NewMessage{
			"text":     {ClientID: m.ClientID, Content: office.Text("something else"), ReplyTo: m.ReplyTo},
			"reply to": {ClientID: m.ClientID, Content: m.Content, ReplyTo: first.ID},
			"reaction": {ClientID: m.ClientID, Content: reaction(received, "😀")},
			"target":   {ClientID: m.ClientID, Content: reaction(first.ID, "👍")},
			"none":     {ClientID: m.ClientID, Content: conversation.Content{Kind: conversation.KindReaction}},
		} {
			if _, err := d.send(t, other); conversation.CodeOf(err) != conversation.CodeConflict {
				t.Errorf("%d, other %s: %v", i, name, err)
			}
		}
	}
	if n := d.Count(t, "SELECT count(*) FROM messages WHERE direction = 'out'"); n != 5 {
		t.Errorf("%d messages", n)
	}
	other := d.Meet(t, ion)
	if _, err := d.Inbox.Send(t.Context(), d.maria, other, inbox.NewMessage{ClientID: "a", Content: office.Text("to another")}); err != nil {
		t.Errorf("the same client id elsewhere: %v", err)
	}
	d.wantWhole(t)
}

func TestConcurrentRepeatsAreOneMessage(t *testing.T) {
	d := open(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	ids := map[string]bool{}
	for i := range 24 {
		wg.Go(func() {
			m, err := d.send(t, inbox.NewMessage{ClientID: fmt.Sprint("c", i%3), Content: office.Text("hello")})
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			ids[m.ID] = true
		})
	}
	wg.Wait()
	if len(ids) != 3 || d.Count(t, "SELECT count(*) FROM messages WHERE direction = 'out'") != 3 {
		t.Errorf("%d messages", len(ids))
	}
	d.wantWhole(t)
}

func TestWhatCannotBeSent(t *testing.T) {
	d := open(t)
	received := d.Messages(t, d.id)[0].ID
	foreign := d.Messages(t, d.Meet(t, ion))[0].ID
	queued, err := d.send(t, inbox.NewMessage{ClientID: "queued", Content: office.Text("not accepted yet")})
	if err != nil {
		t.Fatal(err)
	}
	text := office.Text("hello")
	for _, c := range []struct {
		name  string
		m     inbox.NewMessage
		code  conversation.Code
		field string
	}{
		{"no client id", inbox.NewMessage{Content: text}, "invalid", "client_id"},
		{"long client id", inbox.NewMessage{ClientID: strings.Repeat("x", 101), Content: text}, "invalid", "client_id"},
		{"client id that is no text", inbox.NewMessage{ClientID: "a\x00", Content: text}, "invalid", "client_id"},
		{"client id in no encoding", inbox.NewMessage{ClientID: "a\xff", Content: text}, "invalid", "client_id"},
		{"empty", inbox.NewMessage{ClientID: "c", Content: office.Text(" \n\t")}, "invalid", "text"},
		{"too long", inbox.NewMessage{ClientID: "c", Content: office.Text(strings.Repeat("ș", 4097))}, "invalid", "text"},
		{"no text", inbox.NewMessage{ClientID: "c", Content: office.Text("\xff")}, "invalid", "text"},
		{"an image", inbox.NewMessage{ClientID: "c", Content: conversation.Content{Kind: conversation.KindImage}}, "unsupported", ""},
		{"nothing", inbox.NewMessage{ClientID: "c"}, "unsupported", ""},
		{"reply to nothing", inbox.NewMessage{ClientID: "c", Content: text, ReplyTo: "x"}, "invalid", "reply_to"},
		{"reply to another conversation", inbox.NewMessage{ClientID: "c", Content: text, ReplyTo: foreign}, "invalid", "reply_to"},
		{"reply to what is not sent yet", inbox.NewMessage{ClientID: "c", Content: text, ReplyTo: queued.ID}, "invalid", "reply_to"},
		{"reaction to nothing", inbox.NewMessage{ClientID: "c", Content: reaction("", "👍")}, "invalid", "reaction.message_id"},
		{"reaction to another conversation", inbox.NewMessage{ClientID: "c", Content: reaction(foreign, "👍")}, "invalid", "reaction.message_id"},
		{"reaction without one", inbox.NewMessage{ClientID: "c", Content: conversation.Content{Kind: conversation.KindReaction}}, "invalid", "reaction.emoji"},
		{"long reaction", inbox.NewMessage{ClientID: "c", Content: reaction(received, strings.Repeat("👍", 17))}, "invalid", "reaction.emoji"},
		{"reaction that is no text", inbox.NewMessage{ClientID: "c", Content: reaction(received, "\x00")}, "invalid", "reaction.emoji"},
		{"reaction that quotes", inbox.NewMessage{ClientID: "c", Content: reaction(received, "👍"), ReplyTo: received}, "invalid", "reply_to"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := d.send(t, c.m)
			wantCode(t, err, c.code, c.field)
		})
	}
	if m, err := d.send(t, inbox.NewMessage{ClientID: "long", Content: office.Text(strings.Repeat("ș", 4096))}); err != nil || len(m.Content.Text) != 2*4096 {
		t.Errorf("the longest text: %v", err)
	}
	if n := d.Count(t, "SELECT count(*) FROM messages WHERE direction = 'out'"); n != 2 {
		t.Errorf("%d messages", n)
	}
	d.wantWhole(t)
}

func TestSendReopensAndAnswers(t *testing.T) {
	d := open(t)
	if _, err := d.Inbox.Done(t.Context(), d.maria, d.id); err != nil {
		t.Fatal(err)
	}
	before := d.Only(t)
	d.Forward(time.Minute)
	if _, err := d.send(t, inbox.NewMessage{ClientID: "a", Content: office.Text("hello  \n Ana")}); err != nil {
		t.Fatal(err)
	}
	c := d.Only(t)
	if c.Status != conversation.StatusOpen || c.FirstReplyAt == nil || !c.FirstReplyAt.Equal(d.Now()) || c.Summary != "hello Ana" || !c.LastActivityAt.Equal(d.Now()) || c.WaitingSince != nil {
		t.Errorf("%+v", c)
	}
	if kinds := d.kinds(t, before.LastSeq); kinds != "reopened message_queued" {
		t.Errorf("events %s", kinds)
	}
}

func TestGateRefusesAtOnce(t *testing.T) {
	d := open(t)
	try := func() error {
		t.Helper()
		_, err := d.send(t, inbox.NewMessage{ClientID: fmt.Sprint(d.Now().UnixNano()), Content: office.Text("hello")})
		d.Forward(time.Second)
		return err
	}
	action := func() inbox.Action {
		t.Helper()
		c, err := d.Inbox.Get(t.Context(), d.maria, d.Only(t).ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range c.Actions {
			if a.Name == "send_text" {
				return a
			}
		}
		t.Fatal("no action send_text")
		return inbox.Action{}
	}
	agree := func(step string, code conversation.Code, waits bool) {
		t.Helper()
		a := action()
		err := try()
		if code == "" || waits {
			if err != nil || !a.Allowed || a.Code != code {
				t.Errorf("%s: %v, %+v", step, err, a)
			}
			return
		}
		if conversation.CodeOf(err) != code || a.Allowed || a.Code != code || a.Reason == "" {
			t.Errorf("%s: %v, %+v", step, err, a)
		}
	}
	agree("at first", "", false)
	if _, err := d.Store.Pause(t.Context(), d.maria.Actor, d.Account.ID); err != nil {
		t.Fatal(err)
	}
	agree("paused", conversation.CodeAccountPaused, true)
	if _, err := d.Store.Resume(t.Context(), d.maria.Actor, d.Account.ID); err != nil {
		t.Fatal(err)
	}
	d.Deliver(t, ana.Text("wamid.stop", d.Now(), "Stop!"))
	d.Advance(t)
	agree("opted out", conversation.CodeOptedOut, false)
	d.Forward(time.Minute)
	d.Deliver(t, ana.Text("wamid.more", d.Now(), "one more thing"))
	agree("wrote after it", "", false)
	d.Tune(t, accounts.SettingsChange{AgentMayAnswerOptedOut: ptr(false)})
	agree("wrote after it, but the admin forbids", conversation.CodeOptedOut, false)
	d.Forward(time.Minute)
	d.Deliver(t, ana.Text("wamid.start", d.Now(), "START"))
	d.Advance(t)
	agree("opted in", "", false)
	d.Forward(24 * time.Hour)
	agree("a day later", conversation.CodeWindowClosed, false)
	d.wantWhole(t)
}

func TestActions(t *testing.T) {
	d := open(t)
	allowed := func(by conversation.Caller) string {
		t.Helper()
		c, err := d.Inbox.Get(t.Context(), by, d.id)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, a := range c.Actions {
			if a.Allowed {
				names = append(names, a.Name)
			} else if a.Code == "" || a.Reason == "" {
				t.Errorf("no reason: %+v", a)
			}
		}
		return strings.Join(names, " ")
	}
	paul := d.Agent(t, "paul")
	for _, c := range []struct {
		name string
		do   func() error
		by   conversation.Caller
		want string
	}{
		{"open", func() error { return nil }, d.maria, "send_text send_reaction attend assign done snooze read consent note label priority block"},
		{"a program", func() error { return nil }, office.Token, "send_text send_reaction assign done snooze read consent note label priority block"},
		{"mine", func() error { _, err := d.Inbox.Attend(t.Context(), d.maria, d.id); return err }, d.maria, "send_text send_reaction attend assign done snooze read consent note label priority block"},
		{"a colleague's", func() error { return nil }, paul, "send_text send_reaction assign done snooze read consent note label priority block"},
		{"done", func() error { _, err := d.Inbox.Done(t.Context(), d.maria, d.id); return err }, d.maria, "send_text send_reaction attend assign reopen snooze read consent note label priority block"},
		{"snoozed", func() error { _, err := d.Inbox.Snooze(t.Context(), d.maria, d.id, d.Now().Add(time.Hour)); return err }, d.maria,
			"send_text send_reaction attend assign done reopen snooze read consent note label priority block"},
		{"window closed", func() error { d.Forward(25 * time.Hour); return nil }, d.maria, "attend assign done reopen snooze read consent note label priority block"},
	} {
		if err := c.do(); err != nil {
			t.Fatal(err)
		}
		if got := allowed(c.by); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// A command that waits for a second session while it holds one waits for ever as soon as all sessions are held so.
func TestSendNeedsOneSession(t *testing.T) {
	d := open(t)
	if _, err := d.Store.Resume(t.Context(), conversation.Actor{Kind: conversation.ActorSystem}, d.Account.ID); err != nil {
		t.Fatal(err) // it makes the store forget the account
	}
	d.DB.SetMaxOpenConns(1)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := d.Inbox.Send(ctx, d.maria, d.id, inbox.NewMessage{ClientID: "a", Content: office.Text("hello")}); err != nil {
		t.Error(err)
	}
}
