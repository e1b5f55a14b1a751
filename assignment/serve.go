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
	able, _, err := w.Store.able(ctx, p, found, terms{presence: plan.Presence, weight: weight, now: w.Now()})
	return able, err
}

// serve gives an agent the first of the queues from which they may take, until they have no room, and at most so many.
func (w *work) serve(ctx context.Context, agentID string, most int) error {
	all, err := lines(ctx, w.tx)
	if err != nil {
		return err
	}
	var (
		mine []line
		room int // the same for all lines
	)
	for _, l := range all {
		able, err := w.able(ctx, l, []string{agentID}, 0)
		if err != nil {
			return err
		}
		if len(able) > 0 {
			mine, room = append(mine, l), able[0].Capacity-able[0].Load
		}
	}
	for ; most > 0; most-- {
		mine = slices.DeleteFunc(mine, func(l line) bool { return w.plans[l.account].Weight > room })
		next, err := first(ctx, w.tx, mine, agentID, 1)
		if err != nil || len(next) == 0 {
			return err
		}
		row, err := w.take(ctx, next[0])
		if err != nil {
			return err
		}
		if row == nil {
			return call(ctx, w.tx, agentID)
		}
		given, err := w.give(ctx, row, next[0], agentID)
		if err != nil {
			return err
		}
		if given {
			room -= w.plans[row.AccountID].Weight
		}
	}
	return nil
}

// serveAll gives the first of all queues to whoever has the least, until nobody has room, and at most so many. It returns how
// many it gave.
func (w *work) serveAll(ctx context.Context, most int) (int, error) {
	left, err := lines(ctx, w.tx)
	if err != nil {
		return 0, err
	}
	n := 0
	for n < most && len(left) > 0 {
		next, err := first(ctx, w.tx, left, "", 1)
		if err != nil || len(next) == 0 {
			return n, err
		}
		given, err := w.serveFirst(ctx, next[0])
		if err != nil {
			return n, err
		}
		if given {
			n++
		} else {
			left = slices.DeleteFunc(left, func(l line) bool { return l == next[0].line })
		}
	}
	return n, nil
}

// serveFirst gives the first of a queue to whoever has the least. It reports whether that queue can go on.
func (w *work) serveFirst(ctx context.Context, p place) (bool, error) {
	plan, err := w.plan(ctx, p.line.account)
	if err != nil {
		return false, err
	}
	able, err := w.able(ctx, p.line, nil, plan.Weight)
	if err != nil {
		return false, err
	}
	declined := func(a agent) bool { return slices.Contains(p.declined, a.ID) }
	if len(able) > 0 && !slices.ContainsFunc(able, func(a agent) bool { return !declined(a) }) {
		for _, a := range able { // they can have what comes behind it
			if err := call(ctx, w.tx, a.ID); err != nil {
				return false, err
			}
		}
		return false, nil
	}
	able = slices.DeleteFunc(able, declined)
	best, result, err := w.choose(ctx, pool{everybody: true, distribution: ByLoad}, able, terms{presence: Anybody, now: w.Now()})
	if err != nil || result != Assigned {
		return false, err
	}
	row, err := w.take(ctx, p)
	if err != nil {
		return false, err
	}
	if row == nil { // who holds it may be long
		return false, call(ctx, w.tx, best.ID)
	}
	_, err = w.give(ctx, row, p, best.ID)
	return true, err
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

// Serve gives an agent who has got room the first of the queues from which they may take, until they are full, in a
// transaction that holds some conversations or none. The caller saves what it returns, of which some may be those held.
func (s *Store) Serve(ctx context.Context, tx bun.Tx, agentID string, held ...*ledger.Row) ([]*ledger.Row, error) {
	if err := s.lock(ctx, tx); err != nil {
		return nil, err
	}
	w := s.work(tx, byID(held))
	if err := w.serve(ctx, agentID, maxServed); err != nil {
		return nil, err
	}
	return w.rows(), nil
}

// maxServed bounds one transaction.
const maxServed = 50

func byID(rows []*ledger.Row) map[string]*ledger.Row {
	held := make(map[string]*ledger.Row, len(rows))
	for _, row := range rows {
		held[row.ID] = row
	}
	return held
}
