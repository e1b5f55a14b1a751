package main

import (
	"fmt"
	"strings"
)

// crashResult is the last line.
type crashResult struct {
	Measurement   string         `json:"measurement"`
	Seconds       figure         `json:"seconds"`
	Conversations int            `json:"conversations"`
	Deaths        map[string]int `json:"deaths"`

	Written     int `json:"messages_acknowledged"`
	Missing     int `json:"acknowledged_but_missing"`
	Undelivered int `json:"webhooks_never_acknowledged"`
	Duplicates  int `json:"duplicated_messages"`
	Parked      int `json:"parked_updates"`

	Replies               int `json:"replies_acknowledged"`
	RepliesLost           int `json:"replies_lost"`
	Refused               int `json:"replies_refused"`
	Repeated              int `json:"requests_repeated"`
	Accepted              int `json:"replies_accepted_by_provider"`
	SentTwice             int `json:"replies_sent_twice"`
	OutOfOrder            int `json:"replies_out_of_order"`
	Unsettled             int `json:"replies_left_lying"`
	Failed                int `json:"replies_failed"`
	SentThoughNot         int `json:"shown_as_sent_but_never_accepted"`
	FailedThoughAccepted  int `json:"shown_as_failed_but_accepted"`
	UnknownThoughAccepted int `json:"unknown_though_accepted"`
	UnknownNeverLeft      int `json:"unknown_never_left"`
	InFlight              int `json:"in_flight_at_deaths"`
	UnknownUnexplained    int `json:"unknown_but_not_in_flight_at_a_death"`

	Gaps         int     `json:"gaps_in_events"`
	Behind       int     `json:"conversations_behind"`
	Undispatched int     `json:"conversations_undispatched"`
	Stuck        int     `json:"conversations_failing"`
	Armed        int     `json:"armed_when_temporal_was_lost"`
	Snoozed      int     `json:"snoozed_when_temporal_was_lost"`
	SnoozesWrong int     `json:"snoozes_not_ended_once"`
	SnoozeLate   float64 `json:"snooze_latest_seconds"`
	ClosingWrong int     `json:"window_closing_not_once"`
	ClosedWrong  int     `json:"window_closed_not_once"`
	Quiet        figure  `json:"quiet_after_seconds"`

	Broken  []string `json:"broken"`
	Machine machine  `json:"machine"`
}

// snoozeLateness is how late a snooze may end after Temporal lost its data: before the sweep would find it.
const snoozeLateness = 45

// crashPromise is something that must not happen.
type crashPromise struct {
	what  string
	count int
}

// promises are all that must be 0, in words.
func (r *crashResult) promises() []crashPromise {
	late := 0
	if r.SnoozeLate > snoozeLateness {
		late = 1
	}
	return []crashPromise{
		{"messages acknowledged to the provider but missing", r.Missing},
		{"webhooks that were never acknowledged", r.Undelivered},
		{"messages stored twice", r.Duplicates},
		{"updates set aside as not applicable", r.Parked},
		{"replies acknowledged to the agent but missing", r.RepliesLost},
		{"replies refused", r.Refused},
		{"replies that the provider received twice", r.SentTwice},
		{"replies that left out of order", r.OutOfOrder},
		{"replies left lying", r.Unsettled},
		{"replies failed", r.Failed},
		{"replies shown as sent that the provider never accepted", r.SentThoughNot},
		{"replies shown as failed that the provider accepted", r.FailedThoughAccepted},
		{"replies still unknown that the provider accepted", r.UnknownThoughAccepted},
		{"unknown replies that no death explains", r.UnknownUnexplained},
		{"conversations with gaps in their events", r.Gaps},
		{"conversations behind their events", r.Behind + r.Undispatched},
		{"conversations that cannot proceed", r.Stuck},
		{"snoozes that did not end exactly once", r.SnoozesWrong},
		{fmt.Sprintf("snoozes that ended more than %d s late", snoozeLateness), late},
		{"windows whose closing was not told exactly once", r.ClosingWrong},
		{"windows whose end was not told exactly once", r.ClosedWrong},
	}
}

// judge lists the broken promises.
func (r *crashResult) judge() {
	r.Broken = []string{}
	for _, p := range r.promises() {
		if p.count != 0 {
			r.Broken = append(r.Broken, fmt.Sprintf("%s: %d", p.what, p.count))
		}
	}
}

// tellDeaths counts who died how often.
func (s *crashSite) tellDeaths(r *crashResult) {
	r.Deaths = map[string]int{"temporal": s.downs.temporal, "postgres": s.downs.postgres, "temporal with its data": s.downs.lost}
	for _, p := range []*crashProcess{s.server, s.worker} {
		p.mu.Lock()
		for how, n := range p.deaths {
			r.Deaths[p.name+" "+how] = n
		}
		p.mu.Unlock()
	}
}

// markdown is the document's section.
func (r *crashResult) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "## Crashes\n\nCustomers and agents wrote in %d conversations while the parts were killed (`kill -9`): the server %d times and the\n"+
		"worker %d times, half of it at chosen places in the code, Temporal %d times, PostgreSQL %d times. Then Temporal lost all its data\n"+
		"while %d conversations had a deadline ahead, and `guichet repair --all` was run.\n\n"+
		"%d messages were acknowledged to the provider and %d replies to agents; the provider accepted %d replies. Everything was\n"+
		"settled %.0f s after the last message. The latest snooze ended %.1f s after its time.\n\n| what must not happen | times |\n|---|---|\n",
		r.Conversations, r.Deaths["serve "+deathByKill]+r.Deaths["serve "+deathByPlace], r.Deaths["work "+deathByKill]+r.Deaths["work "+deathByPlace],
		r.Deaths["temporal"], r.Deaths["postgres"], r.Armed, r.Written, r.Replies, r.Accepted, float64(r.Quiet), r.SnoozeLate)
	for _, p := range r.promises() {
		fmt.Fprintf(&b, "| %s | %d |\n", p.what, p.count)
	}
	fmt.Fprintf(&b, "\n%d replies stay `unknown` and never left: their worker died between the claim and the call (%d were being sent when\n"+
		"something died). Agents see them as such, and they are not repeated by themselves.\n", r.UnknownNeverLeft, r.InFlight)
	return b.String()
}
