package inbox_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"guichet.dev/guichet/contacts"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/internal/testkit"
	"guichet.dev/guichet/internal/testkit/office"
	"guichet.dev/guichet/ledger"
)

var (
	ana = office.Person{WhatsAppID: "40712345678", UserID: "RO.1234567890", Name: "Ana"}
	ion = office.Person{WhatsAppID: "40712345679", Name: "Ion"}
)

// desk is an office with one conversation, whose clock stands still until the test moves it.
type desk struct {
	*office.Office
	maria conversation.Caller
	id    string // of the conversation
}

func open(t *testing.T) *desk {
	t.Helper()
	t.Parallel()
	o := office.Open(t)
	o.Freeze()
	return &desk{Office: o, maria: o.Agent(t, "maria"), id: o.Meet(t, ana)}
}

func wantCode(t *testing.T, err error, code conversation.Code, field string) {
	t.Helper()
	if got := conversation.CodeOf(err); err == nil || got != code {
		t.Errorf("error %v, want code %s", err, code)
		return
	}
	if e, ok := errors.AsType[*conversation.Error](err); !ok || e.Field != field || e.Message == "" {
		t.Errorf("error %v, want field %q", err, field)
	}
}

func (d *desk) wantWhole(t *testing.T) {
	t.Helper()
	for _, b := range d.Broken(t) {
		t.Error(b)
	}
}

func (d *desk) kinds(t *testing.T, after int64) string {
	t.Helper()
	return d.Text(t, "SELECT coalesce(string_agg(kind, ' ' ORDER BY seq), '') FROM events WHERE conversation_id = $1::uuid AND seq > $2", d.id, after)
}

// merge makes the desk's conversation go on in another, whose id it returns.
func (d *desk) merge(t *testing.T) string {
	t.Helper()
	d.Forward(time.Minute)
	newer := d.Meet(t, office.Person{UserID: "RO.777", Name: "Ana"})
	both := office.Person{WhatsAppID: ana.WhatsAppID, UserID: "RO.777", Name: "Ana"}
	d.Deliver(t, both.Text("wamid.both", d.Now(), "it is me"))
	if into := d.Text(t, "SELECT coalesce(merged_into::text, '') FROM conversations WHERE id = $1::uuid", d.id); into != newer {
		t.Fatalf("merged into %q", into)
	}
	return newer
}

func ptr[T any](v T) *T { return &v }

func TestNoSuchConversation(t *testing.T) {
	d := open(t)
	ctx := t.Context()
	blind := conversation.Caller{Actor: d.maria.Actor, Sight: conversation.SeesOnly(uuid.NewString())}
	for _, id := range []string{"", "nothing", "1' OR '1'='1", "{" + d.id + "}", strings.ToUpper(d.id), uuid.NewString(), d.id} {
		by := d.maria
		if id == d.id { // there is one, on an account that the caller may not see
			by = blind
		}
		for name, do := range map[string]func() error{
			"get":    func() error { _, err := d.Inbox.Get(ctx, by, id); return err },
			"attend": func() error { _, err := d.Inbox.Attend(ctx, by, id); return err },
			"assign": func() error {
				_, err := d.Inbox.Assign(ctx, by, id, inbox.Assignment{AgentID: ptr("")})
				return err
			},
			"done":     func() error { _, err := d.Inbox.Done(ctx, by, id); return err },
			"reopen":   func() error { _, err := d.Inbox.Reopen(ctx, by, id); return err },
			"snooze":   func() error { _, err := d.Inbox.Snooze(ctx, by, id, d.Now().Add(time.Hour)); return err },
			"priority": func() error { _, err := d.Inbox.SetPriority(ctx, by, id, conversation.PriorityHigh); return err },
			"read":     func() error { _, err := d.Inbox.Read(ctx, by, id, 0); return err },
			"messages": func() error { _, _, err := d.Inbox.Messages(ctx, by, id, inbox.Cursor{}, 10); return err },
			"timeline": func() error { _, _, err := d.Inbox.Timeline(ctx, by, id, inbox.Cursor{}, 10); return err },
			"send": func() error {
				_, err := d.Inbox.Send(ctx, by, id, inbox.NewMessage{ClientID: "c", Content: office.Text("x")})
				return err
			},
			"consent": func() error {
				_, err := d.Inbox.SetConsent(ctx, by, id, inbox.ConsentWish{Scope: conversation.ScopeAll, State: conversation.ConsentOptedOut})
				return err
			},
		} {
			if err := do(); conversation.CodeOf(err) != conversation.CodeNotFound {
				t.Errorf("%s %q: %v", name, id, err)
			}
		}
		if _, err := d.Automation.Advance(ctx, id); id != d.id && conversation.CodeOf(err) != conversation.CodeNotFound {
			t.Errorf("advance %q: %v", id, err)
		}
	}
	if n := d.Count(t, "SELECT max(tries) FROM conversations"); n != 0 {
		t.Errorf("%d tries were counted", n)
	}
}

func TestAttend(t *testing.T) {
	d := open(t)
	var agents []conversation.Caller
	for _, name := range strings.Fields("a b c d e f g h i j k l") {
		agents = append(agents, d.Agent(t, name))
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	winner := ""
	losers := 0
	for _, by := range agents {
		wg.Go(func() {
			c, err := d.Inbox.Attend(t.Context(), by, d.id)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				if winner != "" {
					t.Error("two have it")
				}
				winner = by.ID
				if c.AssigneeID != by.ID {
					t.Errorf("assignee %s", c.AssigneeID)
				}
				return
			}
			wantCode(t, err, conversation.CodeConflict, "")
			if e, ok := errors.AsType[*conversation.Error](err); !ok || e.Details["assignee_id"] == "" {
				t.Errorf("the colleague is not named: %+v", err)
			}
			losers++
		})
	}
	wg.Wait()
	if winner == "" || losers != len(agents)-1 {
		t.Fatalf("winner %q, %d losers", winner, losers)
	}
	_, err := d.Inbox.Attend(t.Context(), d.maria, d.id)
	if e, ok := errors.AsType[*conversation.Error](err); !ok || e.Details["assignee_id"] != winner {
		t.Errorf("conflict names %v, want %s", err, winner)
	}
	if _, err := d.Inbox.Attend(t.Context(), conversation.Actor{Kind: conversation.ActorAgent, ID: winner}.Everywhere(), d.id); err != nil {
		t.Errorf("what one has: %v", err)
	}
	if n := d.Count(t, "SELECT count(*) FROM events WHERE kind = 'assigned'"); n != 1 {
		t.Errorf("%d events", n)
	}
	_, err = d.Inbox.Attend(t.Context(), office.Token, d.id)
	wantCode(t, err, conversation.CodeForbidden, "")
	d.wantWhole(t)
}

func TestAssign(t *testing.T) {
	d := open(t)
	paul, gone := d.Agent(t, "paul"), d.Agent(t, "gone")
	d.Exec(t, "UPDATE agents SET state = 'deactivated' WHERE id = $1::uuid", gone.ID)
	team := d.Team(t, "sales")
	for _, c := range []struct {
		name        string
		to          inbox.Assignment
		agent, team string
		field       string
		event       bool
	}{
		{"an agent", inbox.Assignment{AgentID: &paul.ID}, paul.ID, "", "", true},
		{"again", inbox.Assignment{AgentID: &paul.ID}, paul.ID, "", "", false},
		{"a team", inbox.Assignment{TeamID: &team}, paul.ID, team, "", true},
		{"nobody of the team", inbox.Assignment{AgentID: ptr("")}, "", team, "", true},
		{"both", inbox.Assignment{AgentID: &d.maria.ID, TeamID: ptr("")}, d.maria.ID, "", "", true},
		{"nothing", inbox.Assignment{}, d.maria.ID, "", "agent_id", false},
		{"unknown agent", inbox.Assignment{AgentID: ptr(uuid.NewString())}, d.maria.ID, "", "agent_id", false},
		{"no agent at all", inbox.Assignment{AgentID: ptr("paul")}, d.maria.ID, "", "agent_id", false},
		{"a deactivated agent", inbox.Assignment{AgentID: &gone.ID}, d.maria.ID, "", "agent_id", false},
		{"unknown team", inbox.Assignment{TeamID: ptr(uuid.NewString())}, d.maria.ID, "", "team_id", false},
		{"no team at all", inbox.Assignment{AgentID: &paul.ID, TeamID: ptr("sales")}, d.maria.ID, "", "team_id", false},
	} {
		before := d.Count(t, "SELECT count(*) FROM events WHERE kind = 'assigned'")
		got, err := d.Inbox.Assign(t.Context(), d.maria, d.id, c.to)
		if c.field != "" {
			wantCode(t, err, conversation.CodeInvalid, c.field)
			got = d.Only(t)
		} else if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if got.AssigneeID != c.agent || got.TeamID != c.team {
			t.Errorf("%s: agent %q, team %q", c.name, got.AssigneeID, got.TeamID)
		}
		if n := d.Count(t, "SELECT count(*) FROM events WHERE kind = 'assigned'") - before; (n == 1) != c.event || n > 1 {
			t.Errorf("%s: %d events", c.name, n)
		}
	}
	d.wantWhole(t)
}

func TestStatus(t *testing.T) {
	d := open(t)
	ctx := t.Context()
	until := d.Now().Add(time.Hour + 123*time.Nanosecond)
	type stand struct {
		status                 conversation.Status
		done, snoozed, waiting bool
	}
	for _, c := range []struct {
		name  string
		do    func() (inbox.Conversation, error)
		want  stand
		event string
	}{
		{"reopen what is open", func() (inbox.Conversation, error) { return d.Inbox.Reopen(ctx, d.maria, d.id) }, stand{"open", false, false, true}, ""},
		{"snooze", func() (inbox.Conversation, error) { return d.Inbox.Snooze(ctx, d.maria, d.id, until) }, stand{"snoozed", false, true, true}, "snoozed"},
		{"reopen", func() (inbox.Conversation, error) { return d.Inbox.Reopen(ctx, d.maria, d.id) }, stand{"open", false, false, true}, "reopened"},
		{"done", func() (inbox.Conversation, error) { return d.Inbox.Done(ctx, d.maria, d.id) }, stand{"done", true, false, false}, "done"},
		{"done again", func() (inbox.Conversation, error) { return d.Inbox.Done(ctx, d.maria, d.id) }, stand{"done", true, false, false}, ""},
		{"snooze what is done", func() (inbox.Conversation, error) { return d.Inbox.Snooze(ctx, d.maria, d.id, until) }, stand{"snoozed", false, true, false}, "snoozed"},
		{"done from snoozed", func() (inbox.Conversation, error) { return d.Inbox.Done(ctx, d.maria, d.id) }, stand{"done", true, false, false}, "done"},
		{"reopen what is done", func() (inbox.Conversation, error) { return d.Inbox.Reopen(ctx, d.maria, d.id) }, stand{"open", false, false, false}, "reopened"},
	} {
		before := d.Only(t).LastSeq
		got, err := c.do()
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if stands := (stand{got.Status, got.DoneAt != nil, got.SnoozedUntil != nil, got.WaitingSince != nil}); stands != c.want {
			t.Errorf("%s: %+v", c.name, stands)
		}
		if kinds := d.kinds(t, before); kinds != c.event {
			t.Errorf("%s: events %q", c.name, kinds)
		}
	}
	for _, bad := range []time.Time{d.Now().Add(-time.Hour), d.Now(), d.Now().Add(367 * 24 * time.Hour)} {
		_, err := d.Inbox.Snooze(ctx, d.maria, d.id, bad)
		wantCode(t, err, conversation.CodeInvalid, "until")
	}
	d.wantWhole(t)
}

func TestRead(t *testing.T) {
	d := open(t)
	last := d.Only(t).LastSeq
	for _, c := range []struct {
		seq    int64
		unread bool
	}{{0, true}, {1, true}, {last, false}, {1, false}} { // what was read stays read
		got, err := d.Inbox.Read(t.Context(), d.maria, d.id, c.seq)
		if err != nil || got.Unread != c.unread {
			t.Errorf("up to %d: unread %t, %v", c.seq, got.Unread, err)
		}
	}
	for _, seq := range []int64{-1, last + 1} {
		_, err := d.Inbox.Read(t.Context(), d.maria, d.id, seq)
		wantCode(t, err, conversation.CodeInvalid, "up_to_seq")
	}
	if got, err := d.Inbox.LastInbound(t.Context(), office.Token, d.id, last); err != nil || got != "wamid.meet."+ana.WhatsAppID+ana.UserID {
		t.Errorf("newest message %q, %v", got, err)
	}
	if got, err := d.Inbox.LastInbound(t.Context(), office.Token, d.id, 1); err != nil || got != "" {
		t.Errorf("before it %q, %v", got, err)
	}
	_, err := d.Inbox.LastInbound(t.Context(), office.Token, "x", 1)
	wantCode(t, err, conversation.CodeNotFound, "")
}

func TestCommandsOnAMergedConversation(t *testing.T) {
	d := open(t)
	into := d.merge(t)
	ctx := t.Context()
	for name, do := range map[string]func() error{
		"attend": func() error { _, err := d.Inbox.Attend(ctx, d.maria, d.id); return err },
		"assign": func() error {
			_, err := d.Inbox.Assign(ctx, d.maria, d.id, inbox.Assignment{AgentID: &d.maria.ID})
			return err
		},
		"done":   func() error { _, err := d.Inbox.Done(ctx, d.maria, d.id); return err },
		"reopen": func() error { _, err := d.Inbox.Reopen(ctx, d.maria, d.id); return err },
		"snooze": func() error { _, err := d.Inbox.Snooze(ctx, d.maria, d.id, d.Now().Add(time.Hour)); return err },
		"read":   func() error { _, err := d.Inbox.Read(ctx, d.maria, d.id, 0); return err },
		"send": func() error {
			_, err := d.Inbox.Send(ctx, d.maria, d.id, inbox.NewMessage{ClientID: "c", Content: office.Text("x")})
			return err
		},
		"consent": func() error {
			_, err := d.Inbox.SetConsent(ctx, d.maria, d.id, inbox.ConsentWish{Scope: conversation.ScopeAll, State: conversation.ConsentOptedOut})
			return err
		},
	} {
		err := do()
		if e, ok := errors.AsType[*conversation.Error](err); !ok || e.Code != conversation.CodeConflict || e.Details["merged_into"] != into {
			t.Errorf("%s: %v", name, err)
		}
	}
	c, err := d.Inbox.Get(ctx, d.maria, d.id)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range c.Actions {
		if a.Allowed || a.Code != conversation.CodeConflict {
			t.Errorf("action %+v", a)
		}
	}
	d.wantWhole(t)
}

func TestSetConsent(t *testing.T) {
	d := open(t)
	all, marketing, in, out := conversation.ScopeAll, conversation.ScopeMarketing, conversation.ConsentOptedIn, conversation.ConsentOptedOut
	at := func(m int) time.Time { return d.Now().Add(time.Duration(m) * time.Minute) }
	for _, c := range []struct {
		name      string
		wish      inbox.ConsentWish
		field     string
		all, mark conversation.ConsentState
	}{
		{"no scope", inbox.ConsentWish{State: out}, "scope", "unknown", "unknown"},
		{"no state", inbox.ConsentWish{Scope: all, State: "unknown"}, "state", "unknown", "unknown"},
		{"opt-in without a note", inbox.ConsentWish{Scope: all, State: in, Note: " \n"}, "note", "unknown", "unknown"},
		{"long note", inbox.ConsentWish{Scope: all, State: in, Note: strings.Repeat("x", 2001)}, "note", "unknown", "unknown"},
		{"note that is no text", inbox.ConsentWish{Scope: all, State: out, Note: "a\x00b"}, "note", "unknown", "unknown"},
		{"in the future", inbox.ConsentWish{Scope: all, State: out, At: at(1)}, "at", "unknown", "unknown"},
		{"opt-out", inbox.ConsentWish{Scope: all, State: out, At: at(-10)}, "", out, "unknown"},
		{"older opt-in", inbox.ConsentWish{Scope: all, State: in, Note: "form", At: at(-20)}, "", out, "unknown"},
		{"opt-in at the same time", inbox.ConsentWish{Scope: all, State: in, Note: "form", At: at(-10)}, "", out, "unknown"},
		{"marketing", inbox.ConsentWish{Scope: marketing, State: out}, "", out, out},
		{"newer opt-in", inbox.ConsentWish{Scope: all, State: in, Note: "form"}, "", in, out},
	} {
		before := d.Only(t).LastSeq
		got, err := d.Inbox.SetConsent(t.Context(), d.maria, d.id, c.wish)
		events := "consent_changed"
		if c.field != "" {
			wantCode(t, err, conversation.CodeInvalid, c.field)
			got, events = d.Only(t), ""
		} else if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if got.Consent.All != c.all || got.Consent.Marketing != c.mark {
			t.Errorf("%s: %+v", c.name, got.Consent)
		}
		if kinds := d.kinds(t, before); kinds != events {
			t.Errorf("%s: events %q", c.name, kinds)
		}
	}
	if n := d.Count(t, "SELECT count(*) FROM consent_changes WHERE source = 'agent' AND actor_id = $1 AND conversation_id = $2::uuid", d.maria.ID, d.id); n != 5 {
		t.Errorf("%d entries in the ledger", n)
	}
	if n := d.Count(t, "SELECT count(*) FROM events WHERE data::text LIKE '%form%'"); n != 0 {
		t.Error("an event holds the note")
	}
	d.wantWhole(t)
}

// TestContactChangesWhileACommandWaits gives the conversation another contact while a command waits for the lock of the
// first: it must take the other's.
func TestContactChangesWhileACommandWaits(t *testing.T) {
	d := open(t)
	other := d.Text(t, "SELECT contact_id::text FROM conversations WHERE id = $1::uuid", d.Meet(t, ion))
	first := d.Text(t, "SELECT contact_id::text FROM conversations WHERE id = $1::uuid", d.id)
	tx, err := d.DB.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	later, err := d.DB.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := contacts.Lock(t.Context(), tx, []string{first}); err != nil {
		t.Fatal(err)
	}
	row, err := ledger.Lock(t.Context(), tx, d.id)
	if err != nil {
		t.Fatal(err)
	}
	row.ContactID = other
	if err := ledger.Save(t.Context(), tx, d.Now(), row); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := d.Inbox.SetConsent(t.Context(), d.maria, d.id, inbox.ConsentWish{Scope: conversation.ScopeAll, State: conversation.ConsentOptedOut})
		done <- err
	}()
	testkit.Eventually(t, 10*time.Second, func() error { return d.Blocked(t, 1) })
	if err := contacts.LockShared(t.Context(), later, other); err != nil { // a gate of the other contact
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, 10*time.Second, func() error {
		if len(done) > 0 {
			t.Fatal("the consent changed while a send gate held the contact")
		}
		return d.Blocked(t, 1)
	})
	if err := later.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
