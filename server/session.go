package server

import (
	"context"
	"net/http"
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/signin"
	"guichet.dev/guichet/team"
)

type logIn struct {
	Body struct {
		Email    string `json:"email" minLength:"1" maxLength:"254"`
		Password string `json:"password" minLength:"1" maxLength:"1024"`
		Code     string `json:"code,omitempty" maxLength:"32" doc:"Of the second factor, or a recovery code; the answer says if one is needed"`
	}
}

// sessionView is a session as its browser sees it.
type sessionView struct {
	AgentID   string    `json:"agent_id"`
	Name      string    `json:"name"`
	CSRFToken string    `json:"csrf_token" doc:"To be sent as X-CSRF-Token with every request that changes something"`
	ExpiresAt time.Time `json:"expires_at" doc:"At the latest; sooner if the session is not used"`
}

type sessionAnswer struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
	Body      sessionView
}

type endedAnswer struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
}

// SessionPath names a session in a path.
type SessionPath struct {
	ID string `path:"session_id" format:"uuid"`
}

type forgotten struct {
	Body struct {
		Email string `json:"email" minLength:"1" maxLength:"254"`
	}
}

type acceptLink struct {
	Body struct {
		Token    string `json:"token" minLength:"1" maxLength:"100" doc:"From the link in the mail"`
		Password string `json:"password" minLength:"10" maxLength:"1024"`
	}
}

type changePassword struct {
	Body struct {
		Current  string `json:"current" minLength:"1" maxLength:"1024"`
		Password string `json:"password" minLength:"10" maxLength:"1024"`
	}
}

func (s *Server) registerSessions() {
	register(s, operation{
		id: "log-in", method: http.MethodPost, path: "/session", public: true, tag: "session",
		summary: "Log in with e-mail address and password; the session is kept in a cookie",
	}, s.logIn)
	register(s, operation{
		id: "get-session", method: http.MethodGet, path: "/session", permission: team.ReadSelf, tag: "session",
		summary: "The session of the browser's cookie, with the token that its requests must carry",
	}, func(ctx context.Context, _ *struct{}) (*answer[sessionView], error) {
		session, err := sessionOf(ctx)
		if err != nil {
			return nil, err
		}
		return reply(s.viewSession(ctx, session.value, session.Session))
	})
	register(s, operation{
		id: "log-out", method: http.MethodDelete, path: "/session", permission: team.ReadSelf, tag: "session", status: http.StatusNoContent,
		summary: "Log out",
	}, func(ctx context.Context, _ *struct{}) (*endedAnswer, error) {
		session, err := sessionOf(ctx)
		if err != nil {
			return nil, err
		}
		return &endedAnswer{s.sessionCookie("")}, s.SignIn.End(ctx, session.AgentID, session.ID)
	})
	s.registerOwnSessions()
	s.registerPasswords()
}

func (s *Server) logIn(ctx context.Context, in *logIn) (*sessionAnswer, error) {
	credentials := signin.Credentials{Email: in.Body.Email, Password: in.Body.Password, Code: in.Body.Code}
	value, session, err := s.SignIn.LogIn(ctx, credentials, clientOf(ctx))
	if err != nil {
		return nil, err
	}
	view, err := s.viewSession(ctx, value, session)
	return &sessionAnswer{s.sessionCookie(value), view}, err
}

func (s *Server) viewSession(ctx context.Context, value string, session signin.Session) (sessionView, error) {
	a, err := s.Team.Agent(ctx, session.AgentID)
	return sessionView{AgentID: a.ID, Name: a.Name, CSRFToken: signin.CSRFToken(value), ExpiresAt: session.ExpiresAt}, err
}

func (s *Server) registerOwnSessions() {
	register(s, operation{
		id: "list-own-sessions", method: http.MethodGet, path: "/me/sessions", permission: team.ReadSelf, tag: "session",
		summary: "Where the caller is logged in",
	}, func(ctx context.Context, _ *struct{}) (*answer[list[signin.Session]], error) {
		agent, err := agentOf(ctx)
		if err != nil {
			return nil, err
		}
		current := ""
		if session, err := sessionOf(ctx); err == nil {
			current = session.ID
		}
		return replyList(s.SignIn.Sessions(ctx, agent, current))
	})
	register(s, operation{
		id: "end-own-session", method: http.MethodDelete, path: "/me/sessions/{session_id}", permission: team.ReadSelf, tag: "session", status: http.StatusNoContent,
		summary: "Log out elsewhere",
	}, func(ctx context.Context, in *SessionPath) (*struct{}, error) {
		agent, err := agentOf(ctx)
		if err != nil {
			return nil, err
		}
		return nil, s.SignIn.End(ctx, agent, in.ID)
	})
	register(s, operation{
		id: "end-other-sessions", method: http.MethodDelete, path: "/me/sessions", permission: team.ReadSelf, tag: "session", status: http.StatusNoContent,
		summary: "Log out everywhere else",
	}, func(ctx context.Context, _ *struct{}) (*struct{}, error) {
		session, err := sessionOf(ctx)
		if err != nil {
			return nil, err
		}
		return nil, s.SignIn.EndAll(ctx, caller(ctx), session.AgentID, session.ID)
	})
	register(s, operation{
		id: "end-agent-sessions", method: http.MethodDelete, path: "/agents/{agent_id}/sessions", permission: team.WriteAgents, tag: "agents", status: http.StatusNoContent,
		summary: "Log an agent out everywhere",
	}, func(ctx context.Context, in *AgentPath) (*struct{}, error) {
		if _, err := s.Team.Agent(ctx, in.ID); err != nil {
			return nil, err
		}
		return nil, s.SignIn.EndAll(ctx, caller(ctx), in.ID, "")
	})
}

func (s *Server) registerPasswords() {
	register(s, operation{
		id: "invite-agent", method: http.MethodPost, path: "/agents/{agent_id}/invite", permission: team.WriteAgents, tag: "agents", status: http.StatusAccepted,
		summary: "Send an agent a link by which they set their password; good for 72 hours",
	}, func(ctx context.Context, in *AgentPath) (*struct{}, error) {
		return nil, s.SignIn.Invite(ctx, caller(ctx), in.ID)
	})
	register(s, operation{
		id: "forgot-password", method: http.MethodPost, path: "/password/forgotten", public: true, tag: "session", status: http.StatusAccepted,
		summary: "Send a link to set a new password, if somebody has this e-mail address; good for an hour",
	}, func(ctx context.Context, in *forgotten) (*struct{}, error) {
		// In the background: how long it takes must not tell whether somebody has the address.
		ctx = context.WithoutCancel(ctx)
		s.background.Go(func() {
			if err := s.SignIn.Forgotten(ctx, in.Body.Email); err != nil {
				s.Logger.ErrorContext(ctx, "no link to set a new password was sent", "request_id", requestID(ctx), errorAttr(err))
			}
		})
		return nil, nil
	})
	register(s, operation{
		id: "set-password", method: http.MethodPost, path: "/password", public: true, tag: "session", status: http.StatusNoContent,
		summary: "Set a password with the token of an invitation or a reset; it works once and ends all sessions",
	}, func(ctx context.Context, in *acceptLink) (*struct{}, error) {
		return nil, s.SignIn.Accept(ctx, in.Body.Token, in.Body.Password)
	})
	register(s, operation{
		id: "change-password", method: http.MethodPut, path: "/me/password", permission: team.ReadSelf, tag: "session", status: http.StatusNoContent,
		summary: "Change one's password; all other sessions end",
	}, func(ctx context.Context, in *changePassword) (*struct{}, error) {
		session, err := sessionOf(ctx)
		if err != nil {
			return nil, err
		}
		return nil, s.SignIn.ChangePassword(ctx, session.Session, in.Body.Current, in.Body.Password, clientOf(ctx))
	})
}

// agentOf returns the agent who makes the request; unsupported for a program.
func agentOf(ctx context.Context) (string, error) {
	if id := caller(ctx).AgentID; id != "" {
		return id, nil
	}
	return "", conversation.Errorf(conversation.CodeUnsupported, "only agents can do this; this token belongs to a program")
}

// ownSession is the session of a request, with the cookie's value.
type ownSession struct {
	signin.Session
	value string
}

// sessionOf returns the session of a request; unsupported if a token made it.
func sessionOf(ctx context.Context) (ownSession, error) {
	if session, ok := ctx.Value(keySession).(ownSession); ok {
		return session, nil
	}
	return ownSession{}, conversation.Errorf(conversation.CodeUnsupported, "this needs a session: a token made the request")
}

// clientOf returns where a request comes from.
func clientOf(ctx context.Context) signin.Client {
	c, _ := ctx.Value(keyClient).(signin.Client)
	return c
}
