package conversation_test

import (
	"testing"

	"guichet.dev/guichet/conversation"
)

var reports = []conversation.MessageState{
	conversation.StateSent, conversation.StateDelivered, conversation.StateRead, conversation.StatePlayed, conversation.StateFailed,
}

// Whatever reports come, in whatever order and however often, a message ends in the same state.
func TestAdvanceDoesNotDependOnOrder(t *testing.T) {
	t.Parallel()
	for _, start := range []conversation.MessageState{
		conversation.StateQueued, conversation.StateSending, conversation.StateUnknown, conversation.StateCancelled, conversation.StateSent, conversation.StateFailed,
	} {
		for subset := range 1 << len(reports) {
			var chosen []conversation.MessageState
			for i, r := range reports {
				if subset&(1<<i) != 0 {
					chosen = append(chosen, r)
				}
			}
			var first conversation.MessageState
			for n, order := range permutations(len(chosen)) {
				s := start
				for _, i := range order {
					s = s.Advance(chosen[i])
				}
				for _, i := range order { // all of them again: nothing more happens
					if again := s.Advance(chosen[i]); again != s {
						t.Errorf("from %s by %v: repeating %s leads to %s", start, chosen, chosen[i], again)
					}
				}
				if n == 0 {
					first = s
				} else if s != first {
					t.Errorf("from %s by %v in order %v: %s, elsewhere %s", start, chosen, order, s, first)
				}
			}
		}
	}
}

func TestAdvance(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ from, report, want conversation.MessageState }{
		{conversation.StateSending, conversation.StateSent, conversation.StateSent},
		{conversation.StateUnknown, conversation.StateDelivered, conversation.StateDelivered},
		{conversation.StateUnknown, conversation.StateFailed, conversation.StateFailed},
		{conversation.StateRead, conversation.StateDelivered, conversation.StateRead},
		{conversation.StateRead, conversation.StatePlayed, conversation.StatePlayed},
		{conversation.StateSent, conversation.StateFailed, conversation.StateFailed},
		{conversation.StateFailed, conversation.StateSent, conversation.StateFailed},
		{conversation.StateFailed, conversation.StateDelivered, conversation.StateDelivered},
		{conversation.StateDelivered, conversation.StateFailed, conversation.StateDelivered},
		{conversation.StateDelivered, conversation.StateUnknown, conversation.StateDelivered},
		{conversation.StateSending, conversation.StateQueued, conversation.StateSending},
		{conversation.StateSending, "deleted", conversation.StateSending},
		{conversation.StateReceived, conversation.StateRead, conversation.StateReceived},
		{conversation.StateReceived, conversation.StateFailed, conversation.StateReceived},
	} {
		if got := test.from.Advance(test.report); got != test.want {
			t.Errorf("%s after %s: %s, want %s", test.from, test.report, got, test.want)
		}
	}
}

func TestSettled(t *testing.T) {
	t.Parallel()
	for state, want := range map[conversation.MessageState]bool{
		conversation.StateScheduled: false, conversation.StateQueued: false, conversation.StateSending: false, conversation.StateUnknown: false,
		conversation.StateSent: true, conversation.StateFailed: true, conversation.StateCancelled: true, conversation.StateReceived: true,
	} {
		if state.Settled() != want {
			t.Errorf("%s settled: %v", state, !want)
		}
	}
}
