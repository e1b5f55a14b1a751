package assignment

import (
	"context"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/ledger"
)

// Pass takes an offer from its agent, who did not take it up, and passes it along the chain: to the next who can have it, in
// the end to the queue. If the customer is to be told, Outcome.Tell says what.
func (s *Store) Pass(ctx context.Context, tx bun.Tx, row *ledger.Row, why Reason, r Request) (Outcome, error) {
	if row.OfferUntil.IsZero() {
		return Outcome{Result: NoOffer}, nil
	}
	o, there, err := readOffer(ctx, tx, row.ID)
	if err != nil {
		return Outcome{}, err
	}
	if !there { // it cannot be, but a conversation that believes in it must not wait for ever
		o = offer{agent: row.AssigneeID, trail: trail{step: StepPolicy}}
	}
	plan, _, err := readPlan(ctx, tx, row.AccountID, "")
	if err != nil {
		return Outcome{}, err
	}
	r.write(row, conversation.EventOfferPassed, "passed", conversation.EventData{AgentID: o.agent, TeamID: row.TeamID, Code: string(why), Step: string(o.step)})
	if err := endOffer(ctx, tx, row); err != nil {
		return Outcome{}, err
	}
	o.passed = append(o.passed, o.agent)
	if why == Declined {
		o.declined = append(o.declined, o.agent)
		if err := call(ctx, tx, o.agent); err != nil { // who declined one may want the next
			return Outcome{}, err
		}
	}
	row.AssigneeID = ""
	return s.along(ctx, tx, row, plan, o.trail, r)
}

// along follows the chain from where a conversation is in it, and queues what comes to its end.
func (s *Store) along(ctx context.Context, tx bun.Tx, row *ledger.Row, plan Plan, way trail, r Request) (Outcome, error) {
	var tried []Tried
	tell := ""
	for ; way.chain < len(plan.Offer.Chain); way.chain++ {
		out, err := s.follow(ctx, tx, row, plan, &way, r)
		if err != nil {
			return Outcome{}, err
		}
		tried = append(tried, out.Tried...)
		if out.Tell != "" {
			tell = out.Tell
		}
		if row.AssigneeID != "" || !row.QueuedAt.IsZero() {
			out.Tried, out.Tell = tried, tell
			return out, nil
		}
	}
	way.passed = nil
	out, err := s.enqueue(ctx, tx, row, row.TeamID, way, r)
	out.Tried, out.Tell = tried, tell
	return out, err
}

// follow tries one link.
func (s *Store) follow(ctx context.Context, tx bun.Tx, row *ledger.Row, plan Plan, way *trail, r Request) (Outcome, error) {
	link := plan.Offer.Chain[way.chain]
	p := pool{tried: Tried{Name: string(link)}, step: Step(link), distribution: ByLoad, nobody: Next}
	switch link {
	case ToPolicies:
		if way.step == StepQueue { // it came out of no policy
			return Outcome{}, nil
		}
		further := plan
		further.Policies = append([]AssignmentPolicy{}, plan.Policies...)
		for i := range further.Policies { // the chain goes on, and has the queue at its end
			if further.Policies[i].Nobody == Leave {
				further.Policies[i].Nobody = Next
			}
		}
		r.From = way.policy + 1
		return s.byPolicies(ctx, tx, row, further, *way, r)
	case ToTeam:
		if row.TeamID == "" {
			return Outcome{Tried: []Tried{{Name: string(link), Result: NoValue}}}, nil
		}
		p.team = row.TeamID
	case ToSupervisors:
		p.supervisors = true
	case ToCustomer:
		if way.told {
			return Outcome{Tried: []Tried{{Name: string(link), Result: ToldBefore}}}, nil
		}
		way.told = true
		return Outcome{Tried: []Tried{{Name: string(link), Result: Told}}, Tell: plan.Offer.Text}, nil
	}
	return s.among(ctx, tx, row, plan, []pool{p}, *way, r)
}
