package app_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/internal/testkit"
	"guichet.dev/guichet/simulator"
)

// A customer writes, and what admins published answers, labels, waits and explains itself; STOP ends everything but its
// confirmation.
func TestAutomation(t *testing.T) {
	t.Parallel()
	d := open(t, setup{rules: map[string]any{"rules": []any{
		map[string]any{
			"id": "price", "name": "Prices", "when": "message_received", "if": `mentions(message.text, "price", "prix")`,
			"then": []any{map[string]any{"do": "reply", "text": "Hello {{contact.first_name|you}}", "texts": map[string]any{"fr": "Bonjour {{contact.first_name|à vous}}"}}, map[string]any{"do": "set_priority", "priority": "high"}},
		},
		map[string]any{
			"id": "wait", "name": "Nobody answers", "when": "customer_waiting", "after_seconds": 3600,
			"then": []any{map[string]any{"do": "reply", "text": "Sorry for the wait"}},
		},
	}}})
	const phone = "33612345678"
	_, err := d.sim.PutCustomer(t.Context(), simulator.Customer{Phone: phone, Name: "Élise Laurent"})
	d.fatal(err)
	d.say(phone, "Quel est le PRÍX ?")
	id := d.find(phone)
	if got := d.phone(phone, 1); got[0] != "Hello Élise" {
		t.Errorf("answered %q", got)
	}
	d.until(id, "urgent", func(c inbox.Conversation) bool { return c.Priority == conversation.PriorityHigh })
	var next struct {
		Items []struct{ Kind, Rule string }
	}
	d.must(http.MethodGet, "/api/v1/conversations/"+id+"/next", nil, &next)
	if len(next.Items) != 3 || next.Items[0].Rule != "Nobody answers" {
		t.Errorf("next %+v", next)
	}
	d.advance(time.Hour)
	if got := d.phone(phone, 2); got[1] != "Sorry for the wait" {
		t.Errorf("after an hour %q", got)
	}
	d.say(phone, "STOP")
	if got := d.phone(phone, 3); !strings.Contains(got[2], "START") {
		t.Errorf("after STOP %q", got)
	}
	var why struct {
		Items []struct {
			Trigger string
			Version int
			Rules   []struct{ Name, Result string }
		}
	}
	testkit.Eventually(t, patience, func() error {
		d.must(http.MethodGet, "/api/v1/conversations/"+id+"/decisions", nil, &why)
		return nil
	})
	told := ""
	for _, e := range why.Items {
		for _, r := range e.Rules {
			told += e.Trigger + ":" + r.Name + "=" + r.Result + " "
		}
	}
	if !strings.Contains(told, "message_received:Prices=matched") || !strings.Contains(told, "rule_waiting:Nobody answers=matched") {
		t.Errorf("why: %s", told)
	}
	if got := d.metrics(`guichet_rules_total{result="matched",trigger="message_received"}`); len(got) != 1 || !strings.HasSuffix(got[0], " 1") {
		t.Errorf("metrics %q", got)
	}
}
