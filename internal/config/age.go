package config

import (
	"strconv"
	"strings"
	"time"
)

// Age is how long something is kept; zero is for ever.
type Age time.Duration

// forever is how zero is written.
const forever = "forever"

// maxAgeDays is a century: more would not fit into a duration for much longer.
const maxAgeDays = 36_500

// parseAge reads a number of days, such as 90d, or forever.
func parseAge(text string) (Age, bool) {
	if text == forever {
		return 0, true
	}
	number, days := strings.CutSuffix(text, "d")
	n, err := strconv.Atoi(number)
	if !days || err != nil || n < 1 || n > maxAgeDays {
		return 0, false
	}
	return Age(n) * Age(24*time.Hour), true
}
