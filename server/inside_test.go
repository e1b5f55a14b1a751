package server_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/server"
	"guichet.dev/guichet/team"
)

// insideDesk is a server over real stores, with a conversation and an agent.
type insideDesk struct {
	*fixture
	account, contact, id, agent, token string
}

func openInside(t *testing.T) *insideDesk {
	t.Helper()
	d := &insideDesk{contact: uuid.NewString(), id: uuid.NewString()}
	d.fixture = newFixture(t, func(o *server.Options) {
		real, ok := o.Beside.(*inbox.Inbox)
		if !ok {
			t.Fatal("not the real inbox")
		}
		o.Queries, o.Handling, o.Writing = real, real, real
	})
	d.account = d.fixture.account()
	agent, token := d.agentToken(team.RoleAgent)
	d.agent, d.token = agent.ID, token
	now := time.Now()
	err := postgres.InTx(t.Context(), d.db, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.Tx.ExecContext(ctx, "INSERT INTO contacts (id, name, profile_name, created_at, updated_at) VALUES ($1::uuid, 'Ana', 'Ana', now(), now())", d.contact); err != nil {
			return err
		}
		row := ledger.New(d.id, d.account, conversation.WhatsApp, d.contact, d.contact, now)
		row.WindowFrom = now
		row.Append(conversation.Event{Kind: conversation.EventOpened, Actor: conversation.Actor{Kind: conversation.ActorContact}, At: now})
		return ledger.Save(ctx, tx, now, row)
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *insideDesk) path(rest string) string { return "/conversations/" + d.id + rest }

// do makes the agent's request.
func (d *insideDesk) do(method, rest, body string, status int, out any) {
	d.t.Helper()
	d.callAs(d.token, method, d.path(rest), body, status, out)
}

func (d *insideDesk) refusedFields(method, path, body string) string {
	d.t.Helper()
	var p problem
	d.callAs(d.token, method, path, body, http.StatusUnprocessableEntity, nil)
	w := d.request(method, "/api/v1"+path, d.token, strings.NewReader(body), "Content-Type", "application/json")
	d.decode(w.Body.Bytes(), &p)
	var fields []string
	for _, f := range p.Fields {
		fields = append(fields, f.In+"."+f.Field)
	}
	return strings.Join(fields, " ")
}

func TestInsideWork(t *testing.T) {
	d := openInside(t)
	var note struct{ ID, Text string }
	d.do("POST", "/notes", fmt.Sprintf(`{"text":"look","mentions":[%q]}`, d.agent), 201, &note)
	d.do("PATCH", "/notes/"+note.ID, `{"text":"look here"}`, 200, &note)
	if note.Text != "look here" {
		t.Errorf("%+v", note)
	}
	var c inbox.Conversation
	d.do("POST", "/priority", `{"priority":"urgent"}`, 200, &c)
	d.do("POST", "/labels", `{"name":"VIP"}`, 200, &c)
	d.do("POST", "/snooze", `{"until_reply":true}`, 200, &c)
	if c.Priority != conversation.PriorityUrgent || len(c.Labels) != 1 || c.Labels[0].Name != "VIP" || c.Status != conversation.StatusSnoozed || c.SnoozedUntil != nil {
		t.Errorf("%+v", c)
	}
	var all struct{ Items []inbox.Conversation }
	d.callAs(d.token, "GET", "/conversations?view=all", "", 200, &all)
	if len(all.Items) != 1 || len(all.Items[0].Labels) != 1 || all.Items[0].Priority != conversation.PriorityUrgent {
		t.Errorf("%+v", all)
	}
	d.do("DELETE", "/labels/"+c.Labels[0].ID, "", 200, &c)
	if c.Labels == nil || len(c.Labels) != 0 {
		t.Errorf("labels %v", c.Labels)
	}
	d.do("POST", "/assign", fmt.Sprintf(`{"agent_id":%q,"note":{"text":"yours now"}}`, d.agent), 200, &c)
	d.do("DELETE", "/follow", "", 204, nil)
	d.do("GET", "", "", 200, &c)
	if c.Following == nil || *c.Following {
		t.Error("still followed")
	}
	d.do("PUT", "/follow", "", 204, nil)
	var timeline struct{ Items []inbox.TimelineItem }
	d.do("GET", "/timeline", "", 200, &timeline)
	texts := []string{}
	for _, i := range timeline.Items {
		if i.Note != nil {
			texts = append(texts, i.Note.Text)
		}
	}
	if !slices.Equal(texts, []string{"yours now", "look here"}) {
		t.Errorf("notes %v", texts)
	}
	d.do("DELETE", "/notes/"+note.ID, "", 204, nil)
	for _, c := range []struct{ rest, body, want string }{
		{"/snooze", `{}`, "body.until"},
		{"/snooze", `{"until":"2020-01-01T00:00:00Z"}`, "body.until"},
		{"/snooze", `{"until":"2120-01-01T00:00:00Z","until_reply":true}`, "body.until"},
		{"/assign", fmt.Sprintf(`{"agent_id":%q,"note":{"text":" "}}`, d.agent), "body.note.text"},
		{"/assign", `{"note":{"text":"to nobody"}}`, ""},
		{"/priority", `{"priority":"huge"}`, "body.priority"},
		{"/labels", `{}`, "body.label_id"},
		{"/notes", `{"text":"x","mentions":["` + someID + `"]}`, "body.mentions"},
	} {
		if got := d.refusedFields("POST", d.path(c.rest), c.body); got != c.want {
			t.Errorf("%s %s: %q, want %q", c.rest, c.body, got, c.want)
		}
	}
}

func TestDraftOverHTTP(t *testing.T) {
	d := openInside(t)
	var draft struct{ Version int64 }
	d.do("GET", "/draft", "", 404, nil)
	d.do("PUT", "/draft", `{"text":"Hel","if_version":0}`, 200, &draft)
	d.do("PUT", "/draft", fmt.Sprintf(`{"text":"Hello","if_version":%d}`, draft.Version), 200, nil)
	var p problem
	d.do("PUT", "/draft", fmt.Sprintf(`{"text":"Help","if_version":%d}`, draft.Version), 409, &p)
	if v, ok := p.Details["version"].(float64); p.Code != "conflict" || !ok || int64(v) <= draft.Version {
		t.Errorf("%+v", p)
	}
	d.do("DELETE", "/draft", "", 204, nil)
	d.do("GET", "/draft", "", 404, nil)
}

func TestContactsOverHTTP(t *testing.T) {
	d := openInside(t)
	contact := "/contacts/" + d.contact
	d.call("POST", "/attribute-definitions", `{"key":"plan","label":"Plan","type":"list","options":["basic","pro"]}`, 201, nil)
	var got struct {
		Name       string
		Attributes map[string]any
		Phones     []string
	}
	d.callAs(d.token, "PATCH", contact, `{"name":"Ana Pop","phones":["+40 712 345 678"],"attributes":{"plan":"pro"}}`, 200, &got)
	if got.Name != "Ana Pop" || got.Attributes["plan"] != "pro" || got.Phones[0] != "+40712345678" {
		t.Errorf("%+v", got)
	}
	for body, want := range map[string]string{
		`{"attributes":{"plan":"gold"}}`: "body.attributes.plan",
		`{"phones":["12"]}`:              "body.phones",
		`{"email":"x"}`:                  "body.email",
		`{"language":"!!"}`:              "body.language",
	} {
		if got := d.refusedFields("PATCH", contact, body); got != want {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
	var items struct{ Items []map[string]any }
	for rest, want := range map[string]int{"/conversations": 1, "/changes": 1, "/consents": 0, "/blocks": 0} {
		if d.callAs(d.token, "GET", contact+rest, "", 200, &items); len(items.Items) != want {
			t.Errorf("%s: %d, want %d", rest, len(items.Items), want)
		}
		d.callAs(d.token, "GET", "/contacts/"+someID+rest, "", 404, nil)
	}
	d.call("PATCH", "/attribute-definitions/plan", `{"options":["pro"]}`, 200, nil)
	d.call("DELETE", "/attribute-definitions/plan", "", 204, nil)
	d.call("DELETE", "/attribute-definitions/plan", "", 404, nil)
	d.callAs(d.token, "POST", "/attribute-definitions", `{"key":"x","label":"X","type":"text"}`, 403, nil)
}

func TestBlockOverHTTP(t *testing.T) {
	d := openInside(t)
	var c inbox.Conversation
	d.do("POST", "/block", "", 200, &c)
	if c.BlockedAt == nil || c.Block == nil || c.Block.ProviderState != "unsupported" { // the fixture's adapter cannot block
		t.Errorf("%+v", c.Block)
	}
	var after inbox.Conversation
	d.do("POST", "/unblock", "", 200, &after)
	if after.BlockedAt != nil || after.Block == nil || after.Block.Blocked {
		t.Errorf("%+v", after.Block)
	}
	d.callAs(d.token, "POST", "/conversations/"+someID+"/block", "", 404, nil)
}

func TestTranscriptOverHTTP(t *testing.T) {
	d := openInside(t)
	supervisor := d.fixture.token(team.RoleSupervisor)
	for format, kind := range map[string]string{"txt": "text/plain; charset=utf-8", "json": "application/json", "html": "text/html; charset=utf-8"} {
		w := d.request("GET", "/api/v1"+d.path("/transcript?time_zone=Asia/Tokyo&events=true&format="+format), supervisor, nil)
		want := fmt.Sprintf(`attachment; filename="conversation-%s.%s"`, d.id, format)
		if w.Code != 200 || w.Header().Get("Content-Type") != kind || w.Header().Get("Content-Disposition") != want || !strings.Contains(w.Body.String(), "opened") {
			t.Errorf("%s: %d %v %s", format, w.Code, w.Header(), w.Body)
		}
	}
	for path, status := range map[string]int{
		d.path("/transcript?format=pdf"): 422, d.path("/transcript?time_zone=Mars"): 422, "/conversations/" + someID + "/transcript": 404,
	} {
		if w := d.request("GET", "/api/v1"+path, supervisor, nil); w.Code != status {
			t.Errorf("%s: %d, want %d", path, w.Code, status)
		}
	}
	if w := d.request("GET", "/api/v1"+d.path("/transcript"), d.token, nil); w.Code != http.StatusForbidden {
		t.Errorf("an agent: %d", w.Code)
	}
	var audit struct{ Items []team.AuditEntry }
	d.call("GET", "/audit?subject_kind=conversation&subject_id="+d.id, "", 200, &audit)
	if len(audit.Items) != 3 || audit.Items[0].Action != "conversations.export" {
		t.Errorf("%+v", audit)
	}
}

func TestLabelDefinitionsOverHTTP(t *testing.T) {
	d := openInside(t)
	var l struct{ ID, Name, Colour string }
	d.call("POST", "/labels", `{"name":"Refund","colour":"teal"}`, 201, &l)
	d.call("POST", "/labels", `{"name":"refund"}`, 409, nil)
	d.call("PATCH", "/labels/"+l.ID, `{"colour":"#00ff00"}`, 200, &l)
	if l.Colour != "#00ff00" || l.Name != "Refund" {
		t.Errorf("%+v", l)
	}
	d.callAs(d.token, "PATCH", "/labels/"+l.ID, `{"name":"x"}`, 403, nil)
	d.call("DELETE", "/labels/"+l.ID, "", 204, nil)
	d.callAs(d.token, "GET", "/labels/"+l.ID, "", 200, nil)
	if got := d.refusedFields("POST", d.path("/labels"), fmt.Sprintf(`{"label_id":%q}`, l.ID)); got != "body.label_id" {
		t.Errorf("a deleted label: %q", got)
	}
}
