package calendars

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/postgres"
)

// OnShift reports whether an agent works at a time: one of the teams for which they work is open, or has no hours of its own. Who
// is in no team always works.
func (s *Store) OnShift(ctx context.Context, db bun.IDB, agentID string, now time.Time) (bool, error) {
	type shift struct {
		id      string
		changed time.Time
	}
	var shifts []shift
	err := postgres.Rows(ctx, db, func(row *sql.Rows) error {
		var one shift
		err := row.Scan(postgres.OptText(&one.id), postgres.OptTime(&one.changed))
		shifts = append(shifts, one)
		return err
	}, `SELECT DISTINCT k.id, k.updated_at FROM team_members m JOIN teams t ON t.id = m.team_id LEFT JOIN calendars k ON k.id = t.calendar_id
		WHERE m.agent_id = $1::uuid AND m.working`, agentID)
	if err != nil {
		return false, fmt.Errorf("find shifts: %w", err)
	}
	for _, one := range shifts {
		if one.id == "" {
			return true, nil
		}
		h, err := s.Hours(ctx, db, one.id, one.changed)
		if err != nil {
			return false, err
		}
		if h.OpenAt(now) {
			return true, nil
		}
	}
	return len(shifts) == 0, nil
}

// BusinessTime returns when an account has been open for as long as given, from a time on. An account without hours is always
// open; one that never opens again counts by the clock, or its offers would never pass.
func (s *Store) BusinessTime(ctx context.Context, db bun.IDB, accountID string, from time.Time, d time.Duration) (time.Time, error) {
	h, err := s.OfAccount(ctx, db, accountID)
	if err != nil || h == nil {
		return from.Add(d), err
	}
	if at, ok := h.Add(from, d); ok {
		return at, nil
	}
	return from.Add(d), nil
}
