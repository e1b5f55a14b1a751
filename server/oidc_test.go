package server_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"guichet.dev/guichet/team"
)

// newOIDCProvider describes itself and gives no tokens: what it says otherwise is a matter of package oidc.
func newOIDCProvider(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	provider := httptest.NewServer(mux)
	t.Cleanup(provider.Close)
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		err := json.NewEncoder(w).Encode(map[string]string{
			"issuer": provider.URL, "authorization_endpoint": provider.URL + "/authorize", "token_endpoint": provider.URL + "/token", "jwks_uri": provider.URL + "/keys",
		})
		if err != nil {
			t.Error(err)
		}
	})
	return provider
}

func TestOIDC(t *testing.T) {
	f := newFixture(t)
	provider := newOIDCProvider(t)
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
	body := `{"issuer":"` + provider.URL + `","client_id":"guichet","client_secret":"very-secret-oidc","label":"Office","allowed_domains":["example.com"]}`
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
	f.call("DELETE", "/settings/oidc", "", 204, nil)
	f.call("DELETE", "/agents/"+someID+"/oidc", "", 404, nil)
	if strings.Contains(f.log.String(), "very-secret-oidc") || strings.Contains(f.log.String(), "forged") {
		t.Error("the log shows secrets")
	}
}
