package condition_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"guichet.dev/guichet/rules/condition"
)

func TestCostIsBounded(t *testing.T) {
	t.Parallel()
	for name, source := range limits() {
		c := compile(t, source)
		if c.Cost() > condition.Budget || c.Cost() < 1 {
			t.Errorf("%s costs %d", name, c.Cost())
		}
		for _, unit := range []string{"a", "退"} {
			if _, err := c.Eval(worst(unit)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// What is looked at grows the cost: a part that is not paid for would be a hole in the bound.
func TestEveryPartIsPaidFor(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]string{
		{`mentions(message.text, "a")`, `mentions(message.text, "a", "b")`},
		{`is_text(contact.country, "a")`, `is_text(message.text, "a")`},
		{`message.text matches "a"`, `message.text matches "ab?c"`},
		{`message.text matches "[a-c]"`, `message.text matches "[aceghikmoqsuwy]"`},
		{`contact.country matches "a"`, `contact.attributes.city matches "a"`},
		{`lower(message.text) == "a"`, `lower(lower(message.text)) == "a"`},
		{`any(["a"], message.text matches "a")`, `any(["a", "b"], message.text matches "a")`},
		{`any(["a"], # == "a")`, `any(conversation.labels, # == "a")`},
		{`any(["a"], is_text(lower(message.text), "a"))`, `any(["a", "b"], is_text(lower(message.text), "a"))`},
		{`phone_country("x") == "FR"`, `phone_country("x") == phone_country("x")`},
		{`"x" in ["a"]`, `"x" in contact.tags`},
		{`hour(now) in [1]`, `hour(now) in [1, 2]`},
		{`has_label("a")`, `has_label("a", "b")`},
		{`len(contact.country) == 1`, `len(message.text) == 1`},
		{`(hours.open ? "a" : contact.country) matches "a"`, `(hours.open ? "a" : message.text) matches "a"`},
		{`is_known(contact.name)`, `is_known(contact.name) or hours.open`},
	} {
		less, more := compile(t, pair[0]).Cost(), compile(t, pair[1]).Cost()
		if less >= more {
			t.Errorf("%s costs %d, %s costs %d", pair[0], less, pair[1], more)
		}
	}
}

// The folding of a field is shared: a second function on it pays for its own search only.
func TestFoldingIsPaidOnce(t *testing.T) {
	t.Parallel()
	one := compile(t, `mentions(message.text, "a")`).Cost()
	two := compile(t, `mentions(message.text, "a") or contains_text(message.text, "b")`).Cost()
	if two >= 2*one {
		t.Errorf("%d, then %d", one, two)
	}
}

func TestLongTextsAreCut(t *testing.T) {
	t.Parallel()
	env := worst("é")
	env.Message.Text = strings.Repeat("é", 4096) + "z refund"
	env.Contact.Name = strings.Repeat("𝖆", 199) + "bz"
	check(t, env, `
		len(message.text) == 4096
		len(contact.name) == 200
		contact.name matches "b$"
		- mentions(message.text, "refund")
		- message.text matches "z"
		len(contact.attributes.city) == 2000
		len(conversation.labels) == 100
		all(conversation.labels, len(#) == 100)
	`)
	if len(env.Conversation.Labels) != 120 || !strings.HasSuffix(env.Message.Text, "refund") {
		t.Error("the caller's own data are changed")
	}
}

func TestGeneratedConditionsStayBelowTheBudget(t *testing.T) {
	t.Parallel()
	accepted := 0
	for seed := range uint64(500) {
		source := generated(seed)
		c, err := condition.Compile(source, schema)
		if err != nil {
			if !limited(err) {
				t.Errorf("%s: %v", source, err)
			}
			continue
		}
		accepted++
		if c.Cost() > condition.Budget {
			t.Errorf("%s costs %d", source, c.Cost())
		}
		if _, err := c.Eval(sample(t)); err != nil {
			t.Errorf("%s: %v", source, err)
		}
	}
	if accepted < 100 {
		t.Errorf("%d are accepted only", accepted)
	}
}

func generated(seed uint64) string {
	g := &generator{r: rand.New(rand.NewPCG(seed, 1)), parts: 2 + int(seed%70)}
	return g.boolean()
}

// limited tells whether a right condition was refused for its size only.
func limited(err error) bool {
	for _, limit := range []string{"too much work", "too many parts", "2000 characters"} {
		if strings.Contains(err.Error(), limit) {
			return true
		}
	}
	return false
}
