package assignment_test

import (
	"context"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/assignment"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/internal/testkit/office"
	"guichet.dev/guichet/presence"
	"guichet.dev/guichet/team"
)

// offers is a plan that offers to Ana, then to the team.
func (d *desk) offers(t testing.TB, chain []assignment.Link, policies ...assignment.AssignmentPolicy) {
	t.Helper()
	d.plan(t, assignment.Plan{
		Policies: append([]assignment.AssignmentPolicy{{Kind: assignment.FixedAgent, AgentID: d.ana.ID}}, policies...),
		Offer:    assignment.Offer{TakeUpSeconds: 60, Chain: chain, Text: "Somebody will be with you soon."},
	})
}

func (d *desk) offered(t testing.TB) string {
	t.Helper()
	id := d.meet(t)
	out := d.assign(t, id)
	if out.Result != assignment.Offered || out.AgentID != d.ana.ID || !out.Until.Equal(d.Now().Add(minute).Truncate(time.Microsecond)) {
		t.Fatalf("%+v", out)
	}
	c, err := d.Inbox.Get(t.Context(), d.ana, id)
	if err != nil || c.Offer == nil || c.Offer.AgentID != d.ana.ID || c.Offer.Step != assignment.StepPolicy || !c.Offer.Until.Equal(out.Until) {
		t.Fatalf("%+v, %v", c.Offer, err)
	}
	return id
}

func TestOffersAreTakenUp(t *testing.T) {
	d := open(t)
	d.offers(t, nil)
	for name, take := range map[string]func(id string) error{
		"accept": func(id string) error { return d.Assignment.Accept(t.Context(), d.ana, id) },
		"attend": func(id string) error { _, err := d.Inbox.Attend(t.Context(), d.ana, id); return err },
		"reply": func(id string) error {
			_, err := d.Inbox.Send(t.Context(), d.ana, id, inbox.NewMessage{ClientID: "1", Content: office.Text("Hello")})
			return err
		},
	} {
		id := d.offered(t)
		if err := take(id); err != nil {
			t.Fatal(err)
		}
		d.Forward(2 * minute)
		if out := d.pass(t, id); out.Result != "not_lapsed" || d.assignee(t, id) != "ana" {
			t.Errorf("%s: %+v", name, out)
		}
		if got := d.events(t, id); got != "assigned(ana policy), offer_accepted(ana)" {
			t.Errorf("%s: %s", name, got)
		}
		if err := d.Assignment.Accept(t.Context(), d.ana, id); err != nil {
			t.Errorf("%s: accepting again: %v", name, err)
		}
		for _, err := range []error{d.Assignment.Accept(t.Context(), d.bob, id), d.Assignment.Decline(t.Context(), d.bob, id), d.Assignment.Decline(t.Context(), d.ana, id)} {
			if conversation.CodeOf(err) != conversation.CodeConflict {
				t.Errorf("%s: what is not offered: %v", name, err)
			}
		}
	}
	if d.Count(t, "SELECT count(*) FROM assignment_offers") != 0 {
		t.Error("offers are left")
	}
	d.wantWhole(t)
}

// What a colleague's command does to an offer.
func TestOffersEndByHand(t *testing.T) {
	d := open(t)
	d.offers(t, nil)
	to := d.carl.ID
	for name, do := range map[string]func(id string) error{
		"assigned": func(id string) error {
			_, err := d.Inbox.Assign(t.Context(), d.bob, id, inbox.Assignment{AgentID: &to})
			return err
		},
		"done":    func(id string) error { _, err := d.Inbox.Done(t.Context(), d.bob, id); return err },
		"snoozed": func(id string) error { _, err := d.Inbox.Snooze(t.Context(), d.bob, id, time.Time{}); return err },
	} {
		id := d.offered(t)
		if err := do(id); err != nil {
			t.Fatal(err)
		}
		d.Forward(2 * minute)
		if out := d.pass(t, id); out.Result != "not_lapsed" {
			t.Errorf("%s: %+v", name, out)
		}
		d.wantWhole(t)
	}
}

// The whole chain: the next policy, the team, the supervisors, the customer, and in the end the queue.
func TestOffersPassAlongTheChain(t *testing.T) {
	d := open(t)
	boss, err := d.boss(t)
	if err != nil {
		t.Fatal(err)
	}
	dave := d.Agent(t, "dave")
	d.online(t, dave, true)
	d.join(t, dave)
	d.offers(t, assignment.Links(), assignment.AssignmentPolicy{Kind: assignment.LastAgent}, assignment.AssignmentPolicy{Kind: assignment.FixedTeam, TeamID: d.sales})
	d.has(t, dave, 1)
	id := d.offered(t)
	for i, want := range []string{
		"offered last_agent=no_value team=offered → bob",
		"offered team=offered → " + dave.ID,
		"offered team=passed_before supervisors=offered → " + boss.ID,
		"queued supervisors=passed_before customer=told → ",
	} {
		if out := d.pass(t, id); out.Result != "not_lapsed" {
			t.Fatalf("passed too early: %+v", out)
		}
		d.Forward(minute)
		out := d.pass(t, id)
		if got := d.told(out); got != want {
			t.Errorf("step %d: %s", i, got)
		}
		if told := out.Tell != ""; told != (i == 3) {
			t.Errorf("step %d tells %q", i, out.Tell)
		}
		d.wantWhole(t)
	}
	c, err := d.Inbox.Get(t.Context(), d.ana, id)
	if err != nil || c.Offer != nil || c.Queue == nil || c.Queue.Position != 1 || c.TeamID != d.sales {
		t.Errorf("%+v %+v %v", c.Offer, c.Queue, err)
	}
	if got := d.Text(t, "SELECT string_agg(data->>'code', ' ' ORDER BY seq) FROM events WHERE kind = 'offer_passed'"); got != "expired expired expired expired" {
		t.Error(got)
	}
	// Out of the queue it goes the same way, but the customer is not told twice.
	if err := d.Assignment.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		d.Forward(minute)
		if out := d.pass(t, id); out.Tell != "" {
			t.Errorf("the customer is told again: %+v", out)
		}
	}
	d.wantWhole(t)
}

func (d *desk) boss(t testing.TB) (team.Agent, error) {
	a, err := team.NewStore(d.DB).CreateAgent(t.Context(), team.System(), team.NewAgent{Name: "boss", Email: "boss@example.org", Role: team.RoleSupervisor})
	if err == nil {
		d.online(t, conversation.Actor{Kind: conversation.ActorAgent, ID: a.ID}.Everywhere(), true)
	}
	return a, err
}

// Who declines does not get it again, but the next one.
func TestDecline(t *testing.T) {
	d := open(t)
	d.offers(t, []assignment.Link{assignment.ToTeam}, assignment.AssignmentPolicy{Kind: assignment.FixedTeam, TeamID: d.sales, Nobody: assignment.Queue})
	d.online(t, d.bob, false)
	d.capacity(t, 1, d.ana)
	declined := d.offered(t)
	waits := d.meet(t)
	if got := d.told(d.assign(t, waits)); got != "queued agent=at_capacity team=at_capacity → " {
		t.Fatal(got)
	}
	if err := d.Assignment.Decline(t.Context(), d.ana, declined); err != nil {
		t.Fatal(err)
	}
	if got := d.events(t, declined); got != "assigned(ana policy), offer_passed(ana policy declined), queued" {
		t.Error(got)
	}
	if err := d.Assignment.Answer(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d.assignee(t, waits) != "ana" || d.assignee(t, declined) != "" {
		t.Errorf("%s has the one that waited, %q the one that was declined", d.assignee(t, waits), d.assignee(t, declined))
	}
	if got := d.events(t, waits); got != "queued, assigned(ana queue)" && got != "assigned(queue), queued, assigned(ana queue)" {
		t.Error(got)
	}
	d.wantWhole(t)
}

// When the last who could have it declines, the customer is told by an automatic message.
func TestTheCustomerIsToldAfterADecline(t *testing.T) {
	d := open(t)
	d.offers(t, []assignment.Link{assignment.ToCustomer})
	id := d.offered(t)
	if err := d.Assignment.Decline(t.Context(), d.ana, id); err != nil {
		t.Fatal(err)
	}
	m := d.Messages(t, id)
	if last := m[len(m)-1]; last.Content.Text != "Somebody will be with you soon." || last.Author.Kind != conversation.ActorSystem {
		t.Errorf("%+v", last)
	}
	if r := d.SendNext(t, id); r.Outcome != conversation.OutcomeHeld && r.Outcome != conversation.OutcomeSent {
		t.Errorf("%+v", r)
	}
	if d.positions(t) != id {
		t.Error("it does not wait")
	}
	d.wantWhole(t)
}

// An agent who goes away is passed over at once, and one who comes is served.
func TestPresenceMovesOffers(t *testing.T) {
	d := open(t)
	d.offers(t, nil)
	store := &presence.Store{DB: d.DB, Moved: d.Assignment.Moved}
	id := d.offered(t)
	d.Exec(t, "DELETE FROM dispatches")
	if _, err := store.Choose(t.Context(), d.ana.ID, presence.Away); err != nil {
		t.Fatal(err)
	}
	if d.Count(t, "SELECT count(*) FROM dispatches WHERE conversation_id = $1::uuid", id) != 1 {
		t.Error("the conversation is not woken")
	}
	if got := d.told(d.pass(t, id)); got != "queued team=no_value supervisors=no_agent → " {
		t.Error(got)
	}
	if got := d.events(t, id); got != "assigned(ana policy), offer_passed(ana policy away), queued" {
		t.Error(got)
	}
	d.Exec(t, "UPDATE agent_presence SET state = 'away'")
	if _, err := store.Choose(t.Context(), d.carl.ID, presence.Online); err != nil {
		t.Fatal(err)
	}
	if err := d.Assignment.Answer(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d.assignee(t, id) != "carl" {
		t.Errorf("%q has it", d.assignee(t, id))
	}
	d.Exec(t, "UPDATE agent_presence SET state = 'offline'")
	other := d.meet(t)
	d.offers(t, nil, assignment.AssignmentPolicy{Kind: assignment.LeastLoaded, Nobody: assignment.Queue})
	if got := d.assign(t, other); got.Result != assignment.Queued {
		t.Fatal(got)
	}
	if err := store.Touch(t.Context(), []string{d.bob.ID}); err != nil {
		t.Fatal(err)
	}
	if err := d.Assignment.Answer(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d.assignee(t, other) != "bob" {
		t.Errorf("%q has the other", d.assignee(t, other))
	}
	d.wantWhole(t)
}

// An agent who is not heard of any more loses the offer as soon as that is noted.
func TestOffersOfAgentsWhoVanish(t *testing.T) {
	d := open(t)
	d.offers(t, nil, assignment.AssignmentPolicy{Kind: assignment.FixedAgent, AgentID: d.bob.ID})
	store := &presence.Store{DB: d.DB, Moved: d.Assignment.Moved}
	id := d.offered(t)
	if out := d.pass(t, id); out.Result != "not_lapsed" {
		t.Fatalf("%+v", out)
	}
	d.Exec(t, "DELETE FROM dispatches")
	d.Exec(t, "UPDATE agent_presence SET seen_at = now() - interval '2 minutes' WHERE agent_id = $1::uuid", d.ana.ID)
	if err := store.Expire(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d.Count(t, "SELECT count(*) FROM dispatches WHERE conversation_id = $1::uuid", id) != 1 {
		t.Error("the conversation is not woken")
	}
	if got := d.told(d.pass(t, id)); got != "offered agent=offered → bob" {
		t.Error(got)
	}
	d.wantWhole(t)
}

func TestBusinessTime(t *testing.T) {
	d := open(t)
	d.Assignment.BusinessTime = func(_ context.Context, _ bun.IDB, _ string, from time.Time, took time.Duration) (time.Time, error) {
		return from.Add(48*time.Hour + took), nil
	}
	d.plan(t, assignment.Plan{Policies: []assignment.AssignmentPolicy{{Kind: assignment.FixedAgent, AgentID: d.ana.ID}}, Offer: assignment.Offer{TakeUpSeconds: 60, BusinessTime: true}})
	if out := d.assign(t, d.meet(t)); !out.Until.Equal(d.Now().Add(48*time.Hour + minute).Truncate(time.Microsecond)) {
		t.Errorf("until %s", out.Until)
	}
}
