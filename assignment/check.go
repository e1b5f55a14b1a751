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
func (p *Plan) clean() error { return p.Clean().First() }

// Clean fills in what is absent and returns everything that is wrong with a plan in itself.
func (p *Plan) Clean() conversation.Faults {
	var faults conversation.Faults
	p.UpdatedAt = nil
	p.Presence, p.Weight = fill(p.Presence, Online), fill(p.Weight, 1)
	if p.Policies == nil {
		p.Policies = []AssignmentPolicy{}
	}
	if len(p.Policies) > maxPolicies {
		faults.Add("policies", "must be at most %d", maxPolicies)
	}
	if !slices.Contains(Presences(), p.Presence) {
		faults.Add("presence", "must be one of %v", Presences())
	}
	if p.Weight < 1 || p.Weight > maxWeight {
		faults.Add("weight", "must be 1 to %d", maxWeight)
	}
	if !entries(p.Attributes) {
		faults.Add("attributes", "must be at most %d, each with 1 to %d characters", maxEntries, maxAttribute)
	}
	p.Offer.clean(&faults)
	for i := range p.Policies {
		p.Policies[i].clean(fmt.Sprintf("policies[%d].", i), &faults)
	}
	return faults
}

func (o *Offer) clean(faults *conversation.Faults) {
	if o.Chain == nil {
		o.Chain = []Link{ToPolicies, ToTeam, ToSupervisors}
	}
	o.Text = strings.TrimSpace(o.Text)
	links := slices.Clone(o.Chain)
	slices.Sort(links)
	if o.TakeUpSeconds < 0 || o.TakeUpSeconds > maxTakeUp {
		faults.Add("offer.take_up_seconds", "must be 0 to %d", maxTakeUp)
	}
	if len(slices.Compact(links)) != len(o.Chain) || slices.ContainsFunc(o.Chain, func(l Link) bool { return !slices.Contains(Links(), l) }) {
		faults.Add("offer.chain", "must be some of %v, each once", Links())
	}
	switch {
	case !fits(o.Text, 0, maxText):
		faults.Add("offer.text", "must have at most %d characters", maxText)
	case slices.Contains(o.Chain, ToCustomer) && o.Text == "":
		faults.Add("offer.text", "must be given if the chain has customer")
	}
}

// clean is given the field in which the policy stands.
func (p *AssignmentPolicy) clean(field string, faults *conversation.Faults) {
	p.Nobody = fill(p.Nobody, Next)
	if !slices.Contains(Nobodies(), p.Nobody) {
		faults.Add(field+"nobody", "must be one of %v", Nobodies())
	}
	if !slices.Contains(Kinds(), p.Kind) {
		faults.Add(field+"kind", "must be one of %v", Kinds())
		return // what else it must have follows from its kind
	}
	if byAttribute := p.Kind == Salesperson || p.Kind == AttributeAgent || p.Kind == TeamByAttribute; byAttribute && !fits(p.Attribute, 1, maxAttribute) {
		faults.Add(field+"attribute", "must be the key of an attribute")
	}
	if p.Kind == FixedAgent && !postgres.IsID(p.AgentID) {
		faults.Add(field+"agent_id", "must be the id of an agent")
	}
	if p.Kind == FixedTeam && p.TeamID == "" || p.TeamID != "" && !postgres.IsID(p.TeamID) {
		faults.Add(field+"team_id", "must be the id of a team")
	}
	if p.Kind == TeamByAttribute && len(p.Teams) == 0 || !entries(p.Teams) {
		faults.Add(field+"teams", "must name 1 to %d teams by values of 1 to %d characters", maxEntries, maxAttribute)
	}
	if p.Days < 0 || p.Days > maxDays {
		faults.Add(field+"days", "must be 1 to %d", maxDays)
	}
	p.fillByKind(field, faults)
}

// fillByKind fills in what only some kinds have.
func (p *AssignmentPolicy) fillByKind(field string, faults *conversation.Faults) {
	if p.Kind == LastAgent {
		p.Days = fill(p.Days, defaultDays)
	}
	if p.Kind == FixedTeam || p.Kind == TeamByAttribute {
		p.Distribution = fill(p.Distribution, ByLoad)
		if !slices.Contains(Distributions(), p.Distribution) {
			faults.Add(field+"distribution", "must be one of %v", Distributions())
		}
	}
	if p.Kind == TeamByAttribute {
		p.Source = fill(p.Source, OfContact)
		if !slices.Contains(Sources(), p.Source) {
			faults.Add(field+"source", "must be one of %v", Sources())
		}
	}
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
