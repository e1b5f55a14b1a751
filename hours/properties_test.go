package hours_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"guichet.dev/guichet/hours"
)

// TestAgreesWithTheReference asks calendars that are the same in every run. The reference is slow.
func TestAgreesWithTheReference(t *testing.T) {
	t.Parallel()
	calendars := uint64(150)
	if testing.Short() {
		calendars = 30
	}
	for seed := range calendars {
		random := rand.New(rand.NewPCG(seed, 1))
		zone := someZones[random.IntN(len(someZones))]
		around := randomInstant(t, random, zone)
		def := randomCalendar(random, zone, around)
		h, r := compile(t, def), newReference(t, def, around)
		minutesAgree(t, h, r)
		for range 40 {
			turnsAgree(t, h, r, r.instant(random))
			closedPeriodsAgree(t, h, r, r.instant(random))
		}
		for range 20 {
			durationsAgree(t, random, h, r)
		}
		if t.Failed() {
			t.Fatalf("seed %d: around %v: %+v", seed, around, def)
		}
	}
}

// instant returns one that the reference knows, often at a full minute.
func (r reference) instant(random *rand.Rand) time.Time {
	at := r.start.Add(time.Duration(random.IntN(len(r.open))) * time.Minute)
	if random.IntN(2) == 0 {
		at = at.Add(time.Duration(random.Int64N(int64(time.Minute))))
	}
	return at
}

func minutesAgree(t *testing.T, h *hours.Hours, r reference) {
	t.Helper()
	for i, want := range r.open {
		if at := r.start.Add(time.Duration(i) * time.Minute); h.OpenAt(at) != want {
			t.Errorf("%v: open %v", at.In(h.Location()), !want)
			return
		}
	}
}

func turnsAgree(t *testing.T, h *hours.Hours, r reference, at time.Time) {
	t.Helper()
	opens, ok := h.NextOpening(at)
	if want, known := r.turns(at, true); known && (!ok || !opens.Equal(want)) || !known && ok && opens.Before(r.end()) {
		t.Errorf("%v: opens %v, %v, want %v, %v", at, opens, ok, want, known)
	}
	closes, ok := h.NextClosing(at)
	if want, known := r.turns(at, false); known && (!ok || !closes.Equal(want)) || !known && ok && closes.Before(r.end()) {
		t.Errorf("%v: closes %v, %v, want %v, %v", at, closes, ok, want, known)
	}
}

func closedPeriodsAgree(t *testing.T, h *hours.Hours, r reference, at time.Time) {
	t.Helper()
	key := h.ClosedPeriod(at)
	if r.openAt(at) {
		if key != "" {
			t.Errorf("%v: closed period %q", at, key)
		}
		return
	}
	since, known := r.closedSince(at)
	if known && key != since.UTC().Format(time.RFC3339) || !known && key > r.start.UTC().Format(time.RFC3339) && key != hours.Always {
		t.Errorf("%v: closed period %q, want %v, %v", at, key, since, known)
	}
}

func durationsAgree(t *testing.T, random *rand.Rand, h *hours.Hours, r reference) {
	t.Helper()
	a, b := r.instant(random), r.instant(random)
	a, b = earlier(a, b), later(a, b)
	if got, want := h.Between(a, b), r.between(a, b); got != want {
		t.Errorf("between %v and %v: %v, want %v", a, b, got, want)
	}
	d := time.Duration(random.Int64N(int64(72 * time.Hour)))
	if random.IntN(2) == 0 {
		d = d.Truncate(time.Minute) // to fall on closings
	}
	got, ok := h.Add(a, d)
	if want, known := r.add(a, d); known && (!ok || !got.Equal(want)) || !known && ok && !got.After(r.end()) {
		t.Errorf("%v and %v: %v, %v, want %v, %v", a, d, got, ok, want, known)
	}
}

// TestLaws are what must hold whatever the calendar, over years, with a country's holidays.
func TestLaws(t *testing.T) {
	t.Parallel()
	countries := append(hours.Countries(), "")
	for seed := range uint64(100) {
		random := rand.New(rand.NewPCG(seed, 2))
		zone := someZones[random.IntN(len(someZones))]
		around := randomInstant(t, random, zone)
		def := randomCalendar(random, zone, around)
		def.Holidays.Country = countries[random.IntN(len(countries))]
		h := compile(t, def)
		instant := func() time.Time { return around.Add(time.Duration(random.Int64N(int64(hours.Horizon / 2)))) }
		for range 10 {
			additive(t, h, instant(), instant(), instant())
			inverse(t, h, earlier(around, instant()), instant(), time.Duration(random.Int64N(int64(1000*time.Hour))))
			monotonic(t, h, instant(), instant(), time.Duration(random.Int64N(int64(1000*time.Hour))))
			transitions(t, h, instant())
		}
		if t.Failed() {
			t.Fatalf("seed %d: around %v: %+v", seed, around, def)
		}
	}
}

func additive(t *testing.T, h *hours.Hours, a, b, c time.Time) {
	t.Helper()
	if h.Between(a, b)+h.Between(b, c) != h.Between(a, c) {
		t.Errorf("between %v, %v and %v: %v + %v is not %v", a, b, c, h.Between(a, b), h.Between(b, c), h.Between(a, c))
	}
	if open := h.Between(earlier(a, b), later(a, b)); open < 0 || open > later(a, b).Sub(earlier(a, b)) {
		t.Errorf("between %v and %v: %v", a, b, open)
	}
}

func inverse(t *testing.T, h *hours.Hours, a, b time.Time, d time.Duration) {
	t.Helper()
	if end, ok := h.Add(a, d); ok && h.Between(a, end) != d {
		t.Errorf("%v and %v: %v is %v later", a, d, end, h.Between(a, end))
	}
	a, b = earlier(a, b), later(a, b)
	end, ok := h.Add(a, h.Between(a, b))
	if !ok || end.After(b) || h.Between(end, b) != 0 {
		t.Errorf("%v and the time until %v: %v, %v", a, b, end, ok)
	}
	if d := h.Between(a, b); d > 0 && h.Between(a, end.Add(-1)) != d-1 {
		t.Errorf("%v and the time until %v: %v is not the first", a, b, end)
	}
}

func monotonic(t *testing.T, h *hours.Hours, a, b time.Time, d time.Duration) {
	t.Helper()
	a, b = earlier(a, b), later(a, b)
	fromA, okA := h.Add(a, d)
	fromB, okB := h.Add(b, d)
	if okA && okB && fromA.After(fromB) {
		t.Errorf("%v and %v are overtaken: %v, %v", a, b, fromA, fromB)
	}
	if more, ok := h.Add(a, d+1); ok && (!okA || !more.After(fromA)) {
		t.Errorf("%v and %v: %v, and a nanosecond more: %v", a, d, fromA, more)
	}
}

func transitions(t *testing.T, h *hours.Hours, at time.Time) {
	t.Helper()
	if opens, ok := h.NextOpening(at); ok && (!opens.After(at) || !h.OpenAt(opens) || h.OpenAt(opens.Add(-1))) {
		t.Errorf("%v: does not open at %v", at, opens)
	}
	closes, ok := h.NextClosing(at)
	if !ok {
		return
	}
	if !closes.After(at) || h.OpenAt(closes) || !h.OpenAt(closes.Add(-1)) {
		t.Errorf("%v: does not close at %v", at, closes)
	}
	if key := h.ClosedPeriod(closes); key != closes.UTC().Format(time.RFC3339) {
		t.Errorf("closes at %v, and the closed period is %q", closes, key)
	}
	if opens, ok := h.NextOpening(closes); ok && h.ClosedPeriod(opens.Add(-1)) != h.ClosedPeriod(closes) {
		t.Errorf("closes at %v until %v, and the closed period changes", closes, opens)
	}
}
