package hours_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/hours"
)

func TestCompileNamesTheWrongField(t *testing.T) {
	t.Parallel()
	valid := func() hours.Calendar {
		def := office("Europe/Bucharest")
		def.Holidays = hours.Holidays{Country: "DE-BY", Own: []hours.OwnHoliday{{Date: "02-29", Name: "Leap day"}, {Date: "2026-12-24", Name: "Party"}}}
		def.Overrides = []hours.Override{{Date: "2026-12-25", Intervals: parts("10:00-24:00")}, {Date: "2026-12-26", Closed: true, Note: "rest"}}
		return def
	}
	compile(t, valid())
	for field, breaks := range map[string][]func(*hours.Calendar){
		"time_zone": {
			func(c *hours.Calendar) { c.TimeZone = "" },
			func(c *hours.Calendar) { c.TimeZone = "Local" },
			func(c *hours.Calendar) { c.TimeZone = "Europe/Bucuresti" },
			func(c *hours.Calendar) { c.TimeZone = "../etc/passwd" },
			func(c *hours.Calendar) { c.TimeZone = "right/Europe/Paris" },
			func(c *hours.Calendar) { c.TimeZone = strings.Repeat("Europe/", 1000) },
		},
		"week.monday[1].from": {
			func(c *hours.Calendar) { c.Week.Monday = parts("09:00-12:00", "24:00-12:00") },
			func(c *hours.Calendar) { c.Week.Monday = parts("09:00-12:00", "9:000-12:00") },
			func(c *hours.Calendar) { c.Week.Monday = parts("09:00-12:00", "13h00-12:00") },
			func(c *hours.Calendar) { c.Week.Monday = parts("09:00-12:00", "-1:00-12:00") },
			func(c *hours.Calendar) { c.Week.Monday[1].From = "" },
		},
		"week.sunday[0].to": {
			func(c *hours.Calendar) { c.Week.Sunday = parts("09:00-24:01") },
			func(c *hours.Calendar) { c.Week.Sunday = parts("09:00-12:60") },
			func(c *hours.Calendar) { c.Week.Sunday = parts("09:00-25:00") },
			func(c *hours.Calendar) { c.Week.Sunday = parts("09:00-12:00:00") },
		},
		"week.friday":                  {func(c *hours.Calendar) { c.Week.Friday = slices.Repeat(parts("09:00-12:00"), 11) }},
		"holidays.country":             {func(c *hours.Calendar) { c.Holidays.Country = "XX" }, func(c *hours.Calendar) { c.Holidays.Country = "DE-XX" }, func(c *hours.Calendar) { c.Holidays.Country = "fr" }, func(c *hours.Calendar) { c.Holidays.Country = "CH" }},
		"holidays.own":                 {func(c *hours.Calendar) { c.Holidays.Own = slices.Repeat(c.Holidays.Own, 101) }},
		"holidays.own[1].name":         {func(c *hours.Calendar) { c.Holidays.Own[1].Name = "" }, func(c *hours.Calendar) { c.Holidays.Own[1].Name = strings.Repeat("ă", 101) }},
		"holidays.own[0].date":         {func(c *hours.Calendar) { c.Holidays.Own[0].Date = "02-30" }, func(c *hours.Calendar) { c.Holidays.Own[0].Date = "1-2" }, func(c *hours.Calendar) { c.Holidays.Own[0].Date = "2026-02-29" }, func(c *hours.Calendar) { c.Holidays.Own[0].Date = "1969-12-31" }},
		"overrides":                    {func(c *hours.Calendar) { c.Overrides = slices.Repeat(c.Overrides, 201) }},
		"overrides[1].date":            {func(c *hours.Calendar) { c.Overrides[1].Date = "12-26" }, func(c *hours.Calendar) { c.Overrides[1].Date = "2100-01-01" }, func(c *hours.Calendar) { c.Overrides[1].Date = c.Overrides[0].Date }},
		"overrides[0].closed":          {func(c *hours.Calendar) { c.Overrides[0].Closed = true }, func(c *hours.Calendar) { c.Overrides[0].Intervals = nil }},
		"overrides[0].intervals":       {func(c *hours.Calendar) { c.Overrides[0].Intervals = slices.Repeat(parts("09:00-12:00"), 11) }},
		"overrides[1].note":            {func(c *hours.Calendar) { c.Overrides[1].Note = strings.Repeat("ă", 501) }},
		"overrides[0].intervals[0].to": {func(c *hours.Calendar) { c.Overrides[0].Intervals[0].To = "noon" }},
	} {
		for i, wrong := range breaks {
			def := valid()
			wrong(&def)
			h, err := hours.Compile(def)
			var e *conversation.Error
			if h != nil || !errors.As(err, &e) || e.Code != conversation.CodeInvalid || e.Field != field {
				t.Errorf("%s, %d: %v", field, i, err)
			}
		}
	}
}

func TestCompileTakesTheMost(t *testing.T) {
	t.Parallel()
	def := each("Europe/Paris", slices.Repeat([]string{"09:00-12:00"}, 10)...)
	for i := range 200 {
		def.Holidays.Own = append(def.Holidays.Own, hours.OwnHoliday{Date: "01-01", Name: strings.Repeat("é", 100)})
		date := fmt.Sprintf("%d-12-24", 1970+i/2)
		if i%2 == 1 {
			date = fmt.Sprintf("%d-12-31", 1970+i/2)
		}
		def.Overrides = append(def.Overrides, hours.Override{Date: date, Closed: true, Note: strings.Repeat("é", 500)},
			hours.Override{Date: strings.Replace(date, "-12-", "-11-", 1)[:8] + fmt.Sprint(10+i%2), Intervals: parts("00:00-24:00")})
	}
	if compile(t, def); len(def.Overrides) != 400 {
		t.Error(len(def.Overrides))
	}
}

func TestErrorsSayWhatIsAllowed(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{
		"XX": "must be one of AR, AT, AU-ACT", "DE-XX": "must be one of DE, DE-BB, ", "CH": "must be one of CH-AG, CH-AI", "FR-57": "must be one of FR, or empty",
	} {
		_, err := hours.Compile(hours.Calendar{TimeZone: "UTC", Holidays: hours.Holidays{Country: code}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", code, err)
		}
	}
}

// TestWrittenForms reads one calendar from JSON and from YAML as people write it, where 09:00, dates and NO could be taken
// for something else than text.
func TestWrittenForms(t *testing.T) {
	t.Parallel()
	want := hours.Calendar{
		TimeZone:  "Europe/Oslo",
		Week:      hours.Week{Monday: parts("09:00-12:30", "22:00-24:00"), Friday: parts("00:00-24:00")},
		Holidays:  hours.Holidays{Country: "NO", Own: []hours.OwnHoliday{{Date: "12-24", Name: "Julaften"}, {Date: "2026-11-02", Name: "Once"}}},
		Overrides: []hours.Override{{Date: "2026-12-25", Closed: true, Note: "Jul"}, {Date: "2026-12-26", Intervals: parts("10:00-12:00")}},
	}
	var fromJSON, fromYAML hours.Calendar
	if err := json.Unmarshal([]byte(`{"time_zone": "Europe/Oslo",
		"week": {"monday": [{"from": "09:00", "to": "12:30"}, {"from": "22:00", "to": "24:00"}], "friday": [{"from": "00:00", "to": "24:00"}]},
		"holidays": {"country": "NO", "own": [{"date": "12-24", "name": "Julaften"}, {"date": "2026-11-02", "name": "Once"}]},
		"overrides": [{"date": "2026-12-25", "closed": true, "note": "Jul"}, {"date": "2026-12-26", "intervals": [{"from": "10:00", "to": "12:00"}]}]
	}`), &fromJSON); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal([]byte(`
time_zone: Europe/Oslo
week:
  monday: [{from: 09:00, to: 12:30}, {from: 22:00, to: 24:00}]
  friday: [{from: 00:00, to: 24:00}]
holidays:
  country: NO
  own:
    - {date: 12-24, name: Julaften}
    - {date: 2026-11-02, name: Once}
overrides:
  - {date: 2026-12-25, closed: true, note: Jul}
  - {date: 2026-12-26, intervals: [{from: 10:00, to: 12:00}]}
`), &fromYAML); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(fromJSON, want) || !reflect.DeepEqual(fromYAML, want) {
		t.Errorf("JSON %+v\nYAML %+v\nwant %+v", fromJSON, fromYAML, want)
	}
	compile(t, fromYAML)
	text, err := json.Marshal(want)
	var again hours.Calendar
	if err != nil || json.Unmarshal(text, &again) != nil || !reflect.DeepEqual(again, want) {
		t.Errorf("%s: %v", text, err)
	}
}
