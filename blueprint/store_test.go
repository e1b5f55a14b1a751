package blueprint_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"guichet.dev/guichet/assignment"
	"guichet.dev/guichet/blueprint"
	"guichet.dev/guichet/calendars"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/hours"
	"guichet.dev/guichet/internal/testkit/office"
	"guichet.dev/guichet/optout"
	"guichet.dev/guichet/rulebook"
	"guichet.dev/guichet/rules"
)

var ana = conversation.Actor{Kind: conversation.ActorAgent, ID: "00000000-0000-7000-8000-000000000001"}

// everything may be known and changed.
var everything = blueprint.Caller{Actor: ana, Knows: func(string) bool { return true }, Plans: true, Capacities: true}

// shop is an office on a database of its own, with a team, a label, an agent and a second account.
type shop struct {
	*office.Office
	*blueprint.Store
	t                            *testing.T
	team, label, agent, accountB string
}

func open(t *testing.T) *shop {
	t.Helper()
	o := office.Open(t)
	o.Freeze()
	s := &shop{Office: o, t: t, Store: blueprint.NewStore(blueprint.Options{DB: o.DB, Calendars: o.Calendars, Rulebook: o.Rulebook, Assignment: o.Assignment})}
	s.team, s.agent, s.accountB = o.Team(t, "Sales: Paris"), o.Agent(t, "ana").Actor.ID, o.Connect(t, "777", office.Secret).ID
	s.label = o.Text(t, "INSERT INTO labels (id, name, colour, created_at) VALUES (gen_random_uuid(), 'Refund', 'teal', now()) RETURNING id::text")
	o.Exec(t, "INSERT INTO attribute_definitions (key, label, type, created_at) VALUES ('brand', 'Brand', 'text', now())")
	return s
}

func (s *shop) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// furnish fills the office through the stores that the API uses.
func (s *shop) furnish() {
	ctx := s.t.Context()
	week := hours.Week{Monday: []hours.Interval{{From: "09:00", To: "12:30"}, {From: "22:00", To: "06:00"}}}
	k, err := s.Calendars.Create(ctx, ana, calendars.Content{Name: "Shop", Hours: hours.Calendar{
		TimeZone: "Europe/Paris", Week: week, Holidays: hours.Holidays{Country: "FR", Own: []hours.OwnHoliday{{Date: "12-24", Name: "Réveillon"}}},
		Overrides: []hours.Override{{Date: "2026-12-31", Closed: true}},
	}})
	s.must(err)
	_, err = s.Calendars.Create(ctx, ana, calendars.Content{Name: "Night", Hours: hours.Calendar{TimeZone: "UTC"}})
	s.must(err)
	s.must(s.Calendars.Use(ctx, ana, calendars.Account, s.Account.ID, k.ID))
	s.must(s.Calendars.Use(ctx, ana, calendars.Team, s.team, k.ID))
	_, err = s.Assignment.SetPlan(ctx, ana, s.Account.ID, assignment.Plan{
		Policies: []assignment.AssignmentPolicy{
			{Kind: assignment.FixedAgent, AgentID: s.agent},
			{Kind: assignment.TeamByAttribute, Attribute: "brand", Teams: map[string]string{"acme": s.team}, Nobody: assignment.Queue},
		},
		Offer: assignment.Offer{TakeUpSeconds: 60, Chain: []assignment.Link{}}, Attributes: map[string]string{"brand": "acme"},
	})
	s.must(err)
	_, err = s.Assignment.SetCapacity(ctx, ana, s.agent, 7)
	s.must(err)
	s.publish(rules.Edition{
		Rules: []rules.Rule{
			{ID: "r1", Name: "Refunds", When: rules.OnMessage, If: "mentions(message.text, \"refund\")\n  and not hours.open", AccountIDs: []string{s.Account.ID}, Once: rules.OncePerDay, Then: []conversation.RuleAction{
				{Do: conversation.ActAddLabel, LabelID: s.label}, {Do: conversation.ActAssign, To: conversation.AssignToTeam, TeamID: s.team},
				{Do: conversation.ActNotify, AgentID: s.agent}, {Do: conversation.ActSetAttribute, Attribute: "brand", Value: "acme"},
				{Do: conversation.ActReply, Text: "Hello {{contact.name|you}} 👍\nSee you", Texts: map[string]string{"fr": "Bonjour"}},
			}},
			{ID: "r2", Name: "Twice", When: rules.OnWaiting, AfterSeconds: 600, Then: []conversation.RuleAction{{Do: conversation.ActDone}}},
			{ID: "r3", Name: "Twice", When: rules.OnDone, Off: true, Then: []conversation.RuleAction{{Do: conversation.ActReopen}}},
		},
		Replies: map[string]rules.Replies{s.accountB: {Always: &rules.Reply{Text: "thanks"}, QuietMinutes: 5}},
		OptOut:  optout.Policy{Words: map[string]optout.Words{"en": {Stop: []string{"enough"}}}, ConfirmationOff: true},
		Limits:  rules.Limits{PerDay: 3},
	})
}

func (s *shop) publish(e rules.Edition) rulebook.Version {
	s.t.Helper()
	d, err := s.Rulebook.Draft(s.t.Context())
	s.must(err)
	d, err = s.Rulebook.SaveDraft(s.t.Context(), ana, e, d.Revision)
	s.must(err)
	v, err := s.Rulebook.Publish(s.t.Context(), ana, rulebook.Publication{Comment: "because", Revision: d.Revision})
	s.must(err)
	return v
}

func (s *shop) export() string {
	s.t.Helper()
	source, err := s.Export(s.t.Context(), everything)
	s.must(err)
	return string(source)
}

func (s *shop) apply(source string, a blueprint.Application) blueprint.Result {
	s.t.Helper()
	if a.Comment == "" {
		a.Comment = "from the file"
	}
	r, err := s.Apply(s.t.Context(), everything, []byte(source), a)
	if err != nil {
		s.t.Fatalf("%v\n%v", err, told(blueprint.Problems(err)))
	}
	return r
}

func (s *shop) audited() int { return s.Count(s.t, "SELECT count(*) FROM audit_entries") }

// told returns problems as the command line prints them.
func told(problems []blueprint.Problem) string {
	lines := []string{}
	for _, p := range problems {
		lines = append(lines, fmt.Sprintf("%d:%d: %s: %s", p.Line, p.Column, p.Field, p.Message))
	}
	return strings.Join(lines, "\n")
}

// changes returns what changed, in one line.
func changes(r blueprint.Result) string {
	var list []string
	for _, c := range r.Changes {
		if c.Change != blueprint.Unchanged {
			list = append(list, strings.TrimSpace(strings.Join([]string{c.Change, c.What, c.Name}, " ")))
		}
	}
	return strings.Join(list, "; ")
}

func withoutHeader(source string) string { return source[strings.Index(source, "guichet: 1"):] }

func TestWhatIsExportedChangesNothing(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.furnish()
	source := s.export()
	if !strings.HasPrefix(source, "# The automation of Guichet. Version 1 of the rules, published at 2026-11-02T09:00:00Z.\n") || strings.Contains(source, s.label) || strings.Contains(source, s.Account.ID) {
		t.Errorf("exported\n%s", source)
	}
	if problems := blueprint.Check([]byte(source)); len(problems) > 0 {
		t.Errorf("the export has problems:\n%s", told(problems))
	}
	before := s.audited()
	r := s.apply(source, blueprint.Application{Prune: true})
	if r.Changed() || r.Published || r.Version != 1 || len(r.Changes) < 12 {
		t.Errorf("applied: %+v", r)
	}
	if s.audited() != before || s.export() != source {
		t.Error("something changed all the same")
	}
}

func TestAnotherOfficeBecomesTheSame(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.furnish()
	source := s.export()
	t.Run("empty", func(t *testing.T) { becomes(t, source) })
}

func becomes(t *testing.T, source string) {
	other := open(t)
	r := other.apply(source, blueprint.Application{DryRun: true})
	if !r.Published || !r.DryRun || r.Version != 0 || other.Count(t, "SELECT (SELECT count(*) FROM calendars) + (SELECT count(*) FROM rule_versions) + (SELECT count(*) FROM audit_entries WHERE action LIKE 'calendars.%')") != 0 {
		t.Errorf("dry: %+v", r)
	}
	wanted := changes(r)
	r = other.apply(source, blueprint.Application{Comment: "taken over"})
	if got := changes(r); got != wanted || !r.Published || r.Version != 1 || r.DraftKept {
		t.Errorf("%+v\n%s, the dry run said\n%s", r, got, wanted)
	}
	want := "created calendar Night; created calendar Shop; created rule Refunds; created rule Twice; created rule Twice; created automatic_replies Number 777; " +
		"replaced opt_out; replaced limits; created account_calendar Number 106540352242922; created team_calendar Sales: Paris; created assignment_plan Number 106540352242922; created capacity ana@example.org"
	if wanted != want {
		t.Errorf("changes\n%s, want\n%s", wanted, want)
	}
	if got := other.export(); withoutHeader(got) != withoutHeader(source) {
		t.Errorf("exported again\n%s, want\n%s", got, source)
	}
	v, _, err := other.Rulebook.Get(t.Context(), 0)
	if err != nil || v.Author != ana || v.Comment != "taken over" {
		t.Errorf("%+v, %v", v, err)
	}
	d, err := other.Rulebook.Draft(t.Context())
	if err != nil || d.BasedOn != 1 || len(d.Definition.Rules) != 3 {
		t.Errorf("nobody worked on the draft, and it is %+v, %v", d, err)
	}
	for _, action := range []string{"calendars.create", "accounts.set_calendar", "teams.set_calendar", "accounts.assignment_plan", "agents.capacity", "rules.apply"} {
		if other.Count(t, "SELECT count(*) FROM audit_entries WHERE action = $1 AND actor_id = $2", action, ana.ID) == 0 {
			t.Errorf("%s is not audited", action)
		}
	}
}

// What the file does not say is left alone; a calendar that nobody uses goes if asked.
func TestSectionsAndPruning(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.furnish()
	before := s.export()
	if r := s.apply("guichet: 1\n", blueprint.Application{Prune: true}); len(r.Changes) != 0 || s.export() != before {
		t.Errorf("an empty file: %+v", r)
	}
	if got := changes(s.apply("guichet: 1\nlimits: {per_day: 9}\n", blueprint.Application{})); got != "replaced limits" {
		t.Error(got)
	}
	_, e, err := s.Rulebook.Get(t.Context(), 0)
	if err != nil || len(e.Rules) != 3 || e.Limits.PerDay != 9 || len(e.Replies) != 1 {
		t.Errorf("%+v, %v", e, err)
	}
	one := "guichet: 1\ncalendars:\n  - name: shop\n    hours: {time_zone: UTC}\n"
	if got := changes(s.apply(one, blueprint.Application{})); got != "replaced calendar shop" {
		t.Error(got)
	}
	if got := changes(s.apply(one, blueprint.Application{Prune: true})); got != "deleted calendar Night" {
		t.Error(got)
	}
	none := "guichet: 1\ncalendars: []\n"
	_, err = s.Apply(t.Context(), everything, []byte(none), blueprint.Application{Prune: true})
	if got := told(blueprint.Problems(err)); got != `2:12: calendars: lacks the calendar "shop", which the account Number 106540352242922 uses` {
		t.Error(got)
	}
	none += "accounts: {Number 106540352242922: {calendar: null}}\nteams: {'Sales: Paris': {calendar: null}}\n"
	if got := changes(s.apply(none, blueprint.Application{Prune: true})); got != "deleted account_calendar Number 106540352242922; deleted team_calendar Sales: Paris; deleted calendar shop" {
		t.Error(got)
	}
	if got := changes(s.apply("guichet: 1\nautomatic_replies: {}\nrules: []\n", blueprint.Application{})); !strings.HasSuffix(got, "deleted automatic_replies Number 777") {
		t.Error(got)
	}
}

// A rule keeps its id by its name, and its name by its id.
func TestRulesAreKnownByTheirNames(t *testing.T) {
	t.Parallel()
	s := open(t)
	rule := func(id, name string) string {
		if id != "" {
			id = "id: " + id + ", "
		}
		return "  - {" + id + "name: " + name + ", when: conversation_done, then: [{do: reopen}]}\n"
	}
	ids := func() string {
		_, e, err := s.Rulebook.Get(t.Context(), 0)
		s.must(err)
		var all []string
		for _, r := range e.Rules {
			all = append(all, r.Name+"="+r.ID)
		}
		return strings.Join(all, " ")
	}
	begin := "guichet: 1\nrules:\n"
	s.apply(begin+rule("x", "A")+rule("y", "B"), blueprint.Application{})
	if got := changes(s.apply(begin+rule("", "B")+rule("", "A"), blueprint.Application{})); got != "replaced rule_order" || ids() != "B=y A=x" {
		t.Errorf("%s; %s", got, ids())
	}
	if got := changes(s.apply(begin+rule("y", "Renamed")+rule("", "A"), blueprint.Application{})); got != "replaced rule Renamed" || ids() != "Renamed=y A=x" {
		t.Errorf("%s; %s", got, ids())
	}
	if got := changes(s.apply(begin+rule("", "C"), blueprint.Application{})); got != "created rule C; deleted rule Renamed; deleted rule A" {
		t.Error(got)
	}
}

// A draft on which somebody works is not lost, and says that it is behind.
func TestADraftIsKept(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.furnish()
	d, err := s.Rulebook.Draft(t.Context())
	s.must(err)
	mine := rules.Edition{Rules: []rules.Rule{{ID: "mine", Name: "mine", When: rules.OnDone, Then: []conversation.RuleAction{{Do: conversation.ActReopen}}}}}
	d, err = s.Rulebook.SaveDraft(t.Context(), ana, mine, d.Revision)
	s.must(err)
	r := s.apply("guichet: 1\nrules: []\n", blueprint.Application{})
	after, err := s.Rulebook.Draft(t.Context())
	if dry := s.apply("guichet: 1\nlimits: {per_day: 2}\n", blueprint.Application{DryRun: true}); !dry.DraftKept {
		t.Errorf("the dry run: %+v", dry)
	}
	if err != nil || !r.DraftKept || r.Version != 2 || after.Revision != d.Revision || after.BasedOn != 1 || after.Definition.Rules[0].ID != "mine" {
		t.Errorf("%+v; draft %+v, %v", r, after, err)
	}
	before, err := s.Rulebook.Draft(t.Context())
	s.must(err)
	if _, err := s.Rulebook.DropDraft(t.Context(), ana, before.Revision); err != nil {
		t.Fatal(err)
	}
	old, err := s.Rulebook.Draft(t.Context())
	s.must(err)
	s.apply("guichet: 1\nlimits: {per_day: 1}\n", blueprint.Application{})
	if _, err := s.Rulebook.SaveDraft(t.Context(), ana, mine, old.Revision); conversation.CodeOf(err) != conversation.CodeStale {
		t.Errorf("saved over what was applied: %v", err)
	}
}

// Names that this office does not have are problems, all of them, and nothing is applied.
func TestUnknownNames(t *testing.T) {
	t.Parallel()
	s := open(t)
	source := `guichet: 1
calendars: [{name: Fresh, hours: {time_zone: UTC}}]
rules:
  - name: A
    when: message_received
    if: contact.attributes.brnd == "x"
    accounts: [Number 778]
    then:
      - {do: add_label, label: refund}
      - {do: add_label, label: Refunds}
      - {do: notify, agent: ANA@example.org}
      - {do: notify, agent: bob@example.org}
      - {do: assign, to: team, team: "sales: paris"}
accounts:
  Nowhere: {calendar: Fresh}
  Number 777:
    calendar: fresh
    assignment_plan: {policies: [{kind: salesperson, attribute: owner}, {kind: agent, agent: bob@example.org}]}
agents: {bob@example.org: {capacity: 3}}
`
	problems, err := s.Check(t.Context(), everything, []byte(source))
	want := `6:28: rules[0].if: There is no contact field "brnd"
7:16: rules[0].accounts[0]: there is no account of this name
10:32: rules[0].then[1].label: there is no label of this name
12:29: rules[0].then[3].agent: there is no active agent of this name
13:38: rules[0].then[4].team: there is no team of this name
15:3: accounts.Nowhere: there is no account of this name
18:65: accounts["Number 777"].assignment_plan.policies[0].attribute: must be the key of an attribute that contacts can have
18:94: accounts["Number 777"].assignment_plan.policies[1].agent: there is no active agent of this name
19:10: agents["bob@example.org"]: there is no active agent of this name`
	if got := told(problems); err != nil || got != want {
		t.Errorf("%v\n%s\nwant\n%s", err, got, want)
	}
	if _, err := s.Apply(t.Context(), everything, []byte(source), blueprint.Application{Comment: "x"}); conversation.CodeOf(err) != conversation.CodeInvalid || !slices.Equal(blueprint.Problems(err), problems) {
		t.Errorf("applied: %v", err)
	}
	if s.Count(t, "SELECT count(*) FROM calendars") != 0 {
		t.Error("half of it was applied")
	}
}

// What has no name of its own, or one that two have, is named by its id; what is gone is told.
func TestNamesThatDoNotTell(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.furnish()
	s.Exec(t, "UPDATE accounts SET name = 'Same'")
	s.Exec(t, "UPDATE labels SET deleted_at = now()")
	source := s.export()
	if strings.Count(source, s.Account.ID) != 2 || strings.Contains(source, "Same") || !strings.Contains(source, "# What rules[0].then[0].label refers to does not exist any more.") {
		t.Errorf("exported\n%s", source)
	}
	problems, err := s.Check(t.Context(), everything, []byte(source+"# end"))
	if err != nil || len(problems) != 1 || problems[0].Field != "rules[0].then[0].label" {
		t.Errorf("%s, %v", told(problems), err)
	}
	_, err = s.Apply(t.Context(), everything, []byte("guichet: 1\naccounts: {Same: {calendar: null}}\n"), blueprint.Application{})
	if got := told(blueprint.Problems(err)); got != "2:12: accounts.Same: 2 accounts have this name" {
		t.Error(got)
	}
}

// Somebody who may not know an account, or read plans, gets what they may, and can apply it again.
func TestWhatTheCallerMayNotKnow(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.furnish()
	limited := blueprint.Caller{Actor: ana, Knows: func(id string) bool { return id != s.accountB }}
	exported, err := s.Export(t.Context(), limited)
	s.must(err)
	source := string(exported)
	if strings.Contains(source, "Number 777") || strings.Contains(source, "assignment_plan") || strings.Contains(source, "capacity") || strings.Count(source, "left out") != 2 {
		t.Errorf("exported\n%s", source)
	}
	if r, err := s.Apply(t.Context(), limited, exported, blueprint.Application{}); err != nil || r.Changed() {
		t.Errorf("%+v, %v", r, err)
	}
	for source, want := range map[string]conversation.Code{
		"agents: {ana@example.org: {capacity: 3}}":                              conversation.CodeForbidden,
		"accounts: {Number 777: {calendar: null}}":                              conversation.CodeInvalid,
		"accounts: {" + s.accountB + ": {calendar: null}}":                      conversation.CodeInvalid,
		"accounts: {Number 106540352242922: {assignment_plan: {policies: []}}}": conversation.CodeForbidden,
	} {
		if _, err := s.Apply(t.Context(), limited, []byte("guichet: 1\n"+source), blueprint.Application{}); conversation.CodeOf(err) != want {
			t.Errorf("%s: %v", source, err)
		}
	}
}

// Two who apply the same at once publish it once.
func TestAppliedAtOnce(t *testing.T) {
	t.Parallel()
	s := open(t)
	source := []byte("guichet: 1\ncalendars: [{name: Shop, hours: {time_zone: UTC}}]\nlimits: {per_day: 3}\naccounts: {Number 777: {calendar: Shop}}\nagents: {ana@example.org: {capacity: 3}}\n")
	results := make([]blueprint.Result, 6)
	var wg sync.WaitGroup
	for i := range results {
		wg.Go(func() {
			var err error
			if results[i], err = s.Apply(t.Context(), everything, source, blueprint.Application{Comment: "at once"}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	published := 0
	for _, r := range results {
		if r.Published {
			published++
		}
		if r.Version != 1 {
			t.Errorf("%+v", r)
		}
	}
	if published != 1 || s.Count(t, "SELECT (SELECT count(*) FROM rule_versions) * 10 + (SELECT count(*) FROM calendars)") != 11 {
		t.Errorf("%d published", published)
	}
}

// Waits that are running are looked at again if they are to count by the new version, as when a draft is published.
func TestWaitsMove(t *testing.T) {
	t.Parallel()
	s := open(t)
	rule := func(seconds int) string {
		return fmt.Sprintf("guichet: 1\nrules:\n  - {name: W, when: customer_waiting, after_seconds: %d, then: [{do: add_note, text: late}]}\n", seconds)
	}
	s.apply(rule(600), blueprint.Application{})
	s.Meet(t, office.Person{WhatsAppID: "33612345678", Name: "Zoé"})
	s.Exec(t, "DELETE FROM dispatches")
	s.apply(rule(300), blueprint.Application{})
	if n := s.Count(t, "SELECT count(*) FROM dispatches"); n != 0 {
		t.Errorf("%d conversations look again, and should keep what was promised", n)
	}
	s.apply(rule(120), blueprint.Application{MoveDeadlines: true})
	if n := s.Count(t, "SELECT count(*) FROM dispatches"); n != 1 {
		t.Errorf("%d conversations look again", n)
	}
	if v, _, err := s.Rulebook.Get(t.Context(), 0); err != nil || !v.MovesDeadlines {
		t.Errorf("%+v, %v", v, err)
	}
}

// Whoever may have more is given what waits, in the same transaction.
func TestCapacityIsServed(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.apply("guichet: 1\nagents: {ana@example.org: {capacity: 0}}\naccounts: {Number 106540352242922: {assignment_plan: {presence: any, policies: [{kind: agent, agent: ana@example.org, nobody: queue}]}}}\n", blueprint.Application{})
	s.apply("guichet: 1\nrules: [{name: R, when: conversation_opened, then: [{do: assign, to: policy}]}]\n", blueprint.Application{})
	id := s.Meet(t, office.Person{WhatsAppID: "33612345678", Name: "Zoé"})
	if n := s.Count(t, "SELECT count(*) FROM assignment_queue"); n != 1 {
		t.Fatalf("%d wait", n)
	}
	more := "guichet: 1\nagents: {ana@example.org: {capacity: 2}}\n"
	s.apply(more, blueprint.Application{DryRun: true})
	if n := s.Count(t, "SELECT count(*) FROM assignment_queue"); n != 1 {
		t.Error("a dry run served")
	}
	s.apply(more, blueprint.Application{})
	if got := s.Text(t, "SELECT coalesce(assignee_id::text, '') FROM conversations WHERE id = $1::uuid", id); got != s.agent {
		t.Errorf("given to %q", got)
	}
	if broken := s.Broken(t); len(broken) > 0 {
		t.Error(broken)
	}
}
