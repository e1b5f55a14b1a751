package server_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/internal/testkit/office"
	"guichet.dev/guichet/notifications"
	"guichet.dev/guichet/server"
	"guichet.dev/guichet/team"
)

type notificationList struct {
	Items []struct {
		ID, ConversationID string
		ContactName        string `json:"contact_name"`
		Counts             map[string]int
		ChangedAt          time.Time `json:"changed_at"`
		ReadAt             string    `json:"read_at"`
		Latest             struct{ Kind, Event string }
	}
	NextCursor string `json:"next_cursor"`
	Unread     int
	UnreadMore bool `json:"unread_more"`
}

// notify gives an agent entries, of which all but the last are read.
func (f *fixture) notify(o *office.Office, agentID, conversationID string, n int) {
	f.t.Helper()
	for i := range n {
		o.Exec(f.t, "UPDATE notifications SET read_at = now() WHERE agent_id = $1::uuid AND read_at IS NULL", agentID)
		o.Exec(f.t, `WITH entry AS (
				INSERT INTO notifications (id, agent_id, conversation_id, account_id, created_at, changed_at)
				SELECT gen_random_uuid(), $1::uuid, id, account_id, $3, $3 FROM conversations WHERE id = $2::uuid RETURNING *)
			INSERT INTO notification_facts (agent_id, conversation_id, event_seq, kind, notification_id, event, actor_kind, created_at)
			SELECT agent_id, conversation_id, $4, 'mention', id, 'note_added', 'agent', created_at FROM entry`,
			agentID, conversationID, office.Start.Add(time.Duration(i)*time.Minute), i+1)
	}
}

func TestNotificationsOverHTTP(t *testing.T) {
	f := newFixture(t)
	o := office.Open(t)
	id := o.Meet(t, office.Person{WhatsAppID: "33612345678", Name: "Élise"})
	agent, token := f.agentToken(team.RoleAgent)
	f.notify(o, agent.ID, id, 3)
	var all, rest, unread notificationList
	f.callAs(token, "GET", "/me/notifications?limit=2", "", http.StatusOK, &all)
	if len(all.Items) != 2 || all.NextCursor == "" || all.Unread != 1 || all.UnreadMore {
		t.Fatalf("%+v", all)
	}
	if first := all.Items[0]; first.ContactName != "Élise" || first.Counts["mention"] != 1 || first.Latest.Event != "note_added" || first.ReadAt != "" {
		t.Errorf("%+v", first)
	}
	f.callAs(token, "GET", "/me/notifications?limit=2&cursor="+all.NextCursor, "", http.StatusOK, &rest)
	f.callAs(token, "GET", "/me/notifications?unread=true", "", http.StatusOK, &unread)
	if len(rest.Items) != 1 || rest.NextCursor != "" || len(unread.Items) != 1 || unread.Items[0].ID != all.Items[0].ID {
		t.Errorf("%+v %+v", rest, unread)
	}
	upTo := func(at time.Time) string {
		return fmt.Sprintf(`{"ids":[%q],"up_to":%q}`, unread.Items[0].ID, at.Format(time.RFC3339Nano))
	}
	f.callAs(token, "POST", "/me/notifications/read", upTo(unread.Items[0].ChangedAt.Add(-time.Second)), http.StatusNoContent, nil)
	f.callAs(token, "GET", "/me/notifications", "", http.StatusOK, &unread)
	if unread.Unread != 1 {
		t.Errorf("read although it had changed: %+v", unread)
	}
	f.callAs(token, "POST", "/me/notifications/read", upTo(unread.Items[0].ChangedAt), http.StatusNoContent, nil)
	f.callAs(token, "GET", "/me/notifications", "", http.StatusOK, &unread)
	if unread.Unread != 0 || unread.Items[0].ReadAt == "" {
		t.Errorf("not read: %+v", unread)
	}
	for _, body := range []string{`{}`, `{"ids":[]}`, `{"ids":["x"]}`, `{"up_to":"yesterday"}`} {
		f.callAs(token, "POST", "/me/notifications/read", body, http.StatusUnprocessableEntity, nil)
	}
	f.call("GET", "/me/notifications", "", http.StatusNotFound, nil) // a program's
}

func TestNotificationSettingsOverHTTP(t *testing.T) {
	f := newFixture(t)
	_, token := f.agentToken(team.RoleAgent)
	path := "/me/notification-settings"
	var got map[string]any
	f.callAs(token, "GET", path, "", http.StatusOK, &got)
	if got["time_zone"] != "UTC" || got["mention"].(map[string]any)["mail"] != "every_15_minutes" {
		t.Errorf("%v", got)
	}
	body := `{"mention":{"in_app":true,"mail":"immediately"},"assignment":{"in_app":true,"mail":"daily"},"follow":{"in_app":false,"mail":"off"},"hour":7,"time_zone":"Europe/Bucharest"}`
	f.callAs(token, "PUT", path, body, http.StatusOK, nil)
	f.callAs(token, "GET", path, "", http.StatusOK, &got)
	if got["hour"] != 7.0 || got["follow"].(map[string]any)["in_app"] != false {
		t.Errorf("%v", got)
	}
	for from, to := range map[string]string{
		`"hour":7`: `"hour":24`, `"daily"`: `"often"`, "Europe/Bucharest": "Europe/Nowhere", `"in_app":false,`: "",
	} {
		f.callAs(token, "PUT", path, strings.Replace(body, from, to, 1), http.StatusUnprocessableEntity, nil)
	}
}

// collector keeps what would be mailed.
type collector struct{ data map[string]string }

func (*collector) Ready() bool { return true }

func (c *collector) Send(_ context.Context, _ bun.IDB, _, _, _ string, data map[string]string) error {
	c.data = data
	return nil
}

func TestUnsubscribePage(t *testing.T) {
	c := &collector{}
	var store *notifications.Store
	f := newFixture(t, func(o *server.Options) {
		o.Notifications.Mailer = c
		store = o.Notifications
	})
	o := office.Open(t)
	id := o.Meet(t, office.Person{WhatsAppID: "33612345678", Name: "Élise"})
	agent, _ := f.agentToken(team.RoleAgent)
	by := conversation.Actor{Kind: conversation.ActorAgent, ID: agent.ID}
	if _, err := f.db.ExecContext(t.Context(), "UPDATE agents SET language = 'fr' WHERE id = ?", agent.ID); err != nil {
		t.Fatal(err)
	}
	f.notify(o, agent.ID, id, 1)
	o.Exec(t, "UPDATE notifications SET changed_at = now(), created_at = now()")
	o.Exec(t, "UPDATE notification_facts SET mail_due_at = now() - interval '1 minute', created_at = now()")
	if n, err := store.Digest(t.Context()); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	link, err := url.Parse(c.data["unsubscribe"])
	if err != nil {
		t.Fatal(err)
	}
	w := f.request(http.MethodGet, link.RequestURI(), "", nil)
	if body := w.Body.String(); w.Code != http.StatusOK || !strings.Contains(body, "Ne plus recevoir") || !strings.Contains(body, `<form method="post" action="`+link.RequestURI()+`">`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if policy := w.Header().Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'") || w.Header().Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("headers %v", w.Header())
	}
	if s, err := store.Settings(t.Context(), by); err != nil || s != notifications.Defaults() {
		t.Errorf("a look changed something: %+v, %v", s, err)
	}
	w = f.request(http.MethodPost, link.RequestURI(), "", strings.NewReader("List-Unsubscribe=One-Click"), "Content-Type", "application/x-www-form-urlencoded")
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "Vous ne recevrez plus") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if s, err := store.Settings(t.Context(), by); err != nil || s.Mention.Mail != notifications.Off {
		t.Errorf("%+v, %v", s, err)
	}
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		w := f.request(method, notifications.UnsubscribePath+"?token=%3Cscript%3E", "", nil)
		if w.Code != http.StatusNotFound || strings.Contains(w.Body.String(), "<script") {
			t.Errorf("%s: %d %s", method, w.Code, w.Body)
		}
	}
	if strings.Contains(f.log.String(), link.Query().Get("token")) {
		t.Error("the token is in the log")
	}
}
