package accounts

import (
	"fmt"
	"time"

	"guichet.dev/guichet/conversation"
)

// Settings are what an admin may tune of an account.
type Settings struct {
	WindowMarginSeconds    int  `json:"window_margin_seconds"`      // kept back from the end of the 24-hour window
	ClosingLeadSeconds     int  `json:"closing_lead_seconds"`       // how long before its end a window counts as closing
	AutoCloseAfterSeconds  int  `json:"auto_close_after_seconds"`   // inactivity after which a conversation is done; 0: never
	LateAfterSeconds       int  `json:"late_after_seconds"`         // age from which an arriving message is late
	ReactionOpensWindow    bool `json:"reaction_opens_window"`      // not documented by WhatsApp either way
	AgentMayAnswerOptedOut bool `json:"agent_may_answer_opted_out"` // a reply to a message that came after the opt-out
	ThroughputPerSecond    int  `json:"throughput_per_second"`      // messages a second, all recipients
	PairBurst              int  `json:"pair_burst"`                 // messages at once to one recipient
	PairIntervalSeconds    int  `json:"pair_interval_seconds"`      // then one in this time
}

// DefaultSettings returns the settings of a new account. The limits are WhatsApp's for an ordinary number.
func DefaultSettings() Settings {
	return Settings{
		WindowMarginSeconds: int(conversation.DefaultWindowMargin / time.Second), ClosingLeadSeconds: 3600,
		LateAfterSeconds: int(conversation.LateAfter / time.Second), AgentMayAnswerOptedOut: true,
		ThroughputPerSecond: 80, PairBurst: 45, PairIntervalSeconds: 6,
	}
}

// Process returns what the conversation's process needs.
func (s Settings) Process() conversation.Settings {
	return conversation.Settings{ClosingLead: seconds(s.ClosingLeadSeconds), AutoClose: seconds(s.AutoCloseAfterSeconds)}
}

// WindowMargin is kept back from the end of the window.
func (s Settings) WindowMargin() time.Duration { return seconds(s.WindowMarginSeconds) }

// WindowMarginSQL is the same for a query, in seconds, of a row a of accounts.
var WindowMarginSQL = fmt.Sprintf("coalesce((a.settings->>'window_margin_seconds')::integer, %d)", DefaultSettings().WindowMarginSeconds)

// LateAfter is the age from which an arriving message is late.
func (s Settings) LateAfter() time.Duration { return seconds(s.LateAfterSeconds) }

// PairInterval is the time in which one recipient may get one message once the burst is used up.
func (s Settings) PairInterval() time.Duration { return seconds(s.PairIntervalSeconds) }

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

// year bounds settings that are a time.
const year = 366 * 24 * 3600

// check returns the error for the first setting out of its range.
func (s Settings) check() error {
	for _, limit := range []struct {
		field            string
		value, low, high int
	}{
		{"window_margin_seconds", s.WindowMarginSeconds, 0, 3600},
		{"closing_lead_seconds", s.ClosingLeadSeconds, 0, 24 * 3600},
		{"auto_close_after_seconds", s.AutoCloseAfterSeconds, 0, year},
		{"late_after_seconds", s.LateAfterSeconds, 1, 7 * 24 * 3600},
		{"throughput_per_second", s.ThroughputPerSecond, 1, 1000},
		{"pair_burst", s.PairBurst, 1, 1000},
		{"pair_interval_seconds", s.PairIntervalSeconds, 1, 3600},
	} {
		if limit.value < limit.low || limit.value > limit.high {
			return conversation.Invalid("settings."+limit.field, "must be %d to %d", limit.low, limit.high)
		}
	}
	return nil
}

// SettingsChange is what to change of the settings: nil leaves as it is.
type SettingsChange struct {
	WindowMarginSeconds    *int  `json:"window_margin_seconds,omitempty" minimum:"0" maximum:"3600" doc:"Kept back from the end of the 24-hour window. Default 60"`
	ClosingLeadSeconds     *int  `json:"closing_lead_seconds,omitempty" minimum:"0" maximum:"86400" doc:"How long before its end a window counts as closing. Default 3600"`
	AutoCloseAfterSeconds  *int  `json:"auto_close_after_seconds,omitempty" minimum:"0" maximum:"31622400" doc:"Inactivity after which a conversation is done. Default 0: never"`
	LateAfterSeconds       *int  `json:"late_after_seconds,omitempty" minimum:"1" maximum:"604800" doc:"Age from which an arriving message is late and answered by nothing automatic. Default 900"`
	ReactionOpensWindow    *bool `json:"reaction_opens_window,omitempty" doc:"Default false"`
	AgentMayAnswerOptedOut *bool `json:"agent_may_answer_opted_out,omitempty" doc:"Whether an agent may reply to a message that came after the opt-out. Default true"`
	ThroughputPerSecond    *int  `json:"throughput_per_second,omitempty" minimum:"1" maximum:"1000" doc:"Default 80"`
	PairBurst              *int  `json:"pair_burst,omitempty" minimum:"1" maximum:"1000" doc:"Messages at once to one recipient. Default 45"`
	PairIntervalSeconds    *int  `json:"pair_interval_seconds,omitempty" minimum:"1" maximum:"3600" doc:"Then one message in this time. Default 6"`
}

// Apply returns the settings after the change.
func (c SettingsChange) Apply(s Settings) Settings {
	set(&s.WindowMarginSeconds, c.WindowMarginSeconds)
	set(&s.ClosingLeadSeconds, c.ClosingLeadSeconds)
	set(&s.AutoCloseAfterSeconds, c.AutoCloseAfterSeconds)
	set(&s.LateAfterSeconds, c.LateAfterSeconds)
	set(&s.ReactionOpensWindow, c.ReactionOpensWindow)
	set(&s.AgentMayAnswerOptedOut, c.AgentMayAnswerOptedOut)
	set(&s.ThroughputPerSecond, c.ThroughputPerSecond)
	set(&s.PairBurst, c.PairBurst)
	set(&s.PairIntervalSeconds, c.PairIntervalSeconds)
	return s
}
