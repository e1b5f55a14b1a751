package oidc_test

import (
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/internal/testkit"
	"guichet.dev/guichet/internal/testkit/idp"
	"guichet.dev/guichet/oidc"
	"guichet.dev/guichet/team"
)

// door is a store with a provider that is set up, and one agent.
type door struct {
	*oidc.Store
	t        *testing.T
	db       *bun.DB
	team     *team.Store
	provider *idp.Provider
	ana      string
	now      time.Time
}

func newDoor(t *testing.T, change ...func(*oidc.Options)) *door {
	t.Helper()
	t.Parallel()
	keys := testkit.Keyring(t)
	d := &door{t: t, db: testkit.Database(t), provider: idp.New(t), now: time.Now()}
	d.team = team.NewStore(d.db)
	o := oidc.Options{
		DB: d.db, Team: d.team, Sealer: keys, PublicURL: func() string { return "https://inbox.example.com" }, AllowPrivate: true, Now: func() time.Time { return d.now },
	}
	for _, c := range change {
		c(&o)
	}
	d.Store = oidc.NewStore(o)
	a, err := d.team.CreateAgent(t.Context(), team.System(), team.NewAgent{Name: "Ana", Email: "ana@example.com", Role: team.RoleAgent})
	if err != nil {
		t.Fatal(err)
	}
	d.ana = a.ID
	return d
}

func (d *door) settings() oidc.NewSettings {
	secret := idp.ClientSecret
	return oidc.NewSettings{
		Issuer: d.provider.URL, ClientID: idp.ClientID, ClientSecret: &secret, Label: "Office", AllowedDomains: []string{"@Example.com"}, Role: team.RoleAgent,
	}
}

func (d *door) set(change ...func(*oidc.NewSettings)) oidc.ProviderSettings {
	d.t.Helper()
	in := d.settings()
	for _, c := range change {
		c(&in)
	}
	out, err := d.SetSettings(d.t.Context(), team.System(), in)
	if err != nil {
		d.t.Fatal(err)
	}
	return out
}

func (d *door) begin(returnTo string) oidc.Began {
	d.t.Helper()
	b, err := d.Begin(d.t.Context(), returnTo)
	if err != nil {
		d.t.Fatal(err)
	}
	return b
}

// enter goes all the way.
func (d *door) enter() (oidc.Entry, error) {
	d.t.Helper()
	b := d.begin("/inbox")
	return d.finish(b, d.provider.Authorize(b.URL))
}

func (d *door) finish(b oidc.Began, back url.Values) (oidc.Entry, error) {
	d.t.Helper()
	return d.Finish(d.t.Context(), b.Cookie, oidc.Callback{Code: back.Get("code"), State: back.Get("state"), Issuer: back.Get("iss"), Error: back.Get("error")})
}

func reason(err error) oidc.Reason {
	if r, ok := errors.AsType[*oidc.Refusal](err); ok {
		return r.Reason
	}
	if err != nil {
		return oidc.Reason("no refusal: " + err.Error())
	}
	return ""
}

func (d *door) want(err error, code conversation.Code) {
	d.t.Helper()
	if conversation.CodeOf(err) != code {
		d.t.Errorf("%v, want %q", err, code)
	}
}

func (d *door) count(query string, args ...any) int {
	d.t.Helper()
	var n int
	if err := d.db.NewRaw(query, args...).Scan(d.t.Context(), &n); err != nil {
		d.t.Fatal(err)
	}
	return n
}

func TestSignIn(t *testing.T) {
	d := newDoor(t)
	d.set()
	for range 2 {
		entry, err := d.enter()
		if err != nil || entry.AgentID != d.ana || entry.ReturnTo != "/inbox" {
			t.Fatalf("%+v %v", entry, err)
		}
	}
	if n := d.count("SELECT count(*) FROM oidc_identities WHERE subject = 'ana-1' AND agent_id = ?", d.ana); n != 1 {
		t.Errorf("%d identities", n)
	}
	if n := d.count("SELECT count(*) FROM audit_entries WHERE action = 'agents.link_oidc' AND subject_id = ?", d.ana); n != 1 {
		t.Errorf("%d entries in the audit", n)
	}
	// From then on the subject counts, whatever the address.
	d.provider.Change = func(c map[string]any) { c["email"] = "ana.maria@example.com" }
	if entry, err := d.enter(); err != nil || entry.AgentID != d.ana {
		t.Errorf("%+v %v", entry, err)
	}
	if label, ok, err := d.Offered(t.Context()); label != "Office" || !ok || err != nil {
		t.Error(label, ok, err)
	}
}

func TestRefusals(t *testing.T) {
	other := idp.NewKey(t)
	for name, c := range map[string]struct {
		claims func(map[string]any)
		sign   bool
		want   oidc.Reason
	}{
		"wrong nonce":      {claims: func(c map[string]any) { c["nonce"] = "another" }, want: oidc.Untrusted},
		"no nonce":         {claims: func(c map[string]any) { delete(c, "nonce") }, want: oidc.Untrusted},
		"wrong audience":   {claims: func(c map[string]any) { c["aud"] = "another" }, want: oidc.Untrusted},
		"wrong issuer":     {claims: func(c map[string]any) { c["iss"] = "https://evil.example" }, want: oidc.Untrusted},
		"expired":          {claims: func(c map[string]any) { c["exp"] = time.Now().Add(-time.Minute).Unix() }, want: oidc.Untrusted},
		"another key":      {claims: func(map[string]any) {}, sign: true, want: oidc.Untrusted},
		"no subject":       {claims: func(c map[string]any) { c["sub"] = "" }, want: oidc.Untrusted},
		"unverified":       {claims: func(c map[string]any) { c["email_verified"] = false }, want: oidc.Unverified},
		"unverified text":  {claims: func(c map[string]any) { c["email_verified"] = "false" }, want: oidc.Unverified},
		"nothing about it": {claims: func(c map[string]any) { delete(c, "email_verified") }, want: oidc.Unverified},
		"no address":       {claims: func(c map[string]any) { delete(c, "email") }, want: oidc.Unverified},
		"NUL":              {claims: func(c map[string]any) { c["email"] = "ana\x00@example.com" }, want: oidc.Unverified},
		"foreign domain":   {claims: func(c map[string]any) { c["email"] = "ana@evil.example" }, want: oidc.ForeignDomain},
		"domain within":    {claims: func(c map[string]any) { c["email"] = "ana@example.com.evil.example" }, want: oidc.ForeignDomain},
		"two at":           {claims: func(c map[string]any) { c["email"] = "ana@example.com@evil.example" }, want: oidc.ForeignDomain},
		"nobody of ours":   {claims: func(c map[string]any) { c["email"] = "eva@example.com" }, want: oidc.Unknown},
		"verified text":    {claims: func(c map[string]any) { c["email_verified"] = "true" }},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDoor(t)
			d.set()
			d.provider.Change = c.claims
			if c.sign {
				d.provider.Sign = other
			}
			entry, err := d.enter()
			if reason(err) != c.want || (entry.AgentID == "") != (c.want != "") {
				t.Errorf("%+v %v", entry, err)
			}
			if n := d.count("SELECT count(*) FROM oidc_identities"); n != 0 && c.want != "" {
				t.Errorf("%d identities are kept", n)
			}
		})
	}
}

func TestStateBelongsToOneBrowserOnce(t *testing.T) {
	d := newDoor(t)
	d.set()
	b := d.begin("/")
	back := d.provider.Authorize(b.URL)
	other := d.begin("/")
	if _, err := d.finish(other, back); reason(err) != oidc.Expired {
		t.Errorf("another browser's: %v", err)
	}
	for _, cookie := range []string{"", "x", b.Cookie[:len(b.Cookie)-2], strings.Repeat("x", 10_000)} {
		if _, err := d.finish(oidc.Began{Cookie: cookie}, back); reason(err) != oidc.Expired {
			t.Errorf("cookie %.20q: %v", cookie, err)
		}
	}
	if _, err := d.finish(b, back); err != nil {
		t.Fatal(err)
	}
	back.Set("code", d.provider.Authorize(b.URL).Get("code")) // a new code for the same log-in
	if _, err := d.finish(b, back); reason(err) != oidc.Expired {
		t.Errorf("replayed: %v", err)
	}
	if n := d.provider.Unused(); n != 1 {
		t.Errorf("the replayed code was given to the provider")
	}
	late := d.begin("/")
	back = d.provider.Authorize(late.URL)
	d.now = d.now.Add(oidc.Life + time.Second)
	if _, err := d.finish(late, back); reason(err) != oidc.Expired {
		t.Errorf("late: %v", err)
	}
}

func TestProviderSaysNo(t *testing.T) {
	d := newDoor(t)
	if _, err := d.Begin(t.Context(), "/"); reason(err) != oidc.NotOffered {
		t.Error(err)
	}
	if _, ok, err := d.Offered(t.Context()); ok || err != nil {
		t.Error(ok, err)
	}
	d.set()
	for name, c := range map[string]struct {
		change func(url.Values)
		want   oidc.Reason
	}{
		"denied":         {func(q url.Values) { q.Del("code"); q.Set("error", "access_denied") }, oidc.Denied},
		"nothing":        {func(q url.Values) { q.Del("code") }, oidc.Denied},
		"another issuer": {func(q url.Values) { q.Set("iss", "https://evil.example") }, oidc.Untrusted},
		"unknown code":   {func(q url.Values) { q.Set("code", "guess") }, oidc.Refused},
	} {
		b := d.begin("/")
		back := d.provider.Authorize(b.URL)
		c.change(back)
		if _, err := d.finish(b, back); reason(err) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	const words = "secret words of the provider"
	d.provider.Broken = func(w http.ResponseWriter, _ *http.Request) { http.Error(w, words, http.StatusInternalServerError) }
	if _, err := d.enter(); reason(err) != oidc.Refused || strings.Contains(err.Error(), words) {
		t.Error(err)
	}
	reached := false
	d.provider.Config.Handler.(*http.ServeMux).HandleFunc("/elsewhere", func(http.ResponseWriter, *http.Request) { reached = true })
	d.provider.Broken = func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	}
	if _, err := d.enter(); reason(err) != oidc.Refused || reached {
		t.Errorf("%v, redirect followed: %t", err, reached)
	}
	d.provider.Broken = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"access_token":"` + strings.Repeat("x", 2<<20) + `"}`)) // the client hangs up
	}
	if _, err := d.enter(); reason(err) == "" || strings.HasPrefix(string(reason(err)), "no refusal") {
		t.Errorf("endless answer: %v", err)
	}
}

func TestUserInfo(t *testing.T) {
	d := newDoor(t)
	d.provider.Info = map[string]any{"sub": "ana-1", "email": "ana@example.com", "email_verified": true}
	d.provider.Change = func(c map[string]any) { delete(c, "email"); delete(c, "email_verified") }
	d.set()
	if entry, err := d.enter(); err != nil || entry.AgentID != d.ana {
		t.Errorf("%+v %v", entry, err)
	}
	d.provider.Info["sub"] = "eva-1"
	if _, err := d.enter(); reason(err) != oidc.Untrusted {
		t.Errorf("somebody else's: %v", err)
	}
}

func TestPeopleWhoAreNotThere(t *testing.T) {
	d := newDoor(t)
	d.set(func(s *oidc.NewSettings) { s.CreateAgents = true })
	d.provider.Change = func(c map[string]any) {
		c["sub"], c["email"], c["name"] = "eva-1", "eva@example.com", strings.Repeat("Eva ", 100)
	}
	entry, err := d.enter()
	if err != nil {
		t.Fatal(err)
	}
	eva, err := d.team.Agent(t.Context(), entry.AgentID)
	if err != nil || eva.Email != "eva@example.com" || eva.Role != team.RoleAgent || !strings.HasPrefix(eva.Name, "Eva Eva") {
		t.Errorf("%+v %v", eva, err)
	}
	if again, err := d.enter(); err != nil || again.AgentID != eva.ID {
		t.Errorf("%+v %v", again, err)
	}
	// The address is given to somebody else.
	d.provider.Change = func(c map[string]any) { c["sub"], c["email"] = "eva-2", "eva@example.com" }
	if _, err := d.enter(); reason(err) != oidc.LinkedAlready {
		t.Errorf("another subject with the address: %v", err)
	}
	d.want(d.Unlink(t.Context(), team.Principal{}, eva.ID), conversation.CodeForbidden)
	if err := d.Unlink(t.Context(), team.System(), eva.ID); err != nil {
		t.Fatal(err)
	}
	d.want(d.Unlink(t.Context(), team.System(), eva.ID), conversation.CodeNotFound)
	if entry, err := d.enter(); err != nil || entry.AgentID != eva.ID {
		t.Errorf("after it was unlinked: %+v %v", entry, err)
	}
	if _, err := d.db.ExecContext(t.Context(), "UPDATE agents SET state = 'deactivated'"); err != nil {
		t.Fatal(err)
	}
	if _, err := d.enter(); reason(err) != oidc.Deactivated {
		t.Errorf("deactivated: %v", err)
	}
	d.provider.Change = nil // an agent who was never linked
	if _, err := d.enter(); reason(err) != oidc.Deactivated || d.count("SELECT count(*) FROM agents") != 2 {
		t.Errorf("deactivated, unlinked: %v", err)
	}
}

func TestReturnToStaysHere(t *testing.T) {
	d := newDoor(t)
	d.set()
	for path, want := range map[string]string{
		"": "/", "/": "/", "/inbox?view=mine#x": "/inbox?view=mine#x", "/login/%2F%2Fevil.example": "/login/%2F%2Fevil.example",
		"//evil.example": "/", "///evil.example": "/", `/\evil.example`: "/", `\\evil.example`: "/", "https://evil.example/": "/", "https:evil.example": "/",
		"/\t/evil.example": "/", "\n//evil.example": "/", "/\r\nSet-Cookie: x": "/", "javascript:alert(1)": "/", "evil.example": "/", "@evil.example": "/",
		"/" + strings.Repeat("x", 2000): "/", "/\x00": "/", " //evil.example": "/",
	} {
		b := d.begin(path)
		if entry, err := d.finish(b, d.provider.Authorize(b.URL)); err != nil || entry.ReturnTo != want {
			t.Errorf("%q: %+v %v", path, entry, err)
		}
	}
}

func TestSettings(t *testing.T) {
	d := newDoor(t)
	_, err := d.Settings(t.Context())
	d.want(err, conversation.CodeNotFound)
	d.want(d.RemoveSettings(t.Context(), team.System()), conversation.CodeNotFound)
	for field, change := range map[string]func(*oidc.NewSettings){
		"issuer":          func(s *oidc.NewSettings) { s.Issuer = "https://user@evil.example?x" },
		"client_id":       func(s *oidc.NewSettings) { s.ClientID = " " },
		"label":           func(s *oidc.NewSettings) { s.Label = "" },
		"scopes":          func(s *oidc.NewSettings) { s.Scopes = []string{"two words"} },
		"allowed_domains": func(s *oidc.NewSettings) { s.AllowedDomains, s.CreateAgents = nil, true },
		"role":            func(s *oidc.NewSettings) { s.Role = "none-such" },
	} {
		in := d.settings()
		change(&in)
		_, err := d.SetSettings(t.Context(), team.System(), in)
		e, ok := errors.AsType[*conversation.Error](err)
		if !ok || e.Code != conversation.CodeInvalid || e.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	set := d.set()
	text, err := json.Marshal(set)
	if err != nil || !set.ClientSecretSet || set.AllowedDomains[0] != "example.com" || strings.Join(set.Scopes, " ") != "openid email profile" ||
		strings.Contains(string(text), idp.ClientSecret) {
		t.Errorf("%s %v", text, err)
	}
	kept := d.set(func(s *oidc.NewSettings) { s.ClientSecret, s.Label = nil, "New" })
	if !kept.ClientSecretSet || kept.Label != "New" {
		t.Errorf("%+v", kept)
	}
	if _, err := d.enter(); err != nil {
		t.Errorf("with the secret that was kept: %v", err)
	}
	other := d.settings()
	other.Issuer, other.ClientSecret = idp.New(t).URL, nil
	_, err = d.SetSettings(t.Context(), team.System(), other)
	d.want(err, conversation.CodeInvalid) // else the secret would go to another provider
	supervisor := team.Principal{AgentID: d.ana, Permissions: team.SetOf(append(team.RoleSupervisor.Permissions(), team.WriteSettings))}
	_, err = d.SetSettings(t.Context(), supervisor, d.settings())
	d.want(err, conversation.CodeForbidden) // who could come in as an admin then
	began := d.begin("/")
	if err := d.RemoveSettings(t.Context(), team.System()); err != nil {
		t.Fatal(err)
	}
	if _, err := d.finish(began, d.provider.Authorize(began.URL)); reason(err) != oidc.NotOffered {
		t.Error(err)
	}
	if n := d.count("SELECT count(*) FROM audit_entries WHERE subject_id = 'oidc' AND (before::text || after::text) LIKE ?", "%"+idp.ClientSecret+"%"); n != 0 {
		t.Error("the audit shows the secret")
	}
	if n := d.count("SELECT count(*) FROM audit_entries WHERE subject_id = 'oidc'"); n != 3 {
		t.Errorf("%d entries in the audit", n)
	}
}

func TestProvidersInside(t *testing.T) {
	for _, private := range []bool{false, true} {
		t.Run(strconv.FormatBool(private), func(t *testing.T) {
			d := newDoor(t, func(o *oidc.Options) { o.AllowPrivate = private })
			var reached atomic.Bool
			inside := httptest.NewUnstartedServer(http.NotFoundHandler())
			inside.Config.ConnState = func(net.Conn, http.ConnState) { reached.Store(true) }
			inside.Config.ErrorLog = log.New(io.Discard, "", 0) // its certificate is not trusted
			inside.StartTLS()
			defer inside.Close()
			in := d.settings()
			in.Issuer = inside.URL
			_, err := d.SetSettings(t.Context(), team.System(), in)
			d.want(err, conversation.CodeInvalid)
			if reached.Load() != private {
				t.Errorf("connected: %t", reached.Load())
			}
			in.Issuer = d.provider.URL // without TLS
			_, err = d.SetSettings(t.Context(), team.System(), in)
			if (err == nil) != private {
				t.Error(err)
			}
		})
	}
}

func TestProviderThatLies(t *testing.T) {
	d := newDoor(t)
	d.provider.Lie = func(description map[string]any) { description["issuer"] = "https://evil.example" }
	_, err := d.SetSettings(t.Context(), team.System(), d.settings())
	d.want(err, conversation.CodeInvalid)
}
