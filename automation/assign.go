package automation

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/assignment"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/team"
)

// Assigner decides who gets a conversation, see package assignment.
type Assigner interface {
	Assign(ctx context.Context, tx bun.Tx, row *ledger.Row, r assignment.Request) (assignment.Outcome, error)
	Reconsider(ctx context.Context, tx bun.Tx, row *ledger.Row, r assignment.Request) (assignment.Outcome, error)
	OfferLapsed(ctx context.Context, tx bun.Tx, row *ledger.Row, now time.Time) (assignment.Reason, bool, error)
	Pass(ctx context.Context, tx bun.Tx, row *ledger.Row, why assignment.Reason, r assignment.Request) (assignment.Outcome, error)
	Freed(ctx context.Context, tx bun.Tx, changed ...ledger.Changed) ([]*ledger.Row, error)
}

// triggerAssignment is the trigger of a decision that is the account's own assignment.
const triggerAssignment = "assignment"

// assign gives the conversation to whom a rule says.
func (v *visit) assign(ctx context.Context, e *conversation.Effect, by conversation.Actor) (bool, error) {
	v.assigned = true
	switch a := e.Action; a.To {
	case conversation.AssignToNobody:
		return v.row.Give("", "", by, v.now), nil
	case conversation.AssignToAgent:
		sees, err := team.Sees(ctx, v.tx, a.AgentID, v.row.AccountID)
		if err != nil {
			return false, err
		}
		if !sees {
			return false, conversation.Errorf(conversation.CodeForbidden, "the agent may not see this account")
		}
		return v.row.Give(a.AgentID, v.row.TeamID, by, v.now), nil
	case conversation.AssignToTeam:
		return v.row.Give("", a.TeamID, by, v.now), nil
	case conversation.AssignToPolicy:
		out, err := v.Assigner.Assign(ctx, v.tx, v.row, assignment.Request{Now: v.now, Actor: by, Cause: e.Cause, Key: e.Key})
		if err != nil {
			return false, err
		}
		e.Outcome = string(out.Result)
		return true, v.tell(ctx, out, e.Key)
	default:
		return false, conversation.Errorf(conversation.CodeInvalid, "no way to assign")
	}
}

// passOffer passes on an offer that nobody took up in time, or whose agent has gone.
func (v *visit) passOffer(ctx context.Context) error {
	if v.row.OfferUntil.IsZero() {
		return nil
	}
	why, lapsed, err := v.Assigner.OfferLapsed(ctx, v.tx, v.row, v.now)
	if err != nil || !lapsed {
		return err
	}
	key := fmt.Sprintf("offer:%d", v.row.LastSeq)
	out, err := v.Assigner.Pass(ctx, v.tx, v.row, why, v.request(key, string(conversation.DeadlineOffer)))
	if err != nil {
		return err
	}
	v.explain(string(conversation.DeadlineOffer), "offer="+string(why), out)
	return v.tell(ctx, out, key)
}

// assignByPlan lets the account's plan decide, if something happened that asks for it and no rule decided: the conversation was
// opened or reopened, or it is nobody's and the customer writes, or it was taken back from an agent who is gone. Whoever reopened it by
// hand has it in hand.
func (v *visit) assignByPlan(ctx context.Context) error {
	if v.assigned || v.row.Status != conversation.StatusOpen || v.row.MergedInto != "" {
		return nil
	}
	reopened := slices.ContainsFunc(v.events, func(e conversation.InputEvent) bool {
		again := e.Kind == conversation.EventOpened || e.Kind == conversation.EventReopened || e.Kind == conversation.EventWoken
		return again && !e.Actor.Person()
	})
	asks := slices.ContainsFunc(v.events, func(e conversation.InputEvent) bool {
		return e.Kind == conversation.EventMessageReceived || takenBack(e)
	})
	nobodys := v.row.AssigneeID == "" && v.row.QueuedAt.IsZero()
	key := fmt.Sprintf("assign:%d", v.row.LastSeq)
	request := v.request(key, triggerAssignment)
	var (
		out assignment.Outcome
		err error
	)
	switch {
	case reopened && v.row.QueuedAt.IsZero():
		out, err = v.Assigner.Reconsider(ctx, v.tx, v.row, request)
	case asks && nobodys:
		out, err = v.Assigner.Assign(ctx, v.tx, v.row, request)
	default:
		return nil
	}
	if err != nil || out.Result == assignment.NoPlan {
		return err
	}
	v.explain(triggerAssignment, triggerAssignment, out)
	return v.tell(ctx, out, key)
}

// takenBack reports whether an agent lost the conversation without giving it away, see inbox.HandBack, which says why.
func takenBack(e conversation.InputEvent) bool {
	return e.Kind == conversation.EventAssigned && e.Actor.Kind == conversation.ActorSystem && e.Data.AgentID == "" && e.Data.Code != ""
}

func (v *visit) request(key, trigger string) assignment.Request {
	return assignment.Request{
		Now: v.now, Actor: conversation.Actor{Kind: conversation.ActorSystem}, Key: key,
		Cause: &conversation.Cause{Seq: v.row.LastSeq, Trigger: trigger, Version: v.set.Version()},
	}
}

// explain keeps what was tried and what came of it.
func (v *visit) explain(trigger, first string, out assignment.Outcome) {
	d := conversation.Decision{Seq: v.row.LastSeq, Version: v.set.Version(), Trigger: trigger}
	d.Outcomes = append(d.Outcomes, conversation.Outcome{Step: first, Seq: v.row.AppliedSeq, Result: string(out.Result)})
	for _, t := range out.Tried {
		name := t.Name
		if t.Place > 0 {
			name = fmt.Sprintf("policy %d %s", t.Place, t.Name)
		}
		d.Outcomes = append(d.Outcomes, conversation.Outcome{Step: name, Result: string(t.Result)})
	}
	v.decisions = append(v.decisions, d)
}

// tell tells the customer what the plan says for the case that nobody takes the conversation up.
func (v *visit) tell(ctx context.Context, out assignment.Outcome, key string) error {
	if out.Tell == "" {
		return nil
	}
	e := conversation.Effect{
		Key: key + ":tell", Text: out.Tell, Cause: &conversation.Cause{Seq: v.row.LastSeq, Trigger: triggerAssignment, Version: v.set.Version(), Depth: 1},
	}
	return v.reply(ctx, &e, conversation.Actor{Kind: conversation.ActorSystem}, "")
}
