package assignment

import (
	"context"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/ledger"
)

// Assign gives an open conversation to somebody by the account's plan, or by one policy of the caller's. The conversation is
// locked by the transaction, and the caller saves it, after ledger.Freed was told what became of it. Where nobody is found it
// stays with whoever has it.
func (s *Store) Assign(ctx context.Context, tx bun.Tx, row *ledger.Row, r Request) (Outcome, error) {
	if row.Status != conversation.StatusOpen || row.MergedInto != "" {
		return Outcome{Result: NotOpen}, nil
	}
	plan, _, err := readPlan(ctx, tx, row.AccountID, "")
	if err != nil {
		return Outcome{}, err
	}
	if r.Policy != nil {
		policy := *r.Policy
		var faults conversation.Faults
		if policy.clean("", &faults); len(faults) > 0 {
			return Outcome{}, faults[0]
		}
		plan.Policies, r.From = []AssignmentPolicy{policy}, 0
	}
	if len(plan.Policies) == 0 {
		return Outcome{Result: NoPlan}, nil
	}
	return s.byPolicies(ctx, tx, row, plan, trail{}, r)
}

// byPolicies tries the policies from one on.
func (s *Store) byPolicies(ctx context.Context, tx bun.Tx, row *ledger.Row, plan Plan, way trail, r Request) (Outcome, error) {
	var pools []pool
	for i := max(r.From, 0); i < len(plan.Policies); i++ {
		p, err := s.poolOf(ctx, tx, row, plan, plan.Policies[i], i, r.Now)
		if err != nil {
			return Outcome{}, err
		}
		pools = append(pools, p)
	}
	return s.among(ctx, tx, row, plan, pools, way, r)
}

// among tries pools in order. From here on nobody else assigns.
func (s *Store) among(ctx context.Context, tx bun.Tx, row *ledger.Row, plan Plan, pools []pool, way trail, r Request) (Outcome, error) {
	var (
		who   wanted
		tried []Tried
	)
	for _, p := range pools {
		who.add(p)
	}
	if err := s.lock(ctx, tx); err != nil {
		return Outcome{}, err
	}
	agents, err := who.read(ctx, tx, row.AccountID, []string{row.ID})
	if err != nil {
		return Outcome{}, err
	}
	t := terms{tx: tx, presence: plan.Presence, weight: plan.Weight, now: r.Now, skip: way.passed}
	for _, p := range pools {
		way.step, way.policy = p.step, max(p.tried.Place-1, way.policy)
		found, result, err := s.choose(ctx, p, agents, t)
		if err == nil && result == Assigned && p.nobody == Queue && p.distribution != ByHand {
			result, err = s.behind(ctx, tx, row, p, found)
		}
		if err != nil {
			return Outcome{}, err
		}
		p.tried.Result = result
		if p.distribution == ByHand && p.problem == "" {
			p.tried.Result = Assigned
			found = agent{}
		}
		tried = append(tried, p.tried)
		if p.tried.Result != Assigned && p.nobody == Next {
			continue
		}
		out, err := s.settle(ctx, tx, row, plan, p, found, p.tried.Result, way, r)
		if out.Result == Offered {
			tried[len(tried)-1].Result = Offered
		}
		out.Tried = tried
		return out, err
	}
	return Outcome{Result: Unassigned, AgentID: row.AssigneeID, TeamID: row.TeamID, Tried: tried}, nil
}

// settle does what a pool came to.
func (s *Store) settle(ctx context.Context, tx bun.Tx, row *ledger.Row, plan Plan, p pool, found agent, result Result, way trail, r Request) (Outcome, error) {
	group := row.TeamID
	if p.fixed() {
		group = p.team
	}
	switch {
	case result == Assigned:
		return s.give(ctx, tx, row, plan, found.ID, group, way, r)
	case p.nobody == Queue && p.problem == "":
		return s.enqueue(ctx, tx, row, p.team, way, r)
	case p.nobody == Queue: // there is no team to wait for
		return s.enqueue(ctx, tx, row, "", way, r)
	default:
		out, err := s.give(ctx, tx, row, plan, "", group, way, r)
		out.Result = Left
		return out, err
	}
}
