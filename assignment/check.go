package assignment

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

// Limits of a plan.
const (
	maxPolicies  = 20
	maxDays      = 365
	defaultDays  = 30
	maxTakeUp    = 24 * 3600 // seconds
	maxText      = 1000      // characters
	maxWeight    = 10
	maxEntries   = 100 // teams of a policy, attributes of an account
	maxAttribute = 100 // characters, of a key or a value
)

// clean fills in what is absent and returns the error for the first thing that is wrong in itself.
func (p *Plan) clean() error {
	p.UpdatedAt = nil
	p.Presence, p.Weight = fill(p.Presence, Online), fill(p.Weight, 1)
	if p.Policies == nil {
		p.Policies = []AssignmentPolicy{}
	}
	switch {
	case len(p.Policies) > maxPolicies:
		return conversation.Invalid("policies", "must be at most %d", maxPolicies)
	case !slices.Contains(Presences(), p.Presence):
		return conversation.Invalid("presence", "must be one of %v", Presences())
	case p.Weight < 1 || p.Weight > maxWeight:
		return conversation.Invalid("weight", "must be 1 to %d", maxWeight)
	case !entries(p.Attributes):
		return conversation.Invalid("attributes", "must be at most %d, each with 1 to %d characters", maxEntries, maxAttribute)
	}
	if err := p.Offer.clean(); err != nil {
		return err
	}
	for i := range p.Policies {
		if err := p.Policies[i].clean(fmt.Sprintf("policies[%d].", i)); err != nil {
			return err
		}
	}
	return nil
}

func (o *Offer) clean() error {
	if o.Chain == nil {
		o.Chain = []Link{ToPolicies, ToTeam, ToSupervisors}
	}
	o.Text = strings.TrimSpace(o.Text)
	links := slices.Clone(o.Chain)
	slices.Sort(links)
	switch {
	case o.TakeUpSeconds < 0 || o.TakeUpSeconds > maxTakeUp:
		return conversation.Invalid("offer.take_up_seconds", "must be 0 to %d", maxTakeUp)
	case len(slices.Compact(links)) != len(o.Chain) || slices.ContainsFunc(o.Chain, func(l Link) bool { return !slices.Contains(Links(), l) }):
		return conversation.Invalid("offer.chain", "must be some of %v, each once", Links())
	case !fits(o.Text, 0, maxText):
		return conversation.Invalid("offer.text", "must have at most %d characters", maxText)
	case slices.Contains(o.Chain, ToCustomer) && o.Text == "":
		return conversation.Invalid("offer.text", "must be given if the chain has customer")
	}
	return nil
}

// clean is given the field in which the policy stands.
func (p *AssignmentPolicy) clean(field string) error {
	p.Nobody = fill(p.Nobody, Next)
	byTeam := p.Kind == FixedTeam || p.Kind == TeamByAttribute
	byAttribute := p.Kind == Salesperson || p.Kind == AttributeAgent || p.Kind == TeamByAttribute
	switch {
	case !slices.Contains(Kinds(), p.Kind):
		return conversation.Invalid(field+"kind", "must be one of %v", Kinds())
	case !slices.Contains(Nobodies(), p.Nobody):
		return conversation.Invalid(field+"nobody", "must be one of %v", Nobodies())
	case byAttribute && !fits(p.Attribute, 1, maxAttribute):
		return conversation.Invalid(field+"attribute", "must be the key of an attribute")
	case p.Kind == FixedAgent && !postgres.IsID(p.AgentID):
		return conversation.Invalid(field+"agent_id", "must be the id of an agent")
	case p.Kind == FixedTeam && p.TeamID == "", p.TeamID != "" && !postgres.IsID(p.TeamID):
		return conversation.Invalid(field+"team_id", "must be the id of a team")
	case p.Kind == TeamByAttribute && len(p.Teams) == 0, !entries(p.Teams):
		return conversation.Invalid(field+"teams", "must name 1 to %d teams by values of 1 to %d characters", maxEntries, maxAttribute)
	case p.Days < 0 || p.Days > maxDays:
		return conversation.Invalid(field+"days", "must be 1 to %d", maxDays)
	}
	if p.Kind == LastAgent {
		p.Days = fill(p.Days, defaultDays)
	}
	if byTeam {
		p.Distribution = fill(p.Distribution, ByLoad)
		if !slices.Contains(Distributions(), p.Distribution) {
			return conversation.Invalid(field+"distribution", "must be one of %v", Distributions())
		}
	}
	if p.Kind == TeamByAttribute {
		p.Source = fill(p.Source, OfContact)
		if !slices.Contains(Sources(), p.Source) {
			return conversation.Invalid(field+"source", "must be one of %v", Sources())
		}
	}
	return nil
}

func named(id string) []string {
	if id == "" {
		return nil
	}
	return []string{id}
}

func values(of map[string]string) []string {
	var list []string
	for _, v := range of {
		list = append(list, v)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func entries(of map[string]string) bool {
	for k, v := range of {
		if !fits(k, 1, maxAttribute) || !fits(v, 1, maxAttribute) {
			return false
		}
	}
	return len(of) <= maxEntries
}

func fits(text string, low, high int) bool {
	n := utf8.RuneCountInString(text)
	return n >= low && n <= high && utf8.ValidString(text) && !strings.ContainsRune(text, 0)
}

func fill[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}
