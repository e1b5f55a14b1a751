package blueprint

import (
	"context"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/rulebook"
)

// How something changes.
const (
	Created   = "created"
	Replaced  = "replaced"
	Deleted   = "deleted"
	Unchanged = "unchanged"
)

// FileChange is one thing that the file says, and what applying it does. Its name is that of the API's document, in which there are
// other changes.
type FileChange struct {
	What   string `json:"what" enum:"calendar,rule,rule_order,automatic_replies,opt_out,limits,account_calendar,team_calendar,assignment_plan,capacity"`
	Name   string `json:"name,omitempty" doc:"As in the file"`
	Change string `json:"change" enum:"created,replaced,deleted,unchanged"`
}

// step does one part of a plan.
type step func(ctx context.Context, tx bun.Tx) error

// plan is what is to be done for the office to be as the file says.
type plan struct {
	Application
	Result
	store  *Store
	file   *file
	office *office
	by     conversation.Actor
	steps  []step

	calendarIDs map[string]string // of those that the file creates, by their folded names
}

// make finds out what changes. The order is that of the locks: the rules, calendars, who uses them, plans, and at last the
// capacities, which lock all automatic assignment.
func (p *plan) make() {
	p.calendarIDs = make(map[string]string)
	p.makeCalendars()
	p.makeEdition()
	p.makeUses()
	p.makePlans()
	p.prune()
	p.makeCapacities()
}

// add tells of a change, and does it if it is one.
func (p *plan) add(what, name, change string, do step) {
	p.Changes = append(p.Changes, FileChange{What: what, Name: name, Change: change})
	if change != Unchanged && do != nil {
		p.steps = append(p.steps, do)
	}
}

// against returns the change from what is to what the file says.
func against(exists bool, before, after any) string {
	switch {
	case !exists:
		return Created
	case same(before, after):
		return Unchanged
	default:
		return Replaced
	}
}

// makeEdition publishes the next version, if it says something else than the newest.
func (p *plan) makeEdition() {
	before, next := p.office.edition, p.edition()
	if p.file.has("rules") {
		p.tellRules(before.Rules, next.Rules)
	}
	if p.file.has("automatic_replies") {
		for _, id := range sortedKeys(next.Replies) {
			old, exists := before.Replies[id]
			p.tell("automatic_replies", ofAccount, id, against(exists, old, next.Replies[id]))
		}
		for _, id := range sortedKeys(before.Replies) {
			if _, kept := next.Replies[id]; !kept {
				p.tell("automatic_replies", ofAccount, id, Deleted)
			}
		}
	}
	if p.file.has("opt_out") {
		p.add("opt_out", "", against(true, before.OptOut, next.OptOut), nil)
	}
	if p.file.has("limits") {
		p.add("limits", "", against(true, before.Limits, next.Limits), nil)
	}
	if p.Published = !same(before, next); !p.Published {
		return
	}
	p.steps = append(p.steps, func(ctx context.Context, tx bun.Tx) error {
		v, err := p.store.Rulebook.PublishIn(ctx, tx, p.by, next, rulebook.Publication{Comment: p.Comment, MoveDeadlines: p.MoveDeadlines})
		p.Version = v.Version
		return err
	})
}

// tell is add for what belongs to something that has a name.
func (p *plan) tell(what, kind, id, change string, do ...step) {
	p.add(what, p.office.name(kind, id), change, append(do, nil)[0])
}

func (p *plan) makePlans() {
	for _, id := range sortedKeys(p.file.Accounts) {
		plan := p.file.Accounts[id].Plan
		if plan == nil {
			continue
		}
		old, exists := p.office.plans[id]
		p.tell("assignment_plan", ofAccount, id, against(exists, old, *plan), func(ctx context.Context, tx bun.Tx) error {
			_, err := p.store.Assignment.SetPlanIn(ctx, tx, p.by, id, *plan)
			return err
		})
	}
}

func (p *plan) makeCapacities() {
	for _, id := range sortedKeys(p.file.Agents) {
		most := p.file.Agents[id].Capacity
		if most == nil {
			continue
		}
		old, exists := p.office.capacities[id]
		p.tell("capacity", ofAgent, id, against(exists, old, *most), func(ctx context.Context, tx bun.Tx) error {
			_, err := p.store.Assignment.SetCapacityIn(ctx, tx, p.by, id, *most)
			return err
		})
	}
}
