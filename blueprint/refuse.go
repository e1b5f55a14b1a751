package blueprint

import (
	"context"
	"errors"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/rules"
)

// mayBe refuses what the caller may not change.
func (p *plan) mayBe(caller Caller) error {
	if len(p.file.Agents) > 0 && !caller.Capacities {
		return conversation.Errorf(conversation.CodeForbidden, "the section agents needs the permission agents.capacity")
	}
	for _, a := range p.file.Accounts {
		if a.Plan != nil && !caller.Plans {
			return conversation.Errorf(conversation.CodeForbidden, "plans of assignment need the permission accounts.write")
		}
	}
	return nil
}

// examineAccounts refuses accounts that do not exist for the caller, even by their ids.
func (p *plan) examineAccounts() {
	for _, id := range sortedKeys(p.file.Accounts) {
		if field := "accounts." + id; postgres.IsID(id) && !p.office.knows(id) {
			p.file.flaw(rules.Flaw{Field: field, Message: "there is no account of this name"})
		}
	}
}

// examinePlans looks whether what plans need is there, such as attributes of contacts.
func (p *plan) examinePlans(ctx context.Context, tx bun.Tx) error {
	for _, id := range sortedKeys(p.file.Accounts) {
		plan := p.file.Accounts[id].Plan
		if plan == nil || !postgres.IsID(id) {
			continue
		}
		faults, err := plan.Refers(ctx, tx)
		if err != nil {
			return err
		}
		p.file.faults("accounts."+id+".assignment_plan.", faults)
	}
	return nil
}

// refused is the error of a file with problems.
func refused(problems []Problem) error {
	err := conversation.Invalid(problems[0].Field, "line %d, column %d: %s", problems[0].Line, problems[0].Column, problems[0].Message)
	err.Details = map[string]any{"problems": problems}
	return err
}

// Problems returns the problems of a file that was refused, none for any other error.
func Problems(err error) []Problem {
	var e *conversation.Error
	if !errors.As(err, &e) {
		return []Problem{}
	}
	if problems, ok := e.Details["problems"].([]Problem); ok {
		return problems
	}
	return []Problem{}
}
