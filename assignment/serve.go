package assignment

import (
	"context"
	"slices"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/ledger"
)

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
	best, result, err := w.choose(ctx, pool{everybody: true, distribution: ByLoad}, able, terms{tx: w.tx, presence: Anybody, now: w.Now()})
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
