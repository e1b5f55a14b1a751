package hours_test

import (
	"encoding/json"
	"testing"
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/hours"
)

// FuzzCompile takes whatever JSON may hold: what is refused names a field, and what is taken answers every query, at any
// time, without contradicting itself.
func FuzzCompile(f *testing.F) {
	for _, def := range []hours.Calendar{
		{}, {TimeZone: "UTC"}, office("Europe/Bucharest"), each("America/St_Johns", "00:00-24:00"),
		{
			TimeZone: "Pacific/Apia", Week: hours.Week{Friday: parts("22:00-06:00", "09:00-09:00")},
			Holidays:  hours.Holidays{Country: "DE-BY", Own: []hours.OwnHoliday{{Date: "02-29", Name: "a"}, {Date: "2011-12-30", Name: "b"}}},
			Overrides: []hours.Override{{Date: "2011-12-30", Intervals: parts("22:00-06:00")}, {Date: "2099-12-31", Closed: true}},
		},
	} {
		text, err := json.Marshal(def)
		if err != nil {
			f.Fatal(err)
		}
		for _, at := range []int64{0, 1_325_238_300, 4_102_444_799, -1 << 62, 1<<63 - 1} {
			f.Add(text, at, int64(time.Hour))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte, seconds, d int64) {
		var def hours.Calendar
		if json.Unmarshal(text, &def) != nil {
			return
		}
		h, err := hours.Compile(def)
		if err != nil {
			if conversation.CodeOf(err) != conversation.CodeInvalid || h != nil {
				t.Fatalf("%v", err)
			}
			return
		}
		at := time.Unix(seconds, d&0xfffff)
		if h.OpenAt(at) != (h.ClosedPeriod(at) == "") {
			t.Errorf("%v: open %v, closed period %q", at, h.OpenAt(at), h.ClosedPeriod(at))
		}
		if name, ok := h.Holiday(at); ok != (name != "") {
			t.Errorf("%v: %v, but %q", at, ok, name)
		}
		if opens, ok := h.NextOpening(at); ok && (!opens.After(at) || !h.OpenAt(opens)) {
			t.Errorf("%v: opens %v", at, opens)
		}
		if closes, ok := h.NextClosing(at); ok && (!closes.After(at) || h.OpenAt(closes)) {
			t.Errorf("%v: closes %v", at, closes)
		}
		if end, ok := h.Add(at, time.Duration(d)); ok && h.Between(at, end) != time.Duration(d) {
			t.Errorf("%v and %v: %v", at, time.Duration(d), end)
		}
		if all := h.Between(time.Unix(-1<<40, 0), time.Unix(1<<40, 0)); all < 0 {
			t.Errorf("open for %v", all)
		}
	})
}
