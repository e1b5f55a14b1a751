package server

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/signin"
	"guichet.dev/guichet/team"
)

const (
	// csrfHeader carries the session's token: pages of others can make a browser send its cookie, but cannot know the token.
	csrfHeader = "X-CSRF-Token"
	// plainCookie and secureCookie name the session's cookie. Browsers take a name with __Host- only over TLS, from this very
	// host and for all paths (RFC 6265bis, 4.1.3.2).
	plainCookie  = "guichet_session"
	secureCookie = "__Host-guichet_session"
)

// visitor is who makes a request, and with which session if a browser does.
type visitor struct {
	team.Principal
	session *ownSession // nil for a token
}

// visitor returns whose token a request carries, or who is logged in. A session's requests that change something must come
// from our own pages.
func (s *Server) visitor(ctx huma.Context) (visitor, error) {
	value := s.sessionValue(ctx)
	if value == "" || ctx.Header("Authorization") != "" {
		p, err := s.Team.Authenticate(ctx.Context(), bearer(ctx.Header("Authorization")))
		return visitor{Principal: p}, err
	}
	session, err := s.SignIn.Authenticate(ctx.Context(), value)
	if err != nil {
		return visitor{}, err
	}
	if err := checkOrigin(ctx, value); err != nil {
		return visitor{}, err
	}
	p, err := s.Team.AgentPrincipal(ctx.Context(), session.AgentID)
	return visitor{p, &ownSession{session, value}}, err
}

// principal returns who makes a request. Streams ask again and again as long as they last.
func (s *Server) principal(ctx huma.Context) (team.Principal, error) {
	v, err := s.visitor(ctx)
	return v.Principal, err
}

// sessionValue returns the value of the session's cookie, empty if there is none.
func (s *Server) sessionValue(ctx huma.Context) string {
	c, err := huma.ReadCookie(ctx, s.cookieName())
	if err != nil || s.SignIn == nil {
		return ""
	}
	return c.Value
}

// checkOrigin refuses requests that a foreign page made a browser send: what the browser says of their origin counts (as in
// http.CrossOriginProtection), and the token that no foreign page knows.
func checkOrigin(ctx huma.Context, value string) error {
	switch ctx.Method() {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return nil
	}
	if site := ctx.Header("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return forged()
	}
	origin := ctx.Header("Origin")
	if _, from, ok := strings.Cut(origin, "://"); origin != "" && (!ok || !strings.EqualFold(from, ctx.Host())) {
		return forged()
	}
	if signin.CSRFMatches(value, ctx.Header(csrfHeader)) {
		return nil
	}
	return &conversation.Error{
		Code: conversation.CodeForbidden, Message: "the header " + csrfHeader + " must carry csrf_token of the session",
		Details: map[string]any{"header": csrfHeader},
	}
}

func forged() error {
	return conversation.Errorf(conversation.CodeForbidden, "this request comes from another site")
}

// overTLS reports whether browsers reach us over TLS.
func (s *Server) overTLS() bool { return strings.HasPrefix(s.PublicURL, "https://") }

func (s *Server) cookieName() string {
	if s.overTLS() {
		return secureCookie
	}
	return plainCookie
}

// sessionCookie returns the cookie for a session's value; empty ends it.
func (s *Server) sessionCookie(value string) http.Cookie {
	c := http.Cookie{Name: s.cookieName(), Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: s.overTLS(), MaxAge: int(signin.Life.Seconds())}
	if value == "" {
		c.MaxAge = -1
	}
	return c
}

// clientIP returns the address of whoever makes the request: the last one in X-Forwarded-For that no trusted proxy wrote,
// if the request comes through one.
func (s *Server) clientIP(remote, forwarded string) string {
	ip := host(remote)
	hops := strings.Split(forwarded, ",")
	for i := len(hops) - 1; i >= 0 && s.trusts(ip); i-- {
		hop := strings.TrimSpace(hops[i])
		if _, err := netip.ParseAddr(hop); err != nil {
			break
		}
		ip = hop
	}
	return ip
}

func (s *Server) trusts(ip string) bool {
	address, err := netip.ParseAddr(ip)
	return err == nil && slices.ContainsFunc(s.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(address.Unmap()) })
}

// client returns where a request comes from.
func (s *Server) client(ctx huma.Context) signin.Client {
	return signin.Client{UserAgent: ctx.Header("User-Agent"), IP: s.clientIP(ctx.RemoteAddr(), ctx.Header("X-Forwarded-For"))}
}
