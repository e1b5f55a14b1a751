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
)

// ConsentChange is one entry of the ledger.
type ConsentChange struct {
	Scope  ConsentScope `json:"scope"`
	State  ConsentState `json:"state"`
	Source string       `json:"source"`
	At     time.Time    `json:"at"` // the provider's time, or when the contact said it
}

// Consent is a contact's standing on one channel kind.
type Consent struct {
	All       ConsentState `json:"all"`
	Marketing ConsentState `json:"marketing"`
	AllAt     time.Time    `json:"all_at,omitzero"` // when All was last changed
}
