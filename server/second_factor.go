package server

import (
	"context"
	"net/http"

	"guichet.dev/guichet/secondfactor"
	"guichet.dev/guichet/team"
)

// codeOf is a request that carries a code of a second factor.
type codeOf struct {
	Body struct {
		Code string `json:"code" minLength:"1" maxLength:"64" doc:"Six digits of the app, or a recovery code"`
	}
}

// recoveryCodes are shown once.
type recoveryCodes struct {
	RecoveryCodes []string `json:"recovery_codes" nullable:"false" doc:"Each replaces the app once. They are not shown again"`
}

func (s *Server) registerSecondFactor() {
	register(s, operation{
		id: "get-own-second-factor", method: http.MethodGet, path: "/me/second-factor", permission: team.ReadSelf, tag: "me",
		summary: "Whether a code is asked for when one logs in",
	}, func(ctx context.Context, _ *struct{}) (*answer[secondfactor.FactorState], error) {
		session, err := sessionOf(ctx)
		if err != nil {
			return nil, err
		}
		return reply(s.SecondFactor.State(ctx, session.AgentID))
	})
	register(s, operation{
		id: "enrol-own-second-factor", method: http.MethodPost, path: "/me/second-factor", permission: team.ReadSelf, tag: "me",
		status: http.StatusCreated, summary: "Begin to use an app for codes; it counts once a code confirms it",
	}, func(ctx context.Context, _ *struct{}) (*answer[secondfactor.Enrolment], error) {
		session, err := sessionOf(ctx)
		if err != nil {
			return nil, err
		}
		return reply(s.SecondFactor.Enrol(ctx, session.AgentID))
	})
	register(s, operation{
		id: "confirm-own-second-factor", method: http.MethodPost, path: "/me/second-factor/confirm", permission: team.ReadSelf, tag: "me",
		summary: "Show that the app has the secret; from then on a code is asked for",
	}, func(ctx context.Context, in *codeOf) (*answer[recoveryCodes], error) {
		session, err := sessionOf(ctx)
		if err != nil {
			return nil, err
		}
		codes, err := s.SecondFactor.Confirm(ctx, session.AgentID, in.Body.Code)
		return reply(recoveryCodes{RecoveryCodes: codes}, err)
	})
	register(s, operation{
		id: "disable-own-second-factor", method: http.MethodPost, path: "/me/second-factor/disable", permission: team.ReadSelf, tag: "me",
		status: http.StatusNoContent, summary: "Give up the second factor, which needs a right code of it",
	}, func(ctx context.Context, in *codeOf) (*struct{}, error) {
		session, err := sessionOf(ctx)
		if err != nil {
			return nil, err
		}
		return nil, s.SecondFactor.Disable(ctx, session.AgentID, in.Body.Code)
	})
	register(s, operation{
		id: "reset-second-factor", method: http.MethodDelete, path: "/agents/{agent_id}/second-factor", permission: team.WriteAgents, tag: "agents",
		status: http.StatusNoContent, summary: "Take the second factor from an agent who has lost it",
	}, func(ctx context.Context, in *AgentPath) (*struct{}, error) {
		return nil, s.SecondFactor.Reset(ctx, caller(ctx), in.ID)
	})
}
