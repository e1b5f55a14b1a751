package server_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/team"
)

func TestMalformedRequests(t *testing.T) {
	f := newFixture(t)
	conv := "/api/v1/conversations/" + someID
	for name, c := range map[string]struct {
		method, path, body string
		status             int
		code, field        string
	}{
		"not JSON":           {"POST", conv + "/messages", `{"client_id":`, 400, "invalid", ""},
		"bytes":              {"POST", conv + "/messages", "\x00\xff\xfe", 400, "invalid", ""},
		"deep":               {"POST", conv + "/messages", strings.Repeat("[", 20_000), 400, "invalid", ""},
		"empty":              {"POST", conv + "/messages", "", 400, "invalid", ""},
		"a list":             {"POST", conv + "/messages", "[]", 422, "invalid", ""},
		"null":               {"POST", conv + "/messages", "null", 422, "invalid", ""},
		"missing":            {"POST", conv + "/messages", `{"text":"hi"}`, 422, "invalid", "client_id"},
		"unknown property":   {"POST", conv + "/messages", `{"client_id":"1","text":"hi","colour":"red"}`, 422, "invalid", "colour"},
		"another case":       {"POST", conv + "/messages", `{"client_id":"1","text":"hi","TEXT":"ho"}`, 422, "invalid", "TEXT"},
		"wrong type":         {"POST", conv + "/messages", `{"client_id":7,"text":"hi"}`, 422, "invalid", "client_id"},
		"neither":            {"POST", conv + "/messages", `{"client_id":"1"}`, 422, "invalid", "text"},
		"both":               {"POST", conv + "/messages", `{"client_id":"1","text":"a","reaction":{"message_id":"` + someID + `","emoji":"x"}}`, 422, "invalid", "text"},
		"NUL":                {"POST", conv + "/messages", `{"client_id":"1","text":"a\u0000b"}`, 422, "invalid", ""},
		"quoting reaction":   {"POST", conv + "/messages", `{"client_id":"1","reply_to":"` + someID + `","reaction":{"message_id":"` + someID + `","emoji":"x"}}`, 422, "invalid", "reply_to"},
		"no id":              {"GET", "/api/v1/conversations/x", "", 422, "invalid", "conversation_id"},
		"unknown view":       {"GET", "/api/v1/conversations?view=everything", "", 422, "invalid", "view"},
		"limit":              {"GET", "/api/v1/conversations?limit=101", "", 422, "invalid", "limit"},
		"limit in words":     {"GET", "/api/v1/conversations?limit=ten", "", 422, "invalid", "limit"},
		"cursor":             {"GET", "/api/v1/conversations?cursor=abc", "", 422, "invalid", "cursor"},
		"snooze in words":    {"POST", conv + "/snooze", `{"until":"tomorrow"}`, 422, "invalid", "until"},
		"snooze in the past": {"POST", conv + "/snooze", `{"until":"2020-01-01T00:00:00Z"}`, 422, "invalid", "until"},
		"assign nothing":     {"POST", conv + "/assign", `{}`, 422, "invalid", ""},
		"assign a number":    {"POST", conv + "/assign", `{"agent_id":7}`, 422, "invalid", "agent_id"},
		"assign to a word":   {"POST", conv + "/assign", `{"agent_id":"ana"}`, 422, "invalid", "agent_id"},
		"unknown scope":      {"POST", conv + "/consent", `{"scope":"some","state":"opted_out"}`, 422, "invalid", "scope"},
		"opt-in unproven":    {"POST", conv + "/consent", `{"scope":"all","state":"opted_in"}`, 422, "invalid", "note"},
		"consent tomorrow":   {"POST", conv + "/consent", `{"scope":"all","state":"opted_out","at":"2999-01-01T00:00:00Z"}`, 422, "invalid", "at"},
		"read nothing":       {"POST", conv + "/read", `{"up_to_seq":0}`, 422, "invalid", "up_to_seq"},
		"read a fraction":    {"POST", conv + "/read", `{"up_to_seq":1.5}`, 422, "invalid", "up_to_seq"},
		"read beyond int64":  {"POST", conv + "/read", `{"up_to_seq":9223372036854775808}`, 422, "invalid", "up_to_seq"},
		"read an exponent":   {"POST", conv + "/read", `{"up_to_seq":1e0}`, 422, "invalid", "up_to_seq"},
		"attend a program":   {"POST", conv + "/attend", "", 422, "unsupported", ""},
		"unknown role":       {"POST", "/api/v1/agents", `{"name":"A","email":"a@example.com","role":"boss"}`, 422, "invalid", "role"},
		"token of nobody":    {"POST", "/api/v1/tokens", `{"name":"t"}`, 422, "invalid", "role"},
		"audit of NUL":       {"GET", "/api/v1/audit?subject_kind=team&subject_id=%00", "", 422, "invalid", "subject_id"},
		"no version":         {"PATCH", "/api/v1/accounts/" + someID, `{"api_version":""}`, 422, "invalid", "api_version"},
		"bad setting":        {"POST", "/api/v1/accounts", strings.Replace(newAccount, "{", `{"settings":{"pair_burst":0},`, 1), 422, "invalid", "settings.pair_burst"},
		"http":               {"POST", "/api/v1/accounts", strings.Replace(newAccount, "{", `{"api_base_url":"http://10.0.0.1",`, 1), 422, "invalid", "api_base_url"},
		"no secrets":         {"POST", "/api/v1/accounts", `{"channel":"whatsapp","name":"S","provider_id":"1","secrets":{"app_secret":"x"}}`, 422, "invalid", "secrets.access_token"},
		"too large":          {"POST", conv + "/messages", `{"client_id":"1","text":"` + strings.Repeat("a", 1<<20) + `"}`, 413, "invalid", ""},
		"no route":           {"GET", "/api/v1/nothing", "", 404, "not_found", ""},
		"nothing at all":     {"GET", "/%00", "", 404, "not_found", ""},
		"wrong method":       {"DELETE", "/api/v1/accounts", "", 405, "invalid", ""},
	} {
		t.Run(name, func(t *testing.T) {
			sub := *f
			sub.t = t
			var p problem
			w := sub.request(c.method, c.path, f.admin, strings.NewReader(c.body), "Content-Type", "application/json")
			sub.decode(w.Body.Bytes(), &p)
			if w.Code != c.status || p.Code != c.code || p.Status != c.status || w.Header().Get("Content-Type") != "application/problem+json" {
				t.Fatalf("%d %s %s", w.Code, w.Header().Get("Content-Type"), w.Body)
			}
			if p.RequestID == "" || p.RequestID != w.Header().Get("X-Request-Id") || p.Detail == "" {
				t.Errorf("request id or detail is missing: %s", w.Body)
			}
			named := slices.ContainsFunc(p.Fields, func(x struct{ In, Field, Detail string }) bool {
				return x.Field == c.field && x.Detail != "" && x.In == place(c.method, c.path, c.field)
			})
			if c.field != "" && !named {
				t.Errorf("does not name %s: %s", c.field, w.Body)
			}
		})
	}
	w := f.request("POST", conv+"/messages", f.admin, strings.NewReader("<a/>"), "Content-Type", "application/xml")
	if w.Code != http.StatusUnsupportedMediaType || strings.Contains(w.Body.String(), "validation failed") {
		t.Errorf("XML: %d %s", w.Code, w.Body)
	}
	if w := f.request("POST", conv+"/read", f.admin, broken{}, "Content-Type", "application/json"); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), `"code":"invalid"`) {
		t.Errorf("a body that breaks off: %d %s", w.Code, w.Body)
	}
	w = f.request("POST", conv+"/read", f.admin, strings.NewReader(`{"up_to_seq":1e30}`), "Content-Type", "application/json")
	if strings.Contains(w.Body.String(), "1e30") || strings.Contains(w.Body.String(), "Go struct") {
		t.Errorf("repeats the value: %s", w.Body)
	}
	if w := f.request("GET", "/api/v1/me", f.admin, nil, "Accept", "image/png"); w.Code != http.StatusOK {
		t.Errorf("accepts images only: %d %s", w.Code, w.Body)
	}
}

func TestErrorsHaveOneMapping(t *testing.T) {
	f := newFixture(t)
	path := "/conversations/" + someID + "/done"
	for code, status := range map[conversation.Code]int{
		conversation.CodeInvalid: 422, conversation.CodeUnauthorised: 401, conversation.CodeForbidden: 403,
		conversation.CodeNotFound: 404, conversation.CodeConflict: 409, conversation.CodeStale: 409,
		conversation.CodeWindowClosed: 422, conversation.CodeOptedOut: 422, conversation.CodeUnsupported: 422,
		conversation.CodeNoAddress: 422, conversation.CodeUnavailable: 503,
	} {
		f.inbox.err = &conversation.Error{Code: code, Message: "because", Details: map[string]any{"assignee_id": someID}}
		var p problem
		f.call("POST", path, "", status, &p)
		if p.Code != string(code) || p.Detail != "because" || p.Details["assignee_id"] != someID {
			t.Errorf("%s: %+v", code, p)
		}
	}
	f.inbox.err = errors.New("+33612345678 said something")
	var p problem
	f.call("POST", path, "", http.StatusInternalServerError, &p)
	if p.Code != "internal" || strings.Contains(p.Detail, "said") {
		t.Errorf("%+v", p)
	}
	if n := strings.Count(f.log.String(), `"msg":"request failed"`); n != 1 {
		t.Errorf("logged %d times", n)
	}
	for _, lost := range []error{driver.ErrBadConn, fmt.Errorf("done: %w", postgres.ErrCommitUnknown)} {
		f.inbox.err = lost
		if f.call("POST", path, "", http.StatusServiceUnavailable, &p); p.Code != "unavailable" {
			t.Errorf("%v: %+v", lost, p)
		}
	}
	f.inbox.err = context.DeadlineExceeded
	f.call("POST", path, "", http.StatusServiceUnavailable, &p)
	f.inbox.panics = "the customer's words"
	f.call("POST", path, "", http.StatusInternalServerError, &p)
	if p.Code != "internal" || strings.Contains(f.log.String(), "customer's words") {
		t.Errorf("%+v %s", p, f.log)
	}
}

func TestAccounts(t *testing.T) {
	f := newFixture(t)
	id := f.account()
	var a struct {
		WebhookPath string          `json:"webhook_path"`
		APIBaseURL  string          `json:"api_base_url"`
		APIVersion  string          `json:"api_version"`
		SecretsSet  map[string]bool `json:"secrets_set"`
		State       string
		Settings    map[string]any
	}
	f.call("GET", "/accounts/"+id, "", 200, &a)
	if a.WebhookPath != "/webhooks/whatsapp/"+id || a.APIBaseURL != "https://graph.facebook.com" || a.APIVersion != "v26.0" ||
		!a.SecretsSet["app_secret"] || a.Settings["window_margin_seconds"] != 60.0 || a.Settings["agent_may_answer_opted_out"] != true {
		t.Errorf("%+v", a)
	}
	f.call("PATCH", "/accounts/"+id, `{"settings":{"pair_burst":3},"secrets":{"app_secret":"very-secret-d"}}`, 200, &a)
	if a.Settings["pair_burst"] != 3.0 || a.Settings["window_margin_seconds"] != 60.0 {
		t.Errorf("%+v", a.Settings)
	}
	if f.post(id, "very-secret-d", []byte("{}")) != http.StatusOK {
		t.Error("the new secret is not used at once")
	}
	f.call("POST", "/accounts/"+id+"/pause", "", 200, &a)
	if a.State != "paused" {
		t.Error(a.State)
	}
	f.call("POST", "/accounts/"+id+"/resume", "", 200, &a)
	if a.State != "active" {
		t.Error(a.State)
	}
	var p problem
	f.call("POST", "/accounts", newAccount, http.StatusConflict, &p)
	var check struct {
		OK            bool
		Code          string
		MustReconnect bool `json:"must_reconnect"`
	}
	f.call("POST", "/accounts/"+id+"/check", "", 200, &check)
	if !check.OK {
		t.Errorf("%+v", check)
	}
	f.adapter.refusal = &channel.SendError{Behaviour: channel.StopAccount, Code: "190"}
	f.call("POST", "/accounts/"+id+"/check", "", 200, &check)
	if check.OK || check.Code != "190" || !check.MustReconnect {
		t.Errorf("%+v", check)
	}
	all := f.request("GET", "/api/v1/accounts", f.admin, nil).Body.String() + f.request("GET", "/api/v1/audit", f.admin, nil).Body.String() + f.log.String()
	if strings.Contains(all, "very-secret") {
		t.Error("a secret is shown")
	}
}

func TestConversationsAreReadAndHandled(t *testing.T) {
	f := newFixture(t)
	ana, token := f.agentToken(team.RoleAgent)
	f.inbox.next = inbox.Cursor{At: time.Date(2026, 11, 22, 9, 0, 0, 123_000, time.UTC), ID: someID}
	var page struct {
		Items      []any
		NextCursor string `json:"next_cursor"`
	}
	f.callAs(token, "GET", "/conversations?view=mine&limit=7", "", 200, &page)
	if page.Items == nil || f.inbox.by.ID != ana.ID || f.inbox.filter.Limit != 7 || f.inbox.filter.View != inbox.ViewMine {
		t.Errorf("%+v %+v", page, f.inbox.filter)
	}
	f.callAs(token, "GET", "/conversations?cursor="+page.NextCursor, "", 200, &page)
	if f.inbox.filter.After != f.inbox.next || f.inbox.filter.View != "" || f.inbox.filter.Limit != 50 {
		t.Errorf("%+v", f.inbox.filter)
	}
	for _, view := range inbox.Views() {
		f.callAs(token, "GET", "/conversations?view="+string(view), "", 200, nil)
	}
	conv := "/conversations/" + someID
	f.callAs(token, "POST", conv+"/attend", "", 200, nil)
	if f.inbox.by.Actor != (conversation.Actor{Kind: conversation.ActorAgent, ID: ana.ID}) {
		t.Errorf("by %+v", f.inbox.by)
	}
	for _, nobody := range []string{`""`, "null"} {
		f.callAs(token, "POST", conv+"/assign", `{"agent_id":`+nobody+`}`, 200, nil)
		if to := f.inbox.assigned; to.AgentID == nil || *to.AgentID != "" || to.TeamID != nil {
			t.Errorf("%s: %+v", nobody, to)
		}
	}
	f.callAs(token, "POST", conv+"/messages", `{"client_id":"1","text":" Bonjour ","reply_to":"`+someID+`"}`, 201, nil)
	if m := f.inbox.sent; m.ClientID != "1" || m.Content.Text != " Bonjour " || m.Content.Kind != conversation.KindText || m.ReplyTo != someID {
		t.Errorf("%+v", m)
	}
	f.callAs(token, "POST", conv+"/messages", `{"client_id":"2","reaction":{"message_id":"`+someID+`","emoji":"👍"}}`, 201, nil)
	if m := f.inbox.sent; m.Content.Kind != conversation.KindReaction || m.Content.Reaction.Emoji != "👍" || m.Content.Reaction.MessageID != someID {
		t.Errorf("%+v", m)
	}
	f.callAs(token, "POST", conv+"/consent", `{"scope":"all","state":"opted_in","note":"on the phone"}`, 200, nil)
	if w := f.inbox.wish; w.State != conversation.ConsentOptedIn || w.Note != "on the phone" || w.At.IsZero() {
		t.Errorf("%+v", w)
	}
	f.callAs(token, "POST", conv+"/snooze", `{"until":"2999-01-01T00:00:00+02:00"}`, 200, nil)
	f.inbox.account = f.account()
	f.callAs(token, "POST", conv+"/read", `{"up_to_seq":3,"typing":true}`, 200, nil)
	if got := <-f.adapter.marked; got != "wamid.last true" {
		t.Errorf("marked %s", got)
	}
	if strings.Contains(f.log.String(), "Bonjour") || !strings.Contains(f.log.String(), `"conversation_id":"`+someID) {
		t.Error("the log shows words, or not the conversation")
	}
}

func TestTeamAndTokens(t *testing.T) {
	f := newFixture(t)
	var agent, group, token struct {
		ID, State, Token string
		MemberIDs        []string   `json:"member_ids"`
		RevokedAt        *time.Time `json:"revoked_at"`
	}
	f.call("POST", "/agents", `{"name":"Ana","email":"ana@example.com","role":"agent"}`, 201, &agent)
	f.call("POST", "/teams", `{"name":"Sales"}`, 201, &group)
	f.call("PUT", "/teams/"+group.ID+"/members/"+agent.ID, "", 200, &group)
	if !slices.Equal(group.MemberIDs, []string{agent.ID}) {
		t.Errorf("%+v", group)
	}
	f.call("PATCH", "/teams/"+group.ID, `{"name":"Sales EU"}`, 200, nil)
	f.call("DELETE", "/teams/"+group.ID+"/members/"+agent.ID, "", 200, &group)
	if len(group.MemberIDs) != 0 {
		t.Errorf("%+v", group)
	}
	f.call("POST", "/tokens", `{"name":"laptop","agent_id":"`+agent.ID+`"}`, 201, &token)
	var me struct {
		AgentID     string `json:"agent_id"`
		Role        string
		Permissions []string
	}
	f.callAs(token.Token, "GET", "/me", "", 200, &me)
	if me.AgentID != agent.ID || me.Role != "agent" || len(me.Permissions) == 0 {
		t.Errorf("%+v", me)
	}
	list := f.request("GET", "/api/v1/tokens", f.admin, nil).Body.String()
	if strings.Contains(list, token.Token) || strings.Contains(list, "hash") {
		t.Error("the list shows tokens")
	}
	f.call("POST", "/tokens/"+token.ID+"/revoke", "", 200, &token)
	f.callAs(token.Token, "GET", "/me", "", 401, nil)
	f.call("PATCH", "/agents/"+agent.ID, `{"state":"deactivated"}`, 200, &agent)
	if agent.State != "deactivated" || token.RevokedAt == nil {
		t.Errorf("%+v", agent)
	}
	var page struct {
		Items      []struct{ Action string }
		NextCursor string `json:"next_cursor"`
	}
	var actions []string
	for cursor := ""; ; cursor = "&cursor=" + page.NextCursor {
		page.NextCursor = ""
		f.call("GET", "/audit?subject_kind=team&limit=1"+cursor, "", 200, &page)
		for _, e := range page.Items {
			actions = append(actions, e.Action)
		}
		if page.NextCursor == "" {
			break
		}
	}
	if want := []string{"teams.remove_member", "teams.update", "teams.add_member", "teams.create"}; !slices.Equal(actions, want) {
		t.Errorf("%v", actions)
	}
}

func TestProbes(t *testing.T) {
	f := newFixture(t)
	if w := f.request("GET", "/healthz", "", nil); w.Code != 200 {
		t.Error(w.Code)
	}
	if w := f.request("GET", "/readyz", "", nil); w.Code != 200 || !strings.Contains(w.Body.String(), `"ready":true`) {
		t.Error(w.Code, w.Body)
	}
	(*f.checks)[0] = errors.New("connection refused by 10.0.0.7")
	if w := f.request("GET", "/readyz", "", nil); w.Code != 503 || !strings.Contains(w.Body.String(), `"missing":["database"]`) || strings.Contains(w.Body.String(), "10.0") {
		t.Error(w.Code, w.Body)
	}
	if w := f.request("GET", "/readyz", "", nil); !strings.Contains(w.Body.String(), `"degraded":["temporal"]`) {
		t.Error(w.Body)
	}
	f.account()
	f.request("GET", "/api/v1/conversations/"+someID+"?secret=words", f.admin, nil)
	f.request("BREW", "/anything/"+someID, "", nil)
	w := f.request("GET", "/metrics", "", nil).Body.String()
	for _, want := range []string{
		`guichet_http_requests_total{method="GET",route="/api/v1/conversations/:conversation_id",status="200"} 1`,
		`guichet_http_requests_total{method="other",route="none",status="404"} 1`,
	} {
		if !strings.Contains(w, want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(w, someID) || strings.Contains(f.log.String(), "secret=words") {
		t.Error("metrics or log show an address")
	}
}

// place returns where a field of a malformed request stands.
func place(method, path, field string) string {
	switch {
	case strings.HasSuffix(field, "_id") && strings.HasSuffix(path, "/x"):
		return "path"
	case method == "GET":
		return "query"
	default:
		return "body"
	}
}
