package server_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"guichet.dev/guichet/accounts"
	"guichet.dev/guichet/blocks"
	"guichet.dev/guichet/blueprint"
	"guichet.dev/guichet/bulk"
	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/contacts"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/drafts"
	"guichet.dev/guichet/followers"
	"guichet.dev/guichet/internal/metrics"
	"guichet.dev/guichet/internal/testkit/office"
	"guichet.dev/guichet/labels"
	"guichet.dev/guichet/notes"
	"guichet.dev/guichet/notifications"
	"guichet.dev/guichet/search"
	"guichet.dev/guichet/server"
	"guichet.dev/guichet/team"
	"guichet.dev/guichet/transcripts"
	"guichet.dev/guichet/views"
)

// silentAdapter is a provider that takes everything.
type silentAdapter struct{ fakeAdapter }

func (silentAdapter) MarkRead(context.Context, channel.Account, string, bool) error { return nil }

// walked is a server over a real office with two accounts: one for everybody, and one that is foreign to most.
type walked struct {
	*fixture
	bulk         *bulk.Store
	office       *office.Office
	own, foreign accounts.Account
	viewer       team.Agent // of the foreign account
	watchers     team.Team  // whose members see it too
	log          *strings.Builder

	callers []walker
	kept    map[string]string // ids that requests which change nothing share
	shown   []string          // what tells of the foreign account's conversations
	current walker            // whose request is being made
	n       int
}

// walker is somebody who makes requests.
type walker struct {
	name, token string
	team.Principal
}

func newWalked(t *testing.T) *walked {
	t.Helper()
	t.Parallel()
	o := office.Open(t)
	o.At(time.Now())
	w := &walked{office: o, own: o.Account, foreign: o.Connect(t, "777777", office.Secret), log: &strings.Builder{}, kept: map[string]string{}}
	w.bulk = bulk.NewStore(bulk.Options{DB: o.DB, Inbox: o.Inbox, Labels: labels.NewStore(o.Desk()), Askers: team.NewStore(o.DB)})
	w.fixture = &fixture{t: t, mails: &mails{}, team: team.NewStore(o.DB), db: o.DB}
	live := newHub(t, o.DB)
	options := server.Options{
		SignIn: newSignIn(o.DB, w.mails),
		Logger: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelError})), Metrics: metrics.New(), Clock: o.Clock, Team: w.team, Accounts: o.Store,
		Adapters: map[conversation.Channel]channel.Adapter{conversation.WhatsApp: silentAdapter{}},
		Receiver: o.Intake, Queries: o.Inbox, Handling: o.Inbox, Writing: o.Inbox, Parked: o.Intake, Beside: o.Inbox, Live: live,
		Locator: o.Inbox, Presence: newPresence(o.DB, live),
		Notes: notes.NewStore(o.Desk()), Labels: labels.NewStore(o.Desk()), Drafts: drafts.NewStore(o.Desk()), Followers: followers.NewStore(o.Desk()),
		Blocks: blocks.NewStore(blocks.Options{
			Desk: o.Desk(), Accounts: o.Store, Adapters: map[conversation.Channel]channel.Adapter{conversation.WhatsApp: silentAdapter{}},
			Meaning: func(conversation.Channel, string) string { return "" },
		}),
		Contacts: contacts.NewStore(o.Desk()), Transcripts: transcripts.NewStore(o.Desk()),
		Notifications: notifications.NewStore(notifications.Options{DB: o.DB, Now: o.Now, PublicURL: func() string { return "" }}),
		Search:        search.NewStore(o.DB), Views: views.NewStore(o.DB), Bulk: w.bulk, Assignment: o.Assignment,
		Calendars: o.Calendars, Rulebook: o.Rulebook, Automation: o.Automation,
		Blueprint: blueprint.NewStore(blueprint.Options{DB: o.DB, Calendars: o.Calendars, Rulebook: o.Rulebook, Assignment: o.Assignment}),
	}
	addEntrances(t, &options, o.DB)
	w.server = server.New(options)
	w.people()
	for _, a := range []accounts.Account{w.own, w.foreign} { // so that lists have something to show from the first route on
		w.write(a)
		w.object("parked", a.ID == w.foreign.ID, false)
	}
	w.wait()
	o.Exec(t, `INSERT INTO notifications (id, agent_id, conversation_id, account_id, created_at, changed_at)
		SELECT gen_random_uuid(), a.id, c.id, c.account_id, now(), now() FROM agents a, conversations c`) // as if all had seen both
	if _, err := search.Rebuild(t.Context(), o.DB, nil); err != nil {
		t.Fatal(err)
	}
	return w
}

// wait lets a conversation of each account wait in a queue.
func (w *walked) wait() {
	w.office.Exec(w.t, `INSERT INTO assignment_queue (conversation_id, account_id, priority, queued_at, told)
		SELECT DISTINCT ON (account_id) id, account_id, 0, now(), false FROM conversations`)
	w.office.Exec(w.t, "UPDATE conversations AS c SET queued_at = q.queued_at FROM assignment_queue AS q WHERE q.conversation_id = c.id")
}

// people restricts the foreign account and lets those in who are to see it.
func (w *walked) people() {
	ctx, t := w.t.Context(), w.t
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	w.watchers, err = w.team.CreateTeam(ctx, team.System().Actor(), "Watchers")
	check(err)
	most := []team.Permission{}
	for _, p := range team.Permissions() {
		if p != team.AllAccounts {
			most = append(most, p)
		}
	}
	for key, list := range map[team.Role][]team.Permission{"reader": {team.ReadConversations}, "most": most} {
		_, err := w.team.CreateRole(ctx, team.System(), team.NewRole{Key: key, Name: string(key), Permissions: list})
		check(err)
	}
	admin := w.agent("admin", team.RoleAdmin)
	w.viewer = w.agent("viewer", team.RoleAgent)
	watcher := w.agent("watcher", team.RoleSupervisor)
	w.restrict()
	_, err = w.team.AddMember(ctx, team.System(), w.watchers.ID, watcher.ID)
	check(err)
	for _, c := range []struct {
		name  string
		sees  bool // the foreign account
		token team.NewToken
	}{
		{"admin", true, team.NewToken{AgentID: admin.ID}},
		{"viewer", true, team.NewToken{AgentID: w.viewer.ID}},
		{"watcher", true, team.NewToken{AgentID: watcher.ID}},
		{"supervisor", false, team.NewToken{AgentID: w.agent("supervisor", team.RoleSupervisor).ID}},
		{"agent", false, team.NewToken{AgentID: w.agent("agent", team.RoleAgent).ID}},
		{"program", false, team.NewToken{Role: team.RoleAgent}},
		{"role with one permission", false, team.NewToken{AgentID: w.agent("reader", "reader").ID}},
		{"role with all but the sight", false, team.NewToken{AgentID: w.agent("most", "most").ID}},
		{"scoped token", false, team.NewToken{AgentID: admin.ID, Scopes: []team.Permission{team.ReadConversations, team.ReadAudit, team.ReadParked}}},
		{"token for one account", false, team.NewToken{AgentID: admin.ID, AccountIDs: []string{w.own.ID}}},
	} {
		c.token.Name = c.name
		_, value, err := w.team.CreateToken(ctx, team.System(), c.token)
		check(err)
		p, err := w.team.Authenticate(ctx, value)
		check(err)
		if p.Sight.Sees(w.foreign.ID) != c.sees || !p.Sight.Sees(w.own.ID) {
			t.Fatalf("%s sees the wrong accounts: %+v", c.name, p.Sight)
		}
		w.callers = append(w.callers, walker{c.name, value, p})
	}
}

// unplan takes the plans away, so that what others ask for is not assigned meanwhile.
func (w *walked) unplan() { w.office.Exec(w.t, "DELETE FROM assignment_plans") }

// restrict lets everybody see the own account, and the viewer and the watchers alone the foreign one.
func (w *walked) restrict() {
	w.t.Helper()
	for id, v := range map[string]accounts.Viewers{
		w.own.ID: {}, w.foreign.ID: {Restricted: true, AgentIDs: []string{w.viewer.ID}, TeamIDs: []string{w.watchers.ID}},
	} {
		if _, err := w.office.Store.SetViewers(w.t.Context(), team.System(), id, v); err != nil {
			w.t.Fatal(err)
		}
	}
	w.team.Forget()
}

func (w *walked) agent(name string, role team.Role) team.Agent {
	w.t.Helper()
	a, err := w.team.CreateAgent(w.t.Context(), team.System(), team.NewAgent{Name: name, Email: uuid.NewString() + "@example.com", Role: role})
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// object returns the id of an object of a kind, of the foreign account if it belongs to one. A fresh one is nobody else's.
func (w *walked) object(kind string, foreign, fresh bool) string {
	w.t.Helper()
	w.n++
	key := fmt.Sprint(kind, foreign)
	if id, ok := w.kept[key]; ok && !fresh {
		return id
	}
	account := w.own
	if foreign {
		account = w.foreign
	}
	make, known := objects[kind]
	if !known {
		w.t.Fatalf("nobody knows how to make a %q: add it to objects in walk_office_test.go", kind)
	}
	id := make(w, account)
	if !fresh {
		w.kept[key] = id
	}
	return id
}

// objects say how to make an object of each kind. A new kind of object needs one entry here, and one in kinds.
var objects = map[string]func(w *walked, account accounts.Account) string{
	"account": func(_ *walked, a accounts.Account) string { return a.ID },
	"conversation": func(w *walked, a accounts.Account) string {
		return w.office.Text(w.t, "SELECT conversation_id::text FROM messages WHERE id = $1::uuid", w.write(a))
	},
	"bulk": func(w *walked, _ accounts.Account) string { // of the one who makes the request
		by := w.current.Actor()
		return w.office.Text(w.t, `INSERT INTO bulk_actions (id, actor_kind, actor_id, action, state, total, created_at)
			VALUES (gen_random_uuid(), $1, $2, '{"kind":"read"}', 'running', 0, now()) RETURNING id::text`, string(by.Kind), by.ID)
	},
	"session": func(w *walked, _ accounts.Account) string {
		return w.office.Text(w.t, `INSERT INTO sessions (id, hash, agent_id, created_at, last_seen_at, expires_at)
			SELECT gen_random_uuid(), sha256($1::bytea), id, now(), now(), now() + interval '1 day' FROM agents LIMIT 1 RETURNING id::text`, w.unique())
	},
	"label": func(w *walked, _ accounts.Account) string {
		return w.office.Text(w.t, "INSERT INTO labels (id, name, colour, created_at) VALUES (gen_random_uuid(), $1, 'teal', now()) RETURNING id::text", w.unique())
	},
	"attribute": func(w *walked, _ accounts.Account) string {
		return w.office.Text(w.t, "INSERT INTO attribute_definitions (key, label, type, created_at) VALUES ($1, 'L', 'text', now()) RETURNING key", w.word())
	},
	"view": func(w *walked, _ accounts.Account) string {
		return w.office.Text(w.t, `INSERT INTO saved_views (id, name, owner_id, shared, criteria, created_at, updated_at)
			VALUES (gen_random_uuid(), $1, $2::uuid, 'everybody', '{}', now(), now()) RETURNING id::text`, w.unique(), w.viewer.ID)
	},
	"calendar": func(w *walked, _ accounts.Account) string {
		return w.office.Text(w.t, `INSERT INTO calendars (id, name, definition, created_at, updated_at)
			VALUES (gen_random_uuid(), $1, '{"time_zone":"UTC","week":{},"holidays":{}}', now(), now()) RETURNING id::text`, w.unique())
	},
	"draft": func(w *walked, _ accounts.Account) string { // its revision
		return w.office.Text(w.t, "SELECT coalesce((SELECT revision FROM rule_draft), 0)::text")
	},
	"version": func(w *walked, _ accounts.Account) string {
		return w.office.Text(w.t, `INSERT INTO rule_versions (version, definition, comment, actor_kind, published_at, moves_deadlines)
			SELECT coalesce(max(version), 0) + 1, '{"rules":[]}', 'c', 'system', now(), false FROM rule_versions RETURNING version::text`)
	},
	"word":    func(w *walked, _ accounts.Account) string { return w.word() },
	"message": func(w *walked, a accounts.Account) string { return w.write(a) },
	"parked": func(w *walked, a accounts.Account) string {
		w.deliver(a, office.WebhookFor("999", "messages", office.Person{WhatsAppID: "1"}.Message(w.unique(), w.office.Now(), `"type":"text","text":{"body":"x"}`)))
		return w.office.Text(w.t, "SELECT id::text FROM parked_updates WHERE account_id = $1::uuid ORDER BY id DESC LIMIT 1", a.ID)
	},
	"agent": func(w *walked, _ accounts.Account) string { // sees both accounts, so that conversations can be given to it
		a := w.agent("somebody", team.RoleAgent)
		if _, err := w.team.AddMember(w.t.Context(), team.System(), w.watchers.ID, a.ID); err != nil {
			w.t.Fatal(err)
		}
		return a.ID
	},
	"viewer":   func(w *walked, _ accounts.Account) string { return w.viewer.ID },
	"watchers": func(w *walked, _ accounts.Account) string { return w.watchers.ID },
	"team": func(w *walked, _ accounts.Account) string {
		t, err := w.team.CreateTeam(w.t.Context(), team.System().Actor(), w.unique())
		if err != nil {
			w.t.Fatal(err)
		}
		return t.ID
	},
	"token": func(w *walked, _ accounts.Account) string { // of the one who makes the request
		in := team.NewToken{Name: "t", AgentID: w.current.AgentID}
		if in.AgentID == "" {
			in.Role = team.RoleAgent
		}
		t, _, err := w.team.CreateToken(w.t.Context(), team.System(), in)
		if err != nil {
			w.t.Fatal(err)
		}
		return t.ID
	},
	"role": func(w *walked, _ accounts.Account) string {
		r, err := w.team.CreateRole(w.t.Context(), team.System(), team.NewRole{Key: team.Role(w.unique()), Name: w.unique()})
		if err != nil {
			w.t.Fatal(err)
		}
		return string(r.Key)
	},
	"unique": func(w *walked, _ accounts.Account) string { return w.unique() },
	"tomorrow": func(w *walked, _ accounts.Account) string {
		return w.office.Now().Add(24 * time.Hour).Format(time.RFC3339)
	},
}

// write lets a new customer write to the account and returns the message's id.
func (w *walked) write(a accounts.Account) string {
	w.t.Helper()
	w.n++
	p := office.Person{WhatsAppID: fmt.Sprintf("4071%07d", w.n), Name: w.unique()}
	provider := "wamid." + p.WhatsAppID
	w.deliver(a, office.WebhookFor(a.ProviderID, "messages", p.Message(provider, w.office.Now(), fmt.Sprintf(`"type":"text","text":{"body":%q}`, "words "+p.Name))))
	var id, thread string
	err := w.db.DB.QueryRowContext(w.t.Context(), "SELECT id::text, conversation_id::text FROM messages WHERE provider_id = $1", provider).Scan(&id, &thread)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.office.Automation.Advance(w.t.Context(), thread); err != nil {
		w.t.Fatal(err)
	}
	if a.ID == w.foreign.ID {
		w.shown = append(w.shown, id, thread, p.Name, p.WhatsAppID)
	}
	return id
}

func (w *walked) deliver(a accounts.Account, body string) {
	w.t.Helper()
	if err := w.office.Intake.Receive(w.t.Context(), a, []byte(body)); err != nil {
		w.t.Fatal(err)
	}
}

// of returns what belongs to a message: its conversation, the contact, or a note beside it.
func (w *walked) of(kind, message string) string {
	w.t.Helper()
	thread := w.office.Text(w.t, "SELECT conversation_id::text FROM messages WHERE id = $1::uuid", message)
	switch kind {
	case "conversation":
		return thread
	case "contact":
		return w.office.Text(w.t, "SELECT contact_id::text FROM conversations WHERE id = $1::uuid", thread)
	case "note":
		by := conversation.Actor{Kind: conversation.ActorAgent, ID: w.viewer.ID}
		n, err := notes.NewStore(w.office.Desk()).Add(w.t.Context(), by.Everywhere(), thread, notes.Draft{Text: "between us"})
		if err != nil {
			w.t.Fatal(err)
		}
		return n.ID
	default:
		return message
	}
}

// belongs are the kinds that of makes.
var belongs = map[string]bool{"conversation": true, "message": true, "contact": true, "note": true}

func (w *walked) word() string {
	w.n++
	return fmt.Sprintf("w%d", w.n)
}

func (w *walked) unique() string {
	w.n++
	return fmt.Sprintf("u%06d-%s", w.n, uuid.NewString()[:8])
}
