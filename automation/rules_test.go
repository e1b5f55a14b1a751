package automation_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"guichet.dev/guichet/automation"
	"guichet.dev/guichet/calendars"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/hours"
	"guichet.dev/guichet/rulebook"
	"guichet.dev/guichet/rules"
)

var admin = conversation.Actor{Kind: conversation.ActorAgent, ID: "00000000-0000-7000-8000-000000000001"}

// publish publishes an edition and returns its version.
func (d *desk) publish(t *testing.T, move bool, e rules.Edition) int {
	t.Helper()
	draft, err := d.Rulebook.Draft(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if draft, err = d.Rulebook.SaveDraft(t.Context(), admin, e, draft.Revision); err != nil {
		t.Fatal(err)
	}
	v, err := d.Rulebook.Publish(t.Context(), admin, rulebook.Publication{Comment: "for a test", MoveDeadlines: move, Revision: draft.Revision})
	if err != nil {
		t.Fatalf("%v; flaws %+v", err, draft.Flaws)
	}
	return v.Version
}

// rule does something whenever a customer writes what the condition says.
func rule(id, condition string, then ...conversation.RuleAction) rules.Rule {
	return rules.Rule{ID: id, Name: id, When: rules.OnMessage, If: condition, Then: then}
}

func reply(text string) conversation.RuleAction {
	return conversation.RuleAction{Do: conversation.ActReply, Text: text}
}

func (d *desk) label(t *testing.T, name string) string {
	t.Helper()
	return d.Text(t, "INSERT INTO labels (id, name, colour, created_at) VALUES (gen_random_uuid(), $1, 'teal', now()) RETURNING id::text", name)
}

// decisions returns what was decided, the oldest first.
func (d *desk) decisions(t *testing.T) []automation.Explanation {
	t.Helper()
	list, err := d.Automation.Decisions(t.Context(), d.maria, d.id, automation.Place{}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(list)
	return list
}

// said returns the texts that went out or wait, in order.
func (d *desk) said(t *testing.T) string {
	t.Helper()
	return d.Text(t, `SELECT coalesce(string_agg(content->>'text' || CASE WHEN state = 'cancelled' THEN ' (cancelled)' ELSE '' END, ', ' ORDER BY seq), '')
		FROM messages WHERE direction = 'out' AND conversation_id = $1::uuid`, d.id)
}

func TestRulesAct(t *testing.T) {
	d := open(t)
	team := d.Team(t, "Refunds")
	refund := d.label(t, "refund")
	d.Exec(t, "INSERT INTO attribute_definitions (key, label, type, created_at) VALUES ('tier', 'Tier', 'text', now())")
	d.publish(t, false, rules.Edition{Rules: []rules.Rule{
		rule("all", `mentions(message.text, "refund")`,
			reply("Hello {{contact.name|you}}"),
			conversation.RuleAction{Do: conversation.ActAddLabel, LabelID: refund},
			conversation.RuleAction{Do: conversation.ActPriority, Priority: "urgent"},
			conversation.RuleAction{Do: conversation.ActAssign, To: conversation.AssignToTeam, TeamID: team},
			conversation.RuleAction{Do: conversation.ActNote, Text: "wants money"},
			conversation.RuleAction{Do: conversation.ActSetAttribute, Attribute: "tier", Value: "angry"},
			conversation.RuleAction{Do: conversation.ActNotify, TeamID: team},
			conversation.RuleAction{Do: conversation.ActSnooze, Minutes: 60},
		),
		{ID: "labelled", Name: "labelled", When: rules.OnLabelAdded, If: `label == "refund"`, Then: []conversation.RuleAction{{Do: conversation.ActNote, Text: "labelled"}}},
	}})
	d.Deliver(t, ana.Text("wamid.r", d.Now(), "I want a REFUND"))
	d.advance(t)
	c := d.Only(t)
	if c.Status != conversation.StatusSnoozed || c.TeamID != team || c.Priority != conversation.PriorityUrgent || c.SnoozedUntil == nil || !c.SnoozedUntil.Equal(d.Now().Add(time.Hour)) {
		t.Errorf("%+v", c)
	}
	if got := d.said(t); got != "Hello Ana" {
		t.Errorf("said %q", got)
	}
	if got := d.Text(t, "SELECT string_agg(text, ', ' ORDER BY seq) FROM notes"); got != "wants money, labelled" {
		t.Errorf("noted %q", got)
	}
	if got := d.Text(t, "SELECT attributes->>'tier' FROM contacts WHERE name = 'Ana'"); got != "angry" {
		t.Errorf("tier %q", got)
	}
	if n := d.Count(t, "SELECT count(*) FROM events WHERE actor_kind = 'rule' AND cause->>'rule_id' = 'all' AND (cause->>'version')::int = 1 AND (cause->>'depth')::int = 1"); n != 8 {
		t.Errorf("%d events say that the rule caused them, want 8", n)
	}
	if n := d.Count(t, "SELECT count(*) FROM dispatches WHERE conversation_id = $1::uuid AND up_to_seq >= $2", d.id, d.Count(t, "SELECT last_seq FROM conversations")); n != 0 {
		t.Error("what the automation did wakes the workflow that did it")
	}
	before := d.record(t)
	d.advance(t)
	if after := d.record(t); after != before {
		t.Error("a repeat changes something")
	}
	d.step(t, conversation.OutcomeSent)
	d.wantWhole(t)
}

// step works on the next message.
func (d *desk) step(t *testing.T, want conversation.SendOutcome) {
	t.Helper()
	if got := d.SendNext(t, d.id); got.Outcome != want {
		t.Errorf("send: %+v, want %s", got, want)
	}
}

func TestWhy(t *testing.T) {
	d := open(t)
	label := d.label(t, "vip")
	d.publish(t, false, rules.Edition{Rules: []rules.Rule{
		rule("image", `message.kind == "image"`, reply("nice")),
		rule("hello", `mentions(message.text, "hello")`, reply("Hello"), conversation.RuleAction{Do: conversation.ActAddLabel, LabelID: label}),
		rule("second", "", reply("me too")),
		{ID: "wait", Name: "Waits", When: rules.OnWaiting, AfterSeconds: 600, Then: []conversation.RuleAction{reply("sorry")}},
	}})
	d.Deliver(t, ana.Text("wamid.w", d.Now(), "hello you"))
	d.advance(t)
	list := d.decisions(t)
	var found *automation.Explanation
	for i := range list {
		if list[i].Version == 1 && list[i].Trigger == string(conversation.EventMessageReceived) {
			found = &list[i]
		}
	}
	if found == nil {
		t.Fatalf("no decision about the message: %+v", list)
	}
	var results, effects []string
	for _, r := range found.Rules {
		results = append(results, r.Name+"="+r.Result)
	}
	for _, e := range found.Effects {
		effects = append(effects, string(e.Action.Do)+"="+e.Outcome)
	}
	if got := strings.Join(results, " "); got != "image=no_match hello=matched second=suppressed" {
		t.Errorf("rules %s", got)
	}
	if got := strings.Join(effects, " "); got != "reply=done add_label=done reply=already_answered" {
		t.Errorf("effects %s", got)
	}
	if found.Inputs["message.kind"] != "text" || found.Inputs["message.text"] != "…" || found.Effects[0].MessageID == "" {
		t.Errorf("inputs %v, effect %+v", found.Inputs, found.Effects[0])
	}
	body, err := json.Marshal(list)
	if err != nil || strings.Contains(string(body), "hello you") {
		t.Errorf("the customer's words are told: %s, %v", body, err)
	}
	next, err := d.Automation.Next(t.Context(), d.maria, d.id)
	if err != nil || len(next) != 3 || next[0].Rule != "Waits" || next[0].Kind != conversation.DeadlineRuleWaiting || next[0].Version != 1 {
		t.Fatalf("next %+v, %v", next, err)
	}
	if next[0].Seconds > 600 || next[0].Seconds < 590 {
		t.Errorf("%d seconds", next[0].Seconds)
	}
	stranger := conversation.Caller{Actor: admin, Sight: conversation.SeesOnly("00000000-0000-7000-8000-000000000009")}
	if _, err := d.Automation.Decisions(t.Context(), stranger, d.id, automation.Place{}, 10); conversation.CodeOf(err) != conversation.CodeNotFound {
		t.Errorf("somebody who does not see the account: %v", err)
	}
}

// Twenty messages within a second, shuffled, each delivered twice, looked at by several at once: one automatic reply.
func TestBurstGetsOneReply(t *testing.T) {
	d := open(t)
	d.publish(t, false, rules.Edition{Rules: []rules.Rule{rule("always", "", reply("We are on it"))}})
	d.Forward(time.Minute)
	var bodies []string
	for i := range 20 {
		body := ana.Text(fmt.Sprint("wamid.burst", i), d.Now().Add(time.Duration(i)*50*time.Millisecond), fmt.Sprint("part ", i))
		bodies = append(bodies, body, body)
	}
	random := rand.New(rand.NewPCG(7, 7))
	random.Shuffle(len(bodies), func(i, j int) { bodies[i], bodies[j] = bodies[j], bodies[i] })
	var wg sync.WaitGroup
	for part := range slices.Chunk(bodies, 5) {
		wg.Go(func() {
			for _, body := range part {
				if err := d.Intake.Receive(t.Context(), d.Account, []byte(body)); err != nil {
					t.Error(err)
				}
				if _, err := d.Automation.Advance(t.Context(), d.id); err != nil {
					t.Error(err)
				}
				if _, err := d.Outbox.SendNext(t.Context(), d.id); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	d.advance(t)
	for d.SendNext(t, d.id).Outcome != conversation.OutcomeNothing {
		continue
	}
	if n := len(d.Provider.Taken()); n != 1 {
		t.Errorf("%d replies went out: %s", n, d.said(t))
	}
	if n := d.Count(t, "SELECT count(*) FROM messages WHERE direction = 'in'"); n != 21 {
		t.Errorf("%d messages came in", n)
	}
	d.wantWhole(t)
}

// An answer that waits is sent although the customer goes on writing: the rules have looked at that. An agent ends it.
func TestAnswerWaitsForWhatCameAfterIt(t *testing.T) {
	d := open(t)
	d.publish(t, false, rules.Edition{Rules: []rules.Rule{rule("price", `mentions(message.text, "price")`, reply("10 euros"))}})
	d.Deliver(t, ana.Text("wamid.1", d.Now(), "the price?"))
	d.advance(t)
	d.Deliver(t, ana.Text("wamid.2", d.Now(), "thanks"))
	d.step(t, conversation.OutcomeHeld) // until the newer one was examined
	d.advance(t)
	d.step(t, conversation.OutcomeSent)
	d.Forward(2 * time.Minute)
	d.Deliver(t, ana.Text("wamid.3", d.Now(), "which price?"))
	d.advance(t)
	d.Write(t, d.maria, d.id, "let me look")
	d.Deliver(t, ana.Text("wamid.4", d.Now(), "ok"))
	d.advance(t)
	d.step(t, conversation.OutcomeCancelled)
	d.step(t, conversation.OutcomeSent)
	if got := d.said(t); got != "10 euros, 10 euros (cancelled), let me look" {
		t.Errorf("said %q", got)
	}
	d.wantWhole(t)
}

// A limit whose message was never sent is free again; one that was used up in the meantime is not.
func TestLimitNeedsASentMessage(t *testing.T) {
	d := open(t)
	once := rule("once", "", reply("once a day"))
	once.Once = rules.OncePerDay
	d.publish(t, false, rules.Edition{Rules: []rules.Rule{once}})
	write := func(n int) {
		t.Helper()
		d.Forward(2 * time.Minute)
		d.Deliver(t, ana.Text(fmt.Sprint("wamid.", n), d.Now(), "hello"))
		d.advance(t)
	}
	write(1)
	d.Write(t, d.maria, d.id, "hi")
	d.step(t, conversation.OutcomeCancelled)
	d.step(t, conversation.OutcomeSent)
	write(2)
	d.step(t, conversation.OutcomeSent)
	write(3)
	d.Forward(24 * time.Hour)
	write(4)
	if got := d.said(t); got != "once a day (cancelled), hi, once a day, once a day" {
		t.Errorf("said %q", got)
	}
	d.wantWhole(t)
}

// Two rules that trigger each other end.
func TestTwoRulesThatTriggerEachOther(t *testing.T) {
	d := open(t)
	one, two := d.label(t, "one"), d.label(t, "two")
	when := func(id, has, add, remove string) rules.Rule {
		return rules.Rule{ID: id, Name: id, When: rules.OnLabelAdded, If: fmt.Sprintf("label == %q", has), Then: []conversation.RuleAction{
			{Do: conversation.ActRemoveLabel, LabelID: remove}, {Do: conversation.ActAddLabel, LabelID: add},
		}}
	}
	d.publish(t, false, rules.Edition{Rules: []rules.Rule{
		rule("start", "", conversation.RuleAction{Do: conversation.ActAddLabel, LabelID: one}), when("a", "one", two, one), when("b", "two", one, two),
	}})
	d.Deliver(t, ana.Text("wamid.1", d.Now(), "go"))
	d.advance(t)
	if n := d.Count(t, "SELECT count(*) FROM events WHERE kind = 'label_added'"); n != 3 {
		t.Errorf("%d labels were put on, want 3: %s", n, d.kinds(t, 0))
	}
	looped := false
	for _, e := range d.decisions(t) {
		for _, r := range e.Rules {
			looped = looped || r.Result == "looped"
		}
	}
	if !looped {
		t.Error("nobody can see that a loop was cut")
	}
	d.wantWhole(t)
}

// A rule that waits in business hours, over a weekend and a holiday.
func TestWaitingInBusinessHours(t *testing.T) {
	d := open(t)
	day := []hours.Interval{{From: "09:00", To: "17:00"}}
	calendar, err := d.Calendars.Create(t.Context(), admin, calendars.Content{Name: "Office", Hours: hours.Calendar{
		TimeZone: "Europe/Bucharest", Week: hours.Week{Monday: day, Tuesday: day, Wednesday: day, Thursday: day, Friday: day}, Holidays: hours.Holidays{Country: "RO"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Calendars.Use(t.Context(), admin, calendars.Account, d.Account.ID, calendar.ID); err != nil {
		t.Fatal(err)
	}
	label := d.label(t, "late")
	d.publish(t, false, rules.Edition{Rules: []rules.Rule{
		{ID: "wait", Name: "wait", When: rules.OnWaiting, AfterSeconds: 3600, BusinessTime: true, Then: []conversation.RuleAction{{Do: conversation.ActAddLabel, LabelID: label}}},
	}})
	d.Exec(t, "UPDATE conversations SET waiting_since = NULL")
	friday := time.Date(2026, 11, 27, 14, 30, 0, 0, time.UTC) // 16:30 in Bucharest; Monday and Tuesday are holidays
	d.At(friday)
	d.Deliver(t, ana.Text("wamid.f", friday, "anybody?"))
	d.advance(t)
	next, err := d.Automation.Next(t.Context(), d.maria, d.id)
	if err != nil {
		t.Fatal(err)
	}
	want := time.Date(2026, 12, 2, 7, 30, 0, 0, time.UTC)
	i := slices.IndexFunc(next, func(u automation.Upcoming) bool { return u.RuleID == "wait" })
	if i < 0 || !next[i].At.Equal(want) {
		t.Fatalf("next %+v, want %s", next, want)
	}
	d.At(want)
	d.advance(t)
	if n := d.Count(t, "SELECT count(*) FROM conversation_labels"); n != 1 {
		t.Error("the wait was over, and nothing happened")
	}
	d.wantWhole(t)
}
