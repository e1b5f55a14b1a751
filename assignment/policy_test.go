package assignment_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/assignment"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/team"
)

// Each kind of policy, and each reason for which it finds nobody.
func TestPolicies(t *testing.T) {
	overSales := func(k assignment.Kind) func(d *desk) []assignment.AssignmentPolicy {
		return func(d *desk) []assignment.AssignmentPolicy {
			return []assignment.AssignmentPolicy{{Kind: k, TeamID: d.sales}}
		}
	}
	fixed := func(d *desk) []assignment.AssignmentPolicy {
		return []assignment.AssignmentPolicy{{Kind: assignment.FixedAgent, AgentID: d.ana.ID}}
	}
	owner := func(*desk) []assignment.AssignmentPolicy {
		return []assignment.AssignmentPolicy{{Kind: assignment.Salesperson, Attribute: "owner"}}
	}
	brands := func(source assignment.Source) func(d *desk) []assignment.AssignmentPolicy {
		return func(d *desk) []assignment.AssignmentPolicy {
			return []assignment.AssignmentPolicy{{Kind: assignment.TeamByAttribute, Attribute: "owner", Source: source, Teams: map[string]string{"acme": d.sales}}}
		}
	}
	last := func(*desk) []assignment.AssignmentPolicy {
		return []assignment.AssignmentPolicy{{Kind: assignment.LastAgent, Days: 2}}
	}
	give := func(t *testing.T, d *desk, id string, agent conversation.Caller) {
		to := agent.ID
		if _, err := d.Inbox.Assign(t.Context(), agent, id, inbox.Assignment{AgentID: &to}); err != nil {
			t.Fatal(err)
		}
		to = ""
		if _, err := d.Inbox.Assign(t.Context(), agent, id, inbox.Assignment{AgentID: &to}); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		policies func(d *desk) []assignment.AssignmentPolicy
		before   func(t *testing.T, d *desk, id string)
		want     string
	}{
		"salesperson by id":   {owner, func(t *testing.T, d *desk, id string) { d.attribute(t, id, "owner", d.bob.ID) }, "assigned salesperson=assigned → bob"},
		"salesperson by mail": {owner, func(t *testing.T, d *desk, id string) { d.attribute(t, id, "owner", " BOB@example.org") }, "assigned salesperson=assigned → bob"},
		"no salesperson":      {owner, nil, "unassigned salesperson=no_value → "},
		"unknown salesperson": {owner, func(t *testing.T, d *desk, id string) { d.attribute(t, id, "owner", "nobody@example.org") }, "unassigned salesperson=no_agent → "},
		"deleted attribute": {owner, func(t *testing.T, d *desk, id string) {
			d.attribute(t, id, "owner", d.bob.ID)
			d.Exec(t, "UPDATE attribute_definitions SET deleted_at = now()")
		}, "unassigned salesperson=no_value → "},
		"last agent":                {last, func(t *testing.T, d *desk, id string) { give(t, d, id, d.carl) }, "assigned last_agent=assigned → carl"},
		"last agent who answered":   {last, func(t *testing.T, d *desk, id string) { give(t, d, id, d.carl); d.Write(t, d.bob, id, "hello") }, "assigned last_agent=assigned → bob"},
		"last agent long ago":       {last, func(t *testing.T, d *desk, id string) { give(t, d, id, d.carl); d.Forward(49 * time.Hour) }, "unassigned last_agent=no_value → "},
		"team by contact attribute": {brands(assignment.OfContact), func(t *testing.T, d *desk, id string) { d.attribute(t, id, "owner", "acme"); d.online(t, d.ana, false) }, "assigned team_by_attribute=assigned → bob"},
		"no team for the value":     {brands(assignment.OfContact), func(t *testing.T, d *desk, id string) { d.attribute(t, id, "owner", "other") }, "unassigned team_by_attribute=no_value → "},
		"team by account attribute": {brands(assignment.OfAccount), func(t *testing.T, d *desk, _ string) { d.online(t, d.ana, false) }, "assigned team_by_attribute=assigned → bob"},
		"agent":                     {fixed, nil, "assigned agent=assigned → ana"},
		"deactivated": {fixed, func(t *testing.T, d *desk, _ string) {
			d.Exec(t, "UPDATE agents SET state = 'deactivated' WHERE id = $1::uuid", d.ana.ID)
		}, "unassigned agent=not_allowed → "},
		"does not see the account": {fixed, func(t *testing.T, d *desk, _ string) { d.restrict(t, d.bob) }, "unassigned agent=not_allowed → "},
		"away":                     {fixed, func(t *testing.T, d *desk, _ string) { d.online(t, d.ana, false) }, "unassigned agent=nobody_online → "},
		"not heard of": {fixed, func(t *testing.T, d *desk, _ string) {
			d.Exec(t, "UPDATE agent_presence SET seen_at = now() - interval '2 minutes'")
		}, "unassigned agent=nobody_online → "},
		"full":                      {fixed, func(t *testing.T, d *desk, _ string) { d.capacity(t, 0, d.ana) }, "unassigned agent=at_capacity → "},
		"only one of the team":      {overSales(assignment.RoundRobin), func(t *testing.T, d *desk, _ string) { d.online(t, d.ana, false) }, "assigned round_robin=assigned → bob"},
		"nobody works for the team": {overSales(assignment.LeastLoaded), func(t *testing.T, d *desk, _ string) { d.Exec(t, "UPDATE team_members SET working = false") }, "unassigned least_loaded=nobody_working → "},
		"empty team":                {overSales(assignment.Random), func(t *testing.T, d *desk, _ string) { d.Exec(t, "DELETE FROM team_members") }, "unassigned random=no_agent → "},
		"least loaded":              {overSales(assignment.LeastLoaded), func(t *testing.T, d *desk, _ string) { d.has(t, d.ana, 1) }, "assigned least_loaded=assigned → bob"},
		"everybody": {func(*desk) []assignment.AssignmentPolicy {
			return []assignment.AssignmentPolicy{{Kind: assignment.LeastLoaded}}
		},
			func(t *testing.T, d *desk, _ string) { d.has(t, d.ana, 1); d.has(t, d.bob, 1) }, "assigned least_loaded=assigned → carl"},
		"the next policy": {func(d *desk) []assignment.AssignmentPolicy { return append(owner(d), append(last(d), fixed(d)...)...) }, nil, "assigned salesperson=no_value last_agent=no_value agent=assigned → ana"},
		"leave": {func(d *desk) []assignment.AssignmentPolicy {
			return []assignment.AssignmentPolicy{{Kind: assignment.Salesperson, Attribute: "owner", Nobody: assignment.Leave}, fixed(d)[0]}
		}, nil, "left salesperson=no_value → "},
		"queue": {func(d *desk) []assignment.AssignmentPolicy {
			return []assignment.AssignmentPolicy{{Kind: assignment.LeastLoaded, TeamID: d.sales, Nobody: assignment.Queue}, fixed(d)[0]}
		}, func(t *testing.T, d *desk, _ string) { d.capacity(t, 0, d.ana, d.bob) }, "queued least_loaded=at_capacity → "},
		"team": {overSales(assignment.FixedTeam), func(t *testing.T, d *desk, _ string) { d.online(t, d.ana, false) }, "assigned team=assigned → bob"},
		"team by hand": {func(d *desk) []assignment.AssignmentPolicy {
			return []assignment.AssignmentPolicy{{Kind: assignment.FixedTeam, TeamID: d.sales, Distribution: assignment.ByHand}}
		}, nil, "assigned team=assigned → "},
		"no plan": {func(*desk) []assignment.AssignmentPolicy { return nil }, nil, "no_plan → "},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t)
			id := d.meet(t)
			d.Exec(t, "INSERT INTO attribute_definitions (key, label, type, created_at) VALUES ('owner', 'Owner', 'text', now())")
			d.plan(t, assignment.Plan{Policies: c.policies(d), Attributes: map[string]string{"owner": "acme"}})
			if c.before != nil {
				c.before(t, d, id)
			}
			if got := d.told(d.assign(t, id)); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			d.wantWhole(t)
		})
	}
}

// has lets an agent have so many open conversations.
func (d *desk) has(t testing.TB, a conversation.Caller, n int) {
	t.Helper()
	for range n {
		if _, err := d.Inbox.Attend(t.Context(), a, d.meet(t)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestShifts(t *testing.T) {
	d := open(t)
	d.Assignment.OnShift = func(_ context.Context, _ bun.IDB, agentID string, _ time.Time) (bool, error) {
		return agentID == d.bob.ID, nil
	}
	d.online(t, d.bob, false)
	id := d.meet(t)
	for presence, want := range map[assignment.Presence]string{
		assignment.OnShift: "assigned least_loaded=assigned → bob", assignment.OnlineAndOnShift: "unassigned least_loaded=nobody_on_shift → ",
	} {
		d.plan(t, assignment.Plan{Presence: presence, Policies: []assignment.AssignmentPolicy{{Kind: assignment.LeastLoaded, TeamID: d.sales}}})
		d.Exec(t, "UPDATE conversations SET assignee_id = NULL")
		if got := d.told(d.assign(t, id)); got != want {
			t.Errorf("%s: %s", presence, got)
		}
	}
}

// Round robin goes round, whatever the load; least loaded fills up; weights count.
func TestDistribution(t *testing.T) {
	d := open(t)
	d.policies(t, assignment.AssignmentPolicy{Kind: assignment.RoundRobin, TeamID: d.sales})
	var got []string
	for range 4 {
		got = append(got, d.name(d.assign(t, d.meet(t)).AgentID))
	}
	if got[0] == got[1] || got[0] != got[2] || got[1] != got[3] {
		t.Errorf("round robin: %v", got)
	}
	d.plan(t, assignment.Plan{Weight: 3, Policies: []assignment.AssignmentPolicy{{Kind: assignment.LeastLoaded, TeamID: d.sales}}})
	d.capacity(t, 8, d.ana, d.bob) // both have two, which now weigh six
	if got := d.told(d.assign(t, d.meet(t))); got != "unassigned least_loaded=at_capacity → " {
		t.Errorf("nine of eight: %s", got)
	}
	d.capacity(t, 9, d.bob)
	if got := d.told(d.assign(t, d.meet(t))); got != "assigned least_loaded=assigned → bob" {
		t.Errorf("nine of nine: %s", got)
	}
	loads, err := d.Assignment.Capacities(t.Context())
	if err != nil || len(loads) != 3 || loads[1] != (assignment.Capacity{AgentID: d.bob.ID, Capacity: 9, Load: 9}) {
		t.Errorf("%+v, %v", loads, err)
	}
	d.wantWhole(t)
}

func TestReconsider(t *testing.T) {
	d := open(t)
	d.policies(t, assignment.AssignmentPolicy{Kind: assignment.LeastLoaded, TeamID: d.sales})
	id := d.meet(t)
	d.has(t, d.bob, 1)
	if got := d.told(d.assign(t, id)); got != "assigned least_loaded=assigned → ana" {
		t.Fatal(got)
	}
	reopen := func() string {
		if _, err := d.Inbox.Done(t.Context(), d.ana, id); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Inbox.Reopen(t.Context(), d.ana, id); err != nil {
			t.Fatal(err)
		}
		return d.told(d.decide(t, id, d.Assignment.Reconsider))
	}
	if got := reopen(); got != "kept assignee=kept → ana" {
		t.Errorf("she is there: %s", got)
	}
	d.online(t, d.ana, false)
	if got := reopen(); got != "assigned assignee=nobody_online least_loaded=assigned → bob" {
		t.Errorf("she went: %s", got)
	}
	d.capacity(t, 0, d.bob)
	if got := reopen(); got != "unassigned assignee=at_capacity least_loaded=at_capacity → " || d.assignee(t, id) != "" {
		t.Errorf("nobody can: %s", got)
	}
	d.wantWhole(t)
}

// A rule brings its own policy, and what it names need not be in the plan.
func TestOnePolicyOfARule(t *testing.T) {
	d := open(t)
	id := d.meet(t)
	out := d.decide(t, id, func(ctx context.Context, tx bun.Tx, row *ledger.Row, r assignment.Request) (assignment.Outcome, error) {
		r.Policy = &assignment.AssignmentPolicy{Kind: assignment.FixedTeam, TeamID: d.sales, Distribution: assignment.ByTurn}
		return d.Assignment.Assign(ctx, tx, row, r)
	})
	if out.Result != assignment.Assigned || out.TeamID != d.sales || out.AgentID == "" || out.AgentID == d.carl.ID {
		t.Errorf("%+v", out)
	}
	if got := d.Text(t, "SELECT cause->>'trigger' || ' ' || actor_kind FROM events WHERE kind = 'assigned'"); got != "test rule" {
		t.Errorf("the event says %s", got)
	}
}

func TestPlansAreChecked(t *testing.T) {
	d := open(t)
	archived := d.Team(t, "Old")
	d.Exec(t, "UPDATE teams SET archived_at = now() WHERE id = $1::uuid", archived)
	one := func(p assignment.AssignmentPolicy) assignment.Plan {
		return assignment.Plan{Policies: []assignment.AssignmentPolicy{p}}
	}
	for field, plan := range map[string]assignment.Plan{
		"weight":                   {Weight: 11},
		"presence":                 {Presence: "asleep"},
		"offer.take_up_seconds":    {Offer: assignment.Offer{TakeUpSeconds: -1}},
		"offer.chain":              {Offer: assignment.Offer{Chain: []assignment.Link{assignment.ToTeam, assignment.ToTeam}}},
		"offer.text":               {Offer: assignment.Offer{Chain: []assignment.Link{assignment.ToCustomer}}},
		"policies[0].kind":         one(assignment.AssignmentPolicy{Kind: "magic"}),
		"policies[0].nobody":       one(assignment.AssignmentPolicy{Kind: assignment.Random, Nobody: "cry"}),
		"policies[0].attribute":    one(assignment.AssignmentPolicy{Kind: assignment.Salesperson, Attribute: "unknown"}),
		"policies[0].agent_id":     one(assignment.AssignmentPolicy{Kind: assignment.FixedAgent, AgentID: d.sales}),
		"policies[0].team_id":      one(assignment.AssignmentPolicy{Kind: assignment.FixedTeam, TeamID: archived}),
		"policies[0].teams":        one(assignment.AssignmentPolicy{Kind: assignment.TeamByAttribute, Attribute: "brand", Source: assignment.OfAccount, Teams: map[string]string{"a": archived}}),
		"policies[0].days":         one(assignment.AssignmentPolicy{Kind: assignment.LastAgent, Days: 366}),
		"policies[0].distribution": one(assignment.AssignmentPolicy{Kind: assignment.FixedTeam, TeamID: d.sales, Distribution: "lottery"}),
		"policies[0].source":       one(assignment.AssignmentPolicy{Kind: assignment.TeamByAttribute, Attribute: "brand", Source: "moon", Teams: map[string]string{"a": d.sales}}),
	} {
		_, err := d.Assignment.SetPlan(t.Context(), team.System().Actor(), d.Account.ID, plan)
		if e, ok := errors.AsType[*conversation.Error](err); !ok || e.Code != conversation.CodeInvalid || e.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	d.policies(t, assignment.AssignmentPolicy{Kind: assignment.Random})
	d.policies(t, assignment.AssignmentPolicy{Kind: assignment.LeastLoaded})
	p, err := d.Assignment.Plan(t.Context(), d.Account.ID)
	if err != nil || p.Policies[0].Kind != assignment.LeastLoaded || p.Weight != 1 || p.Presence != assignment.Online || p.UpdatedAt == nil {
		t.Errorf("%+v, %v", p, err)
	}
	if n := d.Count(t, "SELECT count(*) FROM audit_entries WHERE action = 'accounts.assignment_plan' AND after IS NOT NULL"); n != 2 {
		t.Errorf("%d entries in the audit", n)
	}
}
