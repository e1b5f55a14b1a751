package hours

import (
	"fmt"
	"time"
	"unicode/utf8"

	"guichet.dev/guichet/conversation"
)

const (
	mostOverrides = 400
	mostNote      = 500 // characters
)

// Hours answer when a business is open. They are safe for concurrent use, keep nothing of the [Calendar] that they were made
// of, and are cheap to ask: a day takes well below a microsecond. All times are returned in the calendar's time zone.
type Hours struct {
	zone      zone
	week      [7][]stretch // by time.Weekday
	holidays  holidays
	overrides map[int][]stretch // by days since 1970-01-01; empty: closed
	never     bool              // no interval anywhere
}

// Compile checks a calendar. The error is [conversation.Invalid] for the first wrong field, named like
// "week.monday[1].from", and says what is allowed.
func Compile(def Calendar) (*Hours, error) {
	h, faults := compile(def)
	if len(faults) > 0 {
		return nil, faults[0]
	}
	return h, nil
}

// Faults returns everything for which Compile would refuse a calendar.
func Faults(def Calendar) conversation.Faults {
	_, faults := compile(def)
	return faults
}

func compile(def Calendar) (*Hours, conversation.Faults) {
	h := &Hours{never: true}
	var faults conversation.Faults
	h.zone = newZone(def.TimeZone, &faults)
	for _, d := range []struct {
		day       time.Weekday
		field     string
		intervals []Interval
	}{
		{time.Monday, "week.monday", def.Week.Monday}, {time.Tuesday, "week.tuesday", def.Week.Tuesday},
		{time.Wednesday, "week.wednesday", def.Week.Wednesday}, {time.Thursday, "week.thursday", def.Week.Thursday},
		{time.Friday, "week.friday", def.Week.Friday}, {time.Saturday, "week.saturday", def.Week.Saturday},
		{time.Sunday, "week.sunday", def.Week.Sunday},
	} {
		h.week[d.day] = stretches(d.field, d.intervals, &faults)
		h.never = h.never && len(d.intervals) == 0
	}
	h.holidays = newHolidays(def.Holidays, &faults)
	h.override(def.Overrides, &faults)
	return h, faults
}

func (h *Hours) override(overrides []Override, faults *conversation.Faults) {
	if len(overrides) > mostOverrides {
		faults.Add("overrides", "must be at most %d dates", mostOverrides)
		return
	}
	h.overrides = make(map[int][]stretch, len(overrides))
	for i, o := range overrides {
		field := fmt.Sprintf("overrides[%d]", i)
		day, ok := parseDay(o.Date)
		if !ok {
			faults.Add(field+".date", "must be a date of %d to %d such as 2026-12-24", firstYear, endYear-1)
		}
		if _, twice := h.overrides[day]; twice && ok {
			faults.Add(field+".date", "must be a date that no other override has")
		}
		if o.Closed != (len(o.Intervals) == 0) {
			faults.Add(field+".closed", "must be true without intervals, and false with some")
		}
		if utf8.RuneCountInString(o.Note) > mostNote {
			faults.Add(field+".note", "must be at most %d characters", mostNote)
		}
		all := stretches(field+".intervals", o.Intervals, faults)
		if ok {
			h.overrides[day] = all
		}
		h.never = h.never && o.Closed
	}
}
