package rules_test

import (
	"testing"
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/hours"
	"guichet.dev/guichet/rules"
	"guichet.dev/guichet/rules/condition"
)

// noon is a Monday, while business hours are open.
var noon = time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)

var schema = condition.Schema{"tier": {Type: condition.ListAttribute, Options: []string{"gold", "basic"}}, "orders": {Type: condition.NumberAttribute}}

// set compiles rules under a version that was published an hour before noon.
func set(t *testing.T, version int, list ...rules.Rule) *rules.Set {
	t.Helper()
	return publish(t, rules.Published{Version: version, At: noon.Add(-time.Hour), Definition: rules.Edition{Rules: list}})
}

func publish(t *testing.T, p rules.Published) *rules.Set {
	t.Helper()
	s, err := rules.Compile(p, schema, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// rule answers messages.
func rule(id, condition string, then ...conversation.RuleAction) rules.Rule {
	if len(then) == 0 {
		then = []conversation.RuleAction{say("hello from " + id)}
	}
	return rules.Rule{ID: id, Name: "rule " + id, When: rules.OnMessage, If: condition, Then: then}
}

func say(text string) conversation.RuleAction {
	return conversation.RuleAction{Do: conversation.ActReply, Text: text}
}

func label(id string) conversation.RuleAction {
	return conversation.RuleAction{Do: conversation.ActAddLabel, LabelID: id}
}

// facts are those of a customer who is known, on an account that is open.
func facts() rules.Facts {
	return rules.Facts{
		AccountID: "shop", ContactID: "ana",
		Env: &condition.Environment{
			Now:          noon,
			Contact:      condition.Contact{Name: "Ana Pop", Language: "ro", Phone: "+40712345678", Country: "RO", Attributes: map[string]any{"tier": "gold"}},
			Conversation: condition.Conversation{ID: "c1", Status: "open", Channel: "whatsapp", Priority: "normal", OpenedAt: noon, MinutesSinceAgent: 1e9},
			Account:      condition.Account{ID: "shop", Name: "Shop"},
			Hours:        condition.Hours{Open: true},
			Window:       condition.Window{Open: true},
			Consent:      condition.Consent{All: "unknown", Marketing: "unknown"},
		},
		LabelNames: map[string]string{"l1": "refund", "l2": "urgent"},
	}
}

// office is open on weekdays from nine to five, in Bucharest.
func office(t *testing.T) *hours.Hours {
	t.Helper()
	day := []hours.Interval{{From: "09:00", To: "17:00"}}
	h, err := hours.Compile(hours.Calendar{TimeZone: "Europe/Bucharest", Week: hours.Week{Monday: day, Tuesday: day, Wednesday: day, Thursday: day, Friday: day}})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// state is a conversation in which the customer just wrote.
func state() conversation.State {
	return conversation.State{Status: conversation.StatusOpen, Window: conversation.Window{From: noon}, WaitingSince: noon, LastActivityAt: noon}
}

func message(seq int64, text string) conversation.InputEvent {
	return conversation.InputEvent{
		Event:   conversation.Event{Seq: seq, Kind: conversation.EventMessageReceived, At: noon, Data: conversation.EventData{MessageID: "m", MessageKind: conversation.KindText}},
		Content: &conversation.Content{Kind: conversation.KindText, Text: text},
	}
}

func event(seq int64, kind conversation.EventKind) conversation.InputEvent {
	return conversation.InputEvent{Event: conversation.Event{Seq: seq, Kind: kind, At: noon}}
}

// decide asks a policy about events, one after the other, at noon.
func decide(p *rules.Policy, events ...conversation.InputEvent) []conversation.Decision {
	p.Begin(events)
	var all []conversation.Decision
	for _, e := range events {
		all = append(all, p.OnEvent(state(), e, noon))
	}
	return all
}

// letters and outcomes put decisions into short words.
func letters(all ...conversation.Decision) string {
	s := ""
	for _, d := range all {
		s += d.Rules + " "
	}
	return s[:max(0, len(s)-1)]
}

func outcomes(all ...conversation.Decision) (list []string) {
	for _, d := range all {
		for _, e := range d.Effects {
			word := string(e.Action.Do)
			if e.Outcome != "" {
				word += "=" + e.Outcome
			}
			list = append(list, word)
		}
	}
	return list
}
