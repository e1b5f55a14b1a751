package conversation

import "time"

// ConsentState is what a contact wants.
type ConsentState string

// The states of consent.
const (
	ConsentUnknown  ConsentState = "unknown"
	ConsentOptedIn  ConsentState = "opted_in"
	ConsentOptedOut ConsentState = "opted_out"
)

// ConsentStates lists all states of consent.
func ConsentStates() []ConsentState {
	return []ConsentState{ConsentUnknown, ConsentOptedIn, ConsentOptedOut}
}

// ConsentScope is what the contact spoke of.
type ConsentScope string

// The scopes. An opt-out of all covers marketing too; an opt-in to all lifts an earlier opt-out of all only.
const (
	ScopeAll       ConsentScope = "all"
	ScopeMarketing ConsentScope = "marketing"
)

// Sources of a consent change.
const (
	SourceKeyword    = "keyword"    // a whole message such as STOP
	SourceButton     = "button"     // a tapped opt-out button
	SourcePreference = "preference" // the provider's own switch
	SourceSendError  = "send_error" // the provider refused because of the contact's wish
	SourceAgent      = "agent"      // an agent wrote down what the contact said elsewhere
	SourceIntent     = "intent"     // a message in the contact's own words, as the classifier understood it
	SourceAnswer     = "answer"     // an agent said how a message was meant that the classifier was not sure of
	SourceRule       = "rule"       // a rule that an admin wrote
)

// ConsentChange is one entry of the ledger.
type ConsentChange struct {
	Scope  ConsentScope `json:"scope"`
	State  ConsentState `json:"state"`
	Source string       `json:"source"`
	At     time.Time    `json:"at"` // the provider's time, or when the contact said it
	// Confidence and Evidence are those of the Finding, if the change comes from one.
	Confidence float64 `json:"confidence,omitempty"`
	Evidence   string  `json:"evidence,omitempty"`
}

// Consent is a contact's standing on one channel kind.
type Consent struct {
	All       ConsentState `json:"all"`
	Marketing ConsentState `json:"marketing"`
	AllAt     time.Time    `json:"all_at,omitzero"` // when All was last changed
}

// Finding is what a message says about being contacted, as far as it was understood. The zero value says nothing.
type Finding struct {
	Scope  ConsentScope
	State  ConsentState
	Source string
	// Confidence is from 0 to 1; a word of a list has 1.
	Confidence float64
	// Evidence is what it was found by, without the customer's own words: a phrase of the list, or the classifier's name.
	Evidence string
	// Ask is set if it is not sure enough to act on: an agent is asked.
	Ask bool
}

// Found reports whether the finding says anything.
func (f Finding) Found() bool { return f.State != "" }

// Of returns the standing of a scope.
func (c Consent) Of(scope ConsentScope) ConsentState {
	if scope == ScopeMarketing {
		return c.Marketing
	}
	return c.All
}
