package outbox_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"guichet.dev/guichet/accounts"
	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/internal/testkit"
	"guichet.dev/guichet/internal/testkit/office"
	"guichet.dev/guichet/outbox"
)

var ana = office.Person{WhatsAppID: "40712345678", UserID: "RO.1234567890", Name: "Ana"}

// desk is an office with one conversation, whose clock stands still until the test moves it.
type desk struct {
	*office.Office
	agent conversation.Caller
	id    string // of the conversation
}

func open(t *testing.T) *desk {
	t.Helper()
	t.Parallel()
	o := office.Open(t)
	o.Freeze()
	return &desk{Office: o, agent: o.Agent(t, "maria"), id: o.Meet(t, ana)}
}

func (d *desk) write(t *testing.T, texts ...string) []string {
	t.Helper()
	return d.Write(t, d.agent, d.id, texts...)
}

func (d *desk) step(t *testing.T, want conversation.SendOutcome) conversation.SendResult {
	t.Helper()
	got := d.SendNext(t, d.id)
	if got.Outcome != want {
		t.Fatalf("send: %+v, want %s", got, want)
	}
	return got
}

func (d *desk) wantState(t *testing.T, id string, want conversation.MessageState) {
	t.Helper()
	if got := d.State(t, id); got != want {
		t.Errorf("state %s, want %s", got, want)
	}
}

func (d *desk) wantCalls(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for _, m := range d.Provider.Taken() {
		got = append(got, m.MessageID)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the provider was called for %v, want %v", got, want)
	}
}

func (d *desk) wantWhole(t *testing.T) {
	t.Helper()
	for _, b := range d.Broken(t) {
		t.Error(b)
	}
}

// events counts the conversation's events of a kind about a message.
func (d *desk) events(t *testing.T, kind conversation.EventKind, messageID string) int {
	t.Helper()
	return d.Count(t, "SELECT count(*) FROM events WHERE kind = $1 AND data->>'message_id' = $2", string(kind), messageID)
}

// fails lets the provider answer with these errors, one by one, and then take everything.
func (d *desk) fails(errs ...error) {
	d.Provider.Answer(func(n int, _ channel.Outbound) (channel.Sent, error) {
		if n <= len(errs) && errs[n-1] != nil {
			return channel.Sent{}, errs[n-1]
		}
		return channel.Sent{ProviderID: fmt.Sprintf("wamid.out.%d", n)}, nil
	})
}

func refusal(b channel.Behaviour) *channel.SendError {
	return &channel.SendError{Behaviour: b, Code: "131000", HTTP: 400}
}

func TestNothingToSend(t *testing.T) {
	d := open(t)
	if got := d.step(t, conversation.OutcomeNothing); got != (conversation.SendResult{Outcome: conversation.OutcomeNothing}) {
		t.Errorf("%+v", got)
	}
	d.id = uuid.NewString()
	d.step(t, conversation.OutcomeNothing)
	for _, id := range []string{"", "nothing"} {
		if _, err := d.Outbox.SendNext(t.Context(), id); conversation.CodeOf(err) != conversation.CodeNotFound {
			t.Errorf("%q: %v", id, err)
		}
	}
}

func TestMessagesLeaveInOrder(t *testing.T) {
	d := open(t)
	ids := d.write(t, "one", "two", "three")
	for i, id := range ids {
		got := d.step(t, conversation.OutcomeSent)
		if want := (conversation.SendResult{Outcome: conversation.OutcomeSent, MessageID: id, Last: i == len(ids)-1}); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
		d.wantState(t, id, conversation.StateSent)
		if n := d.events(t, conversation.EventMessageStatus, id); n != 1 {
			t.Errorf("%d events of the acceptance", n)
		}
	}
	d.wantCalls(t, ids...)
	d.step(t, conversation.OutcomeNothing)
	m := d.Provider.Taken()[0]
	if m.Content.Text != "one" || len(m.To) != 2 || m.To[0].Address != ana.WhatsAppID {
		t.Errorf("called with %+v", m)
	}
	stored := d.Messages(t, d.id)[1]
	if stored.SentAt == nil || !stored.SentAt.Equal(d.Now()) || stored.Error != nil {
		t.Errorf("stored %+v", stored)
	}
	d.wantWhole(t)
}

// TestManyWorkersCallOnce has many workers at one conversation: each message is called for once, in order.
func TestManyWorkersCallOnce(t *testing.T) {
	d := open(t)
	most := 1000 // so that what the workers waste is there
	d.Tune(t, accounts.SettingsChange{ThroughputPerSecond: &most, PairBurst: &most})
	ids := d.write(t, "a", "b", "c", "d")
	var mu sync.Mutex
	calling := 0
	d.Provider.Answer(func(n int, _ channel.Outbound) (channel.Sent, error) {
		mu.Lock()
		defer mu.Unlock()
		if calling++; calling > 1 {
			t.Error("two calls at once")
		}
		mu.Unlock()
		_, err := d.Outbox.SendNext(t.Context(), d.id) // while it is under way
		mu.Lock()
		calling--
		return channel.Sent{ProviderID: fmt.Sprintf("wamid.out.%d", n)}, err
	})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			testkit.Eventually(t, time.Minute, func() error {
				for {
					result, err := d.Outbox.SendNext(t.Context(), d.id)
					switch {
					case err != nil:
						t.Error(err)
						return nil
					case result.Outcome == conversation.OutcomeNothing:
						return nil
					case result.Wait > 10*time.Second || result.Outcome == conversation.OutcomeWait && result.Wait == 0:
						return errors.New("another worker is at it")
					}
					d.Forward(result.Wait) // their tries used up the limits
				}
			})
		})
	}
	wg.Wait()
	d.wantCalls(t, ids...)
	d.wantWhole(t)
}

func TestWorkerDiesAfterTheClaim(t *testing.T) {
	d := open(t)
	ids := d.write(t, "lost", "next")
	d.Provider.Answer(func(n int, _ channel.Outbound) (channel.Sent, error) {
		if n == 1 {
			panic("the worker dies")
		}
		return channel.Sent{ProviderID: "wamid.out.2"}, nil
	})
	func() {
		defer func() { _ = recover() }() // Temporal tries the activity again
		_, _ = d.Outbox.SendNext(t.Context(), d.id)
	}()
	d.wantState(t, ids[0], conversation.StateSending)
	if got := d.step(t, conversation.OutcomeWait); got.Wait != outbox.CallTimeout || got.MessageID != ids[0] {
		t.Errorf("%+v", got)
	}
	d.Forward(outbox.CallTimeout - time.Microsecond)
	if got := d.step(t, conversation.OutcomeWait); got.Wait != time.Microsecond {
		t.Errorf("%+v", got)
	}
	d.Forward(time.Microsecond)
	if got := d.step(t, conversation.OutcomeUnknown); got.Wait != time.Minute {
		t.Errorf("%+v", got)
	}
	d.wantState(t, ids[0], conversation.StateUnknown)
	if n := d.events(t, conversation.EventMessageUnknown, ids[0]); n != 1 {
		t.Errorf("%d events", n)
	}
	d.Forward(59 * time.Second)
	if got := d.step(t, conversation.OutcomeWait); got.Wait != time.Second || got.MessageID != ids[0] {
		t.Errorf("%+v", got)
	}
	d.Forward(time.Second)
	if got := d.step(t, conversation.OutcomeSent); got.MessageID != ids[1] || !got.Last {
		t.Errorf("%+v", got)
	}
	d.step(t, conversation.OutcomeNothing)
	d.wantCalls(t, ids...)
	d.wantState(t, ids[0], conversation.StateUnknown)
	d.wantWhole(t)
}

func TestUnknownAloneKeepsNobodyWaiting(t *testing.T) {
	d := open(t)
	d.write(t, "one")
	d.fails(refusal(channel.Unknown))
	if got := d.step(t, conversation.OutcomeUnknown); got.Code != "131000" {
		t.Errorf("%+v", got)
	}
	d.step(t, conversation.OutcomeNothing)
}

func TestReceiptSettlesWhatIsNotKnown(t *testing.T) {
	t.Parallel()
	for _, status := range []string{"sent", "delivered", "read", "failed"} {
		t.Run(status, func(t *testing.T) {
			d := open(t)
			ids := d.write(t, "one", "two")
			d.fails(refusal(channel.Unknown))
			d.step(t, conversation.OutcomeUnknown)
			d.step(t, conversation.OutcomeWait)
			version := d.Count(t, "SELECT version FROM dispatches")
			d.Deliver(t, ana.Status("wamid.late", ids[0], status, d.Now(), 131026))
			d.wantState(t, ids[0], conversation.MessageState(status))
			if d.Count(t, "SELECT version FROM dispatches") == version {
				t.Error("the workflow, which waits, was not woken")
			}
			if got := d.step(t, conversation.OutcomeSent); got.MessageID != ids[1] {
				t.Errorf("%+v", got)
			}
			d.wantCalls(t, ids...)
		})
	}
}

func TestReceiptComesBeforeTheCallReturns(t *testing.T) {
	t.Parallel()
	accepted := channel.Sent{ProviderID: "wamid.x"}
	for _, c := range []struct {
		name    string
		status  string
		ours    bool // the receipt carries our id
		err     error
		state   conversation.MessageState
		outcome conversation.SendOutcome
		events  int
	}{
		{"delivered, accepted", "delivered", true, nil, "delivered", "sent", 1},
		{"delivered without our id, accepted", "delivered", false, nil, "delivered", "sent", 1},
		{"failed, accepted", "failed", true, nil, "failed", "sent", 0},
		{"failed without our id, accepted", "failed", false, nil, "failed", "sent", 0},
		{"delivered, refused", "delivered", true, refusal(channel.Permanent), "delivered", "sent", 1},
		{"delivered, unknown", "delivered", true, refusal(channel.Unknown), "delivered", "sent", 1},
		{"sent, to be retried", "sent", true, refusal(channel.Retry), "sent", "sent", 1},
		{"failed, to be retried", "failed", true, refusal(channel.Retry), "failed", "failed", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := open(t)
			id := d.write(t, "one")[0]
			d.Provider.Answer(func(int, channel.Outbound) (channel.Sent, error) {
				ours := ""
				if c.ours {
					ours = id
				}
				d.Deliver(t, ana.Status("wamid.x", ours, c.status, d.Now(), 131026))
				return accepted, c.err
			})
			got := d.step(t, c.outcome)
			if !got.Last {
				t.Errorf("%+v", got)
			}
			d.wantState(t, id, c.state)
			if n := d.events(t, conversation.EventMessageStatus, id); n != c.events {
				t.Errorf("%d status events, want %d", n, c.events)
			}
			if n := d.events(t, conversation.EventMessageFailed, id); (n == 1) != (c.state == conversation.StateFailed) {
				t.Errorf("%d failure events", n)
			}
			if p := d.Text(t, "SELECT provider_id FROM messages WHERE id = $1::uuid", id); p != "wamid.x" {
				t.Errorf("provider id %s", p)
			}
			d.step(t, conversation.OutcomeNothing)
			if n := len(d.Provider.Taken()); n != 1 {
				t.Errorf("%d calls", n)
			}
			d.wantWhole(t)
		})
	}
}

// TestAnswerComesAfterTheDeadline lets the answer of a slow worker arrive when another has given the attempt up.
func TestAnswerComesAfterTheDeadline(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		err     error
		state   conversation.MessageState
		outcome conversation.SendOutcome
	}{
		{"accepted", nil, conversation.StateSent, conversation.OutcomeSent},
		{"refused", refusal(channel.Permanent), conversation.StateFailed, conversation.OutcomeFailed},
		{"refused for a while", refusal(channel.Retry), conversation.StateFailed, conversation.OutcomeFailed},
		{"account stopped", refusal(channel.StopAccount), conversation.StateFailed, conversation.OutcomeFailed},
		{"unknown", refusal(channel.Unknown), conversation.StateUnknown, conversation.OutcomeUnknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := open(t)
			id := d.write(t, "one")[0]
			d.Provider.Answer(func(int, channel.Outbound) (channel.Sent, error) {
				d.Forward(outbox.CallTimeout)
				d.step(t, conversation.OutcomeUnknown)
				return channel.Sent{ProviderID: "wamid.x"}, c.err
			})
			d.step(t, c.outcome)
			d.wantState(t, id, c.state)
			d.wantCalls(t, id)
			d.wantWhole(t)
		})
	}
}

// TestNoCallAfterTheDeadline has a worker that slept from its claim until another would have given the attempt up.
func TestNoCallAfterTheDeadline(t *testing.T) {
	d := open(t)
	id := d.write(t, "one")[0]
	options := d.Outbox.Options
	options.Now = func() time.Time {
		var claimed bool
		if err := d.DB.DB.QueryRow("SELECT EXISTS (SELECT 1 FROM messages WHERE state = 'sending')").Scan(&claimed); err != nil {
			t.Error(err)
		}
		if claimed {
			return d.Now().Add(time.Minute)
		}
		return d.Now()
	}
	result, err := outbox.New(options).SendNext(t.Context(), d.id)
	if err != nil || result.Outcome != conversation.OutcomeWait || result.Code != "too_late" {
		t.Errorf("%+v, %v", result, err)
	}
	d.wantCalls(t)
	d.wantState(t, id, conversation.StateQueued)
}

func TestErrorWithoutBehaviourIsUnknown(t *testing.T) {
	d := open(t)
	id := d.write(t, "one")[0]
	d.fails(errors.New("something with words"))
	if got := d.step(t, conversation.OutcomeUnknown); got.Code != "adapter" {
		t.Errorf("%+v", got)
	}
	d.wantState(t, id, conversation.StateUnknown)
}

func TestReplyQuotesByTheProvidersID(t *testing.T) {
	d := open(t)
	quoted := d.Text(t, "SELECT id::text FROM messages WHERE direction = 'in'")
	id := d.write(t, "one")[0]
	d.Exec(t, "UPDATE messages SET reply_to = $2::uuid WHERE id = $1::uuid", id, quoted)
	d.step(t, conversation.OutcomeSent)
	if got, want := d.Provider.Taken()[0].ReplyTo, d.Text(t, "SELECT provider_id FROM messages WHERE id = $1::uuid", quoted); got != want {
		t.Errorf("quotes %q, want %q", got, want)
	}
}
