package conversation

import "time"

// EffectKind is what a decision wants done.
type EffectKind string

// The effects. All of them are written in the transaction that records the decision.
const (
	EffectEvent      EffectKind = "event"       // write the event
	EffectSetStatus  EffectKind = "set_status"  // change the status and write the event
	EffectSetConsent EffectKind = "set_consent" // change the consent and write the event
	EffectAct        EffectKind = "act"         // carry out a rule's action
)

// Effect is one thing that follows. Key is unique within the conversation, so that a repeat does nothing.
type Effect struct {
	Kind    EffectKind     `json:"kind"`
	Key     string         `json:"key"`
	Event   Event          `json:"event,omitzero"` // without its seq
	Status  Status         `json:"status,omitempty"`
	Consent *ConsentChange `json:"consent,omitempty"`

	Action *RuleAction `json:"action,omitempty"`
	Cause  *Cause      `json:"cause,omitempty"` // of an action
	// Text is what an action says, with its variables filled in. It is kept with the message only.
	Text string `json:"-"`
	// Mark, if set, is the limit under which the action's rule may act once.
	Mark string `json:"mark,omitempty"`

	// Outcome is what became of it: OutcomeDone, or a code that says why not.
	Outcome string `json:"outcome,omitempty"`
	// MessageID is the message that an action queued.
	MessageID string `json:"message_id,omitempty"`
}

// Outcomes of effects and steps of a decision. A code of an Error may stand in their place.
const (
	OutcomeDone    = "done"
	OutcomeAlready = "already" // it was so before
)

// Outcome is one step of a decision by name, for people who ask why.
type Outcome struct {
	Step   string `json:"step"`
	Seq    int64  `json:"seq,omitempty"` // the event it is about
	Result string `json:"result"`
}

// Decision is what the automation chose at one moment and why.
type Decision struct {
	Seq     int64  `json:"seq"`     // everything up to here was taken into account
	Version int    `json:"version"` // of the rules
	Trigger string `json:"trigger"` // the kind of the event or deadline
	// EventSeq is the event that was decided on, 0 for a deadline.
	EventSeq int64 `json:"event_seq,omitempty"`
	Depth    int   `json:"depth,omitempty"` // how many rules lie behind the event
	// Inputs are the values that conditions looked at, without the customer's words, by path.
	Inputs map[string]any `json:"inputs,omitempty"`
	// Rules says for each rule of the version, in their order, how it ended: one letter of a RuleResult each.
	Rules    string    `json:"rules,omitempty"`
	Outcomes []Outcome `json:"outcomes"`
	Effects  []Effect  `json:"effects"`
}

// RuleResult is how one rule ended in a decision.
type RuleResult byte

// The results of rules.
const (
	RuleNotAsked   RuleResult = '-' // for another trigger or account, or switched off
	RuleNoMatch    RuleResult = 'n'
	RuleMatched    RuleResult = 'm'
	RuleFailed     RuleResult = 'e' // its condition could not be worked out
	RuleLimited    RuleResult = 'o' // it acted already, and may only once
	RuleStopped    RuleResult = 's' // a rule before it ended the work
	RuleLooped     RuleResult = 'l' // what happened follows from the rule itself, or from too many rules
	RuleSuppressed RuleResult = 'q' // it matched, but nothing of it could be done
)

// Empty reports whether there is nothing to explain.
func (d Decision) Empty() bool {
	return len(d.Outcomes) == 0 && len(d.Effects) == 0 && d.Rules == ""
}

// join adds what another decision on the same event chose.
func (d *Decision) join(o Decision) {
	d.Version, d.Depth, d.Inputs, d.Rules = o.Version, o.Depth, o.Inputs, o.Rules
	d.Outcomes = append(d.Outcomes, o.Outcomes...)
	d.Effects = append(d.Effects, o.Effects...)
}

// NoPolicy decides nothing.
type NoPolicy struct{}

// Version implements Policy.
func (NoPolicy) Version() int { return 0 }

// Begin implements Policy.
func (NoPolicy) Begin([]InputEvent) {}

// OnEvent implements Policy.
func (NoPolicy) OnEvent(State, InputEvent, time.Time) Decision { return Decision{} }

// OnDeadline implements Policy.
func (NoPolicy) OnDeadline(State, Deadline, time.Time) Decision { return Decision{} }

// Arm implements Policy.
func (NoPolicy) Arm(State, time.Time) []Deadline { return nil }
