package hours

import (
	"fmt"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/rickar/cal/v2"

	"guichet.dev/guichet/conversation"
)

// The library makes its dates at midnight of time.Local, a time that does not exist everywhere on every date. They are
// dates and nothing else here, and the same on every machine.
func init() { cal.DefaultLoc = time.UTC }

const (
	mostOwn        = 200
	mostName       = 100 // characters
	cachedYears    = endYear - firstYear + 2
	firstCached    = firstYear - 1
	dateLayout     = "2006-01-02"
	yearlyLayout   = "01-02"
	leapYearPrefix = "2000-" // so that 02-29 is a date
)

// holidays knows the names of a calendar's holidays. A year is computed when it is first asked for; two that ask at once
// compute the same.
type holidays struct {
	public []*cal.Holiday
	yearly map[monthDay]string
	once   map[int]string // by days since 1970-01-01
	years  *[cachedYears]atomic.Pointer[map[int]string]
}

type monthDay struct {
	month time.Month
	day   int
}

func newHolidays(def Holidays, faults *conversation.Faults) holidays {
	h := holidays{yearly: map[monthDay]string{}, once: map[int]string{}, years: new([cachedYears]atomic.Pointer[map[int]string])}
	if def.Country != "" {
		h.public = country(def.Country, faults)
	}
	if len(def.Own) > mostOwn {
		faults.Add("holidays.own", "must be at most %d holidays", mostOwn)
		return h
	}
	for i, own := range def.Own {
		field := fmt.Sprintf("holidays.own[%d]", i)
		if n := utf8.RuneCountInString(own.Name); n == 0 || n > mostName {
			faults.Add(field+".name", "must be 1 to %d characters", mostName)
		}
		if date, err := time.Parse(dateLayout, leapYearPrefix+own.Date); err == nil && len(own.Date) == len(yearlyLayout) {
			keep(h.yearly, monthDay{date.Month(), date.Day()}, own.Name)
			continue
		}
		day, ok := parseDay(own.Date)
		if !ok {
			faults.Add(field+".date", "must be a date of %d to %d such as 2026-12-24, or one of every year such as 12-24", firstYear, endYear-1)
			continue
		}
		keep(h.once, day, own.Name)
	}
	return h
}

// name returns the name of the holiday on a day since 1970-01-01. Where a date has several: the own one of that date, the
// own one of every year, the first of the country's list.
func (h *holidays) name(day int) (string, bool) {
	if len(h.public) == 0 && len(h.yearly) == 0 && len(h.once) == 0 {
		return "", false
	}
	i := dateOf(day).Year() - firstCached
	if i < 0 || i >= cachedYears {
		return "", false
	}
	names := h.years[i].Load()
	if names == nil {
		names = h.year(i + firstCached)
		h.years[i].Store(names)
	}
	name, ok := (*names)[day]
	return name, ok
}

func (h *holidays) year(year int) *map[int]string {
	names := map[int]string{}
	for day, name := range h.once {
		if dateOf(day).Year() == year {
			keep(names, day, name)
		}
	}
	for d, name := range h.yearly {
		if date := time.Date(year, d.month, d.day, 0, 0, 0, 0, time.UTC); date.Day() == d.day { // not 29 February
			keep(names, dayOf(date), name)
		}
	}
	// A holiday may be kept on another day, and that one may lie in the year before or after.
	for of := year - 1; of <= year+1; of++ {
		for _, holiday := range h.public {
			// Some functions of the library write into the holiday (Japan's equinoxes), which everybody shares.
			actual, observed := holiday.Clone(nil).Calc(of)
			for _, date := range []time.Time{actual, observed} {
				if !date.IsZero() && date.Year() == year {
					keep(names, dayOf(date), holiday.Name)
				}
			}
		}
	}
	return &names
}

// keep sets what is not set.
func keep[K comparable](names map[K]string, key K, name string) {
	if _, ok := names[key]; !ok {
		names[key] = name
	}
}

// parseDay reads a date of the time in which a calendar can be open, in days since 1970-01-01.
func parseDay(text string) (int, bool) {
	date, err := time.Parse(dateLayout, text)
	return dayOf(date), err == nil && date.Year() >= firstYear && date.Year() < endYear
}

func dayOf(date time.Time) int {
	year, month, day := date.Date()
	return int(floor(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix(), secondsADay))
}

func dateOf(day int) time.Time { return time.Unix(int64(day)*secondsADay, 0).UTC() }
