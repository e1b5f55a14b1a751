//go:build failpoints

// Package failpoint lets a test kill the process at a chosen place. GUICHET_FAILPOINTS lists places with probabilities,
// "outbox.claimed=0.05,outbox.called=0.05"; the process dies there as if by kill -9.
package failpoint

import (
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"syscall"
)

var places = parse(os.Getenv("GUICHET_FAILPOINTS"))

func parse(list string) map[string]float64 {
	found := map[string]float64{}
	for _, one := range strings.Split(list, ",") {
		name, chance, ok := strings.Cut(strings.TrimSpace(one), "=")
		if !ok {
			continue
		}
		p, err := strconv.ParseFloat(chance, 64)
		if err != nil {
			panic("GUICHET_FAILPOINTS: " + one + ": want name=probability")
		}
		found[name] = p
	}
	return found
}

// Hit kills the process with the probability that was set for this place.
func Hit(place string) {
	if p := places[place]; p > 0 && rand.Float64() < p {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL) // cannot fail for ourselves
		select {}
	}
}
