package server

import (
	"context"
	"net/http"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/feed"
	"guichet.dev/guichet/presence"
	"guichet.dev/guichet/team"
)

// Locator finds the account of a conversation that the caller may see.
type Locator interface {
	Locate(ctx context.Context, by conversation.Caller, conversationID string) (accountID string, err error)
}

// Presence is who is there and who looks at what.
type Presence struct {
	Store  *presence.Store
	Keeper *presence.Keeper
	Board  *presence.Board
}

type choosePresence struct {
	Body struct {
		State presence.State `json:"state" enum:"online,away"`
	}
}

type chooseTeams struct {
	Body struct {
		TeamIDs []string `json:"team_ids" maxItems:"1000" nullable:"false" format:"uuid" doc:"Those of your teams for which you work now; none is allowed"`
	}
}

type visit struct {
	ConversationPath
	Body struct {
		State presence.Doing `json:"state" doc:"What you do in the conversation. Say it again every ten seconds as long as it is so"`
	}
}

func (s *Server) registerPresence() {
	register(s, operation{
		id: "list-presence", method: http.MethodGet, path: "/presence", permission: team.ReadAgents, tag: "presence",
		summary: "Which agents are there, and for which teams they work now",
	}, func(ctx context.Context, _ *struct{}) (*answer[list[presence.Attendance]], error) {
		return replyList(s.Presence.Store.All(ctx))
	})
	register(s, operation{
		id: "choose-presence", method: http.MethodPost, path: "/me/presence", permission: team.WritePresence, tag: "presence",
		summary: "Say that you are there, or there but away; it counts for a minute, and as long as you listen to events",
	}, func(ctx context.Context, in *choosePresence) (*answer[presence.Attendance], error) {
		agent, err := agentOnly(ctx)
		if err != nil {
			return nil, err
		}
		return reply(s.Presence.Store.Choose(ctx, agent, in.Body.State))
	})
	register(s, operation{
		id: "choose-working-teams", method: http.MethodPut, path: "/me/working-teams", permission: team.WritePresence, tag: "presence",
		summary: "Say for which of your teams you work now",
	}, func(ctx context.Context, in *chooseTeams) (*answer[presence.Attendance], error) {
		agent, err := agentOnly(ctx)
		if err != nil {
			return nil, err
		}
		return reply(s.Presence.Store.WorkFor(ctx, agent, in.Body.TeamIDs))
	})
	s.registerVisits()
}

func (s *Server) registerVisits() {
	register(s, operation{
		id: "list-visits", method: http.MethodGet, path: "/conversations/{conversation_id}/presence", permission: team.ReadConversations, tag: "presence",
		summary: "Who looks at a conversation or writes in it now",
	}, func(ctx context.Context, in *ConversationPath) (*answer[list[presence.Visit]], error) {
		if _, err := s.Locator.Locate(ctx, viewer(ctx), in.ID); err != nil {
			return nil, err
		}
		return replyList(s.Presence.Board.At(in.ID), nil)
	})
	register(s, operation{
		id: "visit-conversation", method: http.MethodPost, path: "/conversations/{conversation_id}/presence", permission: team.WritePresence, tag: "presence",
		summary: "Tell colleagues that you look at a conversation, write in it, or have left it; the answer says who else is there",
	}, func(ctx context.Context, in *visit) (*answer[list[presence.Visit]], error) {
		account, err := s.Locator.Locate(ctx, viewer(ctx), in.ID)
		if err != nil {
			return nil, err
		}
		agent, err := agentOnly(ctx)
		if err != nil {
			return nil, err
		}
		s.Presence.Board.Tell(in.ID, account, agent, in.Body.State)
		others := []presence.Visit{}
		for _, v := range s.Presence.Board.At(in.ID) {
			if v.AgentID != agent {
				others = append(others, v)
			}
		}
		return replyList(others, nil)
	})
}

// agentOnly returns the agent who makes the request. Programs are nowhere.
func agentOnly(ctx context.Context) (string, error) {
	if id := caller(ctx).AgentID; id != "" {
		return id, nil
	}
	return "", conversation.Errorf(conversation.CodeUnsupported, "only agents can do this; this token belongs to a program")
}

// RenderVisit writes what an agent does in a conversation as clients get it: those who may see it, and not the agent.
func RenderVisit(v presence.Visit) feed.Frame {
	return feed.Frame{For: feed.Audience{AccountID: v.AccountID, NotAgent: v.AgentID}, Body: frame(eventPresence, "", v)}
}
