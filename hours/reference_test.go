package hours_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"guichet.dev/guichet/hours"
)

// reference decides minute by minute, by what a clock on the wall shows, whether a calendar is open. It shares nothing with
// the package: no arithmetic on offsets, no order of intervals, no search.
type reference struct {
	start time.Time
	open  []bool // by minutes after start
}

const (
	shownDays  = 9 // what is asked
	marginDays = 3 // of clock before and after it, for an interval that began before and a clock that will go back
)

func newReference(t *testing.T, def hours.Calendar, around time.Time) reference {
	t.Helper()
	location, err := time.LoadLocation(def.TimeZone)
	if err != nil {
		t.Fatal(err)
	}
	first := around.AddDate(0, 0, -marginDays-shownDays/2).Truncate(time.Minute)
	minutes := (shownDays + 2*marginDays) * 24 * 60
	latest, earliest := make([]int, minutes), make([]int, minutes) // shown until then, and from then on
	for i := range minutes {
		at := first.Add(time.Duration(i) * time.Minute).In(location)
		year, month, day := at.Date()
		shown := int(time.Date(year, month, day, at.Hour(), at.Minute(), 0, 0, time.UTC).Unix() / 60)
		latest[i], earliest[i] = shown, shown
	}
	for i := 1; i < minutes; i++ {
		latest[i] = max(latest[i], latest[i-1])
		earliest[minutes-1-i] = min(earliest[minutes-1-i], earliest[minutes-i])
	}
	r := reference{start: first.AddDate(0, 0, marginDays)}
	plans := map[int][][2]int{}
	for i := marginDays * 24 * 60; i < minutes-marginDays*24*60; i++ {
		r.open = append(r.open, begunAndNotEnded(def, plans, latest[i], earliest[i]))
	}
	return r
}

// begunAndNotEnded tells whether some interval's beginning has been shown, and a time before its end is still to be shown.
func begunAndNotEnded(def hours.Calendar, plans map[int][][2]int, latest, earliest int) bool {
	for date := latest/(24*60) - 3; date <= latest/(24*60); date++ {
		if _, ok := plans[date]; !ok {
			plans[date] = planned(def, time.Unix(int64(date)*24*60*60, 0).UTC())
		}
		for _, interval := range plans[date] {
			if latest >= date*24*60+interval[0] && earliest < date*24*60+interval[1] {
				return true
			}
		}
	}
	return false
}

// planned returns a date's intervals in minutes.
func planned(def hours.Calendar, date time.Time) [][2]int {
	text := date.Format(time.DateOnly)
	intervals := [][]hours.Interval{
		def.Week.Sunday, def.Week.Monday, def.Week.Tuesday, def.Week.Wednesday, def.Week.Thursday, def.Week.Friday, def.Week.Saturday,
	}[date.Weekday()]
	for _, own := range def.Holidays.Own {
		if strings.HasSuffix(text, own.Date) {
			intervals = nil
		}
	}
	for _, o := range def.Overrides {
		if o.Date == text {
			intervals = o.Intervals
		}
	}
	var plan [][2]int
	for _, interval := range intervals {
		from, to := clock(interval.From), clock(interval.To)
		if to <= from {
			to += 24 * 60
		}
		plan = append(plan, [2]int{from, to})
	}
	return plan
}

func clock(text string) int {
	return 60*(10*int(text[0]-'0')+int(text[1]-'0')) + 10*int(text[3]-'0') + int(text[4]-'0')
}

func (r reference) end() time.Time { return r.start.Add(time.Duration(len(r.open)) * time.Minute) }

func (r reference) minute(t time.Time) int { return int(t.Sub(r.start) / time.Minute) }

func (r reference) openAt(t time.Time) bool { return r.open[r.minute(t)] }

// turns returns the next instant after t at which it turns open, or closed, and false if there is none before the end.
func (r reference) turns(t time.Time, open bool) (time.Time, bool) {
	for i := r.minute(t) + 1; i < len(r.open); i++ {
		if r.open[i] == open && r.open[i-1] != open {
			return r.start.Add(time.Duration(i) * time.Minute), true
		}
	}
	return time.Time{}, false
}

// closedSince returns when the closed period of a closed instant began, and false if that was before the start.
func (r reference) closedSince(t time.Time) (time.Time, bool) {
	for i := r.minute(t); i > 0; i-- {
		if r.open[i-1] {
			return r.start.Add(time.Duration(i) * time.Minute), true
		}
	}
	return time.Time{}, false
}

func (r reference) between(a, b time.Time) time.Duration {
	var sum time.Duration
	for i := r.minute(a); i < len(r.open) && r.start.Add(time.Duration(i)*time.Minute).Before(b); i++ {
		if from := r.start.Add(time.Duration(i) * time.Minute); r.open[i] {
			sum += earlier(b, from.Add(time.Minute)).Sub(later(a, from))
		}
	}
	return sum
}

// add returns when d has passed, and false if that is not before the end.
func (r reference) add(t time.Time, d time.Duration) (time.Time, bool) {
	for i := r.minute(t); i < len(r.open) && d > 0; i++ {
		from := later(t, r.start.Add(time.Duration(i)*time.Minute))
		to := r.start.Add(time.Duration(i+1) * time.Minute)
		if !r.open[i] {
			continue
		}
		if d <= to.Sub(from) {
			return from.Add(d), true
		}
		d -= to.Sub(from)
	}
	return t, d == 0
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// someZones change their clocks by an hour, by half an hour, at midnight, just after it, by a whole date, in the winter,
// for Ramadan, and never.
var someZones = []string{
	"Europe/Bucharest", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "America/St_Johns", "Pacific/Apia",
	"Europe/Dublin", "Africa/Casablanca", "Asia/Kathmandu", "America/Havana", "Asia/Gaza", "Antarctica/Troll", "UTC",
}

// randomInstant returns one near a change of the zone's clock, mostly, of the years for which rules are known or assumed.
func randomInstant(t *testing.T, random *rand.Rand, name string) time.Time {
	t.Helper()
	location, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(random.Int64N(3_700_000_000), 0).AddDate(3, 0, 0).In(location)
	if name == "Pacific/Apia" && random.IntN(2) == 0 {
		at = time.Date(2011, time.December, 20, 0, 0, 0, 0, location)
	}
	if _, change := at.ZoneBounds(); !change.IsZero() && random.IntN(5) > 0 {
		at = change
	}
	return at.UTC().Add(time.Duration(random.IntN(2*24*60)-24*60) * time.Minute)
}

// randomCalendar has few intervals, many of them at night, with exceptions around an instant.
func randomCalendar(random *rand.Rand, zone string, around time.Time) hours.Calendar {
	def := hours.Calendar{TimeZone: zone}
	for _, day := range []*[]hours.Interval{
		&def.Week.Monday, &def.Week.Tuesday, &def.Week.Wednesday, &def.Week.Thursday, &def.Week.Friday, &def.Week.Saturday, &def.Week.Sunday,
	} {
		*day = randomIntervals(random, random.IntN(5))
	}
	for offset := -8; offset <= 8; offset++ {
		date := around.AddDate(0, 0, offset).Format(time.DateOnly)
		switch random.IntN(8) {
		case 0:
			def.Holidays.Own = append(def.Holidays.Own, hours.OwnHoliday{Date: date, Name: "once"})
		case 1:
			def.Holidays.Own = append(def.Holidays.Own, hours.OwnHoliday{Date: date[5:], Name: "yearly"})
		case 2:
			def.Overrides = append(def.Overrides, hours.Override{Date: date, Closed: true})
		case 3:
			def.Overrides = append(def.Overrides, hours.Override{Date: date, Intervals: randomIntervals(random, 1+random.IntN(3))})
		}
	}
	return def
}

func randomIntervals(random *rand.Rand, n int) []hours.Interval {
	var intervals []hours.Interval
	for range n {
		intervals = append(intervals, hours.Interval{From: randomClock(random), To: randomClock(random)})
		if random.IntN(10) == 0 {
			intervals[len(intervals)-1].To = "24:00"
		}
	}
	return intervals
}

func randomClock(random *rand.Rand) string {
	hour := random.IntN(24)
	if random.IntN(2) == 0 {
		hour = (23 + random.IntN(6)) % 24 // where clocks change
	}
	minute := []int{0, 1, 15, 30, 45, 59, random.IntN(60)}[random.IntN(7)]
	return time.Date(2000, time.January, 1, hour, minute, 0, 0, time.UTC).Format("15:04")
}
