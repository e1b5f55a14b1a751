package condition_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"guichet.dev/guichet/rules/condition"
)

// longest evaluates a condition with each of the worst texts, each time in a new environment, and returns the longest time
// of the shortest of a few attempts: a machine that does something else does not count.
func longest(b *testing.B, c *condition.Condition) (took time.Duration, with string) {
	b.Helper()
	for _, unit := range worstTexts {
		least := time.Hour
		for range 3 {
			env := worst(unit)
			begin := time.Now()
			if _, err := c.Eval(env); err != nil {
				b.Fatal(err)
			}
			least = min(least, time.Since(begin))
		}
		if least > took {
			took, with = least, unit
		}
	}
	return took, with
}

// BenchmarkWorst reports how long conditions at the limit take, and how much of what was promised for them.
func BenchmarkWorst(b *testing.B) {
	all := limits()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		b.Run(strings.ReplaceAll(name, " ", "_"), func(b *testing.B) {
			c := compile(b, all[name])
			var took time.Duration
			for b.Loop() {
				one, _ := longest(b, c)
				took = max(took, one)
			}
			b.ReportMetric(float64(took.Microseconds())/1000, "ms")
			b.ReportMetric(100*float64(took.Nanoseconds())/float64(c.Cost()), "%bound")
			b.ReportMetric(100*float64(c.Cost())/condition.Budget, "%budget")
		})
	}
}

// BenchmarkWorstGenerated reports the longest time among conditions written at random.
func BenchmarkWorstGenerated(b *testing.B) {
	var took time.Duration
	var ratio float64
	seed := uint64(0)
	for b.Loop() {
		seed++
		c, err := condition.Compile(generated(seed*7+3), schema)
		if err != nil {
			continue
		}
		one, _ := longest(b, c)
		if took = max(took, one); 100*float64(one.Nanoseconds())/float64(c.Cost()) > ratio {
			ratio = 100 * float64(one.Nanoseconds()) / float64(c.Cost())
		}
	}
	b.ReportMetric(float64(took.Microseconds())/1000, "ms")
	b.ReportMetric(ratio, "%bound")
}

const typical = `mentions(message.text, "refund", "money back", "remboursement") and contact.country in ["FR", "BE"] and not hours.open`

func BenchmarkTypical(b *testing.B) {
	env, c := sample(b), compile(b, typical)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Eval(env); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkTypicalInGo is the same with the standard library, and without accents.
func BenchmarkTypicalInGo(b *testing.B) {
	env := sample(b)
	b.ReportAllocs()
	for b.Loop() {
		text := strings.ToLower(env.Message.Text)
		found := strings.Contains(text, "refund") || strings.Contains(text, "money back") || strings.Contains(text, "remboursément")
		if found && slices.Contains([]string{"FR", "BE"}, env.Contact.Country) && !env.Hours.Open {
			b.Fatal("it is open")
		}
	}
}

func BenchmarkTypicalCold(b *testing.B) {
	env, c := sample(b), compile(b, typical)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Eval(env.Clone()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		compile(b, typical)
	}
}
