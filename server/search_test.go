package server_test

import (
	"context"
	"net/http"
	"net/url"
	"testing"

	"github.com/google/uuid"

	"guichet.dev/guichet/search"
	"guichet.dev/guichet/team"
)

func TestSearchOverHTTP(t *testing.T) {
	d := openInside(t)
	for range 3 {
		_, err := d.db.DB.ExecContext(t.Context(), `INSERT INTO messages (id, conversation_id, account_id, seq, direction, kind, state, content, author_kind, at, received_at)
			VALUES ($1::uuid, $2::uuid, $3::uuid, 9, 'in', 'text', 'received', '{"kind":"text","text":"Crème, <b>please</b>"}', 'contact', now(), now())`,
			uuid.NewString(), d.id, d.account)
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := search.Rebuild(context.WithoutCancel(t.Context()), d.db, nil); err != nil {
		t.Fatal(err)
	}
	get := func(token, path string, status int, out any) {
		t.Helper()
		d.callAs(token, http.MethodGet, path, "", status, out)
	}
	var people struct {
		Items []search.Person
		More  bool
	}
	get(d.token, "/search/people?q=AN", 200, &people)
	if len(people.Items) != 1 || people.Items[0].ID != d.contact || people.Items[0].Conversation.ID != d.id || people.More || len(people.Items[0].Matches) != 1 {
		t.Errorf("%+v", people)
	}
	var texts struct {
		Items      []search.Text
		NextCursor string `json:"next_cursor"`
	}
	seen, cursor := map[string]bool{}, ""
	for range 3 {
		texts.NextCursor = ""
		get(d.token, "/search/messages?limit=1&from=contact&direction=in&q=creme%20&cursor="+url.QueryEscape(cursor), 200, &texts)
		cursor = texts.NextCursor
		for _, item := range texts.Items {
			seen[item.ID] = true
			if item.ConversationID != d.id || item.Contact.Name != "Ana" || len(item.Excerpt) != 2 || !item.Excerpt[0].Hit || item.Excerpt[1].Text != ", <b>please</b>" {
				t.Errorf("%+v", item)
			}
		}
	}
	if len(seen) != 3 || cursor != "" {
		t.Errorf("%d different texts, cursor %q", len(seen), cursor)
	}
	for path, field := range map[string]string{
		"/search/people?q=a": "query.q", "/search/people": "query.q", "/search/messages?q=-a": "query.q", "/search/messages?q=a&cursor=x": "query.cursor",
		"/search/messages?q=a&from=you": "query.from", "/search/messages?q=a&label_id=1": "query.label_id",
	} {
		if got := d.refusedFields(http.MethodGet, path, ""); got != field {
			t.Errorf("%s: %q, want %q", path, got, field)
		}
	}
	get("", "/search/people?q=ana", http.StatusUnauthorized, nil)
	get(d.fixture.token(team.RoleSupervisor), "/search/messages?q=creme&from=me", http.StatusUnprocessableEntity, nil)
	get(d.token, "/search/messages?q=creme&label_id="+someID, 200, &texts)
	if len(texts.Items) != 0 {
		t.Errorf("%+v", texts)
	}
}
