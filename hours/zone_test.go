package hours_test

import (
	"testing"
	"time"

	"guichet.dev/guichet/hours"
)

// TestNightsOfTheClockChange has the shift 22:00–06:00 begin on one date only.
func TestNightsOfTheClockChange(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		zone, evening string
		want          time.Duration
	}{
		{"Europe/Bucharest", "2026-03-28", 7 * time.Hour},
		{"Europe/Bucharest", "2026-10-24", 9 * time.Hour},
		{"Europe/Bucharest", "2026-11-24", 8 * time.Hour},
		{"America/New_York", "2026-03-07", 7 * time.Hour},
		{"America/New_York", "2026-10-31", 9 * time.Hour},
		{"America/New_York", "2099-10-31", 9 * time.Hour}, // by the rule, beyond the table of the zone's file
		{"Australia/Lord_Howe", "2026-10-03", 7*time.Hour + 30*time.Minute},
		{"Australia/Lord_Howe", "2026-04-04", 8*time.Hour + 30*time.Minute},
		{"America/Sao_Paulo", "2018-11-03", 7 * time.Hour}, // at midnight, inside the shift
		{"America/Sao_Paulo", "2018-02-17", 9 * time.Hour},
		{"Asia/Kathmandu", "2026-03-28", 8 * time.Hour},
		{"Pacific/Apia", "2011-12-29", 2 * time.Hour}, // 30 December did not take place
		{"Pacific/Apia", "2011-12-30", 6 * time.Hour}, // what of it lies on 31 December
	} {
		def := hours.Calendar{TimeZone: c.zone, Overrides: []hours.Override{{Date: c.evening, Intervals: parts("22:00-06:00")}}}
		h := compile(t, def)
		noon := local(t, h, c.evening+" 12:00")
		if got := h.Between(noon.Add(-36*time.Hour), noon.Add(72*time.Hour)); got != c.want {
			t.Errorf("%s, %s: %v, want %v", c.zone, c.evening, got, c.want)
		}
		opens, ok := h.NextOpening(noon.Add(-36 * time.Hour))
		if ok != (c.want > 0) {
			t.Fatalf("%s, %s: opens %v, %v", c.zone, c.evening, opens, ok)
		}
		if closes, _ := h.NextClosing(opens); ok && closes.Sub(opens) != c.want {
			t.Errorf("%s, %s: from %v until %v, want %v", c.zone, c.evening, opens, closes, c.want)
		}
	}
}

// TestTimesThatClocksSkipOrRepeat has intervals on one date only, which must be one span.
func TestTimesThatClocksSkipOrRepeat(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		zone, date    string
		intervals     []hours.Interval
		opens, closes string
	}{
		// Clocks go from 03:00 to 04:00 at 01:00Z.
		{"Europe/Bucharest", "2026-03-29", parts("03:30-08:00"), "2026-03-29 01:00Z", "2026-03-29 05:00Z"},
		{"Europe/Bucharest", "2026-03-29", parts("01:00-03:30"), "2026-03-28 23:00Z", "2026-03-29 01:00Z"},
		{"Europe/Bucharest", "2026-03-29", parts("03:00-04:00"), "", ""},
		{"Europe/Bucharest", "2026-03-29", parts("03:15-03:45"), "", ""},
		{"Europe/Bucharest", "2026-03-29", parts("01:00-03:15", "03:45-05:00"), "2026-03-28 23:00Z", "2026-03-29 02:00Z"},
		{"Europe/Bucharest", "2026-03-29", parts("00:00-24:00"), "2026-03-28 22:00Z", "2026-03-29 21:00Z"},
		// Clocks go from 04:00 back to 03:00 at 01:00Z.
		{"Europe/Bucharest", "2026-10-25", parts("03:30-08:00"), "2026-10-25 00:30Z", "2026-10-25 06:00Z"},
		{"Europe/Bucharest", "2026-10-25", parts("01:00-03:30"), "2026-10-24 22:00Z", "2026-10-25 01:30Z"},
		{"Europe/Bucharest", "2026-10-25", parts("03:15-03:45"), "2026-10-25 00:15Z", "2026-10-25 01:45Z"},
		{"Europe/Bucharest", "2026-10-25", parts("03:00-04:00"), "2026-10-25 00:00Z", "2026-10-25 02:00Z"},
		{"Europe/Bucharest", "2026-10-25", parts("04:00-05:00"), "2026-10-25 02:00Z", "2026-10-25 03:00Z"},
		{"Europe/Bucharest", "2026-10-25", parts("01:00-03:15", "03:45-08:00"), "2026-10-24 22:00Z", "2026-10-25 06:00Z"},
		{"Europe/Bucharest", "2026-10-25", parts("00:00-24:00"), "2026-10-24 21:00Z", "2026-10-25 22:00Z"},
		// Half an hour: from 02:00 to 02:30 at 15:30Z, and from 02:00 back to 01:30 at 15:00Z.
		{"Australia/Lord_Howe", "2026-10-04", parts("02:10-03:00"), "2026-10-03 15:30Z", "2026-10-03 16:00Z"},
		{"Australia/Lord_Howe", "2026-04-05", parts("01:40-03:00"), "2026-04-04 14:40Z", "2026-04-04 16:30Z"},
		// Midnight: from 00:00 to 01:00 at 03:00Z, and from 24:00 back to 23:00 at 02:00Z.
		{"America/Sao_Paulo", "2018-11-04", parts("00:00-02:00"), "2018-11-04 03:00Z", "2018-11-04 04:00Z"},
		{"America/Sao_Paulo", "2018-11-03", parts("22:00-24:00"), "2018-11-04 01:00Z", "2018-11-04 03:00Z"},
		{"America/Sao_Paulo", "2018-02-17", parts("23:30-24:00"), "2018-02-18 01:30Z", "2018-02-18 03:00Z"},
		{"America/Sao_Paulo", "2018-02-18", parts("00:00-02:00"), "2018-02-18 03:00Z", "2018-02-18 05:00Z"},
		// From 00:01 back to 23:01 of the day before: a date that is left and reached again.
		{"America/St_Johns", "2010-11-07", parts("00:00-00:30"), "2010-11-07 02:30Z", "2010-11-07 04:00Z"},
		{"Asia/Kathmandu", "2026-10-25", parts("09:00-17:00"), "2026-10-25 03:15Z", "2026-10-25 11:15Z"},
	} {
		def := hours.Calendar{TimeZone: c.zone, Overrides: []hours.Override{{Date: c.date, Intervals: c.intervals}}}
		h := compile(t, def)
		before := local(t, h, c.date+" 12:00").Add(-48 * time.Hour)
		opens, ok := h.NextOpening(before)
		if ok != (c.opens != "") {
			t.Errorf("%s %+v: opens %v, %v", c.zone, c.intervals, opens, ok)
		}
		if c.opens == "" {
			continue
		}
		closes, _ := h.NextClosing(before)
		if !opens.Equal(utc(t, c.opens)) || !closes.Equal(utc(t, c.closes)) {
			t.Errorf("%s %s %+v: from %v until %v, want %s until %s", c.zone, c.date, c.intervals, opens.UTC(), closes.UTC(), c.opens, c.closes)
		}
		if again, ok := h.NextOpening(opens); ok {
			t.Errorf("%s %s %+v: opens again at %v", c.zone, c.date, c.intervals, again)
		}
		if !h.OpenAt(opens) || !h.OpenAt(closes.Add(-1)) || h.OpenAt(closes) || h.OpenAt(opens.Add(-1)) {
			t.Errorf("%s %s %+v: not open from %v until %v", c.zone, c.date, c.intervals, opens, closes)
		}
	}
}

// TestReachedAgain asks while a date is shown whose successor has begun before.
func TestReachedAgain(t *testing.T) {
	t.Parallel()
	h := compile(t, hours.Calendar{TimeZone: "America/St_Johns", Week: hours.Week{Sunday: parts("00:00-08:00")}})
	again := utc(t, "2010-11-07 03:00Z")
	if date := again.In(h.Location()).Format("Monday 15:04"); date != "Saturday 23:30" || !h.OpenAt(again) {
		t.Errorf("%s: open %v", date, h.OpenAt(again))
	}
	if got := h.ClosedPeriod(utc(t, "2010-11-07 02:00Z")); got != "2010-10-31T10:30:00Z" {
		t.Errorf("closed period %q", got)
	}
}
