package assignment_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"guichet.dev/guichet/accounts"
	"guichet.dev/guichet/assignment"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/internal/testkit/office"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/team"
)

// desk is an office whose conversations are assigned, with a team of which Ana and Bob are members, and Carl who is not.
type desk struct {
	*office.Office
	sales          string
	ana, bob, carl conversation.Caller
	people         int
}

func open(t *testing.T) *desk {
	t.Helper()
	t.Parallel()
	o := office.Open(t)
	o.Freeze()
	d := &desk{Office: o, sales: o.Team(t, "Sales"), ana: o.Agent(t, "ana"), bob: o.Agent(t, "bob"), carl: o.Agent(t, "carl")}
	for _, a := range []conversation.Caller{d.ana, d.bob, d.carl} {
		d.online(t, a, true)
	}
	d.join(t, d.ana)
	d.join(t, d.bob)
	return d
}

func (d *desk) join(t testing.TB, a conversation.Caller) {
	t.Helper()
	d.Exec(t, "INSERT INTO team_members (team_id, agent_id) VALUES ($1::uuid, $2::uuid)", d.sales, a.ID)
}

// online puts an agent there for a day of the machine's time, or away, as far as the database knows.
func (d *desk) online(t testing.TB, a conversation.Caller, there bool) {
	t.Helper()
	d.Exec(t, `INSERT INTO agent_presence (agent_id, state, since, seen_at) VALUES ($1::uuid, CASE WHEN $2 THEN 'online' ELSE 'away' END, now(), now() + interval '1 day')
		ON CONFLICT (agent_id) DO UPDATE SET state = excluded.state`, a.ID, there)
}

func (d *desk) capacity(t testing.TB, most int, of ...conversation.Caller) {
	t.Helper()
	for _, a := range of {
		if _, err := d.Assignment.SetCapacity(t.Context(), team.System().Actor(), a.ID, most); err != nil {
			t.Fatal(err)
		}
	}
}

func (d *desk) plan(t testing.TB, p assignment.Plan) {
	t.Helper()
	if _, err := d.Assignment.SetPlan(t.Context(), team.System().Actor(), d.Account.ID, p); err != nil {
		t.Fatal(err)
	}
}

// policies sets a plan with nothing but policies.
func (d *desk) policies(t testing.TB, list ...assignment.AssignmentPolicy) {
	t.Helper()
	d.plan(t, assignment.Plan{Policies: list})
}

// meet lets a new customer write.
func (d *desk) meet(t testing.TB) string {
	t.Helper()
	d.people++
	return d.Arrive(t, office.Person{WhatsAppID: fmt.Sprintf("4071%07d", d.people), Name: fmt.Sprint("Customer ", d.people)})
}

// decide runs what Advance does with a conversation, in its transaction.
func (d *desk) decide(t testing.TB, id string, do func(ctx context.Context, tx bun.Tx, row *ledger.Row, r assignment.Request) (assignment.Outcome, error)) assignment.Outcome {
	t.Helper()
	out, err := d.tryDecide(t.Context(), id, do)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (d *desk) tryDecide(ctx context.Context, id string, do func(ctx context.Context, tx bun.Tx, row *ledger.Row, r assignment.Request) (assignment.Outcome, error)) (out assignment.Outcome, err error) {
	err = ledger.InTx(ctx, d.DB, func(ctx context.Context, tx bun.Tx) error {
		row, err := ledger.Lock(ctx, tx, id)
		if err != nil {
			return err
		}
		before := *row
		r := assignment.Request{
			Now: d.Now(), Actor: conversation.Actor{Kind: conversation.ActorRule, ID: "1"}, Key: uuid.NewString(),
			Cause: &conversation.Cause{Seq: row.LastSeq, Trigger: "test"},
		}
		if out, err = do(ctx, tx, row, r); err != nil {
			return err
		}
		others, err := d.Assignment.Freed(ctx, tx, ledger.Changed{Before: before, Row: row})
		if err != nil {
			return err
		}
		return ledger.Save(ctx, tx, d.Now(), append(others, row)...)
	})
	return out, err
}

func (d *desk) assign(t testing.TB, id string) assignment.Outcome {
	t.Helper()
	return d.decide(t, id, d.Assignment.Assign)
}

// pass passes an offer on if it has lapsed.
func (d *desk) pass(t testing.TB, id string) assignment.Outcome {
	t.Helper()
	return d.decide(t, id, func(ctx context.Context, tx bun.Tx, row *ledger.Row, r assignment.Request) (assignment.Outcome, error) {
		why, lapsed, err := d.Assignment.OfferLapsed(ctx, tx, row, r.Now)
		if err != nil || !lapsed {
			return assignment.Outcome{Result: "not_lapsed"}, err
		}
		return d.Assignment.Pass(ctx, tx, row, why, r)
	})
}

// told writes an outcome in one line.
func (d *desk) told(out assignment.Outcome) string {
	text := string(out.Result)
	for _, tried := range out.Tried {
		text += fmt.Sprintf(" %s=%s", tried.Name, tried.Result)
	}
	return text + " → " + d.name(out.AgentID)
}

func (d *desk) name(id string) string {
	for name, a := range map[string]conversation.Caller{"ana": d.ana, "bob": d.bob, "carl": d.carl} {
		if a.ID == id {
			return name
		}
	}
	return id
}

// assignee returns who has a conversation.
func (d *desk) assignee(t testing.TB, id string) string {
	t.Helper()
	return d.name(d.Text(t, "SELECT coalesce(assignee_id::text, '') FROM conversations WHERE id = $1::uuid", id))
}

// events lists the events of assignment of a conversation.
func (d *desk) events(t testing.TB, id string) string {
	t.Helper()
	text := d.Text(t, `SELECT coalesce(string_agg(kind || coalesce('(' || nullif(concat_ws(' ', data->>'agent_id', data->>'step', data->>'code'), '') || ')', ''), ', ' ORDER BY seq), '') FROM events
		WHERE conversation_id = $1::uuid AND kind IN ('assigned', 'queued', 'offer_accepted', 'offer_passed')`, id)
	for _, a := range []conversation.Caller{d.ana, d.bob, d.carl} {
		text = strings.ReplaceAll(text, a.ID, d.name(a.ID))
	}
	return text
}

func (d *desk) wantWhole(t testing.TB) {
	t.Helper()
	for _, broken := range d.Broken(t) {
		t.Error(broken)
	}
}

func (d *desk) restrict(t testing.TB, agents ...conversation.Caller) {
	t.Helper()
	v := accounts.Viewers{Restricted: true}
	for _, a := range agents {
		v.AgentIDs = append(v.AgentIDs, a.ID)
	}
	if _, err := d.Store.SetViewers(t.Context(), team.System(), d.Account.ID, v); err != nil {
		t.Fatal(err)
	}
}

func (d *desk) attribute(t testing.TB, id, key, value string) {
	t.Helper()
	d.Exec(t, "INSERT INTO attribute_definitions (key, label, type, created_at) VALUES ($1, $1, 'text', now()) ON CONFLICT DO NOTHING", key)
	d.Exec(t, "UPDATE contacts SET attributes = attributes || jsonb_build_object($2::text, $3::text) WHERE id = (SELECT contact_id FROM conversations WHERE id = $1::uuid)", id, key, value)
}

const minute = time.Minute
