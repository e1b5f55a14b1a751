package conversation_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"guichet.dev/guichet/conversation"
)

// noPolicy decides nothing and counts how often it was asked.
type noPolicy struct {
	conversation.NoPolicy
	asked *int
}

func (noPolicy) Version() int { return 3 }

func (p noPolicy) OnEvent(conversation.State, conversation.InputEvent, time.Time) conversation.Decision {
	if p.asked != nil {
		*p.asked++
	}
	return conversation.Decision{}
}

var settings = conversation.Settings{ClosingLead: time.Hour, AutoClose: 72 * time.Hour, Examine: shouts}

// shouts finds a wish in STOP alone.
func shouts(c conversation.Content) conversation.Finding {
	switch c.Text {
	case "STOP":
		return conversation.Finding{Scope: conversation.ScopeAll, State: conversation.ConsentOptedOut, Source: conversation.SourceKeyword, Confidence: 1, Evidence: "shout"}
	case "stop?":
		return conversation.Finding{Scope: conversation.ScopeAll, State: conversation.ConsentOptedOut, Source: conversation.SourceIntent, Confidence: 0.6, Ask: true}
	default:
		return conversation.Finding{}
	}
}

// written is an open conversation whose customer wrote at noon.
func written() conversation.State {
	return conversation.State{
		Status: conversation.StatusOpen, Window: conversation.Window{From: noon, Margin: time.Minute},
		LastActivityAt: noon, AppliedSeq: 4,
	}
}

func step(s conversation.State, now time.Time, events ...conversation.InputEvent) (conversation.State, conversation.Decision) {
	return all(conversation.Step(s, conversation.Input{Now: now, Events: events}, settings, noPolicy{}))
}

// all puts what was decided at one moment together.
func all(s conversation.State, decisions []conversation.Decision) (conversation.State, conversation.Decision) {
	sum := conversation.Decision{Version: 3, Seq: s.AppliedSeq}
	for _, d := range decisions {
		sum.Outcomes, sum.Effects = append(sum.Outcomes, d.Outcomes...), append(sum.Effects, d.Effects...)
		if d.Version != 3 {
			sum.Version = d.Version
		}
	}
	return s, sum
}

func received(seq int64, text string) conversation.InputEvent {
	return conversation.InputEvent{
		Event: conversation.Event{
			Seq: seq, Kind: conversation.EventMessageReceived, At: noon, Data: conversation.EventData{MessageID: "m" + string(rune('0'+seq))},
		},
		Content: &conversation.Content{Kind: conversation.KindText, Text: text},
	}
}

func armed(s conversation.State) map[conversation.DeadlineKind]time.Duration {
	all := make(map[conversation.DeadlineKind]time.Duration)
	for _, d := range s.Deadlines {
		all[d.Kind] = d.At.Sub(noon)
	}
	return all
}

func fired(d conversation.Decision) string {
	var kinds []string
	for _, e := range d.Effects {
		kinds = append(kinds, string(e.Event.Kind))
	}
	return strings.Join(kinds, " ")
}

const (
	closedAt  = 24*time.Hour - time.Minute
	closingAt = closedAt - time.Hour
)

func TestStepArms(t *testing.T) {
	t.Parallel()
	type deadlines = map[conversation.DeadlineKind]time.Duration
	for name, test := range map[string]struct {
		change func(*conversation.State)
		want   deadlines
	}{
		"open":          {func(*conversation.State) {}, deadlines{conversation.DeadlineWindowClosing: closingAt, conversation.DeadlineWindowClosed: closedAt, conversation.DeadlineAutoClose: 72 * time.Hour}},
		"never written": {func(s *conversation.State) { s.Window.From = time.Time{} }, deadlines{conversation.DeadlineAutoClose: 72 * time.Hour}},
		"refused":       {func(s *conversation.State) { s.Window.RefusedAt = noon }, deadlines{conversation.DeadlineAutoClose: 72 * time.Hour}},
		"snoozed": {func(s *conversation.State) {
			s.Status, s.SnoozedUntil = conversation.StatusSnoozed, noon.Add(3*time.Hour)
		}, deadlines{conversation.DeadlineSnooze: 3 * time.Hour, conversation.DeadlineWindowClosed: closedAt}},
		"snoozed until a message": {func(s *conversation.State) { s.Status = conversation.StatusSnoozed }, deadlines{conversation.DeadlineWindowClosed: closedAt}},
		"done":                    {func(s *conversation.State) { s.Status = conversation.StatusDone }, deadlines{conversation.DeadlineWindowClosed: closedAt}},
		"merged":                  {func(s *conversation.State) { s.Merged = true }, deadlines{}},
	} {
		s := written()
		test.change(&s)
		s, d := step(s, noon)
		if got := armed(s); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: armed %v, want %v", name, got, test.want)
		}
		if len(d.Effects) != 0 || d.Version != 3 || d.Seq != 4 {
			t.Errorf("%s: decision %+v", name, d)
		}
		for _, deadline := range s.Deadlines {
			if deadline.Seq != 4 {
				t.Errorf("%s: %s is armed for seq %d", name, deadline.Kind, deadline.Seq)
			}
		}
	}
}

// A conversation lives through all its deadlines; each tells once, and a repeat of each step changes nothing.
func TestStepFires(t *testing.T) {
	t.Parallel()
	s, _ := step(written(), noon)
	for _, want := range []struct {
		at     time.Duration
		events string
	}{
		{closingAt, "window_closing"}, {closedAt, "window_closed"}, {72 * time.Hour, "done"},
	} {
		next, ok := s.Next()
		if !ok || next.At.Sub(noon) != want.at {
			t.Fatalf("next is %+v, want %v", next, want.at)
		}
		early, d := step(s, next.At.Add(-1))
		if len(d.Effects) != 0 || !reflect.DeepEqual(armed(early), armed(s)) {
			t.Errorf("a moment before %v: %s", want.at, fired(d))
		}
		var decision conversation.Decision
		s, decision = step(s, next.At)
		if fired(decision) != want.events {
			t.Errorf("at %v: %q, want %q", want.at, fired(decision), want.events)
		}
		again, repeated := step(s, next.At)
		if len(repeated.Effects) != 0 || !reflect.DeepEqual(again, s) {
			t.Errorf("at %v again: %q", want.at, fired(repeated))
		}
		e := decision.Effects[0].Event
		if e.Actor.Kind != conversation.ActorTimer || e.Cause == nil || e.Cause.Seq != 4 || !e.At.Equal(next.At) {
			t.Errorf("at %v: event %+v", want.at, e)
		}
	}
	if _, ok := s.Next(); ok || s.Status != conversation.StatusDone {
		t.Errorf("at the end: %s with %v", s.Status, s.Deadlines)
	}
}

// Two runs that decide on the same state give the same keys, so the second changes nothing.
func TestStepKeysAreStable(t *testing.T) {
	t.Parallel()
	s := written()
	s.Status, s.SnoozedUntil = conversation.StatusSnoozed, noon.Add(time.Hour)
	at := noon.Add(80 * time.Hour)
	_, first := step(s, at, received(5, "STOP"))
	_, second := step(s, at.Add(time.Second), received(5, "STOP"))
	keys := func(d conversation.Decision) (all []string) {
		for _, e := range d.Effects {
			all = append(all, e.Key)
		}
		return all
	}
	if a, b := keys(first), keys(second); !reflect.DeepEqual(a, b) || len(a) != 3 {
		t.Errorf("keys %v and %v", a, b)
	}
}

// A timer that comes after the conversation moved on changes nothing.
func TestStepLateTimers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		at   time.Duration
		move func(*conversation.State)
	}{
		"closing, but written again": {closingAt, func(s *conversation.State) { s.Window = s.Window.Extend(noon.Add(2 * time.Hour)) }},
		"closed, but written again": {closedAt, func(s *conversation.State) {
			s.Window = s.Window.Extend(noon.Add(closingAt))
		}},
		"snooze, but opened": {time.Hour, func(s *conversation.State) { s.SnoozedUntil = noon.Add(time.Hour) }},
		"snooze, but snoozed longer": {time.Hour, func(s *conversation.State) {
			s.Status, s.SnoozedUntil = conversation.StatusSnoozed, noon.Add(2*time.Hour)
		}},
		"auto-close, but active":      {72 * time.Hour, func(s *conversation.State) { s.LastActivityAt, s.ClosedTold = noon.Add(time.Hour), noon.Add(closedAt) }},
		"auto-close, but done":        {72 * time.Hour, func(s *conversation.State) { s.Status, s.ClosedTold = conversation.StatusDone, noon.Add(closedAt) }},
		"auto-close, but snoozed":     {72 * time.Hour, func(s *conversation.State) { s.Status, s.ClosedTold = conversation.StatusSnoozed, noon.Add(closedAt) }},
		"anything, but merged":        {100 * time.Hour, func(s *conversation.State) { s.Merged = true }},
		"closing, but done":           {closingAt, func(s *conversation.State) { s.Status = conversation.StatusDone }},
		"closed, but refused before":  {closedAt, func(s *conversation.State) { s.Window = s.Window.Refuse(noon.Add(time.Hour)) }},
		"closing told, window closed": {closedAt, func(s *conversation.State) { s.ClosedTold = noon.Add(closedAt) }},
	} {
		s, _ := step(written(), noon)
		test.move(&s)
		if _, d := step(s, noon.Add(test.at)); len(d.Effects) != 0 {
			t.Errorf("%s: %s", name, fired(d))
		}
	}
}

// A deadline that moves is armed anew for the seq that moved it; one that stays keeps its seq.
func TestStepMovesDeadlines(t *testing.T) {
	t.Parallel()
	s, _ := step(written(), noon)
	s.Window = s.Window.Extend(noon.Add(time.Hour))
	s, _ = step(s, noon.Add(time.Hour), received(5, "hello"))
	for _, d := range s.Deadlines {
		moved := d.Kind != conversation.DeadlineAutoClose
		if want := map[bool]int64{true: 5, false: 4}[moved]; d.Seq != want {
			t.Errorf("%s is armed for seq %d, want %d", d.Kind, d.Seq, want)
		}
	}
	if got := armed(s); got[conversation.DeadlineWindowClosed] != closedAt+time.Hour {
		t.Errorf("armed %v", got)
	}
}

func TestStepWakes(t *testing.T) {
	t.Parallel()
	s := written()
	s.Status, s.SnoozedUntil = conversation.StatusSnoozed, noon.Add(time.Hour)
	s, _ = step(s, noon)
	s, d := step(s, noon.Add(time.Hour))
	if fired(d) != "woken" || s.Status != conversation.StatusOpen || !s.SnoozedUntil.IsZero() || d.Effects[0].Status != conversation.StatusOpen {
		t.Errorf("woken: %s, %+v", fired(d), s)
	}
	if got := armed(s); got[conversation.DeadlineAutoClose] != 73*time.Hour {
		t.Errorf("inactivity counts from waking: %v", got)
	}
}

// A conversation that wakes while its window is closing tells both at once.
func TestStepWakesWithinClosing(t *testing.T) {
	t.Parallel()
	s := written()
	s.Status, s.SnoozedUntil = conversation.StatusSnoozed, noon.Add(closingAt+time.Minute)
	s, _ = step(s, noon)
	s, d := step(s, s.SnoozedUntil)
	if fired(d) != "woken window_closing" {
		t.Errorf("fired %q", fired(d))
	}
	if again, repeated := step(s, noon.Add(closingAt+time.Minute)); len(repeated.Effects) != 0 || !reflect.DeepEqual(again, s) {
		t.Errorf("again: %q", fired(repeated))
	}
}

func TestStepEvents(t *testing.T) {
	t.Parallel()
	asked := 0
	in := conversation.Input{Now: noon, Events: []conversation.InputEvent{
		received(3, "STOP"), // applied before
		received(5, "Hello"),
		received(6, "STOP"),
		{Event: conversation.Event{Seq: 7, Kind: conversation.EventAssigned}},
		{Event: conversation.Event{Seq: 8, Kind: conversation.EventMessageReceived}}, // its content was erased
	}}
	s, d := all(conversation.Step(written(), in, settings, noPolicy{asked: &asked}))
	if s.AppliedSeq != 8 || d.Seq != 8 || asked != 4 {
		t.Errorf("applied %d, decided %d, asked %d times", s.AppliedSeq, d.Seq, asked)
	}
	if len(d.Effects) != 1 {
		t.Fatalf("effects %+v", d.Effects)
	}
	e := d.Effects[0]
	want := conversation.ConsentChange{Scope: conversation.ScopeAll, State: conversation.ConsentOptedOut, Source: conversation.SourceKeyword, At: noon, Confidence: 1, Evidence: "shout"}
	if e.Kind != conversation.EffectSetConsent || e.Key != "consent:m6" || *e.Consent != want || e.Event.Cause.Seq != 6 || e.Event.Data.MessageID != "m6" {
		t.Errorf("effect %+v with %+v", e, e.Consent)
	}
	if outcomes := []conversation.Outcome{{Step: "opt_out", Seq: 5, Result: "none"}, {Step: "opt_out", Seq: 6, Result: "opted_out"}}; !reflect.DeepEqual(d.Outcomes, outcomes) {
		t.Errorf("outcomes %+v", d.Outcomes)
	}
	again, repeated := all(conversation.Step(s, in, settings, noPolicy{asked: &asked}))
	if len(repeated.Effects) != 0 || asked != 4 || !reflect.DeepEqual(again, s) {
		t.Errorf("a repeat decided %+v and asked %d times", repeated, asked)
	}
}

func TestStepWithoutAutoClose(t *testing.T) {
	t.Parallel()
	s, _ := conversation.Step(written(), conversation.Input{Now: noon}, conversation.Settings{ClosingLead: time.Hour}, noPolicy{})
	s, d := all(conversation.Step(s, conversation.Input{Now: noon.Add(1000 * time.Hour)}, conversation.Settings{ClosingLead: time.Hour}, noPolicy{}))
	if fired(d) != "window_closed" || s.Status != conversation.StatusOpen || len(s.Deadlines) != 0 {
		t.Errorf("fired %q, %+v", fired(d), s)
	}
}

// What may be a wish is a question, and changes nothing by itself.
func TestStepAsks(t *testing.T) {
	t.Parallel()
	_, d := step(written(), noon, received(5, "stop?"))
	if len(d.Effects) != 1 || d.Effects[0].Kind != conversation.EffectEvent || fired(d) != "consent_asked" || d.Effects[0].Key != "consent_question:m5" {
		t.Fatalf("%+v", d)
	}
	if data := d.Effects[0].Event.Data; data.Confidence != 0.6 || data.Scope != conversation.ScopeAll || d.Outcomes[0].Result != "asked:intent:0.60" {
		t.Errorf("%+v, %+v", data, d.Outcomes)
	}
}

// A late album moves the window's end photo by photo, while it is closing already: people are told once.
func TestStepTellsOfClosingOnce(t *testing.T) {
	t.Parallel()
	s, _ := step(written(), noon)
	s, d := step(s, noon.Add(closingAt))
	if fired(d) != "window_closing" {
		t.Fatalf("fired %q", fired(d))
	}
	for i := range 10 {
		s.Window = s.Window.Extend(noon.Add(time.Duration(i+1) * time.Second)) // written then, and only now here
		if s, d = step(s, noon.Add(closingAt+time.Minute), received(int64(5+i), "photo")); fired(d) != "" {
			t.Errorf("photo %d: %q", i, fired(d))
		}
	}
	s.Window = s.Window.Extend(noon.Add(closingAt + 2*time.Minute))
	s, _ = step(s, noon.Add(closingAt+2*time.Minute), received(20, "hello"))
	if _, d = step(s, noon.Add(closingAt+2*time.Minute+closingAt)); fired(d) != "window_closing" {
		t.Errorf("a new window: %q", fired(d))
	}
}
