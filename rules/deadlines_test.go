package rules_test

import (
	"testing"
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/rules"
)

func waiting(id string, after time.Duration) rules.Rule {
	return rules.Rule{ID: id, Name: id, When: rules.OnWaiting, AfterSeconds: int(after / time.Second), Then: []conversation.RuleAction{say("sorry")}}
}

func closing(id string, before time.Duration) rules.Rule {
	r := waiting(id, before)
	r.When = rules.OnWindowClosing
	return r
}

// ahead says of deadlines how far from noon they lie, by rule, with the version.
func ahead(list []conversation.Deadline) map[string]time.Duration {
	m := make(map[string]time.Duration)
	for _, d := range list {
		m[d.RuleID] = d.At.Sub(noon)
	}
	return m
}

func TestDeadlinesAreArmed(t *testing.T) {
	t.Parallel()
	business := waiting("b", 6*time.Hour)
	business.BusinessTime = true
	elsewhere := waiting("e", time.Hour)
	elsewhere.AccountIDs = []string{"other"}
	s := set(t, 4, waiting("a", time.Hour), business, closing("c", 2*time.Hour), elsewhere)
	f := facts()
	f.Hours = office(t) // noon UTC is 14:00 in Bucharest: three hours are left on Monday
	p := s.NewPolicy(f, nil)
	got := ahead(p.Arm(state(), noon))
	if len(got) != 3 || got["a"] != time.Hour || got["b"] != 22*time.Hour || got["c"] != 22*time.Hour {
		t.Errorf("armed %v", got)
	}
	for _, d := range p.Arm(state(), noon) {
		if d.Version != 4 || d.Told {
			t.Errorf("%+v", d)
		}
	}
	for name, change := range map[string]func(*conversation.State){
		"done":     func(s *conversation.State) { s.Status = conversation.StatusDone },
		"snoozed":  func(s *conversation.State) { s.Status = conversation.StatusSnoozed },
		"merged":   func(s *conversation.State) { s.Merged = true },
		"answered": func(s *conversation.State) { s.WaitingSince, s.Window = time.Time{}, conversation.Window{} },
	} {
		st := state()
		st.Deadlines = p.Arm(st, noon)
		change(&st)
		if got := p.Arm(st, noon); len(got) != 0 {
			t.Errorf("%s: %v", name, ahead(got))
		}
	}
}

// What is armed keeps its version when another is published, and its rule's time too; unless it is moved on purpose.
func TestDeadlinesKeepTheirVersion(t *testing.T) {
	t.Parallel()
	v1 := set(t, 1, waiting("a", time.Hour), waiting("gone", time.Hour))
	st := state()
	st.Deadlines = v1.NewPolicy(facts(), nil).Arm(st, noon)
	changed := rules.Edition{Rules: []rules.Rule{waiting("a", 10*time.Minute), waiting("new", 30*time.Minute)}}
	later := noon.Add(20 * time.Minute)

	kept := publish(t, rules.Published{Version: 2, At: later, Definition: changed}).NewPolicy(facts(), nil).Arm(st, later)
	got := ahead(kept)
	if len(got) != 3 || got["a"] != time.Hour || got["gone"] != time.Hour || got["new"] != 30*time.Minute {
		t.Errorf("kept %v", got)
	}
	moved := publish(t, rules.Published{Version: 2, MovedFrom: 2, At: later, Definition: changed}).NewPolicy(facts(), nil).Arm(st, later)
	got = ahead(moved)
	if len(got) != 2 || got["a"] != 10*time.Minute || got["new"] != 30*time.Minute {
		t.Errorf("moved %v", got)
	}
	for _, d := range moved {
		if d.Version != 2 {
			t.Errorf("%+v", d)
		}
	}
	// A wait that was over before the rule was published is not made up for.
	if got := ahead(publish(t, rules.Published{Version: 1, At: later, Definition: changed}).NewPolicy(facts(), nil).Arm(state(), later)); len(got) != 1 {
		t.Errorf("armed for the past: %v", got)
	}
}

// A deadline that came is told once, however often Step looks, and by the version under which it was armed.
func TestDeadlinesAreToldOnce(t *testing.T) {
	t.Parallel()
	v1, v2 := set(t, 1, waiting("a", time.Hour)), set(t, 2, waiting("a", 2*time.Hour), waiting("b", 3*time.Hour))
	older := func(version int) *rules.Set {
		if version == 1 {
			return v1
		}
		return nil
	}
	st := state()
	look := func(s *rules.Set, at time.Duration) []conversation.Decision {
		var all []conversation.Decision
		st, all = conversation.Step(st, conversation.Input{Now: noon.Add(at)}, conversation.Settings{}, s.NewPolicy(facts(), older))
		return all
	}
	if all := look(v1, 0); len(all) != 0 {
		t.Fatalf("%+v", all)
	}
	all := look(v2, time.Hour)
	if len(all) != 1 || all[0].Version != 1 || all[0].Rules != "m" || all[0].Trigger != string(conversation.DeadlineRuleWaiting) || all[0].Effects[0].Text != "sorry" {
		t.Fatalf("%+v", all)
	}
	for range 3 {
		if all := look(v2, 90*time.Minute); len(all) != 0 {
			t.Errorf("again: %+v", all)
		}
	}
	if all := look(v2, 2*time.Hour+time.Minute); len(all) != 0 {
		t.Errorf("the new version of a rule that acted: %+v", all)
	}
	st.WaitingSince = noon.Add(150 * time.Minute) // answered, and asked again
	if look(v2, 150*time.Minute); len(st.Deadlines) == 0 {
		t.Fatal("nothing is armed for the new wait")
	}
	if all := look(v2, 150*time.Minute+2*time.Hour); len(all) != 1 || all[0].Version != 2 {
		t.Errorf("the new wait: %+v", all)
	}
}

// A late album moves the window's end photo by photo while it is closing: the rule reminds once.
func TestAlbumInTheLastHour(t *testing.T) {
	t.Parallel()
	s := set(t, 1, closing("a", time.Hour))
	st := state()
	reminders := 0
	look := func(at time.Duration) {
		var all []conversation.Decision
		st, all = conversation.Step(st, conversation.Input{Now: noon.Add(at)}, conversation.Settings{}, s.NewPolicy(facts(), nil))
		for _, d := range all {
			if d.Trigger == string(conversation.DeadlineRuleClosing) {
				reminders++
			}
		}
	}
	look(0)
	look(23 * time.Hour)
	for i := range 10 {
		st.Window = st.Window.Extend(noon.Add(time.Duration(i+1) * time.Second))
		look(23*time.Hour + time.Minute)
	}
	if reminders != 1 {
		t.Errorf("%d reminders of a window that was closing all along", reminders)
	}
	st.Window = st.Window.Extend(noon.Add(23*time.Hour + 30*time.Minute)) // an album that came in time opens it anew
	for i := range 10 {
		st.Window = st.Window.Extend(noon.Add(23*time.Hour + 30*time.Minute + time.Duration(i)*time.Second))
		look(23*time.Hour + 30*time.Minute + time.Duration(i)*time.Second)
	}
	look(47 * time.Hour)
	if reminders != 2 {
		t.Errorf("%d reminders, want one for each window", reminders)
	}
}

func TestClosingThatNobodySawIsMissed(t *testing.T) {
	t.Parallel()
	s := set(t, 1, closing("a", time.Hour))
	st, _ := conversation.Step(state(), conversation.Input{Now: noon}, conversation.Settings{}, s.NewPolicy(facts(), nil))
	_, all := conversation.Step(st, conversation.Input{Now: noon.Add(25 * time.Hour)}, conversation.Settings{}, s.NewPolicy(facts(), nil))
	if len(all) != 2 || all[1].Outcomes[0].Result != "missed" || len(all[1].Effects) != 0 {
		t.Errorf("%+v", all)
	}
}
