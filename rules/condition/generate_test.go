package condition_test

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"guichet.dev/guichet/rules/condition"
)

// generator writes conditions at random that are right in all but, perhaps, their length and cost.
type generator struct {
	r     *rand.Rand
	parts int  // how many more may be written
	item  bool // whether # may be used
}

func (g *generator) one(of ...string) string { return of[g.r.IntN(len(of))] }

func (g *generator) boolean() string {
	g.parts--
	if g.parts <= 0 {
		return g.one("hours.open", "contact.attributes.trusted", "false", "window.open")
	}
	switch g.r.IntN(13) {
	case 0, 1, 2:
		return "(" + g.boolean() + g.one(" or ", " and ") + g.boolean() + ")"
	case 3:
		return "not " + "(" + g.boolean() + ")"
	case 4:
		return g.text() + g.one(" == ", " != ") + g.text()
	case 5:
		return g.number() + g.one(" < ", " >= ", " == ") + g.number()
	case 6:
		return g.moment() + g.one(" < ", " > ", " == ") + g.moment()
	case 7:
		return g.text() + ` in ["FR", "BE", "gold"]`
	case 8:
		return g.text() + " matches " + g.pattern()
	case 9:
		return g.one("mentions", "contains_text", "starts_with_text", "is_text") + "(" + g.text() + ", " + g.phrases() + ")"
	case 10:
		return g.one("has_label", "has_tag") + "(" + g.phrases() + ")"
	case 11:
		return "is_known(" + g.one("contact.email", "contact.attributes.age", "window.closes_at") + ")"
	default:
		return g.quantifier(g.one("any", "all", "none", "one"))
	}
}

func (g *generator) quantifier(name string) string {
	if g.item {
		return "hours.open"
	}
	g.item = true
	defer func() { g.item = false }()
	return name + "(" + g.one("conversation.labels", "contact.tags", `["a", "bb", "ccc"]`) + ", " + g.boolean() + ")"
}

func (g *generator) text() string {
	g.parts--
	if g.item && g.r.IntN(3) == 0 {
		return "#"
	}
	if g.parts > 0 && g.r.IntN(3) == 0 {
		return g.one("lower", "upper", "trim") + "(" + g.text() + ")"
	}
	if g.parts > 0 && g.r.IntN(9) == 0 {
		return "(" + g.boolean() + " ? " + g.text() + " : " + g.text() + ")"
	}
	return g.one("message.text", "message.text", "contact.name", "contact.attributes.city", `"FR"`, "account.name", "phone_country(contact.phone)")
}

func (g *generator) number() string {
	g.parts--
	if g.parts <= 0 {
		return g.one("5", "2.5", "conversation.inbound_count")
	}
	switch g.r.IntN(6) {
	case 0:
		return "(" + g.number() + g.one(" + ", " - ", " * ", " / ") + g.number() + ")"
	case 1:
		return "len(" + g.text() + ")"
	case 2:
		return g.one("minutes_since", "days_since", "hours_until", "days_until", "hour") + "(" + g.moment() + ")"
	case 3:
		return "-" + g.number()
	case 4:
		return g.one("contact.attributes.age", "conversation.waiting_minutes")
	default:
		if g.item {
			return "7"
		}
		return g.quantifier("count")
	}
}

func (g *generator) moment() string {
	return g.one("now", "message.at", "window.closes_at", `date("2026-01-31")`, "contact.attributes.renewal")
}

func (g *generator) pattern() string {
	return g.one(`"a+b"`, `"(?i)(a|aa|é)+$x"`, fmt.Sprintf(`"(?:[^x]?){%d}y"`, 1+g.r.IntN(40)), `"\\pL+\\s*[^\\pL]x"`, `"[0-9]{5,8}"`, `"(.*)(.*)(.*)z"`)
}

func (g *generator) phrases() string {
	list := make([]string, 1+g.r.IntN(30))
	for i := range list {
		list[i] = g.one(`"aaaaaaaaab"`, `"退 退 迀"`, `"é b"`, `"`+strings.Repeat("a", 150)+`b"`, `"refund"`)
	}
	return strings.Join(list, ", ")
}

// worstTexts are characters that cost most for one operation or other.
var worstTexts = []string{"a", "é", "aaaa ", "𝖆.", "退", "ก", "\xff", "ᾂ", "ё", "\u2003x", "ab"}

// worst is an environment in which everything is as long as it is looked at, and longer.
func worst(unit string) *condition.Environment {
	long := strings.Repeat(unit, 5000)
	list := make([]string, 120)
	for i := range list {
		list[i] = strings.Repeat(unit, 120)
	}
	env := &condition.Environment{}
	env.Message.Text, env.Contact.Name, env.Account.Name = long, long, long
	env.Contact.Phone = "+33612345678"
	env.Contact.Tags, env.Conversation.Labels = list, list
	env.Contact.Attributes = map[string]any{"city": long, "age": 41.0, "renewal": "2026-11-27"}
	return env
}

// atLimit joins as many units with or as are accepted.
func atLimit(units func(i int) string) string {
	accepted := "false"
	for n := 1; n < 300; n++ {
		var all []string
		for i := range n {
			all = append(all, units(i))
		}
		source := strings.Join(all, " or ")
		if _, err := condition.Compile(source, schema); err != nil {
			break
		}
		accepted = source
	}
	return accepted
}

// many calls a function with as many phrases as are accepted.
func many(function string, body func(phrases string) string) string {
	source := "false"
	var phrases []string
	for i := range 300 {
		phrases = append(phrases, fmt.Sprintf(`"%sb%d"`, strings.Repeat("a", 31), i))
		next := body(function + strings.Join(phrases, ", ") + ")")
		if _, err := condition.Compile(next, schema); err != nil {
			break
		}
		source = next
	}
	return source
}

// largePattern is the one with most repetitions.
func largePattern() string {
	source := "false"
	for n := range 400 {
		next := fmt.Sprintf(`message.text matches "a.{%d}[^a]"`, n)
		if _, err := condition.Compile(next, schema); err != nil {
			break
		}
		source = next
	}
	return source
}

// limits are conditions that use one operation as much as is accepted; none of their parts holds, so that all are evaluated.
func limits() map[string]string {
	same := func(unit string) string { return atLimit(func(int) string { return unit }) }
	plain := func(s string) string { return s }
	return map[string]string{
		"nodes":         same(`hours.open == true and false`),
		"attributes":    same(`contact.attributes.age > 100`),
		"times":         same(`days_since(contact.attributes.renewal) == 1`),
		"equal":         same(`message.text == contact.name`),
		"lower":         same(`lower(upper(lower(message.text))) == "x"`),
		"trim":          same(`trim(message.text) == "x"`),
		"len":           same(`len(message.text) < 0`),
		"phones":        same(`phone_country(contact.phone) == "XX"`),
		"fold":          same(`is_text(lower(message.text), "x")`),
		"mentions":      many(`mentions(message.text, `, plain),
		"contains":      many(`contains_text(message.text, `, plain),
		"labels":        many(`has_label(`, plain),
		"pattern":       same(`message.text matches "(?:[^x]?){8}y"`),
		"any nodes":     same(`any(conversation.labels, hours.open and # == "x" or # == "y" or # != # or #  == "z")`),
		"any fold":      same(`any(conversation.labels, is_text(#, "x"))`),
		"any mentions":  many(`mentions(message.text, `, func(s string) string { return `any(["a", "b", "c"], ` + s + `)` }),
		"any pattern":   same(`any(conversation.labels, # matches "(?:[^x]?){2}y")`),
		"any in":        same(`any(conversation.labels, # in contact.tags and false)`),
		"any attribute": same(`any(conversation.labels, contact.attributes.city == "x")`),
		"count numbers": same(`count(conversation.labels, hour(now) in [71, 72, 73, 74, 75, 76, 77, 78, 79]) > 200`),
		"class":         atLimit(func(int) string { return `message.text matches "[\\PN]{20}1"` }),
		"large pattern": largePattern(),
	}
}
