package hours_test

import (
	"testing"
	"time"

	"guichet.dev/guichet/hours"
)

// compile makes hours of a calendar that must be right.
func compile(t testing.TB, def hours.Calendar) *hours.Hours {
	t.Helper()
	h, err := hours.Compile(def)
	if err != nil {
		t.Fatalf("%+v: %v", def, err)
	}
	return h
}

// each returns a calendar that has the same intervals on every day: "09:00-12:30".
func each(zone string, intervals ...string) hours.Calendar {
	day := parts(intervals...)
	return hours.Calendar{TimeZone: zone, Week: hours.Week{
		Monday: day, Tuesday: day, Wednesday: day, Thursday: day, Friday: day, Saturday: day, Sunday: day,
	}}
}

// office is open from Monday to Friday, with a break.
func office(zone string) hours.Calendar {
	def := each(zone, "09:00-12:30", "13:30-18:00")
	def.Week.Saturday, def.Week.Sunday = nil, nil
	return def
}

func parts(intervals ...string) []hours.Interval {
	var day []hours.Interval
	for _, text := range intervals {
		day = append(day, hours.Interval{From: text[:5], To: text[6:]})
	}
	return day
}

// local reads "2026-11-23 09:00" in the calendar's time zone.
func local(t testing.TB, h *hours.Hours, text string) time.Time {
	t.Helper()
	at, err := time.ParseInLocation("2006-01-02 15:04", text, h.Location())
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func utc(t testing.TB, text string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02 15:04Z", text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestWeek(t *testing.T) {
	t.Parallel()
	h := compile(t, office("Europe/Paris"))
	for _, c := range []struct {
		at             string
		open           bool
		opens, closes  string
		closedSinceUTC string
	}{
		{"2026-11-23 08:59", false, "2026-11-23 09:00", "2026-11-23 12:30", "2026-11-20T17:00:00Z"}, // a Monday
		{"2026-11-23 09:00", true, "2026-11-23 13:30", "2026-11-23 12:30", ""},
		{"2026-11-23 12:29", true, "2026-11-23 13:30", "2026-11-23 12:30", ""},
		{"2026-11-23 12:30", false, "2026-11-23 13:30", "2026-11-23 18:00", "2026-11-23T11:30:00Z"},
		{"2026-11-23 17:59", true, "2026-11-24 09:00", "2026-11-23 18:00", ""},
		{"2026-11-27 18:00", false, "2026-11-30 09:00", "2026-11-30 12:30", "2026-11-27T17:00:00Z"},
		{"2026-11-29 23:59", false, "2026-11-30 09:00", "2026-11-30 12:30", "2026-11-27T17:00:00Z"},
	} {
		at := local(t, h, c.at)
		if got := h.OpenAt(at); got != c.open {
			t.Errorf("%s: open %v", c.at, got)
		}
		if got, ok := h.NextOpening(at); !ok || !got.Equal(local(t, h, c.opens)) {
			t.Errorf("%s: opens %v, %v", c.at, got, ok)
		}
		if got, ok := h.NextClosing(at); !ok || !got.Equal(local(t, h, c.closes)) || got.Location() != h.Location() {
			t.Errorf("%s: closes %v, %v", c.at, got, ok)
		}
		if got := h.ClosedPeriod(at); got != c.closedSinceUTC {
			t.Errorf("%s: closed period %q", c.at, got)
		}
	}
}

func TestBetweenAndAdd(t *testing.T) {
	t.Parallel()
	h := compile(t, office("Europe/Paris"))
	for _, c := range []struct {
		from, to string
		want     time.Duration
	}{
		{"2026-11-23 09:00", "2026-11-23 18:00", 8 * time.Hour},
		{"2026-11-23 12:00", "2026-11-23 14:00", time.Hour},
		{"2026-11-27 17:00", "2026-11-30 10:00", 2 * time.Hour},
		{"2026-11-28 10:00", "2026-11-30 09:01", time.Minute},
		{"2026-11-23 09:00", "2026-11-30 09:00", 40 * time.Hour},
	} {
		from, to := local(t, h, c.from), local(t, h, c.to)
		if got := h.Between(from, to); got != c.want {
			t.Errorf("between %s and %s: %v, want %v", c.from, c.to, got, c.want)
		}
		if got := h.Between(to, from); got != -c.want {
			t.Errorf("between %s and %s: %v, want %v", c.to, c.from, got, -c.want)
		}
	}
	for _, c := range []struct {
		from string
		d    time.Duration
		want string
	}{
		{"2026-11-23 09:00", 8 * time.Hour, "2026-11-23 18:00"}, // the closing, not the next opening
		{"2026-11-23 09:00", 8*time.Hour + time.Minute, "2026-11-24 09:01"},
		{"2026-11-23 12:00", time.Hour, "2026-11-23 14:00"},
		{"2026-11-28 10:00", 0, "2026-11-28 10:00"},
		{"2026-11-28 10:00", time.Hour, "2026-11-30 10:00"},
		{"2026-11-27 17:59", 40 * time.Hour, "2026-12-04 17:59"},
	} {
		if got, ok := h.Add(local(t, h, c.from), c.d); !ok || !got.Equal(local(t, h, c.want)) {
			t.Errorf("%s and %v: %v, %v, want %s", c.from, c.d, got, ok, c.want)
		}
	}
	from := local(t, h, "2026-11-23 09:00").Add(1)
	if got, ok := h.Add(from, 1); !ok || !got.Equal(from.Add(1)) || h.Between(from, got) != 1 {
		t.Errorf("a nanosecond: %v, %v", got, ok)
	}
	if got, ok := h.Add(from, -1); ok || !got.IsZero() {
		t.Errorf("a negative duration: %v", got)
	}
}

func TestAlwaysOpen(t *testing.T) {
	t.Parallel()
	for _, def := range []hours.Calendar{
		each("Europe/Bucharest", "00:00-24:00"), each("Europe/Bucharest", "00:00-00:00"), each("Europe/Bucharest", "09:00-09:00"),
		each("Europe/Bucharest", "12:00-24:00", "00:00-06:00", "05:00-13:00"),
	} {
		h := compile(t, def)
		now := utc(t, "2026-03-28 12:00Z")
		if !h.OpenAt(now) || h.ClosedPeriod(now) != "" || h.Between(now, now.Add(hours.Horizon)) != hours.Horizon {
			t.Errorf("%+v: closed at times", def.Week.Monday)
		}
		if at, ok := h.NextOpening(now); ok {
			t.Errorf("%+v: opens at %v", def.Week.Monday, at)
		}
		if at, ok := h.NextClosing(now); ok {
			t.Errorf("%+v: closes at %v", def.Week.Monday, at)
		}
		if at, ok := h.Add(now, hours.Horizon); !ok || !at.Equal(now.Add(hours.Horizon)) {
			t.Errorf("%+v: after the horizon: %v, %v", def.Week.Monday, at, ok)
		}
		if at, ok := h.Add(now, hours.Horizon+1); ok {
			t.Errorf("%+v: beyond the horizon: %v", def.Week.Monday, at)
		}
	}
}

func TestNeverOpen(t *testing.T) {
	t.Parallel()
	holidays := hours.Calendar{TimeZone: "UTC", Week: hours.Week{Friday: parts("09:00-17:00")}}
	for day := utc(t, "2026-01-02 00:00Z"); len(holidays.Overrides) < 400; day = day.AddDate(0, 0, 7) {
		holidays.Overrides = append(holidays.Overrides, hours.Override{Date: day.Format(time.DateOnly), Closed: true})
	}
	for name, def := range map[string]hours.Calendar{"no hours": {TimeZone: "UTC"}, "closed for years": holidays} {
		h := compile(t, def)
		now := utc(t, "2027-01-01 10:00Z")
		if h.OpenAt(now) || h.Between(now, now.Add(hours.Horizon)) != 0 {
			t.Errorf("%s: open at times", name)
		}
		if at, ok := h.NextOpening(now); ok {
			t.Errorf("%s: opens at %v", name, at)
		}
		if at, ok := h.NextClosing(now); ok {
			t.Errorf("%s: closes at %v", name, at)
		}
		if at, ok := h.Add(now, 1); ok {
			t.Errorf("%s: ends at %v", name, at)
		}
		if at, ok := h.Add(now, 0); !ok || !at.Equal(now) {
			t.Errorf("%s: nothing ends at %v, %v", name, at, ok)
		}
	}
	if got := compile(t, hours.Calendar{TimeZone: "UTC"}).ClosedPeriod(utc(t, "2027-01-01 10:00Z")); got != hours.Always {
		t.Errorf("no hours: closed period %q", got)
	}
	if got := compile(t, holidays).ClosedPeriod(utc(t, "2033-08-01 10:00Z")); got != "2025-12-26T17:00:00Z" {
		t.Errorf("closed for years: closed period %q", got)
	}
}

func TestOutsideOfTheYears(t *testing.T) {
	t.Parallel()
	h := compile(t, each("Asia/Kathmandu", "00:00-24:00"))
	start, end := utc(t, "1970-01-01 00:00Z"), utc(t, "2100-01-01 00:00Z")
	for _, at := range []time.Time{start.Add(-1), end, {}, time.Unix(1<<62, 0), time.Unix(-1<<62, 0)} {
		if _, holiday := h.Holiday(at); holiday || h.OpenAt(at) || h.ClosedPeriod(at) == "" {
			t.Errorf("%v: open", at)
		}
	}
	if got, ok := h.NextOpening(start.Add(-hours.Horizon)); !ok || !got.Equal(start) {
		t.Errorf("opens %v, %v", got, ok)
	}
	if got, ok := h.NextOpening(start.Add(-hours.Horizon - time.Hour)); ok {
		t.Errorf("opens beyond the horizon: %v", got)
	}
	if got, ok := h.NextClosing(end.Add(-1)); !ok || !got.Equal(end) {
		t.Errorf("closes %v, %v", got, ok)
	}
	if got, ok := h.Add(start.Add(-time.Hour), time.Hour); !ok || !got.Equal(start.Add(time.Hour)) {
		t.Errorf("an hour in 1970: %v, %v", got, ok)
	}
	if got := h.Between(time.Unix(-1<<40, 0), time.Unix(1<<40, 0)); got != end.Sub(start) {
		t.Errorf("all time: %v, want %v", got, end.Sub(start))
	}
	if got := [2]string{h.ClosedPeriod(start.Add(-1)), h.ClosedPeriod(end)}; got != [2]string{hours.Always, "2100-01-01T00:00:00Z"} {
		t.Errorf("closed periods %q", got)
	}
}
