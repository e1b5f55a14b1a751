package rules_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/rules"
)

func TestRulesAreAskedInOrder(t *testing.T) {
	t.Parallel()
	stops := rule("b", `mentions(message.text, "refund")`, label("l1"))
	stops.Stop = true
	off := rule("d", "")
	off.Off = true
	elsewhere := rule("e", "")
	elsewhere.AccountIDs = []string{"other"}
	s := set(t, 3, rule("a", `message.kind == "image"`), stops, rule("c", ""), off, elsewhere)
	d := decide(s.NewPolicy(facts(), nil), message(7, "a Réfund please"))[0]
	if d.Rules != "nms--" || d.Version != 3 {
		t.Errorf("%s of version %d", d.Rules, d.Version)
	}
	if len(d.Effects) != 1 || d.Effects[0].Key != "rule:7:message_received:b:0" || d.Effects[0].Cause.RuleID != "b" || d.Effects[0].Cause.Version != 3 || d.Effects[0].Cause.Depth != 1 {
		t.Errorf("%+v", d.Effects)
	}
	if want := map[string]any{"message.kind": "text", "message.text": "…"}; !reflect.DeepEqual(d.Inputs, want) {
		t.Errorf("inputs %v, want %v", d.Inputs, want)
	}
	if d = decide(s.NewPolicy(facts(), nil), message(7, "hello"))[0]; d.Rules != "nnm--" {
		t.Errorf("without a match of the one that stops: %s", d.Rules)
	}
}

// A rule sees what those before it did, in the same decision and in those that follow.
func TestRulesSeeWhatWasDone(t *testing.T) {
	t.Parallel()
	priority := conversation.RuleAction{Do: conversation.ActPriority, Priority: "urgent"}
	value := conversation.RuleAction{Do: conversation.ActSetAttribute, Attribute: "tier", Value: "basic"}
	s := set(t, 1, rule("a", "", label("l1"), priority, value),
		rule("b", `has_label("refund") and conversation.priority == "urgent" and contact.attributes.tier == "basic"`),
		rule("c", "", conversation.RuleAction{Do: conversation.ActDone}), rule("d", `conversation.status == "done"`, label("l2")))
	if got := letters(decide(s.NewPolicy(facts(), nil), message(7, "x"))...); got != "mmmm" {
		t.Errorf("%s", got)
	}
}

func TestTriggers(t *testing.T) {
	t.Parallel()
	var list []rules.Rule
	for _, trigger := range rules.Triggers() {
		r := rule(string(trigger), "", label("l1"))
		if r.When = trigger; trigger.Timed() {
			r.AfterSeconds = 600
		}
		list = append(list, r)
	}
	s := set(t, 1, list...)
	consent := func(state conversation.ConsentState) conversation.InputEvent {
		e := event(7, conversation.EventConsentChanged)
		e.Data.Consent = state
		return e
	}
	failed := func(state conversation.MessageState) conversation.InputEvent {
		e := event(7, conversation.EventMessageFailed)
		e.Data.State = state
		return e
	}
	for _, c := range []struct {
		event conversation.InputEvent
		want  rules.Trigger
	}{
		{message(7, "x"), rules.OnMessage},
		{event(7, conversation.EventOpened), rules.OnOpened},
		{event(7, conversation.EventReopened), rules.OnReopened},
		{event(7, conversation.EventAssigned), rules.OnAssigned},
		{event(7, conversation.EventDone), rules.OnDone},
		{event(7, conversation.EventWindowClosed), rules.OnWindowClosed},
		{event(7, conversation.EventLabelAdded), rules.OnLabelAdded},
		{consent(conversation.ConsentOptedOut), rules.OnOptedOut},
		{consent(conversation.ConsentOptedIn), rules.OnOptedIn},
		{failed(conversation.StateFailed), rules.OnFailed},
		{failed(conversation.StateCancelled), ""},
		{event(7, conversation.EventMessageQueued), ""},
		{event(7, conversation.EventWindowClosing), ""}, // rules have their own time for that
	} {
		d := decide(s.NewPolicy(facts(), nil), c.event)[0]
		got := rules.Trigger("")
		for _, e := range d.Effects {
			got += rules.Trigger(e.Cause.RuleID)
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.event.Kind, got, c.want)
		}
	}
}

// Whatever follows from a rule is not looked at by that rule again, and chains end.
func TestLoopsAreCut(t *testing.T) {
	t.Parallel()
	add := rule("a", "", label("l1"))
	add.When = rules.OnLabelAdded
	s := set(t, 1, add)
	e := event(8, conversation.EventLabelAdded)
	if d := decide(s.NewPolicy(facts(), nil), e)[0]; d.Rules != "m" {
		t.Errorf("by a person: %s", d.Rules)
	}
	e.Cause = &conversation.Cause{RuleID: "b", Depth: 2, Chain: []string{"a", "b"}}
	if d := decide(s.NewPolicy(facts(), nil), e)[0]; d.Rules != "l" || len(d.Effects) != 0 || d.Depth != 2 {
		t.Errorf("by itself: %+v", d)
	}
	e.Cause = &conversation.Cause{RuleID: "f", Depth: conversation.MaxDepth, Chain: []string{"b", "c", "d", "e", "f"}}
	if d := decide(s.NewPolicy(facts(), nil), e)[0]; d.Rules != "l" {
		t.Errorf("too deep: %s", d.Rules)
	}
	e.Cause = &conversation.Cause{RuleID: "b", Depth: 1, Chain: []string{"b"}}
	d := decide(s.NewPolicy(facts(), nil), e)[0]
	if c := d.Effects[0].Cause; c.Depth != 2 || strings.Join(c.Chain, " ") != "b a" {
		t.Errorf("cause %+v", c)
	}
}

func TestOneMessageGetsOneAnswer(t *testing.T) {
	t.Parallel()
	opened := rule("o", "")
	opened.When = rules.OnOpened
	both := set(t, 1, rule("a", ""), rule("b", ""))
	with := func(change func(*rules.Facts)) *rules.Policy {
		f := facts()
		change(&f)
		return both.NewPolicy(f, nil)
	}
	late, asked, stop, automatic := message(7, "x"), message(7, "x"), message(7, "x"), message(7, "x")
	late.Data.Late = true
	asked.Finding = conversation.Finding{State: conversation.ConsentOptedOut, Scope: conversation.ScopeAll, Ask: true}
	stop.Finding = conversation.Finding{State: conversation.ConsentOptedOut, Scope: conversation.ScopeAll}
	automatic.Content.Automatic = true
	same := func(*rules.Facts) {}
	for name, c := range map[string]struct {
		policy *rules.Policy
		events []conversation.InputEvent
		want   string
	}{
		"one":              {with(same), []conversation.InputEvent{message(7, "x")}, "reply reply=already_answered"},
		"a burst":          {with(same), []conversation.InputEvent{message(7, "x"), message(8, "y")}, "reply reply=already_answered reply=already_answered reply=already_answered"},
		"opened too":       {set(t, 1, opened, rule("a", "")).NewPolicy(facts(), nil), []conversation.InputEvent{event(6, conversation.EventOpened), message(7, "x")}, "reply reply=already_answered"},
		"late":             {with(same), []conversation.InputEvent{late}, "reply=late reply=late"},
		"opened by a late": {set(t, 1, opened).NewPolicy(facts(), nil), []conversation.InputEvent{event(6, conversation.EventOpened), late}, "reply=late"},
		"automatic":        {with(same), []conversation.InputEvent{automatic}, "reply=automatic reply=automatic"},
		"asked":            {with(same), []conversation.InputEvent{asked}, "reply=consent_question reply=consent_question"},
		"stop":             {with(same), []conversation.InputEvent{stop}, "reply=opted_out reply=opted_out"},
		"hello, then stop": {with(same), []conversation.InputEvent{message(6, "hello"), stop}, "reply=opted_out reply=opted_out reply=opted_out reply=opted_out"},
		"opted out before": {with(func(f *rules.Facts) { f.Env.Consent.All = "opted_out" }), []conversation.InputEvent{message(7, "x")}, "reply=opted_out reply=opted_out"},
		"blocked":          {with(func(f *rules.Facts) { f.Env.Contact.Blocked = true }), []conversation.InputEvent{message(7, "x")}, "reply=blocked reply=blocked"},
		"just now":         {with(func(f *rules.Facts) { f.LastAutomatic = noon.Add(-59 * time.Second) }), []conversation.InputEvent{message(7, "x")}, "reply=pause reply=pause"},
		"a minute ago":     {with(func(f *rules.Facts) { f.LastAutomatic = noon.Add(-time.Minute) }), []conversation.InputEvent{message(7, "x")}, "reply reply=already_answered"},
		"twenty today":     {with(func(f *rules.Facts) { f.Automatic = 20 }), []conversation.InputEvent{message(7, "x")}, "reply=too_many reply=too_many"},
	} {
		if got := strings.Join(outcomes(decide(c.policy, c.events...)...), " "); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	closed := state()
	closed.Window = conversation.Window{}
	p := with(same)
	p.Begin(nil)
	if got := outcomes(p.OnEvent(closed, message(7, "x"), noon)); got[0] != "reply=window_closed" {
		t.Errorf("window closed: %v", got)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	for once, want := range map[rules.Once]string{
		rules.OncePerThread: "conversation:c1", rules.OncePerOpening: "opening:c1:2026-11-02T12:00:00Z", rules.OncePerContact: "contact:ana",
		rules.OncePerDay: "day:c1:2026-11-02", rules.OncePerClosed: "closed:c1:2026-11-02T15:00:00Z", rules.Always: "",
	} {
		r := rule("a", "")
		r.Once = once
		s := set(t, 1, r)
		f := facts()
		f.Hours = office(t)
		at := noon
		if once == rules.OncePerClosed {
			at = noon.Add(8 * time.Hour)
		}
		p := s.NewPolicy(f, nil)
		d := p.OnEvent(state(), message(7, "x"), at)
		if d.Effects[0].Mark != want {
			t.Errorf("%s: %q, want %q", once, d.Effects[0].Mark, want)
		}
		f.Marks = map[string]map[string]bool{"a": {want: true}}
		if d := s.NewPolicy(f, nil).OnEvent(state(), message(7, "x"), at); once != rules.Always && (d.Rules != "o" || len(d.Effects) != 0) {
			t.Errorf("%s, used up: %+v", once, d)
		}
	}
}

func TestAutomaticRepliesAreRules(t *testing.T) {
	t.Parallel()
	reply := func(text string) *rules.Reply { return &rules.Reply{Text: text} }
	edition := rules.Edition{
		Rules:   []rules.Rule{rule("a", `mentions(message.text, "price")`)},
		Replies: map[string]rules.Replies{"shop": {OutOfHours: reply("closed"), FirstContact: reply("welcome"), Always: reply("thanks"), QuietMinutes: 30}, "other": {Always: reply("no")}},
	}
	s := publish(t, rules.Published{Version: 1, Definition: edition})
	for name, c := range map[string]struct {
		text   string
		change func(*rules.Facts)
		want   string
	}{
		"a rule comes first":     {"the price?", func(f *rules.Facts) { f.Env.Hours.Open = false }, "hello from a"},
		"then out of hours":      {"x", func(f *rules.Facts) { f.Env.Hours.Open, f.Env.Conversation.FirstContact = false, true }, "closed"},
		"then the first contact": {"x", func(f *rules.Facts) { f.Env.Conversation.FirstContact = true }, "welcome"},
		"then always":            {"x", func(*rules.Facts) {}, "thanks"},
		"not into a talk":        {"x", func(f *rules.Facts) { f.Env.Conversation.MinutesSinceAgent = 29 }, ""},
	} {
		f := facts()
		c.change(&f)
		got := ""
		for _, d := range decide(s.NewPolicy(f, nil), message(7, c.text)) {
			for _, e := range d.Effects {
				if e.Outcome == "" {
					got += e.Text
				}
			}
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
