package assignment

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
)

// offer is a conversation that an agent must take up.
type offer struct {
	agent string
	trail
}

func readOffer(ctx context.Context, tx bun.Tx, conversationID string) (offer, bool, error) {
	var (
		o                offer
		passed, declined string
	)
	err := postgres.Raw(tx).QueryRowContext(ctx, `SELECT agent_id::text, step, policy, chain, array_to_string(passed, ' '), array_to_string(declined, ' '), told
		FROM assignment_offers WHERE conversation_id = $1::uuid`, conversationID).Scan(&o.agent, &o.step, &o.policy, &o.chain, &passed, &declined, &o.told)
	if postgres.IsNotFound(err) {
		return o, false, nil
	}
	if err != nil {
		return o, false, fmt.Errorf("read an offer: %w", err)
	}
	o.passed, o.declined = strings.Fields(passed), strings.Fields(declined)
	return o, true, nil
}

// TakeUp notes that somebody took up what they were offered, by saying so, by attending or by answering. It changes nothing
// for anybody else, or if there is no offer; the offer itself goes when ledger.Freed hears of it.
func TakeUp(row *ledger.Row, by conversation.Actor, now time.Time) bool {
	if row.OfferUntil.IsZero() || by.Kind != conversation.ActorAgent || by.ID != row.AssigneeID {
		return false
	}
	row.OfferUntil = time.Time{}
	row.Append(conversation.Event{Kind: conversation.EventOfferAccepted, Actor: by, At: now, Data: conversation.EventData{AgentID: by.ID, TeamID: row.TeamID}})
	return true
}

// OfferLapsed reports whether the offer of a conversation must be passed on now, and why: its time is over, or its agent is
// not there as the plan asks, or may not have it any more.
func (s *Store) OfferLapsed(ctx context.Context, tx bun.Tx, row *ledger.Row, now time.Time) (Reason, bool, error) {
	if row.OfferUntil.IsZero() {
		return "", false, nil
	}
	if !now.Before(row.OfferUntil) {
		return Expired, true, nil
	}
	there, err := s.eligible(ctx, tx, row, now)
	return Away, err == nil && !there, err
}

// eligible reports whether whoever has a conversation may go on with it, whatever else they have.
func (s *Store) eligible(ctx context.Context, tx bun.Tx, row *ledger.Row, now time.Time) (bool, error) {
	plan, _, err := readPlan(ctx, tx, row.AccountID, "")
	if err != nil {
		return false, err
	}
	p := pool{agents: []string{row.AssigneeID}}
	agents, err := wanted{agents: p.agents}.read(ctx, tx, row.AccountID, []string{row.ID})
	if err != nil {
		return false, err
	}
	_, why, err := s.able(ctx, p, agents, terms{tx: tx, presence: plan.Presence, now: now})
	return why == Assigned || why == AtCapacity, err
}

// Reconsider looks at a conversation that was reopened: whoever had it keeps it if they can go on and have room for it, else it is
// assigned by the plan, from the beginning.
func (s *Store) Reconsider(ctx context.Context, tx bun.Tx, row *ledger.Row, r Request) (Outcome, error) {
	if row.Status != conversation.StatusOpen || row.MergedInto != "" || row.AssigneeID == "" {
		return s.Assign(ctx, tx, row, r)
	}
	plan, had, err := readPlan(ctx, tx, row.AccountID, "")
	if err != nil {
		return Outcome{}, err
	}
	if !had || len(plan.Policies) == 0 {
		return Outcome{Result: NoPlan}, nil
	}
	if err := s.lock(ctx, tx); err != nil {
		return Outcome{}, err
	}
	p := pool{agents: []string{row.AssigneeID}}
	agents, err := wanted{agents: p.agents}.read(ctx, tx, row.AccountID, []string{row.ID})
	if err != nil {
		return Outcome{}, err
	}
	_, why, err := s.able(ctx, p, agents, terms{tx: tx, presence: plan.Presence, weight: plan.Weight, now: r.Now})
	if err != nil {
		return Outcome{}, err
	}
	kept := Tried{Name: "assignee", Result: why}
	if why == Assigned {
		kept.Result = Kept
		return Outcome{Result: Kept, AgentID: row.AssigneeID, TeamID: row.TeamID, Tried: []Tried{kept}}, nil
	}
	before := row.AssigneeID
	out, err := s.byPolicies(ctx, tx, row, plan, trail{}, r)
	out.Tried = slices.Insert(out.Tried, 0, kept)
	if err == nil && row.AssigneeID == before { // nobody was found: it must not wait for somebody who is not there
		if _, err = s.give(ctx, tx, row, plan, "", row.TeamID, trail{}, r); err == nil {
			out.AgentID = ""
		}
	}
	return out, err
}
