package rules

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/go-playground/locales"
	"github.com/go-playground/locales/ar"
	"github.com/go-playground/locales/de"
	"github.com/go-playground/locales/en_GB"
	"github.com/go-playground/locales/en_US"
	"github.com/go-playground/locales/es"
	"github.com/go-playground/locales/fr"
	"github.com/go-playground/locales/it"
	"github.com/go-playground/locales/nl"
	"github.com/go-playground/locales/pt"
	"github.com/go-playground/locales/ro"
)

// calendar is how a language writes dates, and what its locale does not know: today, tomorrow, and how a day and a time of it are
// said together, so that the whole can stand after "we open" and "until" alike.
type calendar struct {
	locales.Translator
	today, tomorrow, together string
}

// calendars are by language. English without a region is written as most of the world does.
var calendars = sync.OnceValue(func() map[string]calendar {
	return map[string]calendar{
		"ar":    {ar.New(), "اليوم", "غدًا", "%s الساعة %s"},
		"de":    {de.New(), "heute", "morgen", "%s um %s Uhr"},
		"en":    {en_GB.New(), "today", "tomorrow", "%s at %s"},
		"en-us": {en_US.New(), "today", "tomorrow", "%s at %s"},
		"es":    {es.New(), "hoy", "mañana", "%s a las %s"},
		"fr":    {fr.New(), "aujourd’hui", "demain", "%s à %s"},
		"it":    {it.New(), "oggi", "domani", "%s alle %s"},
		"nl":    {nl.New(), "vandaag", "morgen", "%s om %s"},
		"pt":    {pt.New(), "hoje", "amanhã", "%s às %s"},
		"ro":    {ro.New(), "azi", "mâine", "%s la %s"},
	}
})

// calendarOf falls back to English.
func calendarOf(language string) calendar {
	for _, l := range []string{strings.ToLower(language), baseLanguage(language)} {
		if c, known := calendars()[l]; known {
			return c
		}
	}
	return calendars()["en"]
}

// moment writes when something is, as one says it at now: today, tomorrow, the day of the week within one, else the date, and the
// time. An instant that is not known is empty.
func moment(t, now time.Time, language string) string {
	if t.IsZero() {
		return ""
	}
	c := calendarOf(language)
	t = t.In(now.Location())
	day := c.FmtDateLong(t)
	switch days := daysBetween(now, t); {
	case days == 0:
		day = c.today
	case days == 1:
		day = c.tomorrow
	case days > 1 && days < 7:
		day = c.WeekdayWide(t.Weekday())
	}
	return fmt.Sprintf(c.together, day, c.FmtTimeShort(t))
}

// daysBetween counts the midnights between two instants of one time zone.
func daysBetween(a, b time.Time) int {
	day := func(t time.Time) time.Time {
		y, m, d := t.Date()
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	}
	return int(day(b).Sub(day(a)) / (24 * time.Hour))
}
