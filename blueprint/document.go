package blueprint

import (
	"guichet.dev/guichet/assignment"
	"guichet.dev/guichet/calendars"
	"guichet.dev/guichet/rules"
)

// Format is the version of the format that this program writes and reads.
const Format = 1

// Document is what a file says. Its fields are in the order in which they are written.
type Document struct {
	Guichet   int                 `json:"guichet" yaml:"guichet"`
	Calendars []calendars.Content `json:"calendars" yaml:"calendars"`

	rules.Edition `yaml:",inline"` // rules, automatic replies, opt-outs and limits: what is published together

	Accounts map[string]Account `json:"accounts" yaml:"accounts" keys:"account"`
	Teams    map[string]Team    `json:"teams" yaml:"teams" keys:"team"`
	Agents   map[string]Agent   `json:"agents" yaml:"agents,omitempty" keys:"agent"`
}

// Account is what belongs to the automation of an account. What is absent is left alone.
type Account struct {
	Calendar *string          `json:"calendar" yaml:"calendar" names:"calendar"` // null: none, which is always open
	Plan     *assignment.Plan `json:"assignment_plan" yaml:"assignment_plan,omitempty"`
}

// Team is what belongs to the automation of a team.
type Team struct {
	Calendar *string `json:"calendar" yaml:"calendar" names:"calendar"`
}

// Agent is what belongs to the automation of an agent.
type Agent struct {
	Capacity *int `json:"capacity" yaml:"capacity"`
}

// Problem is something that is wrong with a file, and where. Lines and columns count from 1, columns in characters.
type Problem struct {
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Field   string `json:"field" doc:"Where, as rules[2].then[0].label; empty for the file as a whole"`
	Message string `json:"message" doc:"What is wrong, and what is allowed"`
	Hint    string `json:"hint,omitempty" doc:"What was probably meant"`
}
