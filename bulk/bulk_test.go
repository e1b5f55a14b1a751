package bulk_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"

	"guichet.dev/guichet/bulk"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/internal/testkit/office"
	"guichet.dev/guichet/labels"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/team"
)

// askers plays what somebody may do and see at the moment.
type askers struct {
	sync.Mutex
	now   team.Principal
	err   error
	asked func(n int)
	n     int
}

func (a *askers) Asker(context.Context, conversation.Actor, string) (team.Principal, error) {
	a.Lock()
	defer a.Unlock()
	if a.n++; a.asked != nil {
		a.asked(a.n)
	}
	return a.now, a.err
}

type hall struct {
	*office.Office
	bulk   *bulk.Store
	askers *askers
	maria  team.Principal
	second string // an account
	ids    []string
}

func open(t *testing.T, conversations int) *hall {
	t.Helper()
	t.Parallel()
	h := &hall{Office: office.Open(t), askers: &askers{}}
	h.second = h.Connect(t, "2", office.Secret).ID
	h.maria = team.Principal{AgentID: h.Agent(t, "maria").ID, Role: team.RoleAgent, Permissions: team.SetOf(team.RoleAgent.Permissions()), Sight: conversation.SeesAll()}
	h.askers.now = h.maria
	for i := range conversations {
		number := office.Number
		if i%2 == 1 {
			number = "2"
		}
		p := office.Person{WhatsAppID: fmt.Sprintf("4077%06d", i), Name: fmt.Sprint("Customer ", i)}
		h.Deliver(t, office.WebhookFor(number, "messages", p.Message(fmt.Sprint("wamid.bulk.", i), h.Now(), `"type":"text","text":{"body":"hello"}`)))
	}
	h.ids = h.IDs(t)
	h.bulk = h.store(h.askers)
	return h
}

func (h *hall) store(a bulk.Askers) *bulk.Store {
	desk := ledger.Desk{DB: h.DB, Now: h.Now, Notify: func() {}}
	return bulk.NewStore(bulk.Options{DB: h.DB, Inbox: h.Inbox, Labels: labels.NewStore(desk), Askers: a, Logger: h.Inbox.Logger})
}

func (h *hall) start(t *testing.T, r bulk.Request) bulk.Progress {
	t.Helper()
	p, err := h.bulk.Start(t.Context(), h.maria, r)
	if err != nil {
		t.Fatal(err)
	}
	if p.State != bulk.Running || p.Done != 0 || p.Failed != 0 {
		t.Fatalf("%+v", p)
	}
	return p
}

func (h *hall) finish(t *testing.T, p bulk.Progress) bulk.Progress {
	t.Helper()
	if worked, err := h.bulk.Work(t.Context()); err != nil || !worked {
		t.Fatal(worked, err)
	}
	return h.get(t, p.ID)
}

func (h *hall) get(t *testing.T, id string) bulk.Progress {
	t.Helper()
	p, err := h.bulk.Get(t.Context(), h.maria.Actor(), id)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestEveryKindIsDoneOnce(t *testing.T) {
	h := open(t, 5)
	label := h.Text(t, "INSERT INTO labels (id, name, colour, created_at) VALUES (gen_random_uuid(), 'vip', '#000000', now()) RETURNING id")
	everybody := &inbox.Criteria{View: inbox.ViewAll}
	until := h.Now().AddDate(0, 0, 1)
	for _, c := range []struct {
		action bulk.Task
		query  string
	}{
		{bulk.Task{Kind: bulk.Assign, AgentID: &h.maria.AgentID}, "SELECT count(*) FROM conversations WHERE assignee_id = '" + h.maria.AgentID + "'"},
		{bulk.Task{Kind: bulk.AddLabel, LabelID: label}, "SELECT count(*) FROM conversation_labels"},
		{bulk.Task{Kind: bulk.RemoveLabel, LabelID: label}, "SELECT 5 - count(*) FROM conversation_labels"},
		{bulk.Task{Kind: bulk.Prioritise, Priority: conversation.PriorityUrgent}, "SELECT count(*) FROM conversations WHERE priority = 2"},
		{bulk.Task{Kind: bulk.Read}, "SELECT count(*) FROM agent_reads r JOIN conversations c ON c.id = r.conversation_id WHERE r.read_seq >= c.inbound_seq"},
		{bulk.Task{Kind: bulk.Unread}, "SELECT count(*) FROM agent_reads r JOIN conversations c ON c.id = r.conversation_id WHERE r.read_seq < c.inbound_seq"},
		{bulk.Task{Kind: bulk.Snooze, Until: &until}, "SELECT count(*) FROM conversations WHERE status = 'snoozed' AND snoozed_until IS NOT NULL"},
		{bulk.Task{Kind: bulk.Reopen}, "SELECT count(*) FROM conversations WHERE status = 'open'"},
		{bulk.Task{Kind: bulk.Done}, "SELECT count(*) FROM conversations WHERE status = 'done'"},
	} {
		p := h.finish(t, h.start(t, bulk.Request{Action: c.action, Criteria: everybody}))
		if p.State != bulk.Finished || p.Total != 5 || p.Done != 5 || p.Failed != 0 || p.FinishedAt == nil {
			t.Errorf("%s: %+v", c.action.Kind, p)
		}
		if n := h.Count(t, c.query); n != 5 {
			t.Errorf("%s: %d of 5", c.action.Kind, n)
		}
	}
	if worked, err := h.bulk.Work(t.Context()); worked || err != nil {
		t.Error("there was more to do", err)
	}
	if n := h.Count(t, "SELECT count(*) FROM events WHERE kind = 'snoozed'"); n != 5 {
		t.Errorf("snoozed %d times", n)
	}
	if broken := h.Broken(t); len(broken) > 0 {
		t.Error(broken)
	}
}

func TestPartialFailuresAreNamed(t *testing.T) {
	h := open(t, 3)
	h.Exec(t, "UPDATE conversations SET merged_into = $2::uuid WHERE id = $1::uuid", h.ids[1], h.ids[0])
	gone := uuid.NewString()
	p := h.start(t, bulk.Request{Action: bulk.Task{Kind: bulk.Done}, IDs: []string{h.ids[0], h.ids[1], gone, h.ids[2], h.ids[0]}})
	if p = h.finish(t, p); p.Total != 4 || p.Done != 2 || p.Failed != 2 {
		t.Errorf("%+v", p)
	}
	want := []bulk.Failure{{ConversationID: h.ids[1], Code: conversation.CodeConflict}, {ConversationID: gone, Code: conversation.CodeNotFound}}
	if !slices.Equal(p.Failures, want) {
		t.Errorf("%+v", p.Failures)
	}
}

func TestSightAndPermissionsAreThoseOfTheMoment(t *testing.T) {
	h := open(t, 50)
	h.askers.asked = func(n int) { // before the second batch
		if n == 2 {
			h.askers.now.Sight = conversation.SeesOnly(h.second)
		}
	}
	p := h.finish(t, h.start(t, bulk.Request{Action: bulk.Task{Kind: bulk.Done}, IDs: h.ids}))
	if p.Done != 35 || p.Failed != 15 || p.Failures[0].Code != conversation.CodeNotFound {
		t.Errorf("done %d, failed %d", p.Done, p.Failed)
	}
	h.askers.err = conversation.Errorf(conversation.CodeUnauthorised, "gone")
	if p := h.finish(t, h.start(t, bulk.Request{Action: bulk.Task{Kind: bulk.Reopen}, IDs: h.ids})); p.Failed != 50 || p.Failures[0].Code != conversation.CodeUnauthorised || len(p.Failures) != 50 {
		t.Errorf("%+v", p)
	}
	h.askers.err, h.askers.now.Permissions = nil, nil
	if p := h.finish(t, h.start(t, bulk.Request{Action: bulk.Task{Kind: bulk.Reopen}, IDs: h.ids[:1]})); p.Failed != 1 || p.Failures[0].Code != conversation.CodeForbidden {
		t.Errorf("%+v", p)
	}
}

// TestAnotherWorkerGoesOn breaks a worker off in the middle, as a crash does: what it had done is not done again.
func TestAnotherWorkerGoesOn(t *testing.T) {
	h := open(t, 30)
	until := h.Now().AddDate(0, 0, 1)
	p := h.start(t, bulk.Request{Action: bulk.Task{Kind: bulk.Snooze, Until: &until}, IDs: h.ids})
	ctx, stop := context.WithCancel(t.Context())
	h.askers.asked = func(n int) {
		if n == 2 {
			stop()
		}
	}
	if _, err := h.bulk.Work(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	half := h.get(t, p.ID)
	if half.State != bulk.Running || half.Done != 20 {
		t.Fatalf("%+v", half)
	}
	h.Exec(t, "UPDATE bulk_actions SET leased_until = clock_timestamp() + interval '1 hour'") // as after kill -9
	if worked, err := h.bulk.Work(t.Context()); worked || err != nil {
		t.Fatal("taken although it is leased", err)
	}
	h.Exec(t, "UPDATE bulk_actions SET leased_until = clock_timestamp() - interval '1 second'")
	if p := h.finish(t, p); p.State != bulk.Finished || p.Done != 30 || p.Failed != 0 {
		t.Errorf("%+v", p)
	}
	if n := h.Count(t, "SELECT count(*) FROM events WHERE kind = 'snoozed'"); n != 30 {
		t.Errorf("snoozed %d times", n)
	}
}

func TestManyWorkersDoEachOnce(t *testing.T) {
	h := open(t, 40)
	until := h.Now().AddDate(0, 0, 1)
	p := h.start(t, bulk.Request{Action: bulk.Task{Kind: bulk.Snooze, Until: &until}, IDs: h.ids})
	h.askers.asked = func(int) { h.Exec(t, "UPDATE bulk_actions SET leased_until = '-infinity'") } // leases that run out at once
	var workers sync.WaitGroup
	for range 3 {
		workers.Go(func() {
			if _, err := h.bulk.Work(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	workers.Wait()
	if p := h.get(t, p.ID); p.State != bulk.Finished || p.Done != 40 || p.Failed != 0 {
		t.Errorf("%+v", p)
	}
	if n := h.Count(t, "SELECT count(*) FROM events WHERE kind = 'snoozed'"); n != 40 {
		t.Errorf("snoozed %d times", n)
	}
}

func TestCancel(t *testing.T) {
	h := open(t, 45)
	p := h.start(t, bulk.Request{Action: bulk.Task{Kind: bulk.Done}, IDs: h.ids})
	h.askers.asked = func(n int) {
		if n == 2 {
			if _, err := h.bulk.Cancel(t.Context(), h.maria.Actor(), p.ID); err != nil {
				t.Error(err)
			}
		}
	}
	if p := h.finish(t, p); p.State != bulk.Cancelled || p.Done != 40 || p.FinishedAt == nil {
		t.Errorf("%+v", p)
	}
	other := conversation.Actor{Kind: conversation.ActorAgent, ID: uuid.NewString()}
	for _, do := range []func(context.Context, conversation.Actor, string) (bulk.Progress, error){h.bulk.Get, h.bulk.Cancel} {
		if _, err := do(t.Context(), other, p.ID); conversation.CodeOf(err) != conversation.CodeNotFound {
			t.Errorf("somebody else's: %v", err)
		}
	}
}

func TestBadRequests(t *testing.T) {
	h := open(t, 1)
	done := bulk.Task{Kind: bulk.Done}
	past := h.Now().AddDate(0, 0, -1)
	none, id := "x", h.ids
	for _, c := range []struct {
		field string
		r     bulk.Request
	}{
		{"action.kind", bulk.Request{Action: bulk.Task{Kind: "burn"}, IDs: id}},
		{"action.agent_id", bulk.Request{Action: bulk.Task{Kind: bulk.Assign}, IDs: id}},
		{"action.agent_id", bulk.Request{Action: bulk.Task{Kind: bulk.Assign, AgentID: &none}, IDs: id}},
		{"action.label_id", bulk.Request{Action: bulk.Task{Kind: bulk.AddLabel}, IDs: id}},
		{"action.until", bulk.Request{Action: bulk.Task{Kind: bulk.Snooze, Until: &past}, IDs: id}},
		{"action.priority", bulk.Request{Action: bulk.Task{Kind: bulk.Prioritise}, IDs: id}},
		{"ids", bulk.Request{Action: done}},
		{"ids", bulk.Request{Action: done, IDs: id, Criteria: &inbox.Criteria{}}},
		{"ids", bulk.Request{Action: done, IDs: []string{"x"}}},
		{"view", bulk.Request{Action: done, Criteria: &inbox.Criteria{View: "x"}}},
	} {
		_, err := h.bulk.Start(t.Context(), h.maria, c.r)
		var e *conversation.Error
		if !errors.As(err, &e) || e.Code != conversation.CodeInvalid || e.Field != c.field {
			t.Errorf("%+v: %v, want %s", c.r, err, c.field)
		}
	}
	if _, err := h.Inbox.Select(t.Context(), h.maria.Actor().Everywhere(), inbox.Criteria{View: inbox.ViewAll}, 0); conversation.CodeOf(err) != conversation.CodeInvalid {
		t.Errorf("more than the most: %v", err)
	}
	if _, err := h.bulk.Start(t.Context(), team.Principal{TokenID: uuid.NewString()}, bulk.Request{Action: done, IDs: id}); conversation.CodeOf(err) != conversation.CodeForbidden {
		t.Errorf("without permission: %v", err)
	}
}

func TestAskersOfTheTeam(t *testing.T) {
	h := open(t, 2)
	store := h.store(team.NewStore(h.DB))
	p := h.start(t, bulk.Request{Action: bulk.Task{Kind: bulk.Done}, IDs: h.ids[:1]})
	again := h.start(t, bulk.Request{Action: bulk.Task{Kind: bulk.Done}, IDs: h.ids[1:]})
	if _, err := store.Work(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.Exec(t, "UPDATE agents SET state = 'deactivated'")
	if _, err := h.store(team.NewStore(h.DB)).Work(t.Context()); err != nil {
		t.Fatal(err)
	}
	if p, again = h.get(t, p.ID), h.get(t, again.ID); p.Done != 1 || again.Failed != 1 || again.Failures[0].Code != conversation.CodeUnauthorised {
		t.Errorf("%+v %+v", p, again)
	}
}
