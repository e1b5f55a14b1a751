package hours

import (
	"iter"
	"time"
)

// Between these days since 1970-01-01 lie the local dates of the time in which a calendar can be open, wherever it is.
var (
	firstDay = dayOf(time.Unix(rangeStart, 0).UTC()) - 2
	lastDay  = dayOf(time.Unix(rangeEnd, 0).UTC()) + 1
)

// before is how many local dates before an instant's an interval may have begun that is still open, or that one open at
// the instant continues. An interval ends on the date after its own, and the rest is for a date that clocks skip or repeat.
const before = 3

// span is open time from an instant until before another, in nanoseconds of Unix time.
type span struct{ from, to int64 }

// plan returns what begins on a date.
func (h *Hours) plan(day int) []stretch {
	if len(h.overrides) > 0 {
		if own, ok := h.overrides[day]; ok {
			return own
		}
	}
	week := h.week[((day+int(time.Thursday))%7+7)%7] // 1970-01-01 was one
	if len(week) == 0 {
		return nil
	}
	if _, ok := h.holidays.name(day); ok {
		return nil
	}
	return week
}

// span returns when a stretch of a date is open. It is empty if clocks skip it.
func (h *Hours) span(day int, s stretch) span {
	midnight := int64(day) * secondsADay
	from, to := h.zone.reached(midnight+int64(s.from)*60), h.zone.passed(midnight+int64(s.to)*60)
	return span{max(from, rangeStart) * int64(time.Second), min(to, rangeEnd) * int64(time.Second)}
}

// spans goes through open time from early enough to have everything that is open at an instant or later, in the order in
// which it begins. Spans are not empty, but may overlap and touch: the caller keeps the latest end so far.
func (h *Hours) spans(at int64) iter.Seq[span] {
	return func(yield func(span) bool) {
		if h.never {
			return
		}
		for day := max(firstDay, h.day(at)-before); day <= lastDay; day++ {
			for _, s := range h.plan(day) {
				if open := h.span(day, s); open.from < open.to && !yield(open) {
					return
				}
			}
		}
	}
}

// day returns the local date at an instant in days since 1970-01-01.
func (h *Hours) day(at int64) int { return h.zone.day(floor(at, int64(time.Second))) }

// clamp returns an instant in nanoseconds of Unix time, moved into the time in which a calendar can be open.
func clamp(t time.Time) int64 {
	switch at := t.Unix(); {
	case at < rangeStart:
		return rangeStart * int64(time.Second)
	case at >= rangeEnd:
		return rangeEnd * int64(time.Second)
	}
	return t.UnixNano()
}

// outside tells whether an instant is before or after all time in which a calendar can be open.
func outside(t time.Time) bool { return t.Unix() < rangeStart || t.Unix() >= rangeEnd }

// within returns an instant and the last one that a search from it may return. It is false where no search finds anything.
func within(t time.Time) (at, limit int64, ok bool) {
	horizon := int64(Horizon / time.Second)
	if t.Unix() < rangeStart-horizon || t.Unix() >= rangeEnd {
		return 0, 0, false
	}
	at = t.UnixNano()
	return at, at + int64(Horizon), true
}

func (h *Hours) time(at int64) time.Time { return time.Unix(0, at).In(h.zone.location) }
