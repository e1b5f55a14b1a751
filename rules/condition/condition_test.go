package condition_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"guichet.dev/guichet/contacts"
	"guichet.dev/guichet/rules/condition"
)

var schema = condition.Schema{
	"tier":    {Type: condition.ListAttribute, Options: []string{"gold", "silver"}},
	"age":     {Type: condition.NumberAttribute},
	"renewal": {Type: condition.DateAttribute},
	"trusted": {Type: condition.BooleanAttribute},
	"city":    {Type: condition.TextAttribute},
	"site":    {Type: condition.URLAttribute},
	"missing": {Type: condition.TextAttribute},
	"since":   {Type: condition.DateAttribute},
	"debts":   {Type: condition.NumberAttribute},
	"banned":  {Type: condition.BooleanAttribute},
}

// sample is a Friday evening in Paris.
func sample(t testing.TB) *condition.Environment {
	t.Helper()
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 20, 19, 30, 0, 0, paris)
	return &condition.Environment{
		Trigger: "message_received", Now: now, Label: "Refund",
		Message: condition.Message{
			Text: "Bonjour, je veux un REMBOURSÉMENT\nde la commande #42. L'hôtel était 退款!", Kind: "text", At: now.Add(-90 * time.Second),
			Language: "fr", HasMedia: true, Late: true, Automatic: true,
		},
		Contact: condition.Contact{
			Name: "Lia Țurcan", Language: "pt-BR", Phone: "+33612345678", Email: "Lia@Example.com", Country: "FR", Blocked: true,
			Tags: []string{"VIP", "b2b-paris"}, Attributes: map[string]any{
				"tier": "gold", "age": 41.0, "renewal": "2026-11-27", "trusted": true, "city": "Iași", "site": "https://example.com",
			},
		},
		Conversation: condition.Conversation{
			ID: "c1", Status: "open", Channel: "whatsapp", Labels: []string{"Refund", "vip-gold", "Café!"}, Priority: "high", Assigned: true,
			OpenedAt: now.Add(-150 * time.Minute), FirstContact: true, Reopened: true, InboundCount: 5, WaitingMinutes: 31.5,
			WaitingBusinessMinutes: 16, MinutesSinceAgent: 12, Answered: true,
		},
		Account: condition.Account{ID: "a1", Name: "Shop France", Channel: "email"},
		Team:    condition.Team{ID: "t1", Name: "Billing"}, Agent: condition.Agent{ID: "g1", Name: "Lia", Online: true},
		Hours: condition.Hours{
			Open: true, NextOpening: now.Add(61 * time.Hour), NextClosing: now.Add(10 * time.Minute), Holiday: "Toussaint",
		},
		Window:  condition.Window{Open: true, MinutesLeft: 59, ClosesAt: now.Add(59 * time.Minute)},
		Consent: condition.Consent{All: "opted_in", Marketing: "opted_out"},
	}
}

func compile(t testing.TB, source string) *condition.Condition {
	t.Helper()
	c, err := condition.Compile(source, schema)
	if err != nil {
		t.Fatalf("%s: %v", source, err)
	}
	return c
}

func holds(t testing.TB, source string, env *condition.Environment) bool {
	t.Helper()
	result, err := compile(t, source).Eval(env)
	if err != nil {
		t.Fatalf("%s: %v", source, err)
	}
	return result
}

// check evaluates one condition a line: those with a - before them do not hold.
func check(t *testing.T, env *condition.Environment, lines string) {
	t.Helper()
	for line := range strings.Lines(lines) {
		line = strings.TrimSpace(line)
		source, no := strings.CutPrefix(line, "- ")
		if source == "" {
			continue
		}
		if got := holds(t, source, env); got == no {
			t.Errorf("%s: %v", source, got)
		}
	}
}

const allFields = `
	trigger == "message_received"
	now == now
	message.text matches "^Bonjour"
	message.kind == "text"
	message.late
	message.automatic
	minutes_since(message.at) == 1.5
	message.has_media
	message.language == "fr"
	contact.name == "Lia Țurcan"
	contact.language == "pt-BR"
	contact.phone == "+33612345678"
	contact.email == "Lia@Example.com"
	contact.country == "FR"
	contact.blocked
	"VIP" in contact.tags
	contact.attributes.tier == "gold"
	contact["attributes"]["age"] == 41
	contact.attributes.trusted
	contact.attributes.city == "Iași"
	contact.attributes.site == "https://example.com"
	conversation.id == "c1"
	conversation.status == "open"
	conversation.channel == "whatsapp"
	len(conversation.labels) == 3
	conversation.priority == "high"
	conversation.assigned
	hours_since(conversation.opened_at) == 2.5
	conversation.first_contact
	conversation.reopened
	conversation.inbound_count == 5
	conversation.waiting_minutes == 31.5
	conversation.waiting_business_minutes == 16
	conversation.minutes_since_agent == 12
	conversation.answered
	account.id == "a1" and account.name == "Shop France" and account.channel == "email"
	team.id == "t1" and team.name == "Billing"
	agent.id == "g1" and agent.name == "Lia" and agent.online
	hours.open
	hours_until(hours.next_opening) == 61
	minutes_until(hours.next_closing) == 10
	hours.holiday == "Toussaint"
	window.open
	window.minutes_left == 59
	window.closes_at > now
	consent.all == "opted_in"
	consent.marketing == "opted_out"
	label == "Refund"
`

func TestFieldsAreSeen(t *testing.T) {
	t.Parallel()
	check(t, sample(t), allFields)
	for _, f := range condition.Fields() {
		if f.Path != "contact.attributes" && !strings.Contains(allFields, f.Path) {
			t.Errorf("%s is not tried", f.Path)
		}
	}
}

func TestEvaluationsRunAtTheSameTime(t *testing.T) {
	t.Parallel()
	env, c := sample(t), compile(t, `mentions(message.text, "remboursement") and has_label("refund") and any(contact.tags, is_text(#, "vip"))`)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				if ok, err := c.Eval(env); !ok || err != nil {
					t.Error(ok, err)
				}
			}
		})
	}
	group.Wait()
}

func TestInputsAreNamed(t *testing.T) {
	t.Parallel()
	c := compile(t, `has_label("x") or contact.attributes.age > 3 and days_since(contact.attributes.renewal) > 1 or is_known(contact.email)`)
	want := []string{"contact.attributes.age", "contact.attributes.renewal", "contact.email", "conversation.labels", "now"}
	if got := c.Inputs(); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	for path, want := range map[string]bool{"contact": true, "contact.attributes": true, "conversation": true, "message": false, "contact.e": false, "now": true} {
		if c.Uses(path) != want {
			t.Errorf("%s: %v", path, !want)
		}
	}
}

func TestValuesAreShown(t *testing.T) {
	t.Parallel()
	env := sample(t)
	for path, want := range map[string]any{
		"contact.country": "FR", "conversation.inbound_count": 5, "contact.attributes.age": 41.0, "hours.open": true, "message.text": env.Message.Text,
	} {
		if got, ok := env.Value(path); !ok || got != want {
			t.Errorf("%s: %v, %v", path, got, ok)
		}
	}
	for _, path := range []string{"contact.attributes.debts", "contact", "", "once", "nothing.here"} {
		if got, ok := env.Value(path); ok {
			t.Errorf("%s: %v", path, got)
		}
	}
}

func TestPersonalValuesAreMarked(t *testing.T) {
	t.Parallel()
	var personal []string
	for _, f := range condition.Fields() {
		if f.Personal != schema.Personal(f.Path) {
			t.Errorf("%s: %v", f.Path, f.Personal)
		}
		if f.Personal {
			personal = append(personal, f.Path)
		}
	}
	want := []string{"message.text", "contact.name", "contact.phone", "contact.email", "contact.attributes"}
	if !slices.Equal(personal, want) {
		t.Errorf("%q", personal)
	}
	for key, want := range map[string]bool{"tier": false, "age": false, "trusted": false, "renewal": true, "city": true, "site": true, "unheard": true} {
		if schema.Personal("contact.attributes."+key) != want {
			t.Errorf("%s: %v", key, !want)
		}
	}
}

func TestAttributeTypesAreThoseOfContacts(t *testing.T) {
	t.Parallel()
	var types []string
	for _, kind := range contacts.AttributeTypes() {
		types = append(types, string(kind))
	}
	want := []condition.AttributeType{
		condition.TextAttribute, condition.NumberAttribute, condition.BooleanAttribute, condition.DateAttribute, condition.ListAttribute,
		condition.URLAttribute,
	}
	if len(types) != len(want) {
		t.Errorf("%q", types)
	}
	for _, kind := range want {
		if !slices.Contains(types, string(kind)) {
			t.Errorf("contacts have no %s", kind)
		}
	}
}

func TestCloneMayBeChanged(t *testing.T) {
	t.Parallel()
	env := sample(t)
	before := holds(t, `has_label("added")`, env)
	next := env.Clone()
	next.Conversation.Labels = append(next.Conversation.Labels, "added")
	next.Contact.Attributes["age"] = 1.0
	if before || !holds(t, `has_label("added") and contact.attributes.age == 1`, next) || !holds(t, `contact.attributes.age == 41`, env) {
		t.Error("a clone does not see its own change, or the original does")
	}
}
