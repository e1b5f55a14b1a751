package outbox_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"guichet.dev/guichet/accounts"
	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/internal/testkit"
	"guichet.dev/guichet/internal/testkit/office"
	"guichet.dev/guichet/outbox"
)

// counted waits until what was received so far has been counted, so that the counter is still afterwards.
func (d *desk) counted(t *testing.T) {
	t.Helper()
	testkit.Eventually(t, 10*time.Second, func() error {
		if d.Count(t, "SELECT count(*) FROM accounts WHERE last_received_at = $1", d.Now()) == 0 {
			return fmt.Errorf("not counted yet")
		}
		return nil
	})
	d.Exec(t, "DELETE FROM account_limits")
}

func TestPairLimit(t *testing.T) {
	d := open(t)
	most := 1000
	d.Tune(t, accounts.SettingsChange{ThroughputPerSecond: &most})
	d.counted(t)
	texts := slices.Repeat([]string{"x"}, 48)
	d.write(t, texts...)
	for range 45 {
		d.step(t, conversation.OutcomeSent)
	}
	for range 3 {
		if got := d.step(t, conversation.OutcomeWait); got.Wait != 6*time.Second {
			t.Fatalf("%+v", got)
		}
		d.Forward(6*time.Second - time.Microsecond)
		if got := d.step(t, conversation.OutcomeWait); got.Wait != time.Microsecond {
			t.Fatalf("%+v", got)
		}
		d.Forward(time.Microsecond)
		d.step(t, conversation.OutcomeSent)
	}
	// Another customer is not concerned, and after a while there is a burst again.
	other := d.Meet(t, office.Person{WhatsAppID: "40712345679", Name: "Ion"})
	d.Write(t, d.agent, other, "hello")
	d.Forward(45 * 6 * time.Second)
	if got := d.SendNext(t, other); got.Outcome != conversation.OutcomeSent {
		t.Errorf("%+v", got)
	}
	d.write(t, texts[:45]...)
	for range 45 {
		d.step(t, conversation.OutcomeSent)
	}
	d.wantWhole(t)
}

func TestEmptyHalfTakesNothing(t *testing.T) {
	t.Parallel()
	for _, empty := range []string{"pair", "account"} {
		t.Run(empty, func(t *testing.T) {
			d := open(t)
			d.counted(t)
			d.write(t, "one", "two")
			d.step(t, conversation.OutcomeSent)
			key := "key <> ''"
			if empty == "account" {
				key = "key = ''"
			}
			d.Exec(t, "UPDATE account_limits SET blocked_until = $1 WHERE "+key, d.Now().Add(time.Minute))
			limits := func() string {
				return d.Text(t, "SELECT string_agg(key || ' ' || arrival, ', ' ORDER BY key) FROM account_limits")
			}
			before := limits()
			for range 50 {
				if got := d.step(t, conversation.OutcomeWait); got.Wait != time.Minute {
					t.Fatalf("%+v", got)
				}
			}
			if after := limits(); after != before {
				t.Errorf("limits were %s, are %s", before, after)
			}
			d.Forward(time.Minute)
			d.step(t, conversation.OutcomeSent)
		})
	}
}

// TestThroughput has many workers send to many customers, and counts in every second of a clock that moves in small steps.
func TestThroughput(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ perSecond, customers, each, inbound int }{{1, 4, 2, 0}, {7, 10, 3, 0}, {20, 20, 3, 0}, {20, 12, 3, 6}} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			d := open(t)
			d.Tune(t, accounts.SettingsChange{ThroughputPerSecond: &c.perSecond})
			d.counted(t)
			var ids []string
			for i := range c.customers {
				id := d.Meet(t, office.Person{WhatsAppID: fmt.Sprintf("407123456%02d", i), Name: "N"})
				d.Write(t, d.agent, id, slices.Repeat([]string{"x"}, c.each)...)
				ids = append(ids, id)
			}
			d.counted(t)
			var mu sync.Mutex
			var sent []time.Time
			d.Provider.Answer(func(n int, _ channel.Outbound) (channel.Sent, error) {
				mu.Lock()
				defer mu.Unlock()
				sent = append(sent, d.Now())
				return channel.Sent{ProviderID: fmt.Sprintf("wamid.out.%d", n)}, nil
			})
			start := d.Now()
			step := time.Second / time.Duration(2*c.perSecond)
			for tick := 0; len(sent) < c.customers*c.each; tick++ {
				if c.inbound > 0 && tick%(2*c.perSecond) == 0 { // the provider counts what customers write, too
					if err := outbox.CountInbound(t.Context(), d.DB, d.Account.ID, c.inbound, d.Now()); err != nil {
						t.Fatal(err)
					}
				}
				var wg sync.WaitGroup
				for _, id := range ids {
					wg.Go(func() {
						if _, err := d.Outbox.SendNext(t.Context(), id); err != nil {
							t.Error(err)
						}
					})
				}
				wg.Wait()
				d.Forward(step)
				if d.Now().Sub(start) > 5*time.Minute {
					t.Fatal("never came to the end")
				}
			}
			// What a bucket lets through in a second: one, and what the second and the burst (125 ms) have room for.
			interval := time.Second / time.Duration(c.perSecond)
			most := 1 + int((time.Second+max(time.Second/8, interval)+time.Millisecond)/interval)
			if c.inbound > 0 {
				most -= c.inbound - 1 // one may fall on either side of the second
			}
			for i, from := range sent {
				n := 0
				for _, at := range sent[i:] {
					if at.Sub(from) < time.Second {
						n++
					}
				}
				if n > most {
					t.Fatalf("%d in the second after %v, with %d received", n, from.Sub(start), c.inbound)
				}
			}
			total := c.customers*c.each + c.inbound*int(sent[len(sent)-1].Sub(start)/time.Second)
			if took, least := sent[len(sent)-1].Sub(start), time.Duration(total)*time.Second/time.Duration(c.perSecond); took > least+time.Second {
				t.Errorf("took %v, need not take more than %v", took, least)
			}
			d.wantWhole(t)
		})
	}
}

func TestInboundCountsButStopsNobody(t *testing.T) {
	d := open(t)
	ten := 10
	d.Tune(t, accounts.SettingsChange{ThroughputPerSecond: &ten})
	d.counted(t)
	d.write(t, "one", "two", "three")
	count := func(n int) {
		t.Helper()
		if err := outbox.CountInbound(t.Context(), d.DB, d.Account.ID, n, d.Now()); err != nil {
			t.Fatal(err)
		}
	}
	count(0)
	count(5) // the first ever
	if got := d.step(t, conversation.OutcomeWait); got.Wait != 375*time.Millisecond {
		t.Errorf("%+v", got)
	}
	count(3)
	if got := d.step(t, conversation.OutcomeWait); got.Wait != 675*time.Millisecond {
		t.Errorf("%+v", got)
	}
	count(1_000_000)
	if got := d.step(t, conversation.OutcomeWait); got.Wait != 875*time.Millisecond {
		t.Errorf("%+v", got)
	}
	d.Forward(875 * time.Millisecond)
	d.step(t, conversation.OutcomeSent)
	if err := outbox.CountInbound(t.Context(), d.DB, "00000000-0000-0000-0000-000000000000", 1, d.Now()); err != nil {
		t.Errorf("of no account: %v", err)
	}
}

// TestInboundMakesNothingFaster counts while the bucket of a very slow account is further ahead than the count may bring it.
func TestInboundMakesNothingFaster(t *testing.T) {
	d := open(t)
	one := 1
	d.Tune(t, accounts.SettingsChange{ThroughputPerSecond: &one})
	d.counted(t)
	d.write(t, "one", "two", "three")
	d.step(t, conversation.OutcomeSent)
	d.step(t, conversation.OutcomeSent)
	if err := outbox.CountInbound(t.Context(), d.DB, d.Account.ID, 1, d.Now()); err != nil {
		t.Fatal(err)
	}
	if got := d.step(t, conversation.OutcomeWait); got.Wait != time.Second {
		t.Errorf("%+v", got)
	}
}

// TestShiftedClocks moves the clock by days, forward and back: a limit is never of another day.
func TestShiftedClocks(t *testing.T) {
	t.Parallel()
	for _, shift := range []time.Duration{0, 3 * 24 * time.Hour, -3 * 24 * time.Hour, 1234567 * time.Microsecond} {
		t.Run(shift.String(), func(t *testing.T) {
			d := open(t)
			seven := 7 // an interval that no microsecond divides
			d.Tune(t, accounts.SettingsChange{ThroughputPerSecond: &seven})
			d.counted(t)
			d.write(t, "one", "two", "three", "four")
			d.step(t, conversation.OutcomeSent)
			d.step(t, conversation.OutcomeSent)
			if got := d.step(t, conversation.OutcomeWait); got.Wait != 142857*time.Microsecond {
				t.Errorf("%+v", got)
			}
			d.Exec(t, "UPDATE conversations SET window_from = $1", d.Now().Add(shift))
			d.Forward(shift)
			if shift == 0 {
				d.Forward(142857 * time.Microsecond)
			}
			d.step(t, conversation.OutcomeSent)
		})
	}
}
