package conversation

// Priority is how urgent a conversation is to the people who answer it.
type Priority string

// The priorities.
const (
	PriorityLow    Priority = "low"
	PriorityNormal Priority = "normal"
	PriorityHigh   Priority = "high"
	PriorityUrgent Priority = "urgent"
)

// levels are the priorities as they are stored and sorted: the most urgent has the highest.
var levels = map[Priority]int64{PriorityLow: -1, PriorityNormal: 0, PriorityHigh: 1, PriorityUrgent: 2}

// Priorities lists the priorities, the most urgent first.
func Priorities() []Priority {
	return []Priority{PriorityUrgent, PriorityHigh, PriorityNormal, PriorityLow}
}

// Level returns the priority as a number, higher for more urgent; ok is false if there is no such priority.
func (p Priority) Level() (level int64, ok bool) {
	level, ok = levels[p]
	return level, ok
}

// PriorityOf returns the priority with a level; what has no name is normal.
func PriorityOf(level int64) Priority {
	for p, l := range levels {
		if l == level {
			return p
		}
	}
	return PriorityNormal
}
