package hours_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"guichet.dev/guichet/hours"
)

func TestPublicHolidays(t *testing.T) {
	t.Parallel()
	for country, dates := range map[string]map[string]string{
		"FR": {"2026-05-14": "Ascension", "2026-07-14": "Fête Nationale", "2026-07-15": "", "2026-12-26": ""},
		"RO": { // Easter of the Orthodox
			"2026-04-10": "Vinerea Mare", "2026-04-12": "Paștele", "2026-04-13": "A doua zi de Paște", "2026-04-06": "", "2026-12-01": "Ziua Națională a României",
			"2023-01-06": "", "2024-01-06": "Boboteaza", "2024-01-07": "Sfântul Ioan Botezătorul",
		},
		"DE":    {"2026-10-03": "Tag der Deutschen Einheit", "2026-06-04": "", "2026-11-01": ""},
		"DE-BY": {"2026-10-03": "Tag der Deutschen Einheit", "2026-06-04": "Fronleichnam", "2026-11-01": "Allerheiligen", "2026-10-31": ""},
		"US": { // on a Saturday: also the Friday before, also in the year before
			"2026-07-04": "Independence Day", "2026-07-03": "Independence Day", "2026-07-06": "", "2026-11-26": "Thanksgiving Day", "2026-11-27": "",
			"2028-01-01": "New Year's Day", "2027-12-31": "New Year's Day",
		},
		"GB": { // on a weekend: also the days after
			"2027-12-25": "Christmas Day", "2027-12-27": "Christmas Day", "2027-12-26": "Boxing Day", "2027-12-28": "Boxing Day", "2027-12-29": "",
			"2026-08-31": "Summer Bank Holiday", "2026-04-03": "Good Friday",
		},
		"JP": {"2026-03-20": "Vernal Equinox Day", "2024-03-20": "Vernal Equinox Day", "2023-03-21": "Vernal Equinox Day"},
		"IT": {"2025-10-04": "", "2027-10-04": "San Francesco d'Assisi"},
		"PL": {"2024-12-24": "", "2026-12-24": "Wigilia"},
		"BR": {"2023-11-20": "", "2026-11-20": "Dia da Consciência Negra"},
		"":   {"2026-12-25": ""},
	} {
		def := each("America/Sao_Paulo", "09:00-17:00")
		def.Holidays.Country = country
		h := compile(t, def)
		for date, want := range dates {
			for _, clock := range []string{" 00:00", " 12:00", " 23:59"} {
				if got, ok := h.Holiday(local(t, h, date+clock)); ok != (want != "") || got != want {
					t.Errorf("%s, %s%s: %q, want %q", country, date, clock, got, want)
				}
			}
			if open := h.OpenAt(local(t, h, date+" 12:00")); open != (want == "") {
				t.Errorf("%s, %s: open %v", country, date, open)
			}
		}
	}
}

func TestCountriesAreKnown(t *testing.T) {
	t.Parallel()
	codes := hours.Countries()
	if !slices.IsSorted(codes) || len(codes) < 80 {
		t.Errorf("%q", codes)
	}
	for _, code := range codes {
		def := each("UTC", "09:00-17:00")
		def.Holidays.Country = code
		h := compile(t, def)
		for year := 1970; year < 2100; year++ {
			if name, ok := h.Holiday(time.Date(year, time.January, 1, 12, 0, 0, 0, time.UTC)); !ok || name == "" {
				t.Errorf("%s: no New Year in %d", code, year)
			}
		}
	}
}

func TestOwnHolidays(t *testing.T) {
	t.Parallel()
	def := each("Pacific/Kiritimati", "09:00-17:00", "20:00-04:00")
	def.Holidays = hours.Holidays{Country: "FR", Own: []hours.OwnHoliday{
		{Date: "12-25", Name: "yearly"}, {Date: "2027-12-25", Name: "once"}, {Date: "12-26", Name: "yearly"}, {Date: "02-29", Name: "leap day"},
	}}
	h := compile(t, def)
	for date, want := range map[string]string{
		"2026-12-25": "yearly", "2027-12-25": "once", "2027-12-26": "yearly", "2027-12-27": "", "2028-02-29": "leap day", "2027-03-01": "", "2027-02-28": "",
	} {
		if got, ok := h.Holiday(local(t, h, date+" 00:30")); got != want || ok != (want != "") {
			t.Errorf("%s: %q, want %q", date, got, want)
		}
	}
}

func TestWhatAHolidayCloses(t *testing.T) {
	t.Parallel()
	def := each("Europe/Paris", "09:00-12:00", "22:00-06:00")
	def.Holidays.Country = "FR"
	h := compile(t, def)
	for at, want := range map[string]bool{
		"2026-12-24 23:00": true, "2026-12-25 05:59": true, "2026-12-25 06:00": false, // the night before runs to its end
		"2026-12-25 10:00": false, "2026-12-25 23:00": false, "2026-12-26 05:00": false, "2026-12-26 09:00": true,
	} {
		if got := h.OpenAt(local(t, h, at)); got != want {
			t.Errorf("%s: open %v", at, got)
		}
	}
}

func TestOverrides(t *testing.T) {
	t.Parallel()
	def := each("Europe/Paris", "09:00-17:00", "22:00-06:00")
	def.Week.Sunday = nil
	def.Holidays.Country = "FR"
	def.Overrides = []hours.Override{
		{Date: "2026-12-25", Intervals: parts("10:00-11:00")},                // a holiday
		{Date: "2026-12-27", Intervals: parts("12:00-13:00", "23:00-01:00")}, // a Sunday
		{Date: "2026-12-29", Closed: true, Note: "moving"},
	}
	h := compile(t, def)
	for at, want := range map[string]bool{
		"2026-12-25 05:00": true, "2026-12-25 09:30": false, "2026-12-25 10:30": true, "2026-12-25 23:00": false,
		"2026-12-27 05:00": true, "2026-12-27 12:30": true, "2026-12-27 22:30": false, "2026-12-28 00:30": true, "2026-12-28 01:00": false,
		"2026-12-29 05:59": true, "2026-12-29 12:00": false, "2026-12-29 23:00": false, "2026-12-30 05:00": false, "2026-12-30 09:00": true,
	} {
		if got := h.OpenAt(local(t, h, at)); got != want {
			t.Errorf("%s: open %v", at, got)
		}
	}
	if name, ok := h.Holiday(local(t, h, "2026-12-25 10:30")); !ok || name == "" {
		t.Errorf("an override renames the holiday: %q", name)
	}
}

// TestConcurrently is for the race detector: hours are shared, and so are the library's holidays.
func TestConcurrently(t *testing.T) {
	t.Parallel()
	def := each("Asia/Tokyo", "09:00-17:00")
	def.Holidays.Country = "JP"
	shared := compile(t, def)
	from := utc(t, "2026-01-01 00:00Z")
	want := shared.Between(from, from.AddDate(3, 0, 0))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for _, h := range []*hours.Hours{shared, compile(t, def)} {
				if got := h.Between(from, from.AddDate(3, 0, 0)); got != want {
					t.Errorf("%v, want %v", got, want)
				}
			}
		})
	}
	all.Wait()
}
