package rules

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/language"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/rules/condition"
)

// References are what rules may refer to.
type References struct {
	Accounts, Agents, Teams, Labels map[string]bool // by id
	Schema                          condition.Schema
	// Open takes every reference and every attribute to exist: for a definition that is checked away from the office.
	Open bool
}

// Flaw is something wrong with a definition. Line and Column are those within a condition, from 1.
type Flaw struct {
	Field   string `json:"field" doc:"Where, as rules[2].then[0].label_id"`
	Message string `json:"message"`
	Line    int    `json:"line,omitempty" doc:"Within a condition, from 1"`
	Column  int    `json:"column,omitempty" doc:"Within a condition, from 1, in characters"`
	Hint    string `json:"hint,omitempty"`
}

// checker collects problems.
type checker struct {
	refs     References
	problems []Flaw
}

// Check returns everything that is wrong with a definition: what it refers to that does not exist, conditions that cannot be
// worked out, values out of range. Nothing with a problem may be published.
func Check(d Edition, refs References) []Flaw {
	c := &checker{refs: refs}
	if len(d.Rules) > maxRules {
		c.add("rules", "must be at most %d", maxRules)
	}
	ids := make(map[string]bool)
	for i, r := range d.Rules[:min(len(d.Rules), maxRules)] {
		field := fmt.Sprintf("rules[%d]", i)
		c.rule(field, r)
		if ids[r.ID] {
			c.add(field+".id", "is the id of another rule too")
		}
		ids[r.ID] = true
	}
	for _, account := range slices.Sorted(maps.Keys(d.Replies)) {
		c.replies("replies."+account, account, d.Replies[account])
	}
	for _, fault := range d.OptOut.Faults() {
		c.fail("opt_out.", fault)
	}
	for _, l := range slices.Sorted(maps.Keys(d.OptOut.Confirmation)) {
		c.language("opt_out.confirmation."+l, l)
	}
	c.within("limits.pause_seconds", d.Limits.PauseSeconds, 0, 24*3600)
	c.within("limits.per_day", d.Limits.PerDay, 0, 1000)
	return c.problems
}

func (c *checker) add(field, format string, args ...any) {
	c.problems = append(c.problems, Flaw{Field: field, Message: fmt.Sprintf(format, args...)})
}

// fail adds what an error says of a field below.
func (c *checker) fail(below string, err error) {
	var e *conversation.Error
	if errors.As(err, &e) {
		c.problems = append(c.problems, Flaw{Field: below + e.Field, Message: e.Message})
		return
	}
	c.problems = append(c.problems, Flaw{Field: strings.TrimSuffix(below, "."), Message: err.Error()})
}

func (c *checker) within(field string, n, low, high int) {
	if n < low || n > high {
		c.add(field, "must be %d to %d", low, high)
	}
}

func (c *checker) language(field, l string) {
	if _, err := language.Parse(l); err != nil {
		c.add(field, "%q is no language; write fr or pt-BR", l)
	}
}

func (c *checker) rule(field string, r Rule) {
	if r.ID == "" || len(r.ID) > 100 || strings.HasPrefix(r.ID, "reply/") {
		c.add(field+".id", "must have 1 to 100 bytes and not begin with reply/")
	}
	if strings.TrimSpace(r.Name) == "" || utf8.RuneCountInString(r.Name) > maxName || !utf8.ValidString(r.Name) {
		c.add(field+".name", "must have 1 to %d characters", maxName)
	}
	c.when(field, r)
	c.expression(field+".if", r.If)
	if len(r.AccountIDs) > maxAccounts {
		c.add(field+".account_ids", "must be at most %d", maxAccounts)
	}
	for i, id := range r.AccountIDs {
		c.reference(fmt.Sprintf("%s.account_ids[%d]", field, i), "account", id, c.refs.Accounts)
	}
	if !slices.Contains(Onces(), r.Once) {
		c.add(field+".once", "must be one of %v, or left out", Onces()[1:])
	}
	if len(r.Then) == 0 || len(r.Then) > maxActions {
		c.add(field+".then", "must have 1 to %d actions", maxActions)
	}
	for i, a := range r.Then {
		c.action(fmt.Sprintf("%s.then[%d]", field, i), a)
	}
}

func (c *checker) when(field string, r Rule) {
	switch {
	case !slices.Contains(Triggers(), r.When):
		c.add(field+".when", "must be one of %v", Triggers())
	case !r.When.Timed() && (r.AfterSeconds != 0 || r.BusinessTime):
		c.add(field+".after_seconds", "only customer_waiting and window_closing have a time")
	case r.When == OnWaiting:
		c.within(field+".after_seconds", r.AfterSeconds, 1, longestTime)
	case r.When == OnWindowClosing:
		c.within(field+".after_seconds", r.AfterSeconds, 60, longestWindowLead)
		if r.BusinessTime {
			c.add(field+".business_time", "a window ends by the clock")
		}
	}
}

func (c *checker) expression(field, source string) {
	if strings.TrimSpace(source) == "" {
		return
	}
	var err error
	if c.refs.Open {
		err = condition.CheckOpen(source, c.refs.Schema)
	} else {
		_, err = condition.Compile(source, c.refs.Schema)
	}
	if err == nil {
		return
	}
	p := Flaw{Field: field, Message: err.Error()}
	var wrong *condition.Error
	if errors.As(err, &wrong) {
		p.Message, p.Line, p.Column, p.Hint = wrong.Message, wrong.Line, wrong.Column, wrong.Hint
	}
	c.problems = append(c.problems, p)
}

func (c *checker) reference(field, what, id string, known map[string]bool) {
	if !known[id] && (id == "" || !c.refs.Open) {
		c.add(field, "must be the id of an existing %s", what)
	}
}

func (c *checker) replies(field, account string, r Replies) {
	c.reference(field, "account", account, c.refs.Accounts)
	c.within(field+".quiet_minutes", r.QuietMinutes, 0, 7*24*60)
	for _, form := range []struct {
		name  string
		reply *Reply
	}{{"out_of_hours", r.OutOfHours}, {"first_contact", r.FirstContact}, {"always", r.Always}} {
		if form.reply == nil {
			continue
		}
		at := field + "." + form.name
		if !slices.Contains(Onces(), form.reply.Once) {
			c.add(at+".once", "must be one of %v, or left out", Onces()[1:])
		}
		c.texts(at, form.reply.Text, form.reply.Texts)
	}
}
