package assignment_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/accounts"
	"guichet.dev/guichet/assignment"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/internal/testkit"
	"guichet.dev/guichet/internal/testkit/office"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/team"
)

// queueing is a plan over the team with its queue.
func (d *desk) queueing(t testing.TB) {
	t.Helper()
	d.policies(t, assignment.AssignmentPolicy{Kind: assignment.LeastLoaded, TeamID: d.sales, Nobody: assignment.Queue})
}

// queue lets so many conversations wait.
func (d *desk) queue(t testing.TB, n int) []string {
	t.Helper()
	ids := make([]string, n)
	for i := range ids {
		ids[i] = d.meet(t)
		if out := d.assign(t, ids[i]); out.Result != assignment.Queued {
			t.Fatalf("%+v", out)
		}
	}
	return ids
}

func (d *desk) positions(t testing.TB) string {
	t.Helper()
	places, err := d.Assignment.Waiting(t.Context(), d.ana, assignment.Selected{AccountID: d.Account.ID, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for i, p := range places {
		if p.Position != i+1 {
			t.Errorf("%+v is at %d", p, i+1)
		}
		ids = append(ids, p.ConversationID)
	}
	return strings.Join(ids, " ")
}

// Whatever makes room gives the first of the queue to whoever has it, in the same transaction.
func TestRoomIsFilled(t *testing.T) {
	to := ""
	for name, c := range map[string]struct {
		free func(t *testing.T, d *desk, had string) error
		want string
	}{
		"done": {func(t *testing.T, d *desk, had string) error {
			_, err := d.Inbox.Done(t.Context(), d.ana, had)
			return err
		}, "ana"},
		"snoozed": {func(t *testing.T, d *desk, had string) error {
			_, err := d.Inbox.Snooze(t.Context(), d.ana, had, time.Time{})
			return err
		}, "ana"},
		"unassigned": {func(t *testing.T, d *desk, had string) error {
			_, err := d.Inbox.Assign(t.Context(), d.ana, had, inbox.Assignment{AgentID: &to})
			return err
		}, "ana"},
		"given away": {func(t *testing.T, d *desk, had string) error {
			_, err := d.Inbox.Assign(t.Context(), d.ana, had, inbox.Assignment{AgentID: &d.carl.ID})
			return err
		}, "ana"},
		"closed by itself": {func(t *testing.T, d *desk, had string) error {
			_, err := d.tryDecide(t.Context(), had, func(_ context.Context, _ bun.Tx, row *ledger.Row, _ assignment.Request) (assignment.Outcome, error) {
				row.Status = conversation.StatusDone
				return assignment.Outcome{}, nil
			})
			return err
		}, "ana"},
		"more capacity": {func(t *testing.T, d *desk, _ string) error { d.capacity(t, 1, d.bob); return nil }, "bob"},
		"joins the team": {func(t *testing.T, d *desk, _ string) error {
			d.capacity(t, 1, d.carl)
			d.join(t, d.carl)
			return d.Assignment.Sweep(t.Context())
		}, "carl"},
		"may see it": {func(t *testing.T, d *desk, _ string) error {
			d.restrict(t, d.bob)
			d.capacity(t, 2, d.ana)
			d.restrict(t, d.bob, d.ana)
			return d.Assignment.Sweep(t.Context())
		}, "ana"},
		"another plan": {func(t *testing.T, d *desk, _ string) error {
			d.online(t, d.bob, false)
			d.capacity(t, 1, d.bob)
			d.plan(t, assignment.Plan{Presence: assignment.Anybody, Policies: []assignment.AssignmentPolicy{{Kind: assignment.FixedTeam, TeamID: d.sales, Nobody: assignment.Queue}}})
			return d.Assignment.Sweep(t.Context())
		}, "bob"},
		"to another team": {func(t *testing.T, d *desk, _ string) error {
			service := d.Team(t, "Service")
			d.Exec(t, "INSERT INTO team_members (team_id, agent_id) VALUES ($1::uuid, $2::uuid)", service, d.carl.ID)
			_, err := d.Inbox.Assign(t.Context(), d.ana, d.Text(t, "SELECT conversation_id::text FROM assignment_queue ORDER BY number LIMIT 1"), inbox.Assignment{TeamID: &service})
			return err
		}, "carl"},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t)
			d.queueing(t)
			d.capacity(t, 0, d.bob)
			d.capacity(t, 1, d.ana)
			had := d.meet(t)
			if out := d.assign(t, had); out.AgentID != d.ana.ID {
				t.Fatalf("%+v", out)
			}
			waiting := d.queue(t, 2)
			if got := d.positions(t); got != strings.Join(waiting, " ") {
				t.Errorf("the queue is %s", got)
			}
			if err := c.free(t, d, had); err != nil {
				t.Fatal(err)
			}
			if d.assignee(t, waiting[0]) != c.want || d.assignee(t, waiting[1]) != "" {
				t.Errorf("%q has the first, %q the second", d.assignee(t, waiting[0]), d.assignee(t, waiting[1]))
			}
			if got := d.positions(t); got != waiting[1] {
				t.Errorf("the queue is %s", got)
			}
			d.wantWhole(t)
		})
	}
}

// What is somebody's or done leaves the queue; priority overtakes.
func TestLeavingTheQueue(t *testing.T) {
	d := open(t)
	d.queueing(t)
	d.capacity(t, 0, d.ana, d.bob)
	ids := d.queue(t, 5)
	if _, err := d.Inbox.Attend(t.Context(), d.ana, ids[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Inbox.Done(t.Context(), d.ana, ids[1]); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Inbox.SetPriority(t.Context(), d.ana, ids[4], conversation.PriorityUrgent); err != nil {
		t.Fatal(err)
	}
	if got, want := d.positions(t), strings.Join([]string{ids[4], ids[2], ids[3]}, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	c, err := d.Inbox.Get(t.Context(), d.ana, ids[3])
	if err != nil || c.Queue == nil || c.Queue.Position != 3 || c.Queue.TeamID != d.sales {
		t.Errorf("%+v, %v", c.Queue, err)
	}
	d.wantWhole(t)
}

// A conversation that joins while the first of the queue is held by somebody waits behind it, although somebody has room.
func TestNobodyIsOvertaken(t *testing.T) {
	d := open(t)
	d.queueing(t)
	d.capacity(t, 0, d.ana, d.bob)
	ids := d.queue(t, 2)
	late := d.meet(t)
	err := ledger.InTx(t.Context(), d.DB, func(ctx context.Context, tx bun.Tx) error {
		if _, err := ledger.Lock(ctx, tx, ids[0]); err != nil {
			return err
		}
		d.capacity(t, 1, d.ana) // finds the first held, and calls
		if got := d.assign(t, late); got.Result != assignment.Queued || got.Tried[0].Result != assignment.BehindOthers {
			t.Errorf("%+v", got)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Assignment.Answer(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d.assignee(t, ids[0]) != "ana" || d.positions(t) != ids[1]+" "+late {
		t.Errorf("%q has the first; %s wait", d.assignee(t, ids[0]), d.positions(t))
	}
	d.wantWhole(t)
}

// Whoever makes room while something is about to be queued waits for it, and finds it.
func TestNoRoomIsMissed(t *testing.T) {
	d := open(t)
	d.queueing(t)
	d.capacity(t, 0, d.bob)
	d.capacity(t, 1, d.ana)
	had, comes := d.meet(t), d.meet(t)
	d.assign(t, had)
	done := make(chan error, 1)
	err := ledger.InTx(t.Context(), d.DB, func(ctx context.Context, tx bun.Tx) error {
		row, err := ledger.Lock(ctx, tx, comes)
		if err != nil {
			return err
		}
		out, err := d.Assignment.Assign(ctx, tx, row, assignment.Request{Now: d.Now(), Key: "k"})
		if err != nil || out.Result != assignment.Queued {
			return fmt.Errorf("%+v, %w", out, err)
		}
		go func() { _, err := d.Inbox.Done(t.Context(), d.ana, had); done <- err }()
		testkit.Eventually(t, 10*time.Second, func() error { return d.Blocked(t, 1) })
		return ledger.Save(ctx, tx, d.Now(), row)
	})
	if err := errors.Join(err, <-done); err != nil {
		t.Fatal(err)
	}
	if err := d.Assignment.Answer(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d.assignee(t, comes) != "ana" {
		t.Errorf("%q has it, and it waits for room that is there", d.assignee(t, comes))
	}
	d.wantWhole(t)
}

// Who declined the first of the queue gets the one behind it.
func TestWhoDeclinedGetsTheNext(t *testing.T) {
	d := open(t)
	d.queueing(t)
	d.capacity(t, 0, d.ana, d.bob)
	ids := d.queue(t, 2)
	d.Exec(t, "UPDATE assignment_queue SET declined = ARRAY[$2::uuid] WHERE conversation_id = $1::uuid", ids[0], d.ana.ID)
	d.Exec(t, "UPDATE agent_capacities SET capacity = 5 WHERE agent_id = $1::uuid", d.ana.ID)
	if err := errors.Join(d.Assignment.Sweep(t.Context()), d.Assignment.Answer(t.Context())); err != nil {
		t.Fatal(err)
	}
	if d.assignee(t, ids[0]) != "" || d.assignee(t, ids[1]) != "ana" {
		t.Errorf("%q has the first, %q the second", d.assignee(t, ids[0]), d.assignee(t, ids[1]))
	}
	d.capacity(t, 1, d.bob)
	if d.assignee(t, ids[0]) != "bob" {
		t.Errorf("%q has the first", d.assignee(t, ids[0]))
	}
	d.wantWhole(t)
}

// Run answers calls, and looks at all queues when it is told that something changed.
func TestRun(t *testing.T) {
	d := open(t)
	d.queueing(t)
	d.capacity(t, 0, d.ana, d.bob)
	ids := d.queue(t, 2)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Assignment.Run(ctx) }()
	has := func(id, who string) {
		t.Helper()
		testkit.Eventually(t, 20*time.Second, func() error {
			if got := d.assignee(t, id); got != who {
				return fmt.Errorf("%q has it", got)
			}
			return nil
		})
	}
	d.Exec(t, "UPDATE agent_capacities SET capacity = 1 WHERE agent_id = $1::uuid", d.ana.ID)
	d.Assignment.Look()
	has(ids[0], "ana")
	d.Exec(t, "UPDATE agent_capacities SET capacity = 1 WHERE agent_id = $1::uuid", d.bob.ID)
	d.Exec(t, "INSERT INTO assignment_calls (agent_id) VALUES ($1::uuid)", d.bob.ID)
	has(ids[1], "bob")
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	d.wantWhole(t)
}

// What waits for a team that is no more waits for the account.
func TestQueuesOfArchivedTeams(t *testing.T) {
	d := open(t)
	d.queueing(t)
	d.capacity(t, 0, d.ana, d.bob)
	ids := d.queue(t, 2)
	d.capacity(t, 1, d.carl)
	if _, err := team.NewStore(d.DB).ArchiveTeam(t.Context(), team.System().Actor(), d.sales); err != nil {
		t.Fatal(err)
	}
	if n, err := d.Inbox.HandBack(t.Context()); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	if d.assignee(t, ids[0]) != "carl" || d.positions(t) != ids[1] {
		t.Errorf("%q has the first; %s wait", d.assignee(t, ids[0]), d.positions(t))
	}
	d.wantWhole(t)
}

// Conversations that prove to be one person's keep the place of the older.
func TestMergedConversationsKeepTheirPlace(t *testing.T) {
	d := open(t)
	d.queueing(t)
	d.capacity(t, 0, d.ana, d.bob)
	known := office.Person{WhatsAppID: "40799999999", Name: "Mara"}
	unknown := office.Person{UserID: "RO.42", Name: "Mara"}
	older := d.Arrive(t, known)
	d.assign(t, older)
	newer := d.Arrive(t, unknown)
	second := d.queue(t, 1)[0]
	both := office.Person{WhatsAppID: known.WhatsAppID, UserID: unknown.UserID, Name: "Mara"}
	d.Deliver(t, both.Text("wamid.both", d.Now(), "it is me"))
	if d.Text(t, "SELECT coalesce(merged_into::text, '') FROM conversations WHERE id = $1::uuid", older) != newer {
		t.Fatal("they were not merged")
	}
	if got := d.positions(t); got != newer+" "+second {
		t.Errorf("the queue is %s", got)
	}
	d.wantWhole(t)
}

// An agent of two accounts is filled from both, in the order of arrival, by what their conversations weigh.
func TestAgentsOfSeveralAccounts(t *testing.T) {
	d := open(t)
	d.queueing(t)
	other := d.Connect(t, "888888", office.Secret)
	if _, err := d.Assignment.SetPlan(t.Context(), team.System().Actor(), other.ID, assignment.Plan{Weight: 2, Policies: []assignment.AssignmentPolicy{{Kind: assignment.RoundRobin, Nobody: assignment.Queue}}}); err != nil {
		t.Fatal(err)
	}
	d.capacity(t, 0, d.ana, d.bob, d.carl)
	write := func(a accounts.Account, from string) string {
		p := office.Person{WhatsAppID: from, Name: from}
		if err := d.Intake.Receive(t.Context(), a, []byte(office.WebhookFor(a.ProviderID, "messages", p.Message("wamid."+from, d.Now(), `"type":"text","text":{"body":"x"}`)))); err != nil {
			t.Fatal(err)
		}
		id := d.Text(t, "SELECT conversation_id::text FROM messages WHERE provider_id = $1", "wamid."+from)
		d.assign(t, id)
		return id
	}
	ids := []string{d.queue(t, 1)[0], write(other, "40700000001"), d.queue(t, 1)[0], write(other, "40700000002")}
	d.capacity(t, 4, d.ana)
	got := []string{}
	for _, id := range ids {
		got = append(got, d.assignee(t, id))
	}
	if strings.Join(got, ",") != "ana,ana,ana," {
		t.Errorf("%q", got)
	}
	d.capacity(t, 9, d.carl) // who is not of the team
	if d.assignee(t, ids[3]) != "carl" {
		t.Errorf("%q has the last", d.assignee(t, ids[3]))
	}
	d.wantWhole(t)
}
