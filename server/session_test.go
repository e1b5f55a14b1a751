package server_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/server"
	"guichet.dev/guichet/team"
)

const goodPassword = "a good long password"

// browser is somebody who is logged in.
type browser struct {
	*fixture
	agent  team.Agent
	cookie *http.Cookie
	csrf   string
}

func (f *fixture) logIn(t *testing.T) *browser {
	t.Helper()
	a, _ := f.agentToken(team.RoleAgent)
	if err := f.signIn.SetPassword(t.Context(), conversation.Actor{Kind: conversation.ActorSystem}, a.ID, goodPassword, ""); err != nil {
		t.Fatal(err)
	}
	return f.enter(a)
}

// enter logs an agent in.
func (f *fixture) enter(a team.Agent) *browser {
	f.t.Helper()
	w := f.request("POST", "/api/v1/session", "", strings.NewReader(`{"email":"`+a.Email+`","password":"`+goodPassword+`"}`), "Content-Type", "application/json")
	var s struct {
		AgentID   string `json:"agent_id"`
		CSRFToken string `json:"csrf_token"`
	}
	f.decode(w.Body.Bytes(), &s)
	if w.Code != 200 || s.AgentID != a.ID || s.CSRFToken == "" || len(w.Result().Cookies()) != 1 {
		f.t.Fatalf("%d %s", w.Code, w.Body)
	}
	return &browser{f, a, w.Result().Cookies()[0], s.CSRFToken}
}

// ask makes a request as the browser's own page does, unless headers say otherwise.
func (b *browser) ask(method, path, body string, header ...string) *httptest.ResponseRecorder {
	b.t.Helper()
	all := append([]string{"Content-Type", "application/json", "Cookie", b.cookie.Name + "=" + b.cookie.Value, "X-CSRF-Token", b.csrf}, header...)
	return b.request(method, "/api/v1"+path, "", strings.NewReader(body), all...)
}

func TestSessionCookie(t *testing.T) {
	for url, name := range map[string]string{"": "guichet_session", "https://inbox.example.com": "__Host-guichet_session"} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, func(o *server.Options) { o.PublicURL = url })
			b := f.logIn(t)
			c := b.cookie
			if c.Name != name || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.Secure != (url != "") || c.MaxAge <= 0 {
				t.Errorf("%+v", c)
			}
			if w := b.ask("GET", "/me", ""); w.Code != 200 || !strings.Contains(w.Body.String(), b.agent.ID) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if w := b.ask("DELETE", "/session", ""); w.Code != 204 || w.Result().Cookies()[0].MaxAge >= 0 {
				t.Errorf("log out: %d", w.Code)
			}
			if w := b.ask("GET", "/me", ""); w.Code != http.StatusUnauthorized {
				t.Errorf("after it: %d", w.Code)
			}
		})
	}
}

func TestForgedRequests(t *testing.T) {
	f := newFixture(t)
	b := f.logIn(t)
	change := `{"language":"fr"}`
	for name, c := range map[string]struct {
		header []string
		status int
	}{
		"own page":          {nil, 200},
		"same origin":       {[]string{"Sec-Fetch-Site", "same-origin", "Origin", "http://example.com"}, 200},
		"no token":          {[]string{"X-CSRF-Token", ""}, 403},
		"wrong token":       {[]string{"X-CSRF-Token", b.csrf + "x"}, 403},
		"cross site":        {[]string{"Sec-Fetch-Site", "cross-site"}, 403},
		"same site":         {[]string{"Sec-Fetch-Site", "same-site"}, 403},
		"foreign origin":    {[]string{"Origin", "https://evil.example"}, 403},
		"opaque origin":     {[]string{"Origin", "null"}, 403},
		"cookie and bearer": {[]string{"Authorization", "Bearer guichet_wrong"}, 401},
	} {
		if w := b.ask("PATCH", "/me", change, c.header...); w.Code != c.status {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	// Reading needs no token: a foreign page cannot see the answer.
	if w := b.ask("GET", "/session", "", "X-CSRF-Token", ""); w.Code != 200 || !strings.Contains(w.Body.String(), b.csrf) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestLogInIsNewEachTime(t *testing.T) {
	f := newFixture(t)
	first := f.logIn(t)
	second := f.enter(first.agent)
	if first.cookie.Value == second.cookie.Value || first.csrf == second.csrf {
		t.Error("two sessions have one value")
	}
	if w := first.ask("PATCH", "/me", `{}`, "X-CSRF-Token", second.csrf); w.Code != 403 {
		t.Errorf("another session's token: %d", w.Code)
	}
	if w := first.ask("DELETE", "/me/sessions", ""); w.Code != 204 {
		t.Fatal(w.Code)
	}
	if w := second.ask("GET", "/me", ""); w.Code != 401 {
		t.Errorf("logged out elsewhere: %d", w.Code)
	}
	f.call("PATCH", "/agents/"+first.agent.ID, `{"state":"deactivated"}`, 200, nil)
	f.call("PATCH", "/agents/"+first.agent.ID, `{"state":"active"}`, 200, nil)
	if w := first.ask("GET", "/me", ""); w.Code != 401 {
		t.Errorf("the session came to life again: %d", w.Code)
	}
}

func TestPasswordsOverHTTP(t *testing.T) {
	f := newFixture(t)
	b := f.logIn(t)
	if w := b.ask("PUT", "/me/password", `{"current":"wrong","password":"another good password"}`); w.Code != 422 || !strings.Contains(w.Body.String(), `"current"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	f.call("POST", "/agents/"+b.agent.ID+"/invite", "", 202, nil)
	token := f.mails.token(t)
	body := `{"token":"` + token + `","password":"another good password"}`
	if w := f.request("POST", "/api/v1/password", "", strings.NewReader(body), "Content-Type", "application/json"); w.Code != 204 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if w := b.ask("GET", "/me", ""); w.Code != 401 {
		t.Errorf("the old session goes on: %d", w.Code)
	}
	for _, email := range []string{b.agent.Email, "nobody@example.com"} {
		w := f.request("POST", "/api/v1/password/forgotten", "", strings.NewReader(`{"email":"`+email+`"}`), "Content-Type", "application/json")
		if w.Code != 202 || w.Body.Len() != 0 {
			t.Errorf("%s: %d %s", email, w.Code, w.Body)
		}
	}
}

func TestAddressBehindProxies(t *testing.T) {
	f := newFixture(t, func(o *server.Options) {
		o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("10.0.0.0/8")}
	})
	b := f.logIn(t) // httptest's requests come from 192.0.2.1
	for forwarded, want := range map[string]string{
		"": "192.0.2.1", "203.0.113.9": "203.0.113.9", "1.2.3.4, 203.0.113.9": "203.0.113.9", "203.0.113.9, 10.1.2.3": "203.0.113.9", "nonsense": "192.0.2.1",
	} {
		f.request("POST", "/api/v1/session", "", strings.NewReader(`{"email":"`+b.agent.Email+`","password":"`+goodPassword+`"}`),
			"Content-Type", "application/json", "X-Forwarded-For", forwarded)
		var ip string
		if err := f.db.NewRaw("SELECT ip FROM sessions ORDER BY created_at DESC LIMIT 1").Scan(t.Context(), &ip); err != nil || ip != want {
			t.Errorf("%q: %q, %v", forwarded, ip, err)
		}
	}
}
