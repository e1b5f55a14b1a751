// Package idp is an OpenID Connect provider for tests.
package idp

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Provider has one person, Ana@example.com, who is always there and always agrees.
type Provider struct {
	*httptest.Server
	t   *testing.T
	key *rsa.PrivateKey

	mu    sync.Mutex
	codes map[string]url.Values // what was asked for
	next  int

	// What a test has it do otherwise, before it is asked.
	Change func(claims map[string]any)      // of what the token says
	Sign   *rsa.PrivateKey                  // nil: its own key
	Info   map[string]any                   // what userinfo says; nil: there is none
	Lie    func(description map[string]any) // of itself
	Broken http.HandlerFunc                 // answers instead of the token's address
}

// What the provider knows its one client by.
const (
	ClientID     = "guichet"
	ClientSecret = "very-secret-client"
)

// NewKey returns a key to sign tokens with.
func NewKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// New starts a provider that ends with the test.
func New(t *testing.T) *Provider {
	t.Helper()
	p := &Provider{t: t, key: NewKey(t), codes: map[string]url.Values{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.describe)
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		p.answer(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.key.Public(), KeyID: "k", Algorithm: "RS256", Use: "sig"}}})
	})
	mux.HandleFunc("POST /token", p.token)
	mux.HandleFunc("GET /userinfo", func(w http.ResponseWriter, _ *http.Request) { p.answer(w, p.Info) })
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

func (p *Provider) answer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(body); err != nil {
		p.t.Error(err)
	}
}

func (p *Provider) describe(w http.ResponseWriter, _ *http.Request) {
	d := map[string]any{
		"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
		"id_token_signing_alg_values_supported": []string{"RS256"},
	}
	if p.Info != nil {
		d["userinfo_endpoint"] = p.URL + "/userinfo"
	}
	if p.Lie != nil {
		p.Lie(d)
	}
	p.answer(w, d)
}

// Authorize is what the page of the provider does: it takes the address to which a browser was sent and returns the query
// with which the browser comes back.
func (p *Provider) Authorize(address string) url.Values {
	p.t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		p.t.Fatal(err)
	}
	q := u.Query()
	if u.Path != "/authorize" || q.Get("response_type") != "code" || q.Get("client_id") != ClientID || q.Get("code_challenge_method") != "S256" ||
		len(q.Get("state")) < 40 || len(q.Get("nonce")) < 40 {
		p.t.Fatalf("browser was sent to %s", address)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next++
	code := base64.RawURLEncoding.EncodeToString([]byte{byte(p.next)})
	p.codes[code] = q
	return url.Values{"code": {code}, "state": {q.Get("state")}}
}

// Unused is how many codes were given to browsers and not shown again.
func (p *Provider) Unused() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.codes)
}

func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	if p.Broken != nil {
		p.Broken(w, r)
		return
	}
	p.mu.Lock()
	asked := p.codes[r.FormValue("code")]
	delete(p.codes, r.FormValue("code"))
	p.mu.Unlock()
	id, secret, _ := r.BasicAuth()
	challenge := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	if asked == nil || id != ClientID || secret != ClientSecret || base64.RawURLEncoding.EncodeToString(challenge[:]) != asked.Get("code_challenge") ||
		r.FormValue("redirect_uri") != asked.Get("redirect_uri") {
		w.WriteHeader(http.StatusBadRequest)
		p.answer(w, map[string]string{"error": "invalid_grant"})
		return
	}
	claims := map[string]any{
		"iss": p.URL, "aud": ClientID, "sub": "ana-1", "nonce": asked.Get("nonce"), "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(),
		"email": "Ana@example.com", "email_verified": true, "name": "Ana",
	}
	if p.Change != nil {
		p.Change(claims)
	}
	p.answer(w, map[string]any{"access_token": "at", "token_type": "Bearer", "expires_in": 60, "id_token": p.signed(claims)})
}

func (p *Provider) signed(claims map[string]any) string {
	key := p.key
	if p.Sign != nil {
		key = p.Sign
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: "k"}}, nil)
	if err != nil {
		p.t.Error(err)
		return ""
	}
	text, err := json.Marshal(claims)
	if err != nil {
		p.t.Error(err)
	}
	signature, err := signer.Sign(text)
	if err != nil {
		p.t.Error(err)
		return ""
	}
	token, err := signature.CompactSerialize()
	if err != nil {
		p.t.Error(err)
	}
	return token
}
