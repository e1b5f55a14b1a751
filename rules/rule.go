// Package rules holds what admins write: rules that form a numbered, published version, and the automatic replies that are
// rules in the end. It decides what follows from an event or a deadline, given the facts of the moment. It is pure: no
// database, no Temporal, no clock.
package rules

import (
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/optout"
)

// Trigger is what makes a rule look.
type Trigger string

// The triggers.
const (
	OnMessage       Trigger = "message_received"
	OnOpened        Trigger = "conversation_opened"
	OnReopened      Trigger = "conversation_reopened"
	OnAssigned      Trigger = "conversation_assigned"
	OnDone          Trigger = "conversation_done"
	OnWaiting       Trigger = "customer_waiting" // for a time
	OnWindowClosing Trigger = "window_closing"   // in a time
	OnWindowClosed  Trigger = "window_closed"
	OnLabelAdded    Trigger = "label_added"
	OnOptedOut      Trigger = "opted_out"
	OnOptedIn       Trigger = "opted_in"
	OnFailed        Trigger = "delivery_failed"
)

// Triggers lists all triggers.
func Triggers() []Trigger {
	return []Trigger{
		OnMessage, OnOpened, OnReopened, OnAssigned, OnDone, OnWaiting, OnWindowClosing, OnWindowClosed, OnLabelAdded, OnOptedOut,
		OnOptedIn, OnFailed,
	}
}

// Timed reports whether a trigger needs a time.
func (t Trigger) Timed() bool { return t == OnWaiting || t == OnWindowClosing }

// TriggerOf returns the trigger that an event is, "" if it is none.
func TriggerOf(e conversation.Event) Trigger {
	switch e.Kind {
	case conversation.EventConsentChanged:
		switch e.Data.Consent {
		case conversation.ConsentOptedOut:
			return OnOptedOut
		case conversation.ConsentOptedIn:
			return OnOptedIn
		default:
			return ""
		}
	case conversation.EventMessageFailed:
		if e.Data.State == conversation.StateCancelled {
			return "" // nobody wanted it delivered any more
		}
		return OnFailed
	default:
		return byKind[e.Kind]
	}
}

var byKind = map[conversation.EventKind]Trigger{
	conversation.EventMessageReceived: OnMessage, conversation.EventOpened: OnOpened, conversation.EventReopened: OnReopened,
	conversation.EventAssigned: OnAssigned, conversation.EventDone: OnDone, conversation.EventWindowClosed: OnWindowClosed,
	conversation.EventLabelAdded: OnLabelAdded,
}

// Once limits how often a rule acts.
type Once string

// The limits. Days and closed periods are those of the account's business hours.
const (
	Always            Once = ""
	OncePerThread     Once = "conversation"  // ever, for the whole thread
	OncePerOpening    Once = "opening"       // each time that the conversation was opened or reopened
	OncePerContact    Once = "contact"       // ever, whatever the account
	OncePerDay        Once = "day"           // for a conversation
	OncePerClosed     Once = "closed_period" // of the business hours, for a conversation
	maxRules               = 1000
	maxActions             = 20
	maxName                = 200
	maxReply               = 4096 // characters: the limit of a WhatsApp text
	maxAccounts            = 200
	longestTime            = 30 * 24 * 3600 // seconds
	longestSnooze          = 365 * 24 * 60  // minutes
	longestWindowLead      = 24 * 3600      // seconds: a window is no longer
)

// Onces lists all limits.
func Onces() []Once {
	return []Once{Always, OncePerThread, OncePerOpening, OncePerContact, OncePerDay, OncePerClosed}
}

// Rule is a trigger, a condition and actions.
type Rule struct {
	ID           string                    `json:"id" yaml:"id,omitempty"`
	Name         string                    `json:"name" yaml:"name"`
	When         Trigger                   `json:"when" yaml:"when"`
	AfterSeconds int                       `json:"after_seconds,omitempty" yaml:"after_seconds,omitempty"` // of a timed trigger
	BusinessTime bool                      `json:"business_time,omitempty" yaml:"business_time,omitempty"` // counts a wait in business hours only
	If           string                    `json:"if,omitempty" yaml:"if,omitempty"`                       // an expression; empty is always true
	Then         []conversation.RuleAction `json:"then" yaml:"then" nullable:"false"`
	AccountIDs   []string                  `json:"account_ids,omitempty" yaml:"accounts,omitempty" names:"account"` // empty: all
	Once         Once                      `json:"once,omitempty" yaml:"once,omitempty"`
	Stop         bool                      `json:"stop,omitempty" yaml:"stop,omitempty"` // when it matched, the rules after it are not asked
	Off          bool                      `json:"off,omitempty" yaml:"off,omitempty"`
}

// Edition is everything that is published together, under one version.
type Edition struct {
	Rules []Rule `json:"rules" yaml:"rules" nullable:"false"`
	// Replies are the automatic replies by account id.
	Replies map[string]Replies `json:"replies,omitempty" yaml:"automatic_replies" keys:"account"`
	OptOut  optout.Policy      `json:"opt_out,omitzero" yaml:"opt_out"`
	Limits  Limits             `json:"limits,omitzero" yaml:"limits"`
}

// Limits bound what the automation says in one conversation, whichever rules want it.
type Limits struct {
	// PauseSeconds is how long after one automatic reply no other is sent, so that a burst of messages gets one. 0 is the default.
	PauseSeconds int `json:"pause_seconds,omitempty" yaml:"pause_seconds,omitempty" minimum:"0" maximum:"86400" doc:"No two automatic replies within this time. Default 60"`
	// PerDay is how many automatic replies a conversation may get in 24 hours, so that two robots do not talk for ever.
	PerDay int `json:"per_day,omitempty" yaml:"per_day,omitempty" minimum:"0" maximum:"1000" doc:"Automatic replies in 24 hours at most. Default 20"`
}

// The default limits.
const (
	defaultPause  = 60
	defaultPerDay = 20
)
