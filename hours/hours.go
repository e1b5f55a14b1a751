package hours

import (
	"math"
	"time"
)

// Horizon is how far queries look ahead: what lies further than two years is not found, so that a calendar that is always
// closed, or always open, costs little.
const Horizon = 2 * 366 * 24 * time.Hour

// Always is the key of a closed period that has no beginning. See [Hours.ClosedPeriod].
const Always = "always"

// Location returns the calendar's time zone.
func (h *Hours) Location() *time.Location { return h.zone.location }

// Holiday returns the name of the holiday that t's local date is. A date with an override is still the holiday that it is:
// the override says when it is open, not what it is called.
func (h *Hours) Holiday(t time.Time) (name string, ok bool) {
	if outside(t) {
		return "", false
	}
	return h.holidays.name(h.day(t.UnixNano()))
}

// OpenAt tells whether the business is open at t. It is at the beginning of an interval, and is not at its end.
func (h *Hours) OpenAt(t time.Time) bool {
	if outside(t) {
		return false
	}
	at := t.UnixNano()
	for open := range h.spans(at) {
		if open.from > at {
			return false
		}
		if at < open.to {
			return true
		}
	}
	return false
}

// NextOpening returns the first instant after t, never t itself, at which the business turns from closed to open. So while
// it is open, that is when it opens after its next closing. It is false if there is none within [Horizon].
func (h *Hours) NextOpening(t time.Time) (time.Time, bool) {
	at, limit, ok := within(t)
	if !ok {
		return time.Time{}, false
	}
	closes := int64(math.MinInt64)
	for open := range h.spans(at) {
		if open.from > limit {
			break
		}
		if open.from > at && open.from > closes {
			return h.time(open.from), true
		}
		closes = max(closes, open.to)
	}
	return time.Time{}, false
}

// NextClosing returns the first instant after t, never t itself, at which the business turns from open to closed. So while
// it is closed, that is the end of the next time in which it is open. It is false if there is none within [Horizon].
func (h *Hours) NextClosing(t time.Time) (time.Time, bool) {
	at, limit, ok := within(t)
	if !ok {
		return time.Time{}, false
	}
	closes := int64(math.MinInt64)
	for open := range h.spans(at) {
		if open.from > limit || closes > at && open.from > closes {
			break
		}
		closes = max(closes, open.to)
	}
	if closes <= at || closes > limit {
		return time.Time{}, false
	}
	return h.time(closes), true
}

// Between returns the business time from a to b. It is negative if b is before a.
func (h *Hours) Between(a, b time.Time) time.Duration {
	if b.Before(a) {
		return -h.Between(b, a)
	}
	reached, end := clamp(a), clamp(b)
	var sum int64
	for open := range h.spans(reached) {
		if open.from >= end {
			break
		}
		if to := min(open.to, end); to > reached {
			sum += to - max(open.from, reached)
			reached = to
		}
	}
	return time.Duration(sum)
}

// Add returns the first instant at which the business time d has passed since t: that of d = 0 is t, and one that would fall
// on a closing is the closing, not the next opening. It is false if that instant is not within [Horizon], or d is negative.
func (h *Hours) Add(t time.Time, d time.Duration) (time.Time, bool) {
	if d == 0 {
		return t.Round(0).In(h.zone.location), true // without a reading of the monotonic clock
	}
	reached, limit, ok := within(t)
	if !ok || d < 0 {
		return time.Time{}, false
	}
	left := int64(d)
	for open := range h.spans(reached) {
		from := max(open.from, reached)
		if from > limit {
			break
		}
		if open.to <= from {
			continue
		}
		if left <= open.to-from {
			if from+left > limit {
				break
			}
			return h.time(from + left), true
		}
		left -= open.to - from
		reached = open.to
	}
	return time.Time{}, false
}

// ClosedPeriod returns a key that all instants of one closed period have in common and no other period of the calendar has:
// the instant at which it began, as RFC 3339 in UTC, or [Always] if the business was never open before. The key is empty
// while it is open. It says nothing of another calendar, and may change when the calendar does.
func (h *Hours) ClosedPeriod(t time.Time) (key string) {
	if h.OpenAt(t) {
		return ""
	}
	if h.never || t.Unix() < rangeStart {
		return Always
	}
	at := clamp(t)
	began, day := int64(math.MinInt64), h.day(at) // nothing of a later date has ended while clocks show this one
	for ; day >= firstDay && began == math.MinInt64; day-- {
		began = h.closedBefore(day, at)
	}
	if began == math.MinInt64 {
		return Always
	}
	// An interval of an earlier date may have ended later.
	for earlier := day; earlier > day-before; earlier-- {
		began = max(began, h.closedBefore(earlier, at))
	}
	return time.Unix(0, began).UTC().Format(time.RFC3339)
}

// closedBefore returns when the last of a date's spans that begin until at ends, or the least number if there is none.
func (h *Hours) closedBefore(day int, at int64) int64 {
	ends := int64(math.MinInt64)
	for _, s := range h.plan(day) {
		if open := h.span(day, s); open.from < open.to && open.from <= at {
			ends = max(ends, open.to)
		}
	}
	return ends
}
