package hours

import (
	"cmp"
	"fmt"
	"slices"

	"guichet.dev/guichet/conversation"
)

const (
	minutesADay = 24 * 60
	mostADay    = 10 // intervals
)

// stretch is an interval in minutes from the beginning of the local date on which it begins: 22:00–06:00 is 1320–1800.
type stretch struct{ from, to int }

// stretches returns a date's intervals in order, merged where they overlap or touch. The field is where they are written.
func stretches(field string, intervals []Interval, faults *conversation.Faults) []stretch {
	if len(intervals) > mostADay {
		faults.Add(field, "must be at most %d intervals", mostADay)
		return nil
	}
	all := make([]stretch, 0, len(intervals))
	for i, interval := range intervals {
		from, begins := minutes(interval.From)
		if begins = begins && from != minutesADay; !begins {
			faults.Add(fmt.Sprintf("%s[%d].from", field, i), "must be a time from 00:00 to 23:59")
		}
		to, ends := minutes(interval.To)
		if !ends {
			faults.Add(fmt.Sprintf("%s[%d].to", field, i), "must be a time from 00:00 to 24:00")
		}
		if !begins || !ends {
			continue
		}
		if to <= from {
			to += minutesADay
		}
		all = append(all, stretch{from, to})
	}
	return merged(all)
}

func merged(all []stretch) []stretch {
	slices.SortFunc(all, func(a, b stretch) int { return cmp.Compare(a.from, b.from) })
	var apart []stretch
	for _, s := range all {
		if last := len(apart) - 1; last >= 0 && s.from <= apart[last].to {
			apart[last].to = max(apart[last].to, s.to)
			continue
		}
		apart = append(apart, s)
	}
	return apart
}

// minutes reads "09:30". It takes one way to write a time only, so that two calendars that mean the same look the same.
func minutes(text string) (int, bool) {
	if len(text) != 5 || text[2] != ':' {
		return 0, false
	}
	for _, i := range []int{0, 1, 3, 4} {
		if text[i] < '0' || text[i] > '9' {
			return 0, false
		}
	}
	hour, minute := int(text[0]-'0')*10+int(text[1]-'0'), int(text[3]-'0')*10+int(text[4]-'0')
	total := hour*60 + minute
	return total, minute < 60 && total <= minutesADay
}
