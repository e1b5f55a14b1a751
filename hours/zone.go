package hours

import (
	"sort"
	"strings"
	"time"
	_ "time/tzdata" // zones are known wherever the program runs

	"guichet.dev/guichet/conversation"
)

const (
	secondsADay = 24 * 60 * 60
	firstYear   = 1970
	endYear     = 2100
	longestZone = 64
)

// The time in which a calendar can be open, in seconds of Unix time.
var (
	rangeStart = time.Date(firstYear, time.January, 1, 0, 0, 0, 0, time.UTC).Unix()
	rangeEnd   = time.Date(endYear, time.January, 1, 0, 0, 0, 0, time.UTC).Unix()
)

// zone is a time zone as a table, because it is asked several times for each day: what time.Location finds by search and,
// for the years to come, by evaluating a rule, is looked up once.
type zone struct {
	location *time.Location
	changes  []change // in order; the first is before everything that is asked
}

// change begins at an instant of Unix time in seconds, from which on local time is so many seconds ahead of UTC.
type change struct{ at, offset int64 }

func newZone(name string, faults *conversation.Faults) zone {
	location, err := time.LoadLocation(name)
	// "Local" is a zone of the machine. The files below right and posix are no IANA names, and the former count leap seconds.
	if err != nil || name == "" || len(name) > longestZone || name == "Local" || strings.HasPrefix(name, "right/") || strings.HasPrefix(name, "posix/") {
		faults.Add("time_zone", "must be the IANA name of a time zone, such as Europe/Bucharest or UTC")
		return zone{}
	}
	z := zone{location: location}
	for t := time.Unix(rangeStart-7*secondsADay, 0).In(location); t.Unix() < rangeEnd+7*secondsADay; {
		if _, offset := t.Zone(); len(z.changes) == 0 || z.changes[len(z.changes)-1].offset != int64(offset) {
			z.changes = append(z.changes, change{t.Unix(), int64(offset)})
		}
		_, next := t.ZoneBounds()
		if next.IsZero() {
			break
		}
		if !next.After(t) { // on the last day of a leap year that only the rule covers, Go 1.26 says that the day is over
			next = t.Add(time.Hour)
		}
		t = next
	}
	return z
}

// day returns the local date at a second of Unix time, in days since 1970-01-01.
func (z zone) day(at int64) int {
	return int(floor(at+z.changes[z.index(at)].offset, secondsADay))
}

// reached returns the first second of Unix time at which clocks show a local time or a later one. Local times are in
// seconds since 1970-01-01 00:00 on the clock.
func (z zone) reached(local int64) int64 {
	// No clock is a day ahead of UTC, or behind it.
	for i := z.index(local - secondsADay); ; i++ {
		from, to := z.bounds(i)
		if at := max(from, local-z.changes[i].offset); at < to {
			return at
		}
	}
}

// passed returns the second of Unix time from which on clocks never show an earlier local time than this one again.
func (z zone) passed(local int64) int64 {
	at := local - secondsADay
	for i := z.index(at); i < len(z.changes) && z.changes[i].at < local+secondsADay; i++ {
		if from, to := z.bounds(i); local-z.changes[i].offset > from {
			at = min(to, local-z.changes[i].offset)
		}
	}
	return at
}

// index returns the change that is in force at a second of Unix time.
func (z zone) index(at int64) int {
	return max(0, sort.Search(len(z.changes), func(i int) bool { return z.changes[i].at > at })-1)
}

// bounds returns from when until when a change is in force. The last one is for all time to come.
func (z zone) bounds(i int) (from, to int64) {
	if i+1 < len(z.changes) {
		return z.changes[i].at, z.changes[i+1].at
	}
	return z.changes[i].at, 1<<63 - 1
}

// floor divides, also negative numbers, and rounds down.
func floor(a, b int64) int64 {
	if a < 0 {
		return (a - b + 1) / b
	}
	return a / b
}
