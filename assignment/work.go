package assignment

import (
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/ledger"
)

// work is what one transaction does to the queues. Its lock is held.
type work struct {
	*Store
	tx    bun.Tx
	held  map[string]*ledger.Row // conversations that the transaction has locked
	given map[string]*ledger.Row // of those, or others, which it changed
	plans map[string]Plan
}

func (s *Store) work(tx bun.Tx, held map[string]*ledger.Row) *work {
	if held == nil {
		held = map[string]*ledger.Row{}
	}
	return &work{Store: s, tx: tx, held: held, given: map[string]*ledger.Row{}, plans: map[string]Plan{}}
}

func (w *work) plan(ctx context.Context, accountID string) (Plan, error) {
	if p, known := w.plans[accountID]; known {
		return p, nil
	}
	p, _, err := readPlan(ctx, w.tx, accountID, "")
	w.plans[accountID] = p
	return p, err
}

// able returns who of some agents, or of all, may take from a line, with room for a weight. What they have counts as it is now.
func (w *work) able(ctx context.Context, l line, agents []string, weight int) ([]agent, error) {
	plan, err := w.plan(ctx, l.account)
	if err != nil {
		return nil, err
	}
	p := pool{team: l.team, everybody: true}
	who := wanted{agents: agents, everybody: len(agents) == 0 && l.team == ""}
	if len(agents) == 0 && l.team != "" {
		who.teams = []string{l.team}
	}
	found, err := who.read(ctx, w.tx, l.account, idsOf(w.held))
	if err != nil {
		return nil, err
	}
	for _, row := range w.held { // as the transaction has changed them
		i := slices.IndexFunc(found, func(a agent) bool { return a.ID == row.AssigneeID })
		if i < 0 || row.Status != conversation.StatusOpen || row.MergedInto != "" {
			continue
		}
		of, err := w.plan(ctx, row.AccountID)
		if err != nil {
			return nil, err
		}
		found[i].Load += of.Weight
	}
	able, _, err := w.Store.able(ctx, p, found, terms{tx: w.tx, presence: plan.Presence, weight: weight, now: w.Now()})
	return able, err
}

// take returns the locked conversation of a place, nil if somebody else holds it.
func (w *work) take(ctx context.Context, p place) (*ledger.Row, error) {
	if row := w.held[p.id]; row != nil {
		return row, nil
	}
	row, err := ledger.LockFree(ctx, w.tx, p.id)
	if err != nil {
		return nil, fmt.Errorf("lock the first of the queue: %w", err)
	}
	if row != nil {
		w.held[p.id] = row
	}
	return row, nil
}

// give gives a queued conversation to an agent, and lets its workflow hear of it. One that should not wait any more only
// leaves the queue.
func (w *work) give(ctx context.Context, row *ledger.Row, p place, agentID string) (bool, error) {
	w.given[row.ID] = row
	if row.QueuedAt.IsZero() || row.AssigneeID != "" || row.Status != conversation.StatusOpen || row.MergedInto != "" {
		row.QueuedAt = w.Now() // so that it leaves in any case
		return false, leaveQueue(ctx, w.tx, row)
	}
	plan, err := w.plan(ctx, row.AccountID)
	if err != nil {
		return false, err
	}
	row.Wake()
	way := trail{step: StepQueue, passed: p.declined, declined: p.declined, told: p.told}
	_, err = w.Store.give(ctx, w.tx, row, plan, agentID, fill(p.line.team, row.TeamID), way, Request{
		Now: w.Now(), Actor: conversation.Actor{Kind: conversation.ActorSystem},
		Cause: &conversation.Cause{Seq: row.LastSeq, Trigger: TriggerQueue}, Key: fmt.Sprintf("queue#%d", p.number),
	})
	return true, err
}

// TriggerQueue is the trigger of the cause of an assignment of what waited until somebody had room.
const TriggerQueue = "queue"

// rows returns what was changed, for saving, without what the caller saves anyway.
func (w *work) rows(but ...ledger.Changed) []*ledger.Row {
	list := make([]*ledger.Row, 0, len(w.given))
	for _, row := range w.given {
		if !slices.ContainsFunc(but, func(c ledger.Changed) bool { return c.Row == row }) {
			list = append(list, row)
		}
	}
	return list
}
