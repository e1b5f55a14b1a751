package main

import (
	"context"
	"flag"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/rules"
	"guichet.dev/guichet/rules/condition"
)

const (
	decisionAim = 1.0  // ms for a thousand rules
	worstAim    = 10.0 // ms for one condition
)

// rulesResult is the last line.
type rulesResult struct {
	Measurement string  `json:"measurement"`
	Rules       int     `json:"rules"`
	Decision    figure  `json:"decision_ms"` // of all rules on one message
	DecisionP99 figure  `json:"decision_p99_ms"`
	Allocations figure  `json:"allocations"` // of one decision
	Bytes       figure  `json:"allocated_bytes"`
	InGo        figure  `json:"same_conditions_in_go_ms"`
	Ratio       figure  `json:"ratio"`
	Compile     figure  `json:"compile_ms"` // of all rules
	Worst       figure  `json:"worst_condition_ms"`
	Matched     int     `json:"rules_matched"`
	DecisionAim figure  `json:"decision_aim_ms"`
	WorstAim    figure  `json:"worst_aim_ms"`
	Met         bool    `json:"aims_met"`
	Machine     machine `json:"machine"`
}

// ruleKinds are conditions as admins write them, each with the same in Go. %d makes them different.
var ruleKinds = []struct {
	source string
	inGo   func(e *condition.Environment, n int) bool
}{
	{`mentions(message.text, "refund", "order %d")`, func(e *condition.Environment, n int) bool {
		text := strings.ToLower(e.Message.Text)
		return strings.Contains(text, "refund") || strings.Contains(text, fmt.Sprintf("order %d", n))
	}},
	{`contact.country in ["FR", "BE"] and conversation.inbound_count > %d`, func(e *condition.Environment, n int) bool {
		return (e.Contact.Country == "FR" || e.Contact.Country == "BE") && e.Conversation.InboundCount > n
	}},
	{`not hours.open and contact.attributes.tier == "gold" and conversation.waiting_minutes > %d`, func(e *condition.Environment, n int) bool {
		return !e.Hours.Open && e.Contact.Attributes["tier"] == "gold" && e.Conversation.WaitingMinutes > float64(n)
	}},
	{`message.kind == "image" or message.has_media and conversation.inbound_count == %d`, func(e *condition.Environment, n int) bool {
		return e.Message.Kind == "image" || e.Message.HasMedia && e.Conversation.InboundCount == n
	}},
	{`has_label("label %d") and conversation.priority in ["high", "urgent"]`, func(e *condition.Environment, n int) bool {
		return slices.Contains(e.Conversation.Labels, fmt.Sprintf("label %d", n)) && (e.Conversation.Priority == "high" || e.Conversation.Priority == "urgent")
	}},
}

func runRules(_ context.Context, args []string) error {
	flags := flag.NewFlagSet("rules", flag.ContinueOnError)
	write := flags.Bool("write", false, "put the figures into "+performanceFile)
	count := flags.Int("rules", 1000, "how many")
	rounds := flags.Int("rounds", 2000, "decisions")
	if err := flags.Parse(args); err != nil {
		return err
	}
	r, err := measureRules(*count, *rounds)
	if err != nil {
		return err
	}
	if err := print(r); err != nil || !*write {
		return err
	}
	return writePerformance("rules", "go run ./bench rules "+strings.Join(args, " "), r.Machine, r.markdown())
}

func measureRules(count, rounds int) (rulesResult, error) {
	r := rulesResult{Measurement: "rules", Rules: count, DecisionAim: decisionAim, WorstAim: worstAim, Machine: thisMachine()}
	schema := condition.Schema{"tier": {Type: condition.ListAttribute, Options: []string{"gold", "basic"}}}
	edition := rules.Edition{}
	for i := range count {
		edition.Rules = append(edition.Rules, rules.Rule{
			ID: fmt.Sprint(i), Name: fmt.Sprint(i), When: rules.OnMessage, If: fmt.Sprintf(ruleKinds[i%len(ruleKinds)].source, i+1),
			Then: []conversation.RuleAction{{Do: conversation.ActPriority, Priority: "high"}},
		})
	}
	began := time.Now()
	set, err := rules.Compile(rules.Published{Version: 1, Definition: edition}, schema, nil)
	if err != nil {
		return r, err
	}
	r.Compile = milliseconds(time.Since(began))
	took, plain := make([]float64, 0, rounds), make([]float64, 0, rounds)
	var before, after runtime.MemStats
	for i := range rounds {
		if i == rounds/10 { // warm
			runtime.ReadMemStats(&before)
		}
		began := time.Now()
		d := decideOnce(set, i)
		took = append(took, float64(milliseconds(time.Since(began))))
		r.Matched = strings.Count(d.Rules, string(conversation.RuleMatched))
	}
	runtime.ReadMemStats(&after)
	decided := float64(rounds - rounds/10)
	r.Allocations, r.Bytes = figure(float64(after.Mallocs-before.Mallocs)/decided), figure(float64(after.TotalAlloc-before.TotalAlloc)/decided)
	for i := range rounds {
		env := busyEnvironment(i)
		began := time.Now()
		for n := range count {
			ruleKinds[n%len(ruleKinds)].inGo(env, n+1)
		}
		plain = append(plain, float64(milliseconds(time.Since(began))))
	}
	slices.Sort(took)
	r.Decision, r.DecisionP99, r.InGo = figure(median(took)), figure(took[len(took)*99/100]), figure(median(plain))
	r.Ratio = r.Decision / r.InGo
	if r.Worst, err = worstCondition(schema); err != nil {
		return r, err
	}
	r.Met = r.Decision <= decisionAim && r.Worst <= worstAim
	return r, nil
}

func milliseconds(d time.Duration) figure { return figure(d.Seconds() * 1000) }

// busyEnvironment is a customer of whom much is known; the text is new each time, as a new message's is.
func busyEnvironment(i int) *condition.Environment {
	return &condition.Environment{
		Now:     time.Now(),
		Contact: condition.Contact{Name: "Élise", Country: "FR", Language: "fr", Attributes: map[string]any{"tier": "gold"}},
		Conversation: condition.Conversation{
			ID: "c", Status: "open", Priority: "normal", InboundCount: 3, WaitingMinutes: 12, Labels: []string{"vip", "label 7", "returns"},
		},
		Hours: condition.Hours{Open: true}, Window: condition.Window{Open: true},
		Message: condition.Message{Text: fmt.Sprintf("Bonjour, où est ma commande numéro %d ? Je l'attends depuis lundi.", i), Kind: "text"},
	}
}

func decideOnce(set *rules.Set, i int) conversation.Decision {
	env := busyEnvironment(i)
	policy := set.NewPolicy(rules.Facts{AccountID: "a", ContactID: "p", Env: env}, nil)
	now := time.Now()
	e := conversation.InputEvent{
		Event:   conversation.Event{Seq: int64(i + 1), Kind: conversation.EventMessageReceived, At: now},
		Content: &conversation.Content{Kind: conversation.KindText, Text: env.Message.Text},
	}
	policy.Begin([]conversation.InputEvent{e})
	return policy.OnEvent(conversation.State{Status: conversation.StatusOpen, Window: conversation.Window{From: now}}, e, now)
}

// worstCondition returns the longest that one of the most expensive conditions takes that are accepted, on the longest message.
func worstCondition(schema condition.Schema) (figure, error) {
	env := busyEnvironment(0)
	env.Message.Text = strings.Repeat("éà", 2048)
	worst := figure(0)
	for _, build := range []func(n int) string{
		func(n int) string { return repeated(n, `mentions(message.text, "word%d other")`, " or ") },
		func(n int) string { return repeated(n, `contains_text(message.text, "éàx%d")`, " or ") },
		func(n int) string { return repeated(n, `message.text matches "(é+à*)+x%d"`, " or ") },
		func(n int) string { return repeated(n, `any(conversation.labels, starts_with_text(#, "l%d"))`, " or ") },
	} {
		c, err := mostAccepted(build, schema)
		if err != nil {
			return 0, err
		}
		best := figure(1e9)
		for range 5 { // the least of some: what the machine does besides is not the condition's
			fresh := env.Clone()
			began := time.Now()
			if _, err := c.Eval(fresh); err != nil {
				return 0, err
			}
			best = min(best, milliseconds(time.Since(began)))
		}
		worst = max(worst, best)
	}
	return worst, nil
}

func repeated(n int, one, between string) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = fmt.Sprintf(one, i)
	}
	return strings.Join(parts, between)
}

// mostAccepted compiles the longest condition of a kind that is accepted.
func mostAccepted(build func(n int) string, schema condition.Schema) (*condition.Condition, error) {
	var last *condition.Condition
	for n := 1; ; n++ {
		c, err := condition.Compile(build(n), schema)
		if err != nil && last == nil {
			return nil, err
		}
		if err != nil {
			return last, nil //nolint:nilerr // one more is too much, which was to be found out
		}
		last = c
	}
}

// markdown is the document's section.
func (r rulesResult) markdown() string {
	return fmt.Sprintf("## Rules\n\nOne message on which %d rules with a condition each are asked, %d of which match and act; beside them the same conditions\n"+
		"written in Go, without folding accents. The worst condition is the longest that is accepted, of several kinds, on a message\n"+
		"of 4,096 characters.\n\n| what | figure | aim |\n|---|---|---|\n| one decision, median | %.2f ms | ≤ %.2g ms |\n| one decision, 99th percentile | %.2f ms | |\n"+
		"| allocations in a decision | %.0f (%.0f KB) | |\n| the conditions in Go | %.3f ms | |\n| compiling all | %.0f ms | |\n| worst condition | %.1f ms | ≤ %.2g ms |\n",
		r.Rules, r.Matched, r.Decision, r.DecisionAim, r.DecisionP99, r.Allocations, r.Bytes/1000, r.InGo, r.Compile, r.Worst, r.WorstAim)
}
