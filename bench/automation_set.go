package main

import (
	"context"
	"fmt"
	"time"

	"guichet.dev/guichet/accounts"
	"guichet.dev/guichet/assignment"
	"guichet.dev/guichet/calendars"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/hours"
	"guichet.dev/guichet/rulebook"
	"guichet.dev/guichet/rules"
	"guichet.dev/guichet/team"
)

// pauseBetweenReplies is a little more than the shortest pause between two automatic replies that a version can have.
const pauseBetweenReplies = 1100 * time.Millisecond

// benchAgents is how many agents are there to get conversations.
const benchAgents = 5

// automate publishes a realistic set for the account: rules, business hours, automatic replies, assignment. It returns how many
// rules there are.
func (s *stack) automate(ctx context.Context, providerURL string) (int, error) {
	by := conversation.Actor{Kind: conversation.ActorSystem}
	most, one := 1000, 1
	if _, err := s.app.Accounts.Update(ctx, by, s.account.ID, accounts.Change{
		APIBaseURL: &providerURL, Settings: accounts.SettingsChange{ThroughputPerSecond: &most, PairBurst: &most, PairIntervalSeconds: &one},
	}); err != nil {
		return 0, err
	}
	if err := s.openAlways(ctx, by); err != nil {
		return 0, err
	}
	if err := s.staff(ctx, by); err != nil {
		return 0, err
	}
	edition := realisticSet(s.account.ID)
	book := rulebook.NewStore(rulebook.Options{DB: s.app.DB, Now: s.app.Clock.Now, Notify: func() {}})
	draft, err := book.SaveDraft(ctx, by, edition, 0)
	if err != nil {
		return 0, err
	}
	_, err = book.Publish(ctx, by, rulebook.Publication{Comment: "benchmark", Revision: draft.Revision})
	return len(edition.Rules), err
}

func (s *stack) openAlways(ctx context.Context, by conversation.Actor) error {
	day := []hours.Interval{{From: "00:00", To: "24:00"}}
	store := calendars.NewStore(s.app.DB, s.app.Clock.Now)
	c, err := store.Create(ctx, by, calendars.Content{Name: "Benchmark", Hours: hours.Calendar{
		TimeZone: "Europe/Paris", Holidays: hours.Holidays{Country: "FR"},
		Week: hours.Week{Monday: day, Tuesday: day, Wednesday: day, Thursday: day, Friday: day, Saturday: day, Sunday: day},
	}})
	if err != nil {
		return err
	}
	return store.Use(ctx, by, calendars.Account, s.account.ID, c.ID)
}

// staff makes agents who are there, and a plan that gives them conversations by load.
func (s *stack) staff(ctx context.Context, by conversation.Actor) error {
	store := assignment.NewStore(assignment.Options{DB: s.app.DB, Now: s.app.Clock.Now})
	for i := range benchAgents {
		a, err := s.app.Team.CreateAgent(ctx, team.System(), team.NewAgent{Name: fmt.Sprint("Agent ", i), Email: fmt.Sprintf("agent%d@example.com", i), Role: team.RoleAgent})
		if err != nil {
			return err
		}
		if _, err := store.SetCapacity(ctx, by, a.ID, 500); err != nil {
			return err
		}
		_, err = s.app.DB.DB.ExecContext(ctx, `INSERT INTO agent_presence (agent_id, state, since, seen_at) VALUES ($1::uuid, 'online', now(), now() + interval '1 day')`, a.ID)
		if err != nil {
			return err
		}
	}
	_, err := store.SetPlan(ctx, by, s.account.ID, assignment.Plan{Policies: []assignment.AssignmentPolicy{
		{Kind: assignment.LastAgent, Days: 30}, {Kind: assignment.LeastLoaded, Nobody: assignment.Queue},
	}})
	return err
}

// realisticSet is twenty rules as a shop has them, the last of which answers what the others do not, with a form behind them.
func realisticSet(accountID string) rules.Edition {
	e := rules.Edition{
		Limits:  rules.Limits{PauseSeconds: 1, PerDay: 1000},
		Replies: map[string]rules.Replies{accountID: {OutOfHours: &rules.Reply{Text: "We open {{hours.next_opening|soon}}.", Once: rules.OncePerClosed}}},
	}
	urgent := conversation.RuleAction{Do: conversation.ActPriority, Priority: "urgent"}
	for i, word := range []string{"refund", "invoice", "broken", "warranty", "exchange", "address", "password", "complaint", "lawyer", "urgent"} {
		e.Rules = append(e.Rules, rules.Rule{
			ID: fmt.Sprint("word", i), Name: word, When: rules.OnMessage, If: fmt.Sprintf("mentions(message.text, %q) and not conversation.answered", word),
			Then: []conversation.RuleAction{urgent},
		})
	}
	for i, condition := range []string{
		`contact.country in ["FR", "BE", "CH"] and conversation.inbound_count > 1000`, `message.has_media and message.kind == "image"`,
		`not hours.open and conversation.waiting_business_minutes > 60`, `has_label("vip") and conversation.priority == "normal"`,
		`contact.language == "ro" and phone_country(contact.phone) == "RO"`,
	} {
		e.Rules = append(e.Rules, rules.Rule{
			ID: fmt.Sprint("fact", i), Name: fmt.Sprint("fact ", i), When: rules.OnMessage, If: condition, Then: []conversation.RuleAction{urgent},
		})
	}
	for i, after := range []int{3600, 4 * 3600} {
		e.Rules = append(e.Rules, rules.Rule{
			ID: fmt.Sprint("wait", i), Name: fmt.Sprint("wait ", i), When: rules.OnWaiting, AfterSeconds: after, BusinessTime: true, Then: []conversation.RuleAction{urgent},
		})
	}
	e.Rules = append(e.Rules,
		rules.Rule{ID: "closing", Name: "closing", When: rules.OnWindowClosing, AfterSeconds: 7200, Then: []conversation.RuleAction{urgent}},
		rules.Rule{ID: "again", Name: "again", When: rules.OnReopened, Then: []conversation.RuleAction{urgent}},
		rules.Rule{ID: "answer", Name: "answer", When: rules.OnMessage, If: `mentions(message.text, "order")`, Then: []conversation.RuleAction{
			{Do: conversation.ActReply, Text: "Hello {{contact.first_name|you}}, we look into your order and write again."},
		}},
	)
	return e
}
