package server

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"guichet.dev/guichet/oidc"
	"guichet.dev/guichet/team"
)

const (
	// oidcPath is where signing in through a provider happens; its cookie is sent nowhere else.
	oidcPath = "/session/oidc"
	// oidcCookie keeps what belongs to one log-in while the browser is at the provider.
	oidcCookie = "guichet_oidc"
)

// offeredView is whether one can sign in through a provider.
type offeredView struct {
	Offered bool   `json:"offered"`
	Label   string `json:"label,omitempty" doc:"What the button says"`
}

type beginOIDC struct {
	ReturnTo string `query:"return_to" maxLength:"1000" doc:"A path of this site to go to afterwards; anything else counts as /"`
}

type finishOIDC struct {
	Cookie string `cookie:"guichet_oidc"`
	Code   string `query:"code" maxLength:"4096"`
	State  string `query:"state" maxLength:"256"`
	Issuer string `query:"iss" maxLength:"1000"`
	Error  string `query:"error" maxLength:"256"`
}

// redirect sends a browser elsewhere.
type redirect struct {
	Status    int
	Location  string        `header:"Location"`
	SetCookie []http.Cookie `header:"Set-Cookie"`
}

type setOIDC struct {
	Body struct {
		Issuer         string    `json:"issuer" minLength:"1" maxLength:"500" doc:"As the provider writes it, such as https://accounts.example.com"`
		ClientID       string    `json:"client_id" minLength:"1" maxLength:"200"`
		ClientSecret   *string   `json:"client_secret,omitempty" maxLength:"1000" doc:"Absent keeps the one there is, empty is for clients without one. It is never shown"`
		Scopes         []string  `json:"scopes,omitempty" maxItems:"20" nullable:"false" doc:"Besides openid, email and profile"`
		Label          string    `json:"label" minLength:"1" maxLength:"200" doc:"What the button says"`
		AllowedDomains []string  `json:"allowed_domains,omitempty" maxItems:"100" nullable:"false" doc:"Of e-mail addresses; none allows any, of people who are agents already"`
		CreateAgents   bool      `json:"create_agents,omitempty" doc:"Whether somebody of an allowed domain who is no agent yet becomes one"`
		Role           team.Role `json:"role,omitempty" default:"agent" doc:"Of agents that are created so; not admin"`
	}
}

func (s *Server) registerOIDC() {
	register(s, operation{
		id: "get-oidc", method: http.MethodGet, path: oidcPath, public: true, tag: "session",
		summary: "Whether one can sign in through an OpenID Connect provider",
	}, func(ctx context.Context, _ *struct{}) (*answer[offeredView], error) {
		label, ok, err := s.OIDC.Offered(ctx)
		return reply(offeredView{Offered: ok, Label: label}, err)
	})
	register(s, operation{
		id: "begin-oidc", method: http.MethodGet, path: oidcPath + "/start", public: true, tag: "session", status: http.StatusSeeOther,
		summary: "For browsers: go to the provider to sign in",
	}, func(ctx context.Context, in *beginOIDC) (*redirect, error) {
		began, err := s.OIDC.Begin(ctx, in.ReturnTo)
		if err != nil {
			return s.turnedAway(ctx, err), nil
		}
		return &redirect{http.StatusSeeOther, began.URL, []http.Cookie{s.oidcCookie(began.Cookie)}}, nil
	})
	register(s, operation{
		id: "finish-oidc", method: http.MethodGet, path: oidcPath + "/callback", public: true, tag: "session", status: http.StatusSeeOther,
		summary: "For browsers: come back from the provider",
	}, func(ctx context.Context, in *finishOIDC) (*redirect, error) {
		entry, err := s.OIDC.Finish(ctx, in.Cookie, oidc.Callback{Code: in.Code, State: in.State, Issuer: in.Issuer, Error: in.Error})
		if err != nil {
			return s.turnedAway(ctx, err), nil
		}
		value, _, err := s.SignIn.Open(ctx, entry.AgentID, clientOf(ctx))
		if err != nil {
			return s.turnedAway(ctx, err), nil
		}
		return &redirect{http.StatusSeeOther, entry.ReturnTo, []http.Cookie{s.sessionCookie(value), s.oidcCookie("")}}, nil
	})
	s.registerOIDCSettings()
}

func (s *Server) registerOIDCSettings() {
	register(s, operation{
		id: "get-oidc-settings", method: http.MethodGet, path: "/settings/oidc", permission: team.WriteSettings, tag: "settings",
		summary: "Through which OpenID Connect provider people sign in",
	}, func(ctx context.Context, _ *struct{}) (*answer[oidc.ProviderSettings], error) {
		return reply(s.OIDC.Settings(ctx))
	})
	register(s, operation{
		id: "set-oidc-settings", method: http.MethodPut, path: "/settings/oidc", permission: team.WriteSettings, tag: "settings",
		summary: "Let people sign in through an OpenID Connect provider, which is asked at once; needs every permission",
	}, func(ctx context.Context, in *setOIDC) (*answer[oidc.ProviderSettings], error) {
		b := in.Body
		return reply(s.OIDC.SetSettings(ctx, caller(ctx), oidc.NewSettings{
			Issuer: b.Issuer, ClientID: b.ClientID, ClientSecret: b.ClientSecret, Label: b.Label, Scopes: b.Scopes, AllowedDomains: b.AllowedDomains,
			CreateAgents: b.CreateAgents, Role: b.Role,
		}))
	})
	register(s, operation{
		id: "remove-oidc-settings", method: http.MethodDelete, path: "/settings/oidc", permission: team.WriteSettings, tag: "settings",
		status: http.StatusNoContent, summary: "Let nobody sign in through the provider any more",
	}, func(ctx context.Context, _ *struct{}) (*struct{}, error) {
		return nil, s.OIDC.RemoveSettings(ctx, caller(ctx))
	})
	register(s, operation{
		id: "unlink-oidc", method: http.MethodDelete, path: "/agents/{agent_id}/oidc", permission: team.WriteAgents, tag: "agents",
		status: http.StatusNoContent, summary: "Forget who an agent is at the provider; the next log-in goes by the e-mail address again",
	}, func(ctx context.Context, in *AgentPath) (*struct{}, error) {
		return nil, s.OIDC.Unlink(ctx, caller(ctx), in.ID)
	})
}

// turnedAway sends a browser to the log-in page, which says in its own words what went wrong.
func (s *Server) turnedAway(ctx context.Context, err error) *redirect {
	var code string
	if refusal, ok := errors.AsType[*oidc.Refusal](err); ok {
		code = string(refusal.Reason)
		s.Logger.InfoContext(ctx, "sign-in through the provider refused", "request_id", requestID(ctx), "reason", code)
	} else {
		code = string(s.problem(ctx, err).Code) // which logs it
	}
	return &redirect{http.StatusSeeOther, "/login?" + url.Values{"error": {code}}.Encode(), []http.Cookie{s.oidcCookie("")}}
}

// oidcCookie returns the cookie of a log-in under way; empty ends it. It comes back with the provider's redirect, which
// SameSite=Strict would prevent.
func (s *Server) oidcCookie(value string) http.Cookie {
	c := http.Cookie{
		Name: oidcCookie, Value: value, Path: prefix + oidcPath, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: s.overTLS(),
		MaxAge: int(oidc.Life.Seconds()),
	}
	if value == "" {
		c.MaxAge = -1
	}
	return c
}
