package oidc

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"guichet.dev/guichet/conversation"
)

const (
	// Life is how long somebody may take at the provider.
	Life = 10 * time.Minute
	// maxCookie is the longest cookie that is looked at.
	maxCookie = 4096
	// maxReturnTo is the longest local path to come back to, so that the cookie stays small enough for every browser.
	maxReturnTo = 1000
	// cookieOwner is what the cookie is sealed for.
	cookieOwner = "oidc log-in"
)

// Began is an attempt to sign in.
type Began struct {
	URL    string // of the provider, where the browser goes
	Cookie string // which the browser keeps meanwhile
}

// attempt is what the cookie holds.
type attempt struct {
	Issuer   string    `json:"issuer"`
	State    string    `json:"state"`
	Nonce    string    `json:"nonce"`
	Verifier string    `json:"verifier"`
	ReturnTo string    `json:"return_to"`
	Expires  time.Time `json:"expires"`
}

// Callback is what the browser brings back from the provider (RFC 6749, section 4.1.2; RFC 9207).
type Callback struct {
	Code, State, Issuer string
	Error               string // not empty: the provider or the person said no
}

// Entry is somebody who may come in.
type Entry struct{ AgentID, ReturnTo string }

// Offered returns what the button says; ok is false if there is no provider.
func (s *Store) Offered(ctx context.Context) (label string, ok bool, err error) {
	settings, err := s.Settings(ctx)
	if conversation.CodeOf(err) == conversation.CodeNotFound {
		return "", false, nil
	}
	return settings.Label, err == nil, err
}

// Begin starts to sign somebody in. returnTo is where they want to be afterwards: anything but a local path counts as "/".
func (s *Store) Begin(ctx context.Context, returnTo string) (Began, error) {
	settings, err := s.settings(ctx)
	if err != nil {
		return Began{}, err
	}
	config, _, err := s.config(ctx, settings)
	if err != nil {
		return Began{}, err
	}
	a := attempt{
		Issuer: settings.Issuer, State: random(), Nonce: random(), Verifier: oauth2.GenerateVerifier(),
		ReturnTo: local(returnTo), Expires: s.Now().Add(Life),
	}
	cookie, err := s.seal(a)
	if err != nil {
		return Began{}, err
	}
	return Began{URL: config.AuthCodeURL(a.State, gooidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier)), Cookie: cookie}, nil
}

// Finish checks what comes back and returns whom to let in. What is expected to go wrong is a [Refusal].
func (s *Store) Finish(ctx context.Context, cookie string, back Callback) (Entry, error) {
	a, err := s.opened(cookie)
	if err != nil {
		return Entry{}, err
	}
	if subtle.ConstantTimeCompare([]byte(a.State), []byte(back.State)) != 1 || a.Expires.Before(s.Now()) {
		return Entry{}, refuse(Expired, nil)
	}
	if err := s.once(ctx, a); err != nil {
		return Entry{}, err
	}
	settings, err := s.settings(ctx)
	if err != nil {
		return Entry{}, err
	}
	switch {
	case settings.Issuer != a.Issuer:
		return Entry{}, refuse(Expired, nil)
	case back.Issuer != "" && back.Issuer != a.Issuer:
		return Entry{}, refuse(Untrusted, nil)
	case back.Error != "" || back.Code == "":
		return Entry{}, refuse(Denied, nil)
	}
	who, err := s.exchange(ctx, settings, a, back.Code)
	if err != nil {
		return Entry{}, err
	}
	agentID, err := s.admit(ctx, settings, who)
	return Entry{AgentID: agentID, ReturnTo: a.ReturnTo}, err
}

func (s *Store) settings(ctx context.Context) (ProviderSettings, error) {
	settings, err := s.Settings(ctx)
	if conversation.CodeOf(err) == conversation.CodeNotFound {
		return settings, refuse(NotOffered, nil)
	}
	return settings, err
}

// config returns how to talk with the provider.
func (s *Store) config(ctx context.Context, settings ProviderSettings) (*oauth2.Config, *gooidc.Provider, error) {
	provider, err := s.providerOf(ctx, settings.Issuer)
	if err != nil {
		return nil, nil, err
	}
	config := &oauth2.Config{ClientID: settings.ClientID, Endpoint: provider.Endpoint(), RedirectURL: s.redirectURL(), Scopes: settings.Scopes}
	if settings.ClientSecretSet {
		secret, err := s.Sealer.Open(settings.ClientSecret, secretOwner)
		if err != nil {
			return nil, nil, fmt.Errorf("open the client secret: %w", err)
		}
		config.ClientSecret = string(secret)
	}
	return config, provider, nil
}

// exchange gives the code for a token and checks what the token says: signature, issuer, audience, times and nonce.
func (s *Store) exchange(ctx context.Context, settings ProviderSettings, a attempt, code string) (person, error) {
	config, provider, err := s.config(ctx, settings)
	if err != nil {
		return person{}, err
	}
	ctx = gooidc.ClientContext(ctx, s.client)
	tokens, err := config.Exchange(ctx, code, oauth2.VerifierOption(a.Verifier))
	if err != nil {
		if _, answered := errors.AsType[*oauth2.RetrieveError](err); answered {
			return person{}, refuse(Refused, err)
		}
		return person{}, refuse(Unreachable, err)
	}
	raw, _ := tokens.Extra("id_token").(string)
	token, err := provider.Verifier(&gooidc.Config{ClientID: settings.ClientID, Now: s.Now}).Verify(ctx, raw)
	if err != nil {
		return person{}, refuse(Untrusted, err)
	}
	if subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(a.Nonce)) != 1 {
		return person{}, refuse(Untrusted, nil)
	}
	who, err := personOf(token)
	if err != nil || who.Email != "" || provider.UserInfoEndpoint() == "" {
		return who, err
	}
	// Some providers keep the token small and tell the rest to whoever asks.
	info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(tokens))
	if err != nil || info.Subject != token.Subject {
		return person{}, refuse(Untrusted, err)
	}
	more, err := claimsOf(info)
	more.subject = token.Subject
	return more, err
}

// once refuses a log-in that came back before.
func (s *Store) once(ctx context.Context, a attempt) error {
	hash := sha256.Sum256([]byte(a.State))
	result, err := s.DB.ExecContext(ctx, "INSERT INTO oidc_used_states (hash, expires_at) VALUES (?, ?) ON CONFLICT DO NOTHING", hash[:], a.Expires)
	if err == nil {
		_, err = s.DB.ExecContext(ctx, "DELETE FROM oidc_used_states WHERE expires_at < ?", s.Now().Add(-time.Minute))
	}
	if err != nil {
		return fmt.Errorf("use a state: %w", err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return refuse(Expired, err)
	}
	return nil
}

func (s *Store) seal(a attempt) (string, error) {
	text, err := json.Marshal(a)
	if err == nil {
		text, err = s.Sealer.Seal(text, cookieOwner)
	}
	if err != nil {
		return "", fmt.Errorf("begin to sign in: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(text), nil
}

func (s *Store) opened(cookie string) (a attempt, err error) {
	if len(cookie) > maxCookie {
		return a, refuse(Expired, nil)
	}
	sealed, err := base64.RawURLEncoding.DecodeString(cookie)
	if err != nil {
		return a, refuse(Expired, err)
	}
	text, err := s.Sealer.Open(sealed, cookieOwner)
	if err != nil {
		return a, refuse(Expired, err)
	}
	if err := json.Unmarshal(text, &a); err != nil || a.State == "" {
		return a, refuse(Expired, err)
	}
	return a, nil
}

// random returns 256 random bits.
func random() string {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // it never fails
	return base64.RawURLEncoding.EncodeToString(raw)
}

// local returns a path on this site, "/" for everything that a browser could take for another site: it drops control
// characters and takes \ for /.
func local(path string) string {
	bad := func(r rune) bool { return r < 0x20 || r == 0x7f || r == '\\' }
	u, err := url.Parse(path)
	if err != nil || len(path) > maxReturnTo || strings.ContainsFunc(path, bad) || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") ||
		u.Scheme != "" || u.Host != "" || u.User != nil {
		return "/"
	}
	return path
}
