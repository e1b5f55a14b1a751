package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/optout"
	"guichet.dev/guichet/rules/condition"
)

// Published is a definition with the version under which it was published.
type Published struct {
	Definition Edition
	Version    int
	At         time.Time // when it was published; a wait that was over by then is not made up for
	// MovedFrom is the newest version whose publication moved the deadlines that were armed before: those armed under older
	// ones count by this version.
	MovedFrom int
}

// Set is one published version of the rules, ready to decide. It may be used concurrently.
type Set struct {
	version   int
	at        time.Time
	movedFrom int
	limits    Limits
	rules     []compiled
	byTrigger map[Trigger]group
	labelIDs  []string // that actions are about
	detector  *optout.Detector
	optOut    optout.Policy
}

// group is the rules of one trigger.
type group struct {
	rules  []int   // places in the set, in order
	inputs []input // what their conditions look at
}

// input is a value that conditions look at.
type input struct {
	path     string
	personal bool // stands with the message or the contact, and is not kept elsewhere
}

// compiled is a rule with its condition.
type compiled struct {
	Rule
	condition *condition.Condition // nil: always
	accounts  map[string]bool      // nil: all
}

func (c *compiled) appliesTo(accountID string) bool {
	return !c.Off && (c.accounts == nil || c.accounts[accountID])
}

// Compile makes a set of a definition. The error is that of the first thing that Check would complain of and that keeps the
// set from working; references to what does not exist any more do not.
func Compile(p Published, schema condition.Schema, classifier optout.Classifier) (*Set, error) {
	detector, err := optout.New(p.Definition.OptOut, classifier)
	if err != nil {
		return nil, err
	}
	s := &Set{
		version: p.Version, at: p.At, movedFrom: p.MovedFrom, limits: p.Definition.Limits, byTrigger: make(map[Trigger]group), labelIDs: []string{},
		detector: detector, optOut: p.Definition.OptOut,
	}
	if s.limits.PauseSeconds == 0 {
		s.limits.PauseSeconds = defaultPause
	}
	if s.limits.PerDay == 0 {
		s.limits.PerDay = defaultPerDay
	}
	for i, r := range p.Definition.all() {
		c := compiled{Rule: r}
		if strings.TrimSpace(r.If) != "" {
			if c.condition, err = condition.Compile(r.If, schema); err != nil {
				return nil, fmt.Errorf("rule %d: %w", i, err)
			}
		}
		for _, id := range r.AccountIDs {
			if c.accounts == nil {
				c.accounts = make(map[string]bool)
			}
			c.accounts[id] = true
		}
		s.rules = append(s.rules, c)
		for _, a := range r.Then {
			if a.LabelID != "" {
				s.labelIDs = append(s.labelIDs, a.LabelID)
			}
		}
		s.enter(i, c, schema)
	}
	return s, nil
}

// enter puts a rule into the group of its trigger.
func (s *Set) enter(place int, c compiled, schema condition.Schema) {
	if c.Off {
		return
	}
	g := s.byTrigger[c.When]
	g.rules = append(g.rules, place)
	if c.condition != nil {
		for _, path := range c.condition.Inputs() {
			if in := (input{path, schema.Personal(path)}); !slices.Contains(g.inputs, in) {
				g.inputs = append(g.inputs, in)
			}
		}
	}
	s.byTrigger[c.When] = g
}

// all returns the rules with those that the forms of automatic replies stand for: they come last.
func (d Edition) all() []Rule { return append(slices.Clone(d.Rules), replyRules(d.Replies)...) }

// Version is the number under which the set was published, 0 for the one of a new installation.
func (s *Set) Version() int { return s.version }

// Examine looks for what a message says about being contacted.
func (s *Set) Examine(c conversation.Content) conversation.Finding { return s.detector.Examine(c) }

// OptOut returns what is decided about wishes to be left alone.
func (s *Set) OptOut() optout.Policy { return s.optOut }

// Rules returns the rules in the order of Decision.Rules.
func (s *Set) Rules() []Rule {
	list := make([]Rule, len(s.rules))
	for i, r := range s.rules {
		list[i] = r.Rule
	}
	return list
}

// Name returns the name of a rule, empty if the set has none with the id.
func (s *Set) Name(ruleID string) string {
	for _, r := range s.rules {
		if r.ID == ruleID {
			return r.Name
		}
	}
	return ""
}

// LabelIDs returns the labels that actions are about.
func (s *Set) LabelIDs() []string {
	return slices.Clone(s.labelIDs)
}

// HasRules reports whether the set has rules for an account.
func (s *Set) HasRules(accountID string) bool {
	return slices.ContainsFunc(s.rules, func(c compiled) bool { return c.appliesTo(accountID) })
}
