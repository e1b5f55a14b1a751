package automation_test

import (
	"strings"
	"testing"
	"time"

	"guichet.dev/guichet/assignment"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/internal/testkit/office"
	"guichet.dev/guichet/rules"
)

// staffed is a desk whose account has a plan, with Maria and Bob online.
func staffed(t *testing.T, plan assignment.Plan) (*desk, conversation.Caller) {
	t.Helper()
	d := open(t)
	bob := d.Agent(t, "bob")
	d.online(t, d.maria, true)
	d.online(t, bob, true)
	if plan.Policies == nil {
		plan.Policies = []assignment.AssignmentPolicy{{Kind: assignment.FixedAgent, AgentID: d.maria.ID}, {Kind: assignment.FixedAgent, AgentID: bob.ID}}
	}
	if _, err := d.Assignment.SetPlan(t.Context(), admin, d.Account.ID, plan); err != nil {
		t.Fatal(err)
	}
	return d, bob
}

func (d *desk) online(t *testing.T, a conversation.Caller, there bool) {
	t.Helper()
	d.Exec(t, `INSERT INTO agent_presence (agent_id, state, since, seen_at) VALUES ($1::uuid, CASE WHEN $2 THEN 'online' ELSE 'away' END, now(), now() + interval '1 day')
		ON CONFLICT (agent_id) DO UPDATE SET state = excluded.state`, a.ID, there)
}

func (d *desk) assignee(t *testing.T) string {
	t.Helper()
	return d.Text(t, "SELECT coalesce(a.name, 'nobody') FROM conversations c LEFT JOIN agents a ON a.id = c.assignee_id WHERE c.id = $1::uuid", d.id)
}

// Whoever waits for an agent who is gone does not wait for ever: the plan finds another.
func TestConversationsOfTheGoneAreAssignedAnew(t *testing.T) {
	d, _ := staffed(t, assignment.Plan{})
	d.Deliver(t, ana.Text("wamid.1", d.Now(), "anybody?"))
	d.advance(t)
	if got := d.assignee(t); got != "maria" {
		t.Fatalf("assigned to %s", got)
	}
	d.Exec(t, "UPDATE agents SET state = 'deactivated' WHERE id = $1::uuid", d.maria.ID)
	if n, err := d.Inbox.HandBack(t.Context()); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	d.advance(t)
	if got := d.assignee(t); got != "bob" {
		t.Errorf("then assigned to %s", got)
	}
}

func TestConversationsAreAssigned(t *testing.T) {
	d, bob := staffed(t, assignment.Plan{})
	d.Deliver(t, ana.Text("wamid.1", d.Now(), "anybody?")) // it is nobody's yet, from before there was a plan
	d.advance(t)
	if got := d.assignee(t); got != "maria" {
		t.Errorf("assigned to %s", got)
	}
	why := d.decisions(t)
	last := why[len(why)-1]
	if last.Trigger != "assignment" || last.Outcomes[0].Result != "assigned" || last.Outcomes[1].Step != "policy 1 agent" {
		t.Errorf("why: %+v", last)
	}
	if _, err := d.Inbox.Done(t.Context(), d.maria, d.id); err != nil {
		t.Fatal(err)
	}
	d.advance(t)
	d.online(t, d.maria, false)
	d.Forward(time.Hour)
	d.Deliver(t, ana.Text("wamid.2", d.Now(), "one more thing"))
	d.advance(t)
	if got := d.assignee(t); got != "bob" {
		t.Errorf("reopened while Maria is away, it is %s's", got)
	}
	// Who opens it again by hand has it in hand.
	if _, err := d.Inbox.Done(t.Context(), bob, d.id); err != nil {
		t.Fatal(err)
	}
	d.advance(t)
	d.online(t, bob, false)
	if _, err := d.Inbox.Reopen(t.Context(), bob, d.id); err != nil {
		t.Fatal(err)
	}
	d.advance(t)
	if got := d.assignee(t); got != "bob" {
		t.Errorf("reopened by hand, it is %s's", got)
	}
	d.wantWhole(t)
}

func TestRulesComeBeforeThePlan(t *testing.T) {
	d, bob := staffed(t, assignment.Plan{})
	d.publish(t, false, rules.Edition{Rules: []rules.Rule{
		rule("bob", `mentions(message.text, "bob")`, conversation.RuleAction{Do: conversation.ActAssign, To: conversation.AssignToAgent, AgentID: bob.ID}),
		rule("nobody", `mentions(message.text, "nobody")`, conversation.RuleAction{Do: conversation.ActAssign, To: conversation.AssignToNobody}),
		rule("plan", `mentions(message.text, "plan")`, conversation.RuleAction{Do: conversation.ActAssign, To: conversation.AssignToPolicy}),
	}})
	for i, want := range []string{"bob", "nobody", "plan"} {
		d.Deliver(t, ana.Text("wamid."+want, d.Now().Add(time.Duration(i)*time.Second), want))
		d.advance(t)
		if got := d.assignee(t); got != strings.Replace(want, "plan", "maria", 1) {
			t.Errorf("%s: assigned to %s", want, got)
		}
	}
	if n := d.Count(t, "SELECT count(*) FROM decisions WHERE trigger = 'assignment'"); n != 0 {
		t.Errorf("the plan decided %d times beside the rules", n)
	}
	d.wantWhole(t)
}

// An offer passes on when its time is over or its agent goes, along the chain to the customer, each step with its reason.
func TestOffersPass(t *testing.T) {
	d, _ := staffed(t, assignment.Plan{Offer: assignment.Offer{
		TakeUpSeconds: 60, Chain: []assignment.Link{assignment.ToPolicies, assignment.ToCustomer}, Text: "We are all busy, bear with us",
	}})
	d.Deliver(t, ana.Text("wamid.1", d.Now(), "anybody?"))
	got := d.advance(t)
	if d.assignee(t) != "maria" || got.NextKind != string(conversation.DeadlineOffer) || got.NextDeadline.Sub(d.Now()) != time.Minute {
		t.Fatalf("offered to %s, next %+v", d.assignee(t), got)
	}
	d.online(t, d.maria, false) // offline during the offer
	d.Forward(10 * time.Second)
	d.advance(t)
	if d.assignee(t) != "bob" {
		t.Errorf("after Maria went it is offered to %s", d.assignee(t))
	}
	d.Forward(61 * time.Second)
	d.advance(t)
	if said := d.said(t); said != "We are all busy, bear with us" || d.assignee(t) != "nobody" {
		t.Errorf("in the end it is %s's, and we said %q", d.assignee(t), said)
	}
	if n := d.Count(t, "SELECT count(*) FROM assignment_queue"); n != 1 {
		t.Error("it does not wait in the queue")
	}
	told := ""
	for _, e := range d.decisions(t) {
		if e.Trigger == string(conversation.DeadlineOffer) {
			told += e.Outcomes[0].Step + " "
		}
	}
	if told != "offer=away offer=expired " {
		t.Errorf("why: %s", told)
	}
	d.step(t, conversation.OutcomeSent)
	// Whoever gets room takes it, in the transaction that makes the room.
	d.online(t, d.maria, true)
	id := d.Arrive(t, office.Person{WhatsAppID: "40712345699", Name: "Ion"})
	d.Exec(t, "UPDATE conversations SET assignee_id = $2::uuid WHERE id = $1::uuid", id, d.maria.ID)
	if _, err := d.Inbox.Done(t.Context(), d.maria, id); err != nil {
		t.Fatal(err)
	}
	if d.assignee(t) != "maria" {
		t.Errorf("after Maria closed one it is %s's", d.assignee(t))
	}
	if _, err := d.Inbox.Attend(t.Context(), d.maria, d.id); err != nil {
		t.Fatal(err)
	}
	d.Forward(time.Hour)
	d.advance(t)
	if d.assignee(t) != "maria" {
		t.Errorf("taken up, it is %s's", d.assignee(t))
	}
	d.wantWhole(t)
}
