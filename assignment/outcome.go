package assignment

import (
	"time"

	"guichet.dev/guichet/conversation"
)

// Result is what came of something that was tried, or of the whole.
type Result string

// The results of the whole.
const (
	Assigned   Result = "assigned"
	Offered    Result = "offered"    // assigned, to be taken up in time
	Queued     Result = "queued"     // waits until somebody has room
	Left       Result = "left"       // nobody's, because a policy says so
	Unassigned Result = "unassigned" // nobody's, because no policy found anybody
	Kept       Result = "kept"       // whoever had it can go on
	NotOpen    Result = "not_open"   // the conversation is not open, or goes on in another
	NoPlan     Result = "no_plan"    // the account has no policies
	NoOffer    Result = "no_offer"   // there was none to pass on
)

// The results of one policy or link, beside those above.
const (
	NoValue       Result = "no_value"        // the attribute is empty or names no team, or there was no last agent
	NoAgent       Result = "no_agent"        // the attribute names nobody, or the team has no members
	NotAllowed    Result = "not_allowed"     // none is active and sees the account
	NobodyWorking Result = "nobody_working"  // none works for the team now
	NobodyOnline  Result = "nobody_online"   // none is online
	NobodyOnShift Result = "nobody_on_shift" // for none it is working time
	AtCapacity    Result = "at_capacity"     // none has room
	PassedBefore  Result = "passed_before"   // it was offered to all of them already
	BehindOthers  Result = "behind_others"   // others wait in the queue and come first
	Told          Result = "told"            // the customer is told
	ToldBefore    Result = "told_before"
)

// Tried is one policy or link that was tried.
type Tried struct {
	Place  int    `json:"place,omitempty"` // of a policy in the plan, from 1; 0 for a link
	Name   string `json:"name"`            // the policy's kind, or the link
	Result Result `json:"result"`
}

// Outcome is what came of assigning a conversation, and why.
type Outcome struct {
	Result  Result    `json:"result"`
	AgentID string    `json:"agent_id,omitempty"`
	TeamID  string    `json:"team_id,omitempty"`
	Until   time.Time `json:"until,omitzero"` // until when an offer must be taken up
	Tried   []Tried   `json:"tried"`
	// Tell is what the customer is to be told now, as an automatic message; empty: nothing.
	Tell string `json:"-"`
}

// Request says on whose behalf a conversation is assigned.
type Request struct {
	Now    time.Time
	From   int               // the place of the policy to begin with, from 0
	Policy *AssignmentPolicy // tried instead of the plan's, such as that of a rule's action; nil: the plan's
	Actor  conversation.Actor
	Cause  *conversation.Cause
	// Key begins the keys of the events that are written, see ledger.Row.AppendEffect. Empty: a person asked, and the events
	// have no keys.
	Key string
}

// Reason is why an offer passes.
type Reason string

// The reasons.
const (
	Expired  Reason = "expired"
	Declined Reason = "declined"
	Away     Reason = "away" // the agent is not there as the plan asks, or may not have it any more
)

// Step is at which point an agent was found.
type Step string

// The steps.
const (
	StepPolicy      Step = "policy"
	StepTeam        Step = "team"
	StepSupervisors Step = "supervisors"
	StepQueue       Step = "queue"
)

// Steps lists the steps.
func Steps() []Step { return []Step{StepPolicy, StepTeam, StepSupervisors, StepQueue} }
