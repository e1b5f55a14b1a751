package inbox_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"guichet.dev/guichet/accounts"
	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/internal/testkit/office"
)

// storm has everybody work on few conversations at once: customers write and stop, receipts come before and after, people
// prove to be one, agents do all they can, workflows advance and send.
type storm struct {
	*desk
	people []office.Person
	agents []conversation.Caller
	ctx    context.Context // of the test, for the provider's side
	mu     sync.Mutex
	calls  map[string]int
	ids    []string
}

func TestStorm(t *testing.T) {
	d := open(t)
	s := &storm{desk: d, ctx: t.Context(), calls: map[string]int{}, agents: []conversation.Caller{d.maria, d.Agent(t, "paul"), office.Token}}
	s.Tune(t, accounts.SettingsChange{ThroughputPerSecond: ptr(1000), PairBurst: ptr(1000)})
	for i := range 3 {
		s.people = append(s.people, office.Person{WhatsAppID: fmt.Sprint("4079000000", i), Name: "N"}, office.Person{UserID: fmt.Sprint("RO.", i), Name: "M"})
	}
	for _, p := range s.people {
		s.ids = append(s.ids, s.Meet(t, p))
	}
	s.Provider.Answer(s.answer)
	var wg sync.WaitGroup
	for worker := range 10 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(worker)))
			for step := range 40 {
				if err := s.act(t, r, fmt.Sprintf("%d.%d", worker, step)); err != nil && conversation.CodeOf(err) == conversation.CodeInternal {
					t.Errorf("worker %d, step %d: %v", worker, step, err)
				}
				s.Forward(time.Second)
			}
		})
	}
	wg.Wait()
	s.settle(t)
	s.wantWhole(t)
	for id, n := range s.calls {
		if n > 1 {
			t.Errorf("the provider was called for message %s %d times", id, n)
		}
	}
	if n := s.Count(t, "SELECT count(*) FROM messages WHERE state IN ('queued', 'sending')"); n != 0 {
		t.Errorf("%d messages still wait", n)
	}
	if n := s.Count(t, "SELECT count(*) FROM conversations WHERE applied_seq < last_seq"); n != 0 {
		t.Errorf("%d conversations are behind", n)
	}
	// How many texts pass the gate depends on who opted out when; a storm of none would prove nothing.
	if len(s.calls) < 10 || s.Count(t, "SELECT count(*) FROM conversations WHERE merged_into IS NOT NULL") == 0 {
		t.Errorf("a calm storm: %d calls", len(s.calls))
	}
}

// answer refuses some messages, leaves some in the dark and lets receipts come before it returns.
func (s *storm) answer(n int, m channel.Outbound) (channel.Sent, error) {
	s.mu.Lock()
	s.calls[m.MessageID]++
	s.mu.Unlock()
	id := fmt.Sprint("wamid.out.", n)
	switch n % 7 {
	case 0:
		return channel.Sent{}, &channel.SendError{Behaviour: channel.Permanent, Code: "131000"}
	case 1:
		return channel.Sent{}, &channel.SendError{Behaviour: channel.Unknown, Code: "timeout"}
	case 2:
		return channel.Sent{}, &channel.SendError{Behaviour: channel.Unreachable, Code: "131026"}
	case 3, 4:
		ours := ""
		if n%7 == 3 {
			ours = m.MessageID
		}
		if err := s.Intake.Receive(s.ctx, s.Account, []byte(s.people[0].Status(id, ours, "delivered", s.Now(), 0))); err != nil {
			return channel.Sent{}, err
		}
	}
	return channel.Sent{ProviderID: id}, nil
}

func (s *storm) act(t *testing.T, r *rand.Rand, name string) error {
	ctx := t.Context()
	id, by, p := s.ids[r.IntN(len(s.ids))], s.agents[r.IntN(len(s.agents))], r.IntN(len(s.people))
	deliver := func(body string) error { return s.Intake.Receive(ctx, s.Account, []byte(body)) }
	switch r.IntN(16) {
	case 0, 1:
		return deliver(s.people[p].Text("wamid.in."+name, s.Now(), []string{"hello", "STOP", "start", "a question"}[r.IntN(4)]))
	case 2: // these two are one
		pair := p / 2 * 2
		both := office.Person{WhatsAppID: s.people[pair].WhatsAppID, UserID: s.people[pair+1].UserID, Name: fmt.Sprint("Both ", name)}
		return deliver(both.Text("wamid.both."+name, s.Now(), "hello"))
	case 3:
		return deliver(s.people[p/2*2].Marketing([]string{"stop", "resume"}[r.IntN(2)], s.Now()))
	case 4:
		return deliver(s.people[0].Status(fmt.Sprint("wamid.out.", 1+r.IntN(30)), "", []string{"sent", "delivered", "read", "failed"}[r.IntN(4)], s.Now(), 131026))
	case 5, 6:
		_, err := s.Inbox.Send(ctx, by, id, inbox.NewMessage{ClientID: name, Content: office.Text("answer")})
		return err
	case 7:
		_, err := s.Inbox.Attend(ctx, by, id)
		return err
	case 8:
		_, err := s.Inbox.Assign(ctx, by, id, inbox.Assignment{AgentID: ptr("")})
		return err
	case 9:
		_, err := s.Inbox.Snooze(ctx, by, id, s.Now().Add(time.Minute))
		return err
	case 10:
		_, err := s.Inbox.Done(ctx, by, id)
		return err
	case 11:
		state := []conversation.ConsentState{conversation.ConsentOptedIn, conversation.ConsentOptedOut}[r.IntN(2)]
		_, err := s.Inbox.SetConsent(ctx, by, id, inbox.ConsentWish{Scope: conversation.ScopeAll, State: state, Note: "on the phone"})
		return err
	case 12:
		_, _, err := s.Inbox.Timeline(ctx, office.Token, id, inbox.Cursor{}, 20)
		return err
	case 13, 14:
		_, err := s.Outbox.SendNext(ctx, id)
		return err
	default:
		_, err := s.Automation.Advance(ctx, id)
		return err
	}
}

// settle lets the workflows come to rest.
func (s *storm) settle(t *testing.T) {
	t.Helper()
	for range 3 {
		for _, id := range s.IDs(t) {
			for range 200 {
				result := s.SendNext(t, id)
				if result.Outcome == conversation.OutcomeNothing {
					break
				}
				s.Forward(result.Wait)
			}
		}
		s.Advance(t)
	}
}
