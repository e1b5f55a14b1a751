package assignment

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/presence"
	"guichet.dev/guichet/team"
)

// DefaultCapacity is how much an agent can have for whom nothing else was set.
const DefaultCapacity = 20

// agent is what must be known of an agent to give them a conversation of an account.
type agent struct {
	ID         string
	Allowed    bool // active, and sees the account
	Online     bool
	Supervises bool
	Member     string // ids of teams
	Working    string // ids of the teams for which they work now
	Capacity   int
	Turn       int64
	Load       int
}

func (a agent) memberOf(team string) bool { return strings.Contains(a.Member, team) }
func (a agent) worksFor(team string) bool { return strings.Contains(a.Working, team) }

// load is what an agent a has: open conversations by weight, offers among them. It takes the ids of those that do not count.
var load = `coalesce((SELECT sum(coalesce(w.weight, 1)) FROM conversations AS c LEFT JOIN assignment_plans AS w ON w.account_id = c.account_id
	WHERE c.assignee_id = a.id AND c.status = 'open' AND c.merged_into IS NULL AND (c.id IN (?)) IS NOT TRUE), 0)` // the list may be NULL

var (
	capacity = fmt.Sprintf("coalesce(k.capacity, %d)", DefaultCapacity)
	online   = fmt.Sprintf("coalesce(p.state = 'online' AND p.seen_at > clock_timestamp() - interval '%d seconds', false)", int(presence.OfflineAfter.Seconds()))
)

// wanted says of which agents something must be known.
type wanted struct {
	agents, teams          []string
	everybody, supervisors bool
}

func (w *wanted) add(p pool) {
	w.agents = append(w.agents, p.agents...)
	if p.team != "" {
		w.teams = append(w.teams, p.team)
	}
	w.everybody, w.supervisors = w.everybody || p.everybody, w.supervisors || p.supervisors
}

// read returns agents by what is known of them on an account. The conversations that the transaction has changed do not count
// in what they have: the caller knows more of them than the database.
func (w wanted) read(ctx context.Context, tx bun.Tx, accountID string, changed []string) ([]agent, error) {
	sees, seesArgs := team.SeesExpr(accountID)
	supervises, supervisesArgs := team.CanExpr(team.WriteCapacity)
	teams := "coalesce((SELECT string_agg(m.team_id::text, ' ') FROM team_members AS m WHERE m.agent_id = a.id AND %s), '')"
	var found []agent
	err := tx.NewSelect().TableExpr("agents AS a").
		Join("LEFT JOIN agent_presence AS p ON p.agent_id = a.id").Join("LEFT JOIN agent_capacities AS k ON k.agent_id = a.id").
		ColumnExpr("a.id").ColumnExpr("a.state = 'active' AND "+sees+" AS allowed", seesArgs...).
		ColumnExpr(online+" AS online").ColumnExpr(supervises+" AS supervises", supervisesArgs...).
		ColumnExpr(fmt.Sprintf(teams, "true")+" AS member").ColumnExpr(fmt.Sprintf(teams, "m.working")+" AS working").
		ColumnExpr(capacity+" AS capacity").ColumnExpr("coalesce(k.turn, 0) AS turn").
		ColumnExpr(load+" AS load", bun.List(changed)).
		Where("a.id IN (?) OR a.id IN (SELECT m.agent_id FROM team_members AS m WHERE m.team_id IN (?)) OR (? AND a.state = 'active') OR (? AND "+supervises+")",
			append([]any{bun.List(w.agents), bun.List(w.teams), w.everybody, w.supervisors}, supervisesArgs...)...).
		OrderExpr("a.id").Scan(ctx, &found)
	if err != nil {
		return nil, fmt.Errorf("read who can take a conversation: %w", err)
	}
	return found, nil
}

// has reports whether an agent belongs to the pool.
func (p pool) has(a agent) bool {
	switch {
	case p.supervisors:
		return a.Supervises
	case p.team != "":
		return a.memberOf(p.team)
	default:
		return p.everybody || slices.Contains(p.agents, a.ID)
	}
}

func idsOf(rows map[string]*ledger.Row) []string {
	ids := make([]string, 0, len(rows))
	for id := range rows {
		ids = append(ids, id)
	}
	return ids
}
