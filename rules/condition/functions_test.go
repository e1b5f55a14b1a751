package condition_test

import (
	"strings"
	"testing"
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/rules/condition"
)

// allFunctions is one condition a line; those with a - before them do not hold.
const allFunctions = `
	mentions(message.text, "remboursement")
	mentions(message.text, "money back", "Je   veux")
	mentions(message.text, "hotel")
	mentions(message.text, "l'hôtel")
	mentions(message.text, "42")
	mentions(message.text, "退")
	mentions(message.text, "退款")
	message.text | mentions("commande")
	mentions(lower(message.text), "bonjour")
	- mentions(message.text, "rembours")
	- mentions(message.text, "veux je")
	- mentions("", "a")
	contains_text(message.text, "rembours", "zzz")
	contains_text(message.text, "#42")
	contains_text(message.text, "remboursement de")
	contains_text(contact.name, "turcan")
	- contains_text(message.text, "# 42")
	starts_with_text(message.text, "bonj", "hello")
	- starts_with_text(message.text, "onjour")
	is_text(contact.email, "LIA@EXAMPLE.COM")
	is_text(" Yes!! 👍", "no", "yes")
	- is_text("yes please", "yes")
	lower(contact.country) == "fr"
	upper("é") == "É"
	trim("  1 ") == "1"
	len("éa") == 2
	len(conversation.labels) == 3
	len(["a", "b"]) == 2
	phone_country(contact.phone) == "FR"
	phone_country("+1 242 365 1234") == "BS"
	phone_country("") == ""
	phone_country("+33 (0)6 12-34-56-78") == "FR"
	phone_country("+33612345678                                          ") == ""
	phone_country("612345678") == ""
	phone_country("+881612345678") == ""
	is_known(contact.email)
	is_known(contact.attributes.age)
	is_known(hours.next_opening)
	- is_known(contact.attributes.missing)
	- is_known(contact.attributes.debts)
	- is_known(contact.attributes.since)
	- is_known(contact.attributes.banned)
	minutes_since(conversation.opened_at) == 150
	minutes_since(hours.next_closing) == -10
	hours_since(conversation.opened_at) == 2.5
	days_since(date("2026-11-19")) == 1
	days_since(now) == 0
	days_since(contact.attributes.renewal) == -7
	minutes_until(hours.next_closing) == 10
	hours_until(hours.next_opening) == 61
	days_until(hours.next_opening) == 3
	days_until(contact.attributes.renewal) == 7
	- days_since(contact.attributes.since) > 3
	- days_since(contact.attributes.since) < 3
	- minutes_until(contact.attributes.since) <= 0
	minutes_until(contact.attributes.since) != 0
	weekday(now) == "friday"
	weekday(hours.next_opening) == "monday"
	weekday(contact.attributes.since) == ""
	hour(now) == 19
	hour(contact.attributes.renewal) == 0
	hour(contact.attributes.since) == -1
	date("2026-11-20") < now and now < date("2026-11-21")
	contact.attributes.renewal == date("2026-11-27")
	has_label("refund")
	has_label("nothing", "cafe")
	has_label("vip gold")
	- has_label("vip")
	has_tag("vip")
	- has_tag("refund")
	any(conversation.labels, # matches "^vip-")
	any(conversation.labels, # == "Refund" and contact.country == "FR")
	any(["a", "Refund"], # in conversation.labels)
	- any(contact.tags, is_text(#, "nobody"))
	all(conversation.labels, len(#) > 3)
	- all(conversation.labels, # == "Refund")
	none(contact.tags, starts_with_text(#, "b2c"))
	one(contact.tags, starts_with_text(#, "b2b"))
	count(conversation.labels, contains_text(#, "f")) == 2
`

// operators are the rest of the language.
const operators = `
	true
	- false
	not (1 > 2)
	!hours.open or true
	hours.open && window.open || false
	1 + 2 * 3 == 7 and 7 / 2 == 3.5 and 5 - 7 == -2
	1.0 == 1 and 1 <= 1.0 and 2 != 3
	contact.country in ["BE", "FR"]
	contact.country not in ["BE", "CH"]
	conversation.inbound_count in [1, 2.5, 5]
	conversation.waiting_minutes not in [1, 2]
	"Refund" in conversation.labels
	- "refund" in conversation.labels
	hours.open == true
	(hours.open ? 5 : 30) < 6
	(hours.open ? contact.name : "x") == contact.name
	contact.phone matches "^[+]33"
	not (contact.phone matches "^[+]32")
	contact.name != ""
	contact.attributes.missing == ""
	contact.attributes.debts == 0
	- contact.attributes.banned
	not message.late or message.late // a comment
`

func TestFunctionsDoWhatTheySay(t *testing.T) {
	t.Parallel()
	check(t, sample(t), allFunctions)
	check(t, sample(t), operators)
	for _, f := range condition.Functions() {
		if !strings.Contains(allFunctions, f.Name+"(") {
			t.Errorf("%s is not tried", f.Name)
		}
	}
}

func TestExamplesCompile(t *testing.T) {
	t.Parallel()
	for _, f := range condition.Fields() {
		if !strings.Contains(f.Example, f.Path) && !strings.Contains(f.Example, "has_") {
			t.Errorf("%s: the example %s is about something else", f.Path, f.Example)
		}
		holds(t, f.Example, sample(t))
		if f.Doc == "" || !strings.HasSuffix(f.Doc, ".") || f.Type == "" {
			t.Errorf("%s is not explained", f.Path)
		}
	}
	for _, f := range condition.Functions() {
		holds(t, f.Example, sample(t))
		if !strings.Contains(f.Example, f.Name+"(") || !strings.HasPrefix(f.Signature, f.Name+"(") || !strings.HasSuffix(f.Doc, ".") {
			t.Errorf("%s is not explained", f.Name)
		}
	}
}

// An environment in which nothing is known is what a rule sees that looks for a deadline.
func TestEmptyEnvironment(t *testing.T) {
	t.Parallel()
	for _, f := range condition.Fields() {
		holds(t, f.Example, &condition.Environment{})
	}
	for _, f := range condition.Functions() {
		holds(t, f.Example, &condition.Environment{})
	}
	check(t, &condition.Environment{}, `
		- has_label("x")
		- hours_since(message.at) > 3
		- is_known(message.at)
		all(conversation.labels, false)
	`)
}

func TestDaysAreThoseOfTheCalendar(t *testing.T) {
	t.Parallel()
	env := sample(t)
	// The night in which the clocks go back has 25 hours.
	env.Now = time.Date(2026, 10, 26, 0, 30, 0, 0, env.Now.Location())
	env.Message.At = time.Date(2026, 10, 24, 22, 59, 0, 0, time.UTC)
	env.Conversation.OpenedAt = time.Date(2026, 10, 24, 21, 59, 0, 0, time.UTC)
	check(t, env, `
		days_since(message.at) == 1
		hour(message.at) == 0
		days_since(conversation.opened_at) == 2
		hour(conversation.opened_at) == 23
		weekday(conversation.opened_at) == "saturday"
	`)
}

func TestAttributesOfAnotherTypeAreMissing(t *testing.T) {
	t.Parallel()
	env := sample(t)
	env.Contact.Attributes = map[string]any{
		"tier": 5, "age": "41", "renewal": "soon", "trusted": "yes", "city": nil, "debts": 3, "since": env.Now, "site": "", "banned": 1,
	}
	check(t, env, `
		contact.attributes.tier == ""
		contact.attributes.age == 0
		- contact.attributes.trusted
		- is_known(contact.attributes.renewal)
		- is_known(contact.attributes.city)
		- is_known(contact.attributes.site)
		contact.attributes.debts == 3
		contact.attributes.since == now
	`)
}

func TestKnownValuesAreThoseOfTheDomain(t *testing.T) {
	t.Parallel()
	want := map[string]string{}
	for _, p := range conversation.Priorities() {
		want["conversation.priority"] += string(p) + " "
	}
	for _, s := range conversation.ConsentStates() {
		want["consent.all"] += string(s) + " "
		want["consent.marketing"] += string(s) + " "
	}
	for _, s := range []conversation.Status{conversation.StatusOpen, conversation.StatusSnoozed, conversation.StatusDone} {
		want["conversation.status"] += string(s) + " "
	}
	for _, k := range []conversation.MessageKind{
		conversation.KindText, conversation.KindImage, conversation.KindVideo, conversation.KindAudio, conversation.KindDocument,
		conversation.KindSticker, conversation.KindLocation, conversation.KindContacts, conversation.KindChoice, conversation.KindForm,
		conversation.KindCallPermission, conversation.KindOrder, conversation.KindSystem, conversation.KindTemplate,
		conversation.KindReaction, conversation.KindInteractive, conversation.KindUnsupported,
	} {
		want["message.kind"] += string(k) + " "
	}
	for _, f := range condition.Fields() {
		words := strings.Fields(want[f.Path])
		if len(words) != len(f.Options) {
			t.Errorf("%s: %q, want %q", f.Path, f.Options, words)
		}
		for _, word := range words {
			holds(t, f.Path+` == "`+word+`"`, sample(t))
		}
	}
}
