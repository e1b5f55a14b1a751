package condition

import "fmt"

// The cost of a condition is the most that it can take, counted in units of about a nanosecond of one core of a small
// server. The weights were measured with the texts that are worst for each operation, and rounded up; BenchmarkWorst
// compares what they promise with what conditions at the limit take.
const (
	costReady      = 700_000 // making an environment ready, which the first condition does
	costNode       = 150     // one step of the machine, with what it allocates
	costCall       = 300     // a call of a function of ours
	costTouch      = 2       // comparing a character
	costCount      = 12      // counting a character
	costChange     = 60      // changing a character's case
	costFold       = 80      // folding a character, and finding the words
	costSearch     = 14      // looking for a phrase, for each character of the text
	costInstr      = 28      // for each character and instruction of a pattern; twice for a large class of characters
	costPhone      = 90_000  // finding the country of a phone number
	costNamed      = 40      // comparing a name with a phrase
	budget         = 8_000_000
	maxSource      = 2000 // characters
	maxNodes       = 300
	maxPattern     = 200 // characters
	maxInstr       = 400 // instructions of a pattern
	maxPhrase      = 200 // characters
	memoryOfOneRun = 10_000
)

// Budget is the highest [Condition.Cost] with which a condition is accepted.
const Budget = budget

// checkCost refuses what is above the budget, at the part that costs most.
func (c *walk) checkCost() {
	if c.err == nil && c.cost > budget {
		percent := (c.cost*100 + budget - 1) / budget
		c.err = errorAt(c.source, c.worst.offset,
			fmt.Sprintf("The condition is too much work for a long message: %d%% of what is allowed, most of it here", percent),
			"use fewer or simpler patterns and phrases, or make two rules of it")
	}
}
