package conversation_test

import (
	"testing"
	"time"

	"guichet.dev/guichet/conversation"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func TestWindow(t *testing.T) {
	t.Parallel()
	minute := conversation.Window{Margin: time.Minute}
	end := noon.Add(24*time.Hour - time.Minute)
	for name, test := range map[string]struct {
		window conversation.Window
		now    time.Time
		end    time.Time
		open   bool
	}{
		"nobody wrote":                 {minute, noon, time.Time{}, false},
		"just written":                 {minute.Extend(noon), noon, end, true},
		"a moment before its end":      {minute.Extend(noon), end.Add(-1), end, true},
		"at its end":                   {minute.Extend(noon), end, end, false},
		"no margin":                    {conversation.Window{From: noon}, end, noon.Add(24 * time.Hour), true},
		"an older message, late":       {minute.Extend(noon).Extend(noon.Add(-time.Hour)), end.Add(-1), end, true},
		"a newer message":              {minute.Extend(noon).Extend(noon.Add(time.Hour)), end, end.Add(time.Hour), true},
		"the same message again":       {minute.Extend(noon).Extend(noon), noon, end, true},
		"refused afterwards":           {minute.Extend(noon).Refuse(noon.Add(time.Hour)), noon.Add(time.Hour), time.Time{}, false},
		"refused at the same second":   {minute.Extend(noon).Refuse(noon), noon, time.Time{}, false},
		"refused before":               {minute.Extend(noon).Refuse(noon.Add(-time.Second)), noon, end, true},
		"an older refusal, late":       {minute.Extend(noon).Refuse(noon.Add(time.Hour)).Refuse(noon.Add(-time.Hour)), noon, time.Time{}, false},
		"written again after refusal":  {minute.Extend(noon).Refuse(noon.Add(time.Hour)).Extend(noon.Add(2 * time.Hour)), noon.Add(2 * time.Hour), end.Add(2 * time.Hour), true},
		"refusal before the first one": {minute.Refuse(noon), noon, time.Time{}, false},
	} {
		if got := test.window.ExpiresAt(); !got.Equal(test.end) {
			t.Errorf("%s: ends %v, want %v", name, got, test.end)
		}
		if got := test.window.Open(test.now); got != test.open {
			t.Errorf("%s: open %v, want %v", name, got, test.open)
		}
	}
}

// The window does not depend on the order in which messages and refusals arrive.
func TestWindowOrder(t *testing.T) {
	t.Parallel()
	steps := []func(conversation.Window) conversation.Window{
		func(w conversation.Window) conversation.Window { return w.Extend(noon) },
		func(w conversation.Window) conversation.Window { return w.Refuse(noon.Add(time.Hour)) },
		func(w conversation.Window) conversation.Window { return w.Extend(noon.Add(2 * time.Hour)) },
		func(w conversation.Window) conversation.Window { return w.Refuse(noon.Add(-time.Hour)) },
	}
	want := conversation.Window{From: noon.Add(2 * time.Hour), RefusedAt: noon.Add(time.Hour)}
	for _, order := range permutations(len(steps)) {
		var w conversation.Window
		for _, i := range order {
			w = steps[i](w)
		}
		if w != want {
			t.Errorf("order %v: %+v", order, w)
		}
	}
}

func permutations(n int) [][]int {
	if n == 0 {
		return [][]int{{}}
	}
	var all [][]int
	for _, shorter := range permutations(n - 1) {
		for at := range n {
			order := append(append(append([]int{}, shorter[:at]...), n-1), shorter[at:]...)
			all = append(all, order)
		}
	}
	return all
}

func TestOpensWindowAndLate(t *testing.T) {
	t.Parallel()
	for kind, want := range map[conversation.MessageKind]bool{
		conversation.KindText: true, conversation.KindImage: true, conversation.KindChoice: true, conversation.KindOrder: true,
		conversation.KindUnsupported: true, conversation.KindForm: true, conversation.KindSystem: false, conversation.KindReaction: false,
	} {
		if kind.OpensWindow() != want {
			t.Errorf("%s opens the window: %v, want %v", kind, !want, want)
		}
	}
	for age, want := range map[time.Duration]bool{-time.Hour: false, 0: false, 15 * time.Minute: false, 15*time.Minute + 1: true, 48 * time.Hour: true} {
		if got := conversation.Late(noon, noon.Add(age), conversation.LateAfter); got != want {
			t.Errorf("late after %v: %v, want %v", age, got, want)
		}
	}
}
