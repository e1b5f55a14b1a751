package inbox_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/internal/testkit/office"
	"guichet.dev/guichet/notes"
)

func TestHandOverWithANote(t *testing.T) {
	d := open(t)
	paul := d.Agent(t, "paul")
	last := d.Only(t).LastSeq
	to := inbox.Assignment{AgentID: ptr(paul.ID), Note: &notes.Draft{Text: "She waits for the invoice.", Calls: notes.Calls{Agents: []string{paul.ID}}}}
	c, err := d.Inbox.Assign(t.Context(), d.maria, d.id, to)
	if err != nil || c.AssigneeID != paul.ID {
		t.Fatal(c.AssigneeID, err)
	}
	if kinds := d.kinds(t, last); kinds != "note_added assigned" {
		t.Errorf("events %s", kinds)
	}
	linked := d.Count(t, `SELECT count(*) FROM events a JOIN notes n ON n.id = (a.data->>'note_id')::uuid
		WHERE a.conversation_id = $1::uuid AND a.kind = 'assigned' AND (a.cause->>'seq')::bigint = n.seq AND a.cause->>'trigger' = 'note'`, d.id)
	if linked != 1 {
		t.Error("the assignment does not name the note")
	}
	// A wrong note assigns nobody, a wrong assignee notes nothing.
	_, err = d.Inbox.Assign(t.Context(), d.maria, d.id, inbox.Assignment{AgentID: ptr(""), Note: &notes.Draft{Text: " "}})
	wantCode(t, err, conversation.CodeInvalid, "note.text")
	_, err = d.Inbox.Assign(t.Context(), d.maria, d.id, inbox.Assignment{AgentID: ptr(uuid.NewString()), Note: &notes.Draft{Text: "hello"}})
	wantCode(t, err, conversation.CodeInvalid, "agent_id")
	if n := d.Count(t, "SELECT count(*) FROM notes"); n != 1 || d.Only(t).AssigneeID != paul.ID {
		t.Errorf("%d notes, %s", n, d.Only(t).AssigneeID)
	}
	d.Advance(t)
	d.wantWhole(t)
}

func TestPriority(t *testing.T) {
	d := open(t)
	for _, p := range []conversation.Priority{conversation.PriorityUrgent, conversation.PriorityUrgent, conversation.PriorityLow, conversation.PriorityNormal, conversation.PriorityHigh} {
		c, err := d.Inbox.SetPriority(t.Context(), d.maria, d.id, p)
		level, _ := p.Level()
		if err != nil || c.Priority != p || int64(d.Count(t, "SELECT priority FROM conversations WHERE id = $1::uuid", d.id)) != level {
			t.Errorf("%s: %s, %v", p, c.Priority, err)
		}
	}
	if got := d.Text(t, "SELECT string_agg(data->>'priority', ' ' ORDER BY seq) FROM events WHERE kind = 'priority_changed'"); got != "urgent low normal high" {
		t.Errorf("events %s", got)
	}
	_, err := d.Inbox.SetPriority(t.Context(), d.maria, d.id, "higher")
	wantCode(t, err, conversation.CodeInvalid, "priority")
}

func TestSnoozeUntilTheCustomerReplies(t *testing.T) {
	d := open(t)
	c, err := d.Inbox.Snooze(t.Context(), d.maria, d.id, time.Time{})
	if err != nil || c.Status != conversation.StatusSnoozed || c.SnoozedUntil != nil {
		t.Fatalf("%+v, %v", c, err)
	}
	d.Advance(t)
	for _, next := range d.Only(t).Next {
		if next.Kind == conversation.DeadlineSnooze || next.Kind == conversation.DeadlineAutoClose {
			t.Errorf("waits for %s", next.Kind)
		}
	}
	d.Forward(400 * 24 * time.Hour)
	d.Advance(t)
	if c = d.Only(t); c.Status != conversation.StatusSnoozed || len(c.Next) != 0 {
		t.Errorf("a year later: %+v", c)
	}
	if until := d.Text(t, "SELECT coalesce(data->>'until', 'reply') FROM events WHERE kind = 'snoozed'"); until != "reply" {
		t.Errorf("until %s", until)
	}
	d.Deliver(t, ana.Text("wamid.reply", d.Now(), "here I am"))
	if c = d.Only(t); c.Status != conversation.StatusOpen {
		t.Errorf("after the reply: %s", c.Status)
	}
	d.wantWhole(t)
}

// What agents do around a conversation wakes nobody and delays no deadline.
func TestInsideWorkSleeps(t *testing.T) {
	for _, kind := range []conversation.EventKind{
		conversation.EventNoteAdded, conversation.EventNoteEdited, conversation.EventNoteDeleted, conversation.EventLabelRemoved,
		conversation.EventPriorityChanged, conversation.EventContactChanged, conversation.EventContactBlocked, conversation.EventContactUnblocked, conversation.EventBlockRefused,
	} {
		if kind.Wakes() {
			t.Errorf("%s wakes", kind)
		}
	}
	d := open(t)
	before := d.Only(t)
	if _, err := d.Inbox.SetPriority(t.Context(), d.maria, d.id, conversation.PriorityHigh); err != nil {
		t.Fatal(err)
	}
	// The next advance takes them into account, among others.
	d.Deliver(t, ana.Text("wamid.next", d.Now(), "and now?"))
	d.Advance(t)
	if c := d.Only(t); c.LastSeq != before.LastSeq+2 || d.Count(t, "SELECT last_seq - applied_seq FROM conversations") != 0 {
		t.Errorf("%+v", c)
	}
	items, _, err := d.Inbox.Timeline(t.Context(), office.Token, d.id, inbox.Cursor{}, 50)
	var kinds []string
	for _, i := range items {
		if i.Event != nil {
			kinds = append(kinds, string(i.Event.Kind))
		}
	}
	if got := strings.Join(kinds, " "); err != nil || got != "priority_changed opened" {
		t.Errorf("timeline %s, %v", got, err)
	}
}
