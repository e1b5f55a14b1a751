package inbox

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

// phase is a part of an order: those of a condition, by keys. Every key goes in the same direction, so that a place among
// them is one comparison, and the last one is the id.
type phase struct {
	condition string
	number    string // a key before the time; empty if none
	time      string
	ascending bool
}

// newest is the order of which every other one ends.
func newest(condition string) phase { return phase{condition: condition, time: "c.last_activity_at"} }

// phases returns the parts of an order as of a time.
func phases(sort Sort, s *selection, asOf time.Time) []phase {
	switch sort {
	case SortWaiting:
		return []phase{{condition: "c.waiting_since IS NOT NULL", time: "c.waiting_since", ascending: true}, newest("c.waiting_since IS NULL")}
	case SortWindow:
		open := s.windowAfter(asOf)
		return []phase{{condition: open, time: "c.window_from", ascending: true}, newest(open + " IS NOT TRUE")}
	case SortPriority:
		urgent := phase{condition: "c.priority <> 0 AND c.priority > 0", number: "c.priority", time: "c.last_activity_at"}
		return []phase{urgent, newest("c.priority = 0"), newest("c.priority <> 0 AND c.priority < 0")}
	default:
		return []phase{newest("true")}
	}
}

// after returns the condition for what lies behind a cursor.
func (p phase) after(s *selection, c Cursor) string {
	sign := " < "
	if p.ascending {
		sign = " > "
	}
	keys, values := []string{p.time, "c.id"}, []string{s.arg(c.At) + "::timestamptz", s.arg(c.ID) + "::uuid"}
	if p.number != "" {
		keys, values = append([]string{p.number}, keys...), append([]string{s.arg(c.Seq) + "::bigint"}, values...)
	}
	return "(" + strings.Join(keys, ", ") + ")" + sign + "(" + strings.Join(values, ", ") + ")"
}

func (p phase) order() string {
	direction := " DESC"
	if p.ascending {
		direction = ""
	}
	keys := p.time + direction + ", c.id" + direction
	if p.number != "" {
		keys = p.number + direction + ", " + keys
	}
	return keys
}

func (p phase) columns() string {
	keys := []string{"c.id", p.time}
	if p.number != "" {
		keys = append(keys, p.number)
	}
	return strings.Join(keys, ", ")
}

// page returns the ids of a page and where the next one begins.
func (in *Inbox) page(ctx context.Context, by conversation.Caller, f Filter) ([]string, Cursor, error) {
	of, err := f.check()
	if err != nil {
		return nil, Cursor{}, err
	}
	asOf := f.After.AsOf
	if asOf.IsZero() {
		asOf = in.Now().Truncate(time.Microsecond) // as cursors keep it
	}
	selected, err := in.selectFor(ctx, by, f.Criteria)
	if err != nil {
		return nil, Cursor{}, err
	}
	var found []Cursor // places of the rows
	for i := f.After.Phase; len(found) <= f.Limit; i++ {
		s := selected.clone()
		parts := phases(f.Sort, s, asOf)
		if i >= len(parts) {
			break
		}
		condition := parts[i].condition
		if i == f.After.Phase && !f.After.Zero() {
			condition += " AND " + parts[i].after(s, f.After)
		}
		more, err := in.places(ctx, s, parts[i], condition, f.Limit+1-len(found))
		if err != nil {
			return nil, Cursor{}, err
		}
		for _, c := range more {
			c.Sort, c.Phase, c.AsOf, c.Of = f.Sort, i, asOf, of
			found = append(found, c)
		}
	}
	var next Cursor
	if len(found) > f.Limit {
		found = found[:f.Limit]
		next = found[f.Limit-1]
	}
	ids := make([]string, len(found))
	for i, c := range found {
		ids[i] = c.ID
	}
	return ids, next, nil
}

// check checks the filter and its cursor, and names the list to which cursors belong.
func (f *Filter) check() (of string, err error) {
	if err := f.Check(); err != nil {
		return "", err
	}
	if of, err = f.name(); err != nil || f.After.Zero() {
		return of, err
	}
	if !postgres.IsID(f.After.ID) || f.After.At.IsZero() || f.After.Phase < 0 {
		return "", badCursor()
	}
	if f.After.Sort != f.Sort || f.After.Of != of {
		return "", conversation.Invalid("cursor", "belongs to another order or filter: ask for the same as for the page before")
	}
	return of, nil
}

func (in *Inbox) places(ctx context.Context, s *selection, p phase, condition string, limit int) ([]Cursor, error) {
	var found []Cursor
	err := postgres.Rows(ctx, in.DB, func(row *sql.Rows) error {
		var c Cursor
		to := []any{&c.ID, &c.At}
		if p.number != "" {
			to = append(to, &c.Seq)
		}
		err := row.Scan(to...)
		found = append(found, c)
		return err
	}, s.from(p.columns(), condition, p.order(), limit), s.args...)
	return found, wrap("list conversations", err)
}
