package hours_test

import (
	"testing"
	"time"

	"guichet.dev/guichet/hours"
)

// benchmarked has what a calendar usually has, and enough of it.
func benchmarked(b *testing.B) (*hours.Hours, time.Time) {
	b.Helper()
	def := office("Europe/Bucharest")
	def.Holidays.Country = "RO"
	now := time.Date(2026, time.November, 23, 13, 0, 0, 0, time.UTC)
	for day := range 400 {
		def.Overrides = append(def.Overrides, hours.Override{Date: now.AddDate(0, 0, 3*day).Format(time.DateOnly), Intervals: parts("10:00-12:00")})
	}
	return compile(b, def), now
}

func BenchmarkCompile(b *testing.B) {
	def := office("Europe/Bucharest")
	def.Holidays.Country = "RO"
	for b.Loop() {
		compile(b, def)
	}
}

func BenchmarkOpenAt(b *testing.B) {
	h, now := benchmarked(b)
	for b.Loop() {
		h.OpenAt(now)
	}
}

func BenchmarkBetweenAYear(b *testing.B) {
	h, now := benchmarked(b)
	for b.Loop() {
		h.Between(now, now.AddDate(1, 0, 0))
	}
}

func BenchmarkAddAWeek(b *testing.B) {
	h, now := benchmarked(b)
	for b.Loop() {
		h.Add(now, 40*time.Hour)
	}
}

func BenchmarkNeverOpenForYears(b *testing.B) {
	h := compile(b, hours.Calendar{TimeZone: "UTC", Overrides: []hours.Override{{Date: "1970-01-01", Intervals: parts("09:00-17:00")}}})
	now := time.Date(2099, time.November, 23, 13, 0, 0, 0, time.UTC)
	for b.Loop() {
		h.NextOpening(now)
		h.ClosedPeriod(now)
	}
}
