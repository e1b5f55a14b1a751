package inbox_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/internal/testkit/office"
)

// crowd is a desk with many conversations in every state.
type crowd struct {
	*desk
	ids, labels []string
	accounts    []string
	team        string
	paul        conversation.Caller
}

func newCrowd(t *testing.T, n int) *crowd {
	t.Helper()
	c := &crowd{desk: open(t)}
	c.accounts = []string{c.Account.ID, c.Connect(t, "2", office.Secret).ID, c.Connect(t, "3", office.Secret).ID}
	c.paul = c.Agent(t, "paul")
	c.Exec(t, "UPDATE agents SET created_at = $1", office.Start.Add(-48*time.Hour))
	c.team = c.Text(t, "INSERT INTO teams (id, name, created_at) VALUES (gen_random_uuid(), 'Sales', now()) RETURNING id")
	for _, name := range []string{"vip", "late", "rare"} {
		c.labels = append(c.labels, c.Text(t, "INSERT INTO labels (id, name, colour, created_at) VALUES (gen_random_uuid(), $1, '#000000', now()) RETURNING id", name))
	}
	numbers := []string{office.Number, "2", "3"}
	for i := range n {
		p := office.Person{WhatsAppID: fmt.Sprintf("4078%06d", i), Name: fmt.Sprint("Customer ", i)}
		c.Deliver(t, office.WebhookFor(numbers[i%3], "messages", p.Message(fmt.Sprint("wamid.crowd.", i), c.Now(), `"type":"text","text":{"body":"hello"}`)))
	}
	c.ids = c.IDs(t)
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(list ...any) any { return list[random.IntN(len(list))] }
	ago := func(most time.Duration) time.Time {
		return c.Now().Add(-time.Duration(random.Int64N(int64(most)))).Truncate(time.Minute)
	}
	for _, id := range c.ids {
		c.Exec(t, `UPDATE conversations SET status = $2, assignee_id = $3::uuid, team_id = $4::uuid, priority = $5, last_activity_at = $6, waiting_since = $7,
			window_from = $8, window_refused_at = $9, last_inbound_at = $10 WHERE id = $1::uuid`,
			id, pick("open", "open", "open", "snoozed", "done"), pick(nil, c.maria.ID, c.paul.ID), pick(nil, c.team), pick(0, 0, 0, 0, -1, 1, 2), ago(40*time.Hour),
			pick(nil, ago(20*time.Hour)), pick(nil, ago(30*time.Hour), ago(24*time.Hour)), pick(nil, nil, ago(30*time.Hour)), ago(60*time.Hour))
		for _, label := range c.labels[:random.IntN(3)] {
			c.Exec(t, "INSERT INTO conversation_labels VALUES ($1::uuid, $2::uuid, now())", id, label)
		}
		if random.IntN(3) == 0 {
			c.Exec(t, "INSERT INTO agent_reads VALUES ($1::uuid, $2::uuid, $3)", c.maria.ID, id, random.IntN(2))
		}
		if random.IntN(4) == 0 {
			c.Exec(t, `INSERT INTO consent_questions (message_id, conversation_id, contact_id, scope, confidence, evidence, asked_at, answered_at)
				SELECT gen_random_uuid(), id, contact_id, 'all', 0.5, '', now(), $2::timestamptz FROM conversations WHERE id = $1::uuid`, id, pick(nil, ago(time.Hour)))
		}
		if random.IntN(4) == 0 {
			c.Exec(t, "INSERT INTO followers VALUES ($1::uuid, $2::uuid, now())", id, c.maria.ID)
		}
		c.Exec(t, "UPDATE contacts SET attributes = $2::jsonb WHERE id = (SELECT contact_id FROM conversations WHERE id = $1::uuid)", id,
			pick(`{}`, `{"tier": "gold"}`, `{"tier": "gold", "orders": 7}`, `{"orders": "7"}`))
		if random.IntN(4) == 0 {
			c.Exec(t, `INSERT INTO consents (contact_id, channel, scope, state, at, change_id) SELECT contact_id, 'whatsapp', 'marketing', 'opted_out', now(), gen_random_uuid()
				FROM conversations WHERE id = $1::uuid`, id)
		}
		if random.IntN(3) == 0 {
			c.Exec(t, `INSERT INTO consents (contact_id, channel, scope, state, at, change_id) SELECT contact_id, 'whatsapp', 'all', $2, now(), gen_random_uuid()
				FROM conversations WHERE id = $1::uuid`, id, pick("opted_out", "opted_in", "unknown"))
		}
	}
	c.Exec(t, `UPDATE accounts SET settings = settings || '{"window_margin_seconds": 1800}' WHERE id = $1::uuid`, c.accounts[1])
	c.Exec(t, "INSERT INTO team_members (team_id, agent_id) VALUES ($1::uuid, $2::uuid)", c.team, c.maria.ID)
	c.Exec(t, "UPDATE conversations SET merged_into = $2::uuid WHERE id = $1::uuid", c.ids[0], c.ids[1])
	return c
}

// criterion is one way to narrow, and what it means in plain SQL.
type criterion struct {
	name string
	set  func(*inbox.Criteria)
	sql  string
}

// window is the condition for a window that began, its account's margin kept back, so long ago at most.
func (c *crowd) window(ago time.Duration) string {
	return fmt.Sprintf("(window_from - CASE account_id WHEN '%s' THEN interval '30 minutes' ELSE interval '1 minute' END > '%s' AND coalesce(window_refused_at < window_from, true))",
		c.accounts[1], c.Now().Add(-ago).Format(time.RFC3339Nano))
}

func (c *crowd) criteria() []criterion {
	open := c.window(24 * time.Hour)
	label := func(id string) string {
		return "id IN (SELECT conversation_id FROM conversation_labels WHERE label_id = '" + id + "')"
	}
	contact := func(sql string) string { return "contact_id IN (SELECT id FROM contacts WHERE " + sql + ")" }
	return []criterion{
		{"all", func(*inbox.Criteria) {}, "true"},
		{"account", func(f *inbox.Criteria) { f.Accounts = c.accounts[1:2] }, "account_id = '" + c.accounts[1] + "'"},
		{"mine", func(f *inbox.Criteria) { f.Assignee = inbox.Me }, "assignee_id = '" + c.maria.ID + "'"},
		{"paul's", func(f *inbox.Criteria) { f.Assignee = c.paul.ID }, "assignee_id = '" + c.paul.ID + "'"},
		{"nobody's", func(f *inbox.Criteria) { f.Assignee = inbox.Nobody }, "assignee_id IS NULL"},
		{"team", func(f *inbox.Criteria) { f.Team = c.team }, "team_id = '" + c.team + "'"},
		{"my teams", func(f *inbox.Criteria) { f.Team = inbox.Mine }, "team_id = '" + c.team + "'"},
		{"no team", func(f *inbox.Criteria) { f.Team = inbox.Nobody }, "team_id IS NULL"},
		{"any label", func(f *inbox.Criteria) { f.Labels = c.labels[:2] }, "(" + label(c.labels[0]) + " OR " + label(c.labels[1]) + ")"},
		{"all labels", func(f *inbox.Criteria) { f.Labels, f.AllLabels = c.labels[:2], true }, label(c.labels[0]) + " AND " + label(c.labels[1])},
		{"no such label", func(f *inbox.Criteria) { f.Labels = c.labels[2:] }, "false"},
		{"unread", func(f *inbox.Criteria) { f.Unread = true }, `coalesce(inbound_seq > (SELECT read_seq FROM agent_reads r WHERE r.agent_id = '` + c.maria.ID + `' AND r.conversation_id = conversations.id),
			last_inbound_at > '` + office.Start.Add(-48*time.Hour).Format(time.RFC3339Nano) + `'::timestamptz)`},
		{"followed", func(f *inbox.Criteria) { f.Followed = true }, "id IN (SELECT conversation_id FROM followers WHERE agent_id = '" + c.maria.ID + "')"},
		{"waiting", func(f *inbox.Criteria) { f.Waiting = true }, "waiting_since IS NOT NULL"},
		{"window open", func(f *inbox.Criteria) { f.Window = inbox.WindowOpen }, open},
		{"window closing", func(f *inbox.Criteria) { f.Window = inbox.WindowClosing }, open + " AND NOT " + c.window(22*time.Hour)},
		{"window closing within ten hours", func(f *inbox.Criteria) { f.Window, f.Closing = inbox.WindowClosing, 600 },
			open + " AND NOT " + c.window(14*time.Hour)},
		{"window closed", func(f *inbox.Criteria) { f.Window = inbox.WindowClosed }, open + " IS NOT TRUE"},
		{"not done", func(f *inbox.Criteria) {
			f.Statuses = []conversation.Status{conversation.StatusOpen, conversation.StatusSnoozed}
		}, "status <> 'done'"},
		{"priority", func(f *inbox.Criteria) {
			f.Priority = []conversation.Priority{conversation.PriorityHigh, conversation.PriorityUrgent}
		}, "priority > 0"},
		{"opted out", func(f *inbox.Criteria) { f.Consent = conversation.ConsentOptedOut }, contact("id IN (SELECT contact_id FROM consents WHERE scope = 'all' AND state = 'opted_out')")},
		{"consent unknown", func(f *inbox.Criteria) { f.Consent = conversation.ConsentUnknown }, contact("id NOT IN (SELECT contact_id FROM consents WHERE scope = 'all' AND state <> 'unknown')")},
		{"opted out of marketing", func(f *inbox.Criteria) { f.Marketing = conversation.ConsentOptedOut }, contact("id IN (SELECT contact_id FROM consents WHERE scope = 'marketing')")},
		{"asked about consent", func(f *inbox.Criteria) { f.Asked = true }, "id IN (SELECT conversation_id FROM consent_questions WHERE answered_at IS NULL)"},
		{"attribute", func(f *inbox.Criteria) { f.Attribute = map[string]string{"tier": "gold"} }, contact("attributes->>'tier' = 'gold'")},
		{"attribute of two types", func(f *inbox.Criteria) { f.Attribute = map[string]string{"orders": "7"} }, contact("attributes->>'orders' = '7'")},
		{"attributes", func(f *inbox.Criteria) { f.Attribute = map[string]string{"orders": "7", "tier": "gold"} }, contact("attributes->>'orders' = '7' AND attributes->>'tier' = 'gold'")},
	}
}

func (c *crowd) orders() map[inbox.Sort]string {
	open := c.window(24 * time.Hour)
	return map[inbox.Sort]string{
		inbox.SortNewest:   "last_activity_at DESC, id DESC",
		inbox.SortWaiting:  "waiting_since IS NULL, waiting_since, CASE WHEN waiting_since IS NOT NULL THEN id END, last_activity_at DESC, id DESC",
		inbox.SortWindow:   "CASE WHEN " + open + " THEN window_from END, CASE WHEN " + open + " THEN id END, last_activity_at DESC, id DESC",
		inbox.SortPriority: "priority DESC, last_activity_at DESC, id DESC",
	}
}

// TestFiltersAndOrders compares every criterion in every order with the same asked in plain SQL.
func TestFiltersAndOrders(t *testing.T) {
	c := newCrowd(t, 90)
	limited := conversation.Caller{Actor: c.maria.Actor, Sight: conversation.SeesOnly(c.accounts[0], c.accounts[2])}
	for _, one := range c.criteria() {
		for sort, order := range c.orders() {
			for _, view := range []inbox.View{inbox.ViewAll, inbox.ViewOpen} {
				f := inbox.Filter{Criteria: inbox.Criteria{View: view, Sort: sort}, Limit: 7}
				one.set(&f.Criteria)
				where := "merged_into IS NULL AND (" + one.sql + ")"
				if view == inbox.ViewOpen {
					where += " AND status = 'open'"
				}
				want := c.plain(t, where, order)
				if got := c.walk(t, c.maria, f); !slices.Equal(got, want) {
					t.Errorf("%s of %s by %s: %d conversations, want %d", one.name, view, sort, len(got), len(want))
				}
				n, err := c.Inbox.Count(t.Context(), c.maria, f.Criteria)
				if err != nil || n.Count != len(want) || n.More {
					t.Errorf("count of %s of %s: %+v, %v, want %d", one.name, view, n, err, len(want))
				}
				seen := c.plain(t, where+" AND account_id <> '"+c.accounts[1]+"'", order)
				if got := c.walk(t, limited, f); !slices.Equal(got, seen) {
					t.Errorf("%s of %s by %s for who does not see all: %d conversations, want %d", one.name, view, sort, len(got), len(seen))
				}
				if one.name != "no such label" && view == inbox.ViewAll && len(want) == 0 {
					t.Errorf("%s selects nothing: the test shows nothing", one.name)
				}
			}
		}
	}
}

func (c *crowd) plain(t *testing.T, where, order string) []string {
	t.Helper()
	return strings.Fields(c.Text(t, "SELECT coalesce(string_agg(id::text, ' ' ORDER BY "+order+"), '') FROM conversations WHERE "+where))
}

func TestCountsAreExactUpToALimit(t *testing.T) {
	d := open(t)
	count := func() inbox.Count {
		n, err := d.Inbox.Count(t.Context(), d.maria, inbox.Criteria{View: inbox.ViewOpen})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	add := func(n int) {
		d.Exec(t, `INSERT INTO conversations (id, account_id, channel, contact_id, thread_key, last_activity_at, opened_at, created_at)
			SELECT gen_random_uuid(), account_id, channel, contact_id, gen_random_uuid()::text, last_activity_at, opened_at, created_at
			FROM conversations, generate_series(1, $2) WHERE id = $1::uuid`, d.id, n)
	}
	if got := count(); got != (inbox.Count{Count: 1}) {
		t.Errorf("%+v", got)
	}
	add(997)
	if got := count(); got != (inbox.Count{Count: 998}) {
		t.Errorf("%+v", got)
	}
	add(1)
	if got := count(); got != (inbox.Count{Count: 999}) {
		t.Errorf("%+v", got)
	}
	add(1)
	if got := count(); got != (inbox.Count{Count: 999, More: true}) {
		t.Errorf("%+v", got)
	}
}

func TestEachAgentReadsForThemselves(t *testing.T) {
	d := open(t)
	paul := d.Agent(t, "paul")
	d.Exec(t, "UPDATE agents SET created_at = $1", office.Start.Add(-time.Hour))
	unread := func(by conversation.Caller) bool {
		t.Helper()
		c, err := d.Inbox.Get(t.Context(), by, d.id)
		if err != nil {
			t.Fatal(err)
		}
		list, _, err := d.Inbox.List(t.Context(), by, inbox.Filter{Criteria: inbox.Criteria{View: inbox.ViewAll, Unread: true}, Limit: 10})
		if err != nil || (len(list) == 1) != c.Unread {
			t.Errorf("the list has %d, the conversation says %v, %v", len(list), c.Unread, err)
		}
		return c.Unread
	}
	want := func(what string, maria, others, token bool) {
		t.Helper()
		if unread(d.maria) != maria || unread(paul) != others || unread(office.Token) != token {
			t.Errorf("%s: unread by maria %v, paul %v, program %v", what, unread(d.maria), unread(paul), unread(office.Token))
		}
	}
	want("new", true, true, true)
	last := d.Only(t).LastSeq
	mark := func(by conversation.Caller, seq int64) {
		t.Helper()
		if _, err := d.Inbox.Read(t.Context(), by, d.id, seq); err != nil {
			t.Fatal(err)
		}
	}
	mark(d.maria, last)
	want("read by maria", false, true, false)
	mark(d.maria, 1) // a request that was late
	want("late", false, true, false)
	if _, err := d.Inbox.Unread(t.Context(), d.maria, d.id); err != nil {
		t.Fatal(err)
	}
	want("marked unread", true, true, false)
	mark(paul, last)
	want("read by paul", true, false, false)
	d.Deliver(t, ana.Text("wamid.more", d.Now().Add(time.Minute), "more"))
	want("another message", true, true, true)
	if _, err := d.Inbox.Unread(t.Context(), office.Token, d.id); conversation.CodeOf(err) != conversation.CodeForbidden {
		t.Errorf("a program marked unread: %v", err)
	}
	d.Exec(t, "UPDATE agents SET created_at = now() WHERE id = $1::uuid", d.Agent(t, "new").ID)
	if n := d.Count(t, "SELECT count(*) FROM changes WHERE kind = 'read_changed' AND agent_id = $1::uuid", d.maria.ID); n != 3 {
		t.Errorf("maria's clients hear of %d changes, want 3", n)
	}
}

// A list that is read page by page while its rows move shows every row that stayed where it was, once. One that moved up is found
// by its event; it never hides another.
func TestPagesWhileRowsMove(t *testing.T) {
	c := newCrowd(t, 60)
	for _, sort := range inbox.Sorts() {
		f := inbox.Filter{Criteria: inbox.Criteria{View: inbox.ViewAll, Sort: sort}, Limit: 7}
		stay := c.walk(t, c.maria, f)
		var shown []string
		for moved := 0; ; moved++ {
			page, next, err := c.Inbox.List(t.Context(), c.maria, f)
			if err != nil {
				t.Fatal(err)
			}
			for _, one := range page {
				shown = append(shown, one.ID)
			}
			if next.Zero() {
				break
			}
			rest := slices.DeleteFunc(slices.Clone(stay), func(id string) bool { return slices.Contains(shown, id) })
			moves := rest[len(rest)/2]
			if moved%2 == 1 {
				moves = shown[len(shown)/2]
			}
			stay = slices.DeleteFunc(stay, func(id string) bool { return id == moves })
			c.Exec(t, `UPDATE conversations SET last_activity_at = $2, waiting_since = NULL, window_from = $2, window_refused_at = NULL, priority = 0 WHERE id = $1::uuid`, moves, c.Now())
			f.After = next
		}
		of := slices.DeleteFunc(slices.Clone(shown), func(id string) bool { return !slices.Contains(stay, id) })
		if !slices.Equal(of, stay) {
			t.Errorf("by %s: of %d that did not move, %d were shown in their order", sort, len(stay), len(of))
		}
	}
}
