package notifications

import (
	"fmt"
	"time"
)

// due returns when a mail is to tell of something that happens now, zero if none is. Except for what is told of at once,
// that is later than now.
func (s Settings) due(k Kind, now time.Time) (time.Time, error) {
	zone, err := time.LoadLocation(s.TimeZone)
	if err != nil {
		return time.Time{}, fmt.Errorf("settings of notifications: %w", err)
	}
	switch s.of(k).Mail {
	case Immediately:
		return now.UTC(), nil
	case Quarterly:
		return nextOf(15*time.Minute, now.In(zone)), nil
	case Hourly:
		return nextOf(time.Hour, now.In(zone)), nil
	case Daily:
		return nextDaily(s.Hour, now.In(zone)), nil
	default:
		return time.Time{}, nil
	}
}

// nextOf returns the next beginning of a part of the hour, of an hour that begins where the zone's does.
func nextOf(part time.Duration, now time.Time) time.Time {
	since := time.Duration(now.Minute())*time.Minute + time.Duration(now.Second())*time.Second + time.Duration(now.Nanosecond())
	return now.Add(part - since%part).UTC()
}

// nextDaily returns the next time at which the day's hour begins. On a day without that hour it is the end of the gap, on
// one that has it twice the first of them.
func nextDaily(hour int, now time.Time) time.Time {
	for day := now.Day(); ; day++ {
		if at := beginning(now.Year(), now.Month(), day, hour, now.Location()); at.After(now) {
			return at.UTC()
		}
	}
}

// beginning returns the first moment of a day at which its clocks show the hour or later. time.Date leaves open which
// moment it takes where clocks change.
func beginning(year int, month time.Month, day, hour int, zone *time.Location) time.Time {
	wanted := time.Date(year, month, day, hour, 0, 0, 0, time.UTC)
	shown := func(t time.Time) time.Time {
		t = t.In(zone)
		return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), 0, 0, time.UTC)
	}
	// No zone is farther from UTC than 15 hours, and clocks change at quarters of an hour.
	for at := wanted.Add(-15 * time.Hour); ; at = at.Add(15 * time.Minute) {
		if !shown(at).Before(wanted) {
			return at
		}
	}
}
