package assignment

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/uptrace/bun"
)

// terms are what holds for all who could get one conversation.
type terms struct {
	tx       bun.Tx
	presence Presence
	weight   int
	now      time.Time
	skip     []string // who passed it on before
}

// choose returns who of the pool gets the conversation, or why nobody can.
func (s *Store) choose(ctx context.Context, p pool, agents []agent, t terms) (agent, Result, error) {
	if p.problem != "" {
		return agent{}, p.problem, nil
	}
	able, why, err := s.able(ctx, p, agents, t)
	if err != nil || len(able) == 0 {
		return agent{}, why, err
	}
	if p.distribution == ByChance {
		return able[s.Chance(len(able))], Assigned, nil
	}
	return slices.MinFunc(able, func(x, y agent) int {
		byLoad := 0
		if p.distribution == ByLoad {
			byLoad = cmp.Compare(x.Load, y.Load)
		}
		return cmp.Or(byLoad, cmp.Compare(x.Turn, y.Turn), cmp.Compare(x.ID, y.ID))
	}), Assigned, nil
}

// able returns those of the pool who can take the conversation. If there are none it says what the last of them lacked.
func (s *Store) able(ctx context.Context, p pool, agents []agent, t terms) ([]agent, Result, error) {
	var failed error
	left := slices.Clone(agents)
	for _, sieve := range []struct {
		why  Result
		good func(agent) bool
	}{
		{NoAgent, p.has},
		{NotAllowed, func(a agent) bool { return a.Allowed }},
		{PassedBefore, func(a agent) bool { return !slices.Contains(t.skip, a.ID) }},
		{NobodyWorking, func(a agent) bool { return p.team == "" || a.worksFor(p.team) }},
		{NobodyOnline, func(a agent) bool { return t.presence.offline() || a.Online }},
		{NobodyOnShift, func(a agent) bool {
			if !t.presence.shifts() || failed != nil {
				return true
			}
			on, err := s.OnShift(ctx, t.tx, a.ID, t.now)
			failed = err
			return on
		}},
		{AtCapacity, func(a agent) bool { return a.Load+t.weight <= a.Capacity }},
	} {
		left = slices.DeleteFunc(left, func(a agent) bool { return !sieve.good(a) })
		if len(left) == 0 || failed != nil {
			return nil, sieve.why, failed
		}
	}
	return left, Assigned, nil
}

// offline reports whether agents need not be online.
func (p Presence) offline() bool { return p == OnShift || p == Anybody }

// shifts reports whether agents must be on shift.
func (p Presence) shifts() bool { return p == OnShift || p == OnlineAndOnShift }
