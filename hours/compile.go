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
	h := &Hours{never: true}
	var err error
	if h.zone, err = newZone(def.TimeZone); err != nil {
		return nil, err
	}
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
		if h.week[d.day], err = stretches(d.field, d.intervals); err != nil {
			return nil, err
		}
		h.never = h.never && len(d.intervals) == 0
	}
	if h.holidays, err = newHolidays(def.Holidays); err != nil {
		return nil, err
	}
	if err := h.override(def.Overrides); err != nil {
		return nil, err
	}
	return h, nil
}

func (h *Hours) override(overrides []Override) error {
	if len(overrides) > mostOverrides {
		return conversation.Invalid("overrides", "must be at most %d dates", mostOverrides)
	}
	h.overrides = make(map[int][]stretch, len(overrides))
	for i, o := range overrides {
		field := fmt.Sprintf("overrides[%d]", i)
		day, ok := parseDay(o.Date)
		if !ok {
			return conversation.Invalid(field+".date", "must be a date of %d to %d such as 2026-12-24", firstYear, endYear-1)
		}
		if _, twice := h.overrides[day]; twice {
			return conversation.Invalid(field+".date", "must be a date that no other override has")
		}
		if o.Closed != (len(o.Intervals) == 0) {
			return conversation.Invalid(field+".closed", "must be true without intervals, and false with some")
		}
		if utf8.RuneCountInString(o.Note) > mostNote {
			return conversation.Invalid(field+".note", "must be at most %d characters", mostNote)
		}
		var err error
		if h.overrides[day], err = stretches(field+".intervals", o.Intervals); err != nil {
			return err
		}
		h.never = h.never && o.Closed
	}
	return nil
}
