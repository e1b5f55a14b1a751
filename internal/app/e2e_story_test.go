package app_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/internal/testkit"
	"guichet.dev/guichet/simulator"
)

// The whole life of a conversation, from the first message to the day after.
func TestStory(t *testing.T) {
	t.Parallel()
	d := open(t, setup{})
	const phone = "33612345678"
	_, err := d.sim.PutCustomer(t.Context(), simulator.Customer{Phone: phone, Name: "Élise Laurent"})
	d.fatal(err)
	first := d.say(phone, "Bonjour, où est ma commande ?")
	id := d.find(phone)
	path := "/api/v1/conversations/" + id
	c := d.get(id)
	if c.Contact.Name != "Élise Laurent" || c.Status != conversation.StatusOpen || !c.Unread || !c.Window.Open || c.WaitingSince == nil || c.Summary != "Bonjour, où est ma commande ?" {
		t.Errorf("%+v", c)
	}
	d.until(id, "armed", func(c inbox.Conversation) bool {
		return len(c.Next) == 2 && c.Next[0].Kind == conversation.DeadlineWindowClosing && c.Next[1].Kind == conversation.DeadlineWindowClosed
	})
	d.must(http.MethodPost, path+"/attend", nil, nil)
	question := d.messages(id)[0]
	d.must(http.MethodPost, path+"/read", map[string]any{"up_to_seq": question.Seq, "typing": true}, nil)
	testkit.Eventually(t, patience, func() error { return seenByCustomer(d, phone, first.ID) })

	var answer inbox.Message
	d.must(http.MethodPost, path+"/messages", map[string]any{"client_id": "1", "text": "Elle part ce soir.", "reply_to": question.ID}, &answer)
	d.must(http.MethodPost, path+"/messages", map[string]any{"client_id": "2", "reaction": map[string]any{"message_id": question.ID, "emoji": "👍"}}, nil)
	d.phone(phone, 1)
	d.state(answer, conversation.StateDelivered)
	d.fatal(d.sim.Read(t.Context(), phone, ""))
	read := d.state(answer, conversation.StateRead)
	if read.SentAt == nil || read.DeliveredAt == nil || read.ReadAt == nil || read.ReplyTo != question.ID || read.Author.ID != d.agent {
		t.Errorf("%+v", read)
	}
	testkit.Eventually(t, patience, func() error {
		thread, err := d.sim.Thread(t.Context(), phone)
		if err != nil || len(thread) != 3 || thread[1].ReplyTo != first.ID || thread[0].Reactions["business"] != "👍" {
			return fmt.Errorf("%+v (%w)", thread, err)
		}
		return nil
	})
	d.until(id, "answered", func(c inbox.Conversation) bool {
		return c.WaitingSince == nil && c.FirstReplyAt != nil && c.AssigneeID == d.agent && !c.Unread
	})
	d.must(http.MethodPost, path+"/done", nil, nil)
	d.say(phone, "Merci !")
	d.until(id, "reopened", func(c inbox.Conversation) bool {
		return c.Status == conversation.StatusOpen && c.Summary == "Merci !" && c.Unread
	})
	want := []conversation.EventKind{conversation.EventOpened, conversation.EventAssigned, conversation.EventDone, conversation.EventReopened}
	if got := d.events(id); !slices.Equal(sorted(got), sorted(want)) {
		t.Errorf("events %v, want %v", got, want)
	}
	closeWindow(t, d, phone, id)
}

func sorted(kinds []conversation.EventKind) []conversation.EventKind {
	kinds = slices.Clone(kinds)
	slices.Sort(kinds)
	return kinds
}

// seenByCustomer returns an error until the customer sees that the message was read and that somebody writes.
func seenByCustomer(d *desk, phone, message string) error {
	thread, err := d.sim.Thread(d.t.Context(), phone)
	if err != nil {
		return err
	}
	for _, m := range thread {
		if m.ID == message && m.Status != simulator.StatusRead {
			return fmt.Errorf("message is %s", m.Status)
		}
	}
	var shown struct{ Typing []string }
	if _, err := fetch(d.t, d.simURL+"/control/customers/"+phone+"/messages", &shown); err != nil {
		return err
	}
	if !slices.Contains(shown.Typing, deskNumber) {
		return fmt.Errorf("typing: %v", shown.Typing)
	}
	return nil
}

// closeWindow lets a day go by: the window is closing, then closed, a send is refused, and the next message opens it again.
func closeWindow(t *testing.T, d *desk, phone, id string) {
	t.Helper()
	path := "/api/v1/conversations/" + id
	d.advance(23*time.Hour + 5*time.Minute)
	testkit.Eventually(t, patience, func() error { return has(d, id, conversation.EventWindowClosing) })
	if c := d.get(id); !c.Window.Open {
		t.Errorf("closed too early: %+v", c.Window)
	}
	late := d.send(id, "Encore dans les temps")
	d.state(late, conversation.StateDelivered)
	d.advance(time.Hour)
	testkit.Eventually(t, patience, func() error { return has(d, id, conversation.EventWindowClosed) })
	c := d.get(id)
	if c.Window.Open || len(c.Next) != 0 {
		t.Errorf("%+v %+v", c.Window, c.Next)
	}
	for _, a := range c.Actions {
		if strings.HasPrefix(a.Name, "send_") && (a.Allowed || a.Code != conversation.CodeWindowClosed) {
			t.Errorf("%+v", a)
		}
	}
	d.refused(path+"/messages", map[string]any{"client_id": "3", "text": "Trop tard"}, conversation.CodeWindowClosed)
	d.say(phone, "Toujours là ?")
	d.until(id, "open again", func(c inbox.Conversation) bool { return c.Window.Open && len(c.Next) == 2 })
	d.state(d.send(id, "Oui"), conversation.StateDelivered)
	if n := len(slices.DeleteFunc(d.events(id), func(k conversation.EventKind) bool { return k != conversation.EventWindowClosed })); n != 1 {
		t.Errorf("the window closed %d times", n)
	}
}

// has returns an error while a timeline has no event of the kind.
func has(d *desk, id string, kind conversation.EventKind) error {
	if kinds := d.events(id); !slices.Contains(kinds, kind) {
		return fmt.Errorf("no %s among %v", kind, kinds)
	}
	return nil
}

// A snooze ends by itself, or by the customer's next message.
func TestSnooze(t *testing.T) {
	t.Parallel()
	d := open(t, setup{settings: map[string]any{"auto_close_after_seconds": 7 * 24 * 3600}})
	d.say("33600000001", "Plus tard ?")
	d.say("33600000002", "Et moi ?")
	ids := []string{d.find("33600000001"), d.find("33600000002")}
	for _, id := range ids {
		d.must(http.MethodPost, "/api/v1/conversations/"+id+"/snooze", map[string]any{"until": d.app.Clock.Now().Add(3 * time.Hour)}, nil)
		d.until(id, "armed", func(c inbox.Conversation) bool {
			return c.Status == conversation.StatusSnoozed && slices.ContainsFunc(c.Next, func(n inbox.DeadlineView) bool { return n.Kind == conversation.DeadlineSnooze })
		})
	}
	d.say("33600000002", "Finalement non")
	d.until(ids[1], "open", func(c inbox.Conversation) bool { return c.Status == conversation.StatusOpen && c.SnoozedUntil == nil })
	if c := d.get(ids[0]); c.Status != conversation.StatusSnoozed {
		t.Errorf("%+v", c)
	}
	d.advance(3*time.Hour + time.Minute)
	d.until(ids[0], "woken", func(c inbox.Conversation) bool { return c.Status == conversation.StatusOpen })
	if err := has(d, ids[0], conversation.EventWoken); err != nil {
		t.Error(err)
	}
	if err := has(d, ids[1], conversation.EventWoken); err == nil {
		t.Error("a snooze that had ended ended once more")
	}
	d.advance(8 * 24 * time.Hour)
	for _, id := range ids {
		d.until(id, "closed by itself", func(c inbox.Conversation) bool { return c.Status == conversation.StatusDone && len(c.Next) == 0 })
	}
}
