package assignment

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

// How many of some keys are there.
const (
	activeAgents      = "SELECT count(*) FROM agents WHERE id::text = ANY($1::text[]) AND state = 'active'"
	livingTeams       = "SELECT count(*) FROM teams WHERE id::text = ANY($1::text[]) AND archived_at IS NULL"
	definedAttributes = "SELECT count(*) FROM attribute_definitions WHERE key = ANY($1::text[]) AND deleted_at IS NULL"
)

// Refers returns everything that a plan names and that is not there.
func (p Plan) Refers(ctx context.Context, tx bun.Tx) (conversation.Faults, error) {
	var faults conversation.Faults
	for i, policy := range p.Policies {
		field := fmt.Sprintf("policies[%d].", i)
		for _, part := range []struct {
			field, query, message string
			keys                  []string
		}{
			{"agent_id", activeAgents, "must be the id of an active agent", named(policy.AgentID)},
			{"team_id", livingTeams, "must be the id of a team that is not archived", named(policy.TeamID)},
			{"teams", livingTeams, "must be ids of teams that are not archived", values(policy.Teams)},
			{"attribute", definedAttributes, "must be the key of an attribute that contacts can have", policy.contactAttribute()},
		} {
			if len(part.keys) == 0 {
				continue
			}
			var n int
			if err := postgres.Raw(tx).QueryRowContext(ctx, part.query, part.keys).Scan(&n); err != nil {
				return nil, fmt.Errorf("check the plan: %w", err)
			}
			if n != len(part.keys) {
				faults.Add(field+part.field, "%s", part.message)
			}
		}
	}
	return faults, nil
}

// contactAttribute returns the key of the contact's attribute that the policy looks at, if it does.
func (p AssignmentPolicy) contactAttribute() []string {
	if p.Kind == Salesperson || p.Kind == AttributeAgent || p.Kind == TeamByAttribute && p.Source == OfContact {
		return []string{p.Attribute}
	}
	return nil
}
