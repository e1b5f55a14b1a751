package assignment

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
)

// pool is whom a policy or a link may choose from, and how.
type pool struct {
	tried        Tried // without its result
	step         Step
	agents       []string // named ones
	team         string
	everybody    bool // all who see the account
	supervisors  bool
	distribution Distribution
	nobody       Nobody
	problem      Result // why there is nobody to choose from
}

// fixed reports whether the conversation becomes the team's, whoever of it gets it.
func (p pool) fixed() bool { return p.team != "" }

// poolOf finds whom a policy may choose from.
func (s *Store) poolOf(ctx context.Context, tx bun.Tx, row *ledger.Row, plan Plan, policy AssignmentPolicy, place int, now time.Time) (pool, error) {
	p := pool{tried: Tried{Place: place + 1, Name: string(policy.Kind)}, step: StepPolicy, nobody: policy.Nobody, distribution: ByLoad}
	switch policy.Kind {
	case Salesperson, AttributeAgent:
		value, err := attribute(ctx, tx, row.ContactID, policy.Attribute)
		if err != nil || value == "" {
			p.problem = NoValue
			return p, err
		}
		p.agents, err = agentNamed(ctx, tx, value)
		p.problem = unless(len(p.agents) > 0, NoAgent)
		return p, err
	case LastAgent:
		var err error
		p.agents, err = lastAgent(ctx, tx, row, now.AddDate(0, 0, -policy.Days))
		p.problem = unless(len(p.agents) > 0, NoValue)
		return p, err
	case TeamByAttribute:
		value := plan.Attributes[policy.Attribute]
		if policy.Source == OfContact {
			var err error
			if value, err = attribute(ctx, tx, row.ContactID, policy.Attribute); err != nil {
				return p, err
			}
		}
		p.team, p.distribution = policy.Teams[value], policy.Distribution
		p.problem = unless(p.team != "", NoValue)
	case FixedAgent:
		p.agents = []string{policy.AgentID}
	case FixedTeam:
		p.team, p.distribution = policy.TeamID, policy.Distribution
	default:
		p.team, p.everybody, p.distribution = policy.TeamID, policy.TeamID == "", Distribution(policy.Kind)
	}
	return p, nil
}

// attribute returns a contact's value of an attribute that is defined, as text.
func attribute(ctx context.Context, tx bun.Tx, contactID, key string) (string, error) {
	var value string
	err := postgres.Raw(tx).QueryRowContext(ctx, `SELECT c.attributes->>d.key FROM contacts AS c JOIN attribute_definitions AS d ON d.key = $2 AND d.deleted_at IS NULL
		WHERE c.id = $1::uuid`, contactID, key).Scan(postgres.OptText(&value))
	if err != nil && !postgres.IsNotFound(err) {
		return "", fmt.Errorf("read an attribute: %w", err)
	}
	return strings.TrimSpace(value), nil
}

// agentNamed returns the id of the agent that a text names by id or e-mail, or none.
func agentNamed(ctx context.Context, tx bun.Tx, text string) ([]string, error) {
	found, err := texts(ctx, tx, "SELECT id::text FROM agents WHERE lower(email) = lower($1) OR id::text = lower($1) LIMIT 1", text)
	if err != nil {
		return nil, fmt.Errorf("find an agent by name: %w", err)
	}
	return found, nil
}

// lastAgent returns who had a conversation of the contact on the account last, or answered in one, since a time. An offer
// that was not taken up does not count.
func lastAgent(ctx context.Context, tx bun.Tx, row *ledger.Row, since time.Time) ([]string, error) {
	found, err := texts(ctx, tx, `SELECT x.agent FROM conversations AS c, LATERAL (
			SELECT e.at, CASE e.kind WHEN 'assigned' THEN e.data->>'agent_id' ELSE e.actor_id END AS agent FROM events AS e
			WHERE e.conversation_id = c.id AND e.at >= $3 AND (
				e.kind = 'assigned' AND e.data ? 'agent_id' AND NOT e.data ? 'until'
				OR e.kind IN ('message_queued', 'offer_accepted') AND e.actor_kind = 'agent')
			ORDER BY e.seq DESC LIMIT 1) AS x
		WHERE c.contact_id = $1::uuid AND c.account_id = $2::uuid ORDER BY x.at DESC LIMIT 1`, row.ContactID, row.AccountID, since)
	if err != nil {
		return nil, fmt.Errorf("find the last agent: %w", err)
	}
	return found, nil
}

func unless(good bool, problem Result) Result {
	if good {
		return ""
	}
	return problem
}
