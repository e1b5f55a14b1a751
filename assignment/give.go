package assignment

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
)

// trail is how far a conversation came along the chain.
type trail struct {
	step             Step
	policy, chain    int
	passed, declined []string
	told             bool
}

// give gives a conversation to an agent of a team, as an offer if the plan has offers.
func (s *Store) give(ctx context.Context, tx bun.Tx, row *ledger.Row, plan Plan, agentID, teamID string, way trail, r Request) (Outcome, error) {
	out := Outcome{Result: Assigned, AgentID: agentID, TeamID: teamID}
	if agentID != "" && row.AssigneeID == agentID && row.TeamID == teamID { // also if it is an offer that is not taken up yet
		out.Until = row.OfferUntil
		return out, nil
	}
	if err := leaveQueue(ctx, tx, row); err != nil {
		return out, err
	}
	if err := endOffer(ctx, tx, row); err != nil {
		return out, err
	}
	if row.AssigneeID == agentID && row.TeamID == teamID {
		return out, nil
	}
	if agentID != "" && plan.Offer.TakeUpSeconds > 0 {
		until, err := s.until(ctx, tx, row.AccountID, plan.Offer, r.Now)
		if err != nil {
			return out, err
		}
		out.Result, out.Until = Offered, until
		if err := beginOffer(ctx, tx, row, agentID, way, r.Now, out.Until); err != nil {
			return out, err
		}
	}
	row.AssigneeID, row.TeamID = agentID, teamID
	r.write(row, conversation.EventAssigned, "assigned", conversation.EventData{
		AgentID: agentID, TeamID: teamID, Until: postgres.NullTime(out.Until), Step: string(way.step),
	})
	if agentID == "" {
		return out, nil
	}
	return out, postgres.Later(ctx, tx, "note whose turn it was", `INSERT INTO agent_capacities (agent_id, turn) VALUES ($1::uuid, nextval('assignment_turns'))
		ON CONFLICT (agent_id) DO UPDATE SET turn = excluded.turn`, agentID)
}

// until returns when an offer ends that is made now.
func (s *Store) until(ctx context.Context, tx bun.Tx, accountID string, o Offer, now time.Time) (time.Time, error) {
	until := now.Add(o.seconds())
	if o.BusinessTime {
		var err error
		if until, err = s.BusinessTime(ctx, tx, accountID, now, o.seconds()); err != nil {
			return until, fmt.Errorf("count business time: %w", err)
		}
	}
	return until.UTC().Truncate(time.Microsecond), nil
}

// write appends an event of assignment.
func (r Request) write(row *ledger.Row, kind conversation.EventKind, name string, data conversation.EventData) {
	e := conversation.Event{Kind: kind, Actor: r.Actor, Cause: r.Cause, At: r.Now, Data: data}
	if r.Key == "" {
		row.Append(e)
		return
	}
	row.AppendEffect(e, r.Key+"/"+name)
}

func beginOffer(ctx context.Context, tx bun.Tx, row *ledger.Row, agentID string, way trail, now, until time.Time) error {
	row.OfferUntil = until
	return postgres.Later(ctx, tx, "write an offer", `INSERT INTO assignment_offers
			(conversation_id, account_id, agent_id, step, policy, chain, passed, declined, told, offered_at, until)
		VALUES ($1::uuid, $2::uuid, $3::uuid, $4, $5, $6, $7::uuid[], $8::uuid[], $9, $10, $11)`,
		row.ID, row.AccountID, agentID, string(way.step), way.policy, way.chain, list(way.passed), list(way.declined), way.told, now, until)
}

// endOffer forgets the offer of a conversation, if it has one.
func endOffer(ctx context.Context, tx bun.Tx, row *ledger.Row) error {
	if row.OfferUntil.IsZero() {
		return nil
	}
	row.OfferUntil = time.Time{}
	return postgres.Later(ctx, tx, "end an offer", "DELETE FROM assignment_offers WHERE conversation_id = $1::uuid", row.ID)
}

// list is never null.
func list(ids []string) []string { return append([]string{}, ids...) }
