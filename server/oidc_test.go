package server_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"guichet.dev/guichet/internal/testkit/idp"
	"guichet.dev/guichet/team"
)

func TestOIDC(t *testing.T) {
	f := newFixture(t)
	provider := idp.New(t)
	get := func(path string, header ...string) *httptest.ResponseRecorder {
		t.Helper()
		return f.request("GET", "/api/v1/session/oidc"+path, "", nil, header...)
	}
	if w := get(""); w.Code != 200 || strings.TrimSpace(w.Body.String()) != `{"offered":false}` {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := get("/start"); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/login?error=not_offered" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	f.call("GET", "/settings/oidc", "", 404, nil)
	body := `{"issuer":"` + provider.URL + `","client_id":"guichet","client_secret":"very-secret-client","label":"Office","allowed_domains":["example.com"]}`
	var set map[string]any
	f.call("PUT", "/settings/oidc", body, 200, &set)
	if set["client_secret_set"] != true || set["role"] != "agent" || set["client_secret"] != nil {
		t.Errorf("%v", set)
	}
	f.callAs(f.token(team.RoleSupervisor), "PUT", "/settings/oidc", body, 403, nil)
	if w := get(""); strings.TrimSpace(w.Body.String()) != `{"offered":true,"label":"Office"}` {
		t.Errorf("%s", w.Body)
	}
	w := get("/start?return_to=" + url.QueryEscape("//evil.example"))
	location, err := url.Parse(w.Header().Get("Location"))
	cookie := w.Result().Cookies()
	if err != nil || w.Code != http.StatusSeeOther || !strings.HasPrefix(location.String(), provider.URL+"/authorize?") || len(cookie) != 1 ||
		!cookie[0].HttpOnly || cookie[0].SameSite != http.SameSiteLaxMode || cookie[0].MaxAge != 600 || cookie[0].Path != "/api/v1/session/oidc" {
		t.Fatalf("%d %v %v", w.Code, location, cookie)
	}
	if q := location.Query(); strings.Contains(location.String(), "very-secret") || !strings.HasSuffix(q.Get("redirect_uri"), "/api/v1/session/oidc/callback") {
		t.Errorf("%v", q)
	}
	for query, want := range map[string]string{
		"?code=x&state=forged": "expired", "?error=access_denied&error_description=words&state=" + location.Query().Get("state"): "denied",
	} {
		w := get("/callback"+query, "Cookie", cookie[0].Name+"="+cookie[0].Value)
		if got := w.Header().Get("Location"); w.Code != http.StatusSeeOther || got != "/login?error="+want || len(w.Result().Cookies()) != 1 || w.Result().Cookies()[0].MaxAge >= 0 {
			t.Errorf("%s: %d %s %v", query, w.Code, got, w.Result().Cookies())
		}
	}
	f.signsInThrough(provider)
	f.call("DELETE", "/settings/oidc", "", 204, nil)
	f.call("DELETE", "/agents/"+someID+"/oidc", "", 404, nil)
	if strings.Contains(f.log.String(), "very-secret-client") || strings.Contains(f.log.String(), "forged") {
		t.Error("the log shows secrets")
	}
}

// signsInThrough goes to the provider and back as a browser does, and uses the session that this gives.
func (f *fixture) signsInThrough(provider *idp.Provider) {
	f.t.Helper()
	agent, err := f.team.CreateAgent(f.t.Context(), team.System(), team.NewAgent{Name: "Ana", Email: "ana@example.com", Role: team.RoleAgent})
	if err != nil {
		f.t.Fatal(err)
	}
	w := f.request("GET", "/api/v1/session/oidc/start?return_to=%2Finbox", "", nil)
	back := provider.Authorize(w.Header().Get("Location"))
	cookies := w.Result().Cookies()
	w = f.request("GET", "/api/v1/session/oidc/callback?"+back.Encode(), "", nil, "Cookie", cookies[0].Name+"="+cookies[0].Value)
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/inbox" || len(w.Result().Cookies()) != 2 {
		f.t.Fatalf("%d %v", w.Code, w.Header())
	}
	session := w.Result().Cookies()[0]
	if !session.HttpOnly || w.Result().Cookies()[1].MaxAge >= 0 {
		f.t.Errorf("%v", w.Result().Cookies())
	}
	w = f.request("GET", "/api/v1/session", "", nil, "Cookie", session.Name+"="+session.Value)
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), agent.ID) {
		f.t.Errorf("%d %s", w.Code, w.Body)
	}
	w = f.request("GET", "/api/v1/session/oidc/callback?"+back.Encode(), "", nil, "Cookie", cookies[0].Name+"="+cookies[0].Value)
	if w.Header().Get("Location") != "/login?error=expired" {
		f.t.Errorf("the same answer of the provider twice: %v", w.Header())
	}
}
