package blueprint

import (
	"slices"

	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/rules"
)

// rules returns the rules of the file with their ids. A rule without one is the published rule of its name, if there is one such:
// so its limits and its waits go on. Otherwise it is a new one.
func (p *plan) rules() []rules.Rule {
	taken := make(map[string]bool)
	for _, r := range p.file.Rules {
		taken[r.ID] = true
	}
	published := make(map[string][]string)
	for _, r := range p.office.edition.Rules {
		if !taken[r.ID] {
			published[r.Name] = append(published[r.Name], r.ID)
		}
	}
	list := slices.Clone(p.file.Rules)
	for i, r := range list {
		switch known := published[r.Name]; {
		case r.ID != "":
		case len(known) == 1:
			list[i].ID = known[0]
		default:
			list[i].ID = postgres.NewID()
		}
	}
	return list
}

// tellRules tells what changes about rules: each of the file, those that go, and their order.
func (p *plan) tellRules(before, after []rules.Rule) {
	find := func(list []rules.Rule, id string) int {
		return slices.IndexFunc(list, func(r rules.Rule) bool { return r.ID == id })
	}
	var order []int
	for _, r := range after {
		if i := find(before, r.ID); i >= 0 {
			order = append(order, i)
			p.add("rule", r.Name, against(true, before[i], r), nil)
			continue
		}
		p.add("rule", r.Name, Created, nil)
	}
	for _, r := range before {
		if find(after, r.ID) < 0 {
			p.add("rule", r.Name, Deleted, nil)
		}
	}
	if !slices.IsSorted(order) {
		p.add("rule_order", "", Replaced, nil)
	}
}

// edition returns what is to be published: the newest version with the sections of the file in their places.
func (p *plan) edition() rules.Edition {
	next := p.office.edition
	if p.file.has("rules") {
		next.Rules = p.rules()
	}
	if p.file.has("automatic_replies") {
		next.Replies = p.file.Replies
	}
	if p.file.has("opt_out") {
		next.OptOut = p.file.OptOut
	}
	if p.file.has("limits") {
		next.Limits = p.file.Limits
	}
	return next
}
