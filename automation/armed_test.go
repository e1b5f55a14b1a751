package automation_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/internal/testkit/office"
	"guichet.dev/guichet/rules"
)

// each does something for all, eight at a time.
func each[T any](t *testing.T, all []T, do func(T) error) {
	t.Helper()
	work := make(chan T)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for x := range work {
				if err := do(x); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for _, x := range all {
		work <- x
	}
	close(work)
	wg.Wait()
}

// A rule is edited and published while a thousand deadlines are armed: they keep the version under which they were armed; moved
// on purpose, they count by the new one.
func TestPublishWhileAThousandWait(t *testing.T) {
	d := open(t)
	const many = 1000
	waits := func(after time.Duration, text string) rules.Edition {
		return rules.Edition{Rules: []rules.Rule{{
			ID: "wait", Name: "wait", When: rules.OnWaiting, AfterSeconds: int(after / time.Second), Then: []conversation.RuleAction{reply(text)},
		}}}
	}
	advance := func(id string) error {
		_, err := d.Automation.Advance(t.Context(), id)
		return err
	}
	arrive := func(round int) {
		var bodies []string
		for i := range many {
			p := office.Person{WhatsAppID: fmt.Sprintf("4072%07d", i), Name: "x"}
			bodies = append(bodies, p.Text(fmt.Sprintf("wamid.%d.%d", round, i), d.Now(), "hello"))
		}
		each(t, bodies, func(body string) error { return d.Intake.Receive(t.Context(), d.Account, []byte(body)) })
		each(t, d.IDs(t), advance)
	}
	armed := func(version int, after time.Duration) int {
		return d.Count(t, `SELECT count(*) FROM conversations c, jsonb_array_elements(c.deadlines) x WHERE x->>'rule_id' = 'wait' AND (x->>'version')::int = $1
			AND (x->>'at')::timestamptz = c.waiting_since + $2::interval AND NOT coalesce((x->>'told')::bool, false)`, version, after.String())
	}
	said := func(text string) int {
		return d.Count(t, "SELECT count(*) FROM messages WHERE direction = 'out' AND content->>'text' = $1 AND state <> 'cancelled'", text)
	}
	d.Exec(t, "UPDATE conversations SET waiting_since = NULL")
	d.publish(t, false, waits(10*time.Minute, "first"))
	arrive(1)
	if n := armed(1, 10*time.Minute); n != many {
		t.Fatalf("%d are armed", n)
	}
	d.Exec(t, "DELETE FROM dispatches")
	d.publish(t, false, waits(5*time.Minute, "second"))
	if n := d.Count(t, "SELECT count(*) FROM dispatches"); n != 0 {
		t.Errorf("publishing woke %d", n)
	}
	d.Forward(6 * time.Minute)
	each(t, d.IDs(t), advance)
	if n, m := armed(1, 10*time.Minute), said("second"); n != many || m != 0 {
		t.Errorf("after publishing %d are armed as before, %d got what is new", n, m)
	}
	d.Exec(t, "DELETE FROM dispatches")
	d.publish(t, true, waits(20*time.Minute, "third"))
	if n := d.Count(t, "SELECT count(*) FROM dispatches"); n != many {
		t.Errorf("moving woke %d", n)
	}
	d.Forward(5 * time.Minute) // the old time has come before anybody looked
	each(t, d.IDs(t), advance)
	if n := armed(3, 20*time.Minute); n != many || said("first")+said("second")+said("third") != 0 {
		t.Errorf("%d count by the new version; said %d, %d, %d", n, said("first"), said("second"), said("third"))
	}
	d.Forward(10 * time.Minute)
	each(t, d.IDs(t), advance)
	if said("third") != many || said("first")+said("second") != 0 {
		t.Errorf("said %d, %d, %d", said("first"), said("second"), said("third"))
	}
	d.wantWhole(t)
}
