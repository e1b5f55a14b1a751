package condition

import (
	"math"
	"strings"
	"time"
)

// The functions that the machine calls. Their names hold spaces, so that nobody can write them; the checker puts calls of
// them in the place of what was written.
const (
	runMatch   = "match text"
	runNamed   = "match names"
	runKnown   = "known"
	runText    = "attribute text"
	runNumber  = "attribute number"
	runBoolean = "attribute boolean"
	runTime    = "attribute time"
	runElapsed = "elapsed"
	runWeekday = "weekday of"
	runHour    = "hour of"
	runDay     = "begin of day"
	runCountry = "country of phone"
	runUpper   = "upper case"
	runLower   = "lower case"
	runTrim    = "trimmed"
)

// runner is one of them; types are pointers to functions, as expr wants them.
type runner struct {
	run   func(args ...any) (any, error)
	types any
}

var runners = map[string]runner{
	runMatch:   {matchText, new(func(any, string, any) bool)},
	runNamed:   {matchNames, new(func([]string, any, any) bool)},
	runKnown:   {known, new(func(any, any) bool)},
	runText:    {readAttribute, new(func(any, any) string)},
	runNumber:  {readAttribute, new(func(any, any) float64)},
	runBoolean: {readAttribute, new(func(any, any) bool)},
	runTime:    {readAttribute, new(func(any, any) time.Time)},
	runElapsed: {elapsed, new(func(any, time.Time, any) float64)},
	runWeekday: {weekday, new(func(any, time.Time) string)},
	runHour:    {hour, new(func(any, time.Time) int)},
	runDay:     {beginOfDay, new(func(any, any) time.Time)},
	runCountry: {phoneCountry, new(func(string) string)},
	runUpper:   {change(strings.ToUpper), new(func(string) string)},
	runLower:   {change(strings.ToLower), new(func(string) string)},
	runTrim:    {change(strings.TrimSpace), new(func(string) string)},
}

// arg returns an argument. The checker saw to its type; were it wrong, the zero value would stand for it.
func arg[T any](args []any, i int) T {
	v, _ := args[i].(T)
	return v
}

// comparison is what a text function looks for.
type comparison struct {
	path    string // of the text; empty if it is no field, and is folded each time
	in      func(f *folding, phrase string) bool
	phrases []string
}

func matchText(args ...any) (any, error) {
	env, s, c := arg[*view](args, 0), arg[string](args, 1), arg[*comparison](args, 2)
	var f *folding
	if c.path == "" {
		f = newFolding(s)
	} else {
		f = env.ready.fold(c.path, s)
	}
	for _, phrase := range c.phrases {
		if c.in(f, phrase) {
			return true, nil
		}
	}
	return false, nil
}

// matchNames tells whether a list of labels or tags has one of some names.
func matchNames(args ...any) (any, error) {
	list, env, c := arg[[]string](args, 0), arg[*view](args, 1), arg[*comparison](args, 2)
	for _, name := range env.ready.wordsOf(c.path, list) {
		for _, phrase := range c.phrases {
			if name == phrase {
				return true, nil
			}
		}
	}
	return false, nil
}

func readAttribute(args ...any) (any, error) {
	value, _ := arg[*attribute](args, 1).value(arg[*view](args, 0))
	return value, nil
}

// known tells whether a field has a value.
func known(args ...any) (any, error) {
	env := arg[*view](args, 0)
	switch of := args[1].(type) {
	case *attribute:
		_, set := of.value(env)
		return set, nil
	case *field:
		value, ok := (*Environment)(env).Value(of.Path)
		switch v := value.(type) {
		case string:
			return v != "", nil
		case time.Time:
			return !v.IsZero(), nil
		}
		return ok, nil
	}
	return false, nil
}

// span is a unit of time, towards the past or the future.
type span struct {
	unit   time.Duration // 0: days of the calendar
	future bool
}

// elapsed returns how long it is since a time, or until then. For a time that is not known it is no number, for which no
// comparison but != holds: a rule does not act on what nobody knows.
func elapsed(args ...any) (any, error) {
	env, t, s := arg[*view](args, 0), arg[time.Time](args, 1), arg[*span](args, 2)
	if t.IsZero() {
		return math.NaN(), nil
	}
	from, to := t, env.Now
	if s.future {
		from, to = to, from
	}
	if s.unit > 0 {
		return to.Sub(from).Seconds() / s.unit.Seconds(), nil
	}
	zone := env.Now.Location()
	return float64(dayNumber(to.In(zone)) - dayNumber(from.In(zone))), nil
}

// dayNumber counts days of the calendar, whatever their length.
func dayNumber(t time.Time) int64 {
	year, month, day := t.Date()
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / (24 * 60 * 60)
}

func weekday(args ...any) (any, error) {
	env, t := arg[*view](args, 0), arg[time.Time](args, 1)
	if t.IsZero() {
		return "", nil
	}
	return weekdays[t.In(env.Now.Location()).Weekday()], nil
}

var weekdays = []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}

// hour returns -1 for a time that is not known: 0 would be midnight.
func hour(args ...any) (any, error) {
	env, t := arg[*view](args, 0), arg[time.Time](args, 1)
	if t.IsZero() {
		return -1, nil
	}
	return t.In(env.Now.Location()).Hour(), nil
}

// calendarDay is a date that was checked before.
type calendarDay struct {
	year  int
	month time.Month
	day   int
}

func beginOfDay(args ...any) (any, error) {
	env, d := arg[*view](args, 0), arg[*calendarDay](args, 1)
	return time.Date(d.year, d.month, d.day, 0, 0, 0, 0, env.Now.Location()), nil
}

func phoneCountry(args ...any) (any, error) { return PhoneCountry(arg[string](args, 0)), nil }

func change(to func(string) string) func(args ...any) (any, error) {
	return func(args ...any) (any, error) { return to(arg[string](args, 0)), nil }
}
