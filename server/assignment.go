package server

import (
	"context"
	"net/http"

	"guichet.dev/guichet/assignment"
	"guichet.dev/guichet/team"
)

type setAssignmentPlan struct {
	AccountPath
	Body assignment.Plan
}

type listQueue struct {
	AccountID string `query:"account_id" format:"uuid" doc:"Only this account's queues"`
	TeamID    string `query:"team_id" format:"uuid" doc:"Only this team's queues"`
	Limit     int    `query:"limit" minimum:"1" maximum:"500" default:"100"`
}

type setCapacity struct {
	AgentPath
	Body struct {
		Capacity int `json:"capacity" minimum:"0" maximum:"500" doc:"Open conversations by weight. Default 20"`
	}
}

func (s *Server) registerAssignment() {
	register(s, operation{
		id: "get-assignment-plan", method: http.MethodGet, path: "/accounts/{account_id}/assignment-plan", permission: team.WriteAccounts, tag: "assignment",
		summary: "How an account's conversations are assigned",
	}, func(ctx context.Context, in *AccountPath) (*answer[assignment.Plan], error) {
		if err := s.mayPlan(ctx, in.ID); err != nil {
			return nil, err
		}
		return reply(s.Assignment.Plan(ctx, in.ID))
	})
	register(s, operation{
		id: "set-assignment-plan", method: http.MethodPut, path: "/accounts/{account_id}/assignment-plan", permission: team.WriteAccounts, tag: "assignment",
		summary: "Replace how an account's conversations are assigned",
	}, func(ctx context.Context, in *setAssignmentPlan) (*answer[assignment.Plan], error) {
		if err := s.mayPlan(ctx, in.ID); err != nil {
			return nil, err
		}
		return reply(s.Assignment.SetPlan(ctx, actor(ctx), in.ID, in.Body))
	})
	register(s, operation{
		id: "list-assignment-queue", method: http.MethodGet, path: "/assignment-queue", permission: team.ReadAssignment, tag: "assignment",
		summary: "What waits until somebody has room, by the place in its queue",
	}, func(ctx context.Context, in *listQueue) (*answer[list[assignment.Place]], error) {
		if in.AccountID != "" {
			if err := s.maySee(ctx, in.AccountID); err != nil {
				return nil, err
			}
		}
		return replyList(s.Assignment.Waiting(ctx, viewer(ctx), assignment.Selected{AccountID: in.AccountID, TeamID: in.TeamID, Limit: in.Limit}))
	})
	s.registerCapacities()
	s.registerOffers()
}

// mayPlan returns not_found for an account that is not there, or of which the caller may not know.
func (s *Server) mayPlan(ctx context.Context, accountID string) error {
	if err := s.mayKnow(ctx, accountID); err != nil {
		return err
	}
	if _, err := s.Accounts.Get(ctx, accountID); err != nil {
		return err
	}
	return nil
}

func (s *Server) registerCapacities() {
	register(s, operation{
		id: "list-capacities", method: http.MethodGet, path: "/agent-capacities", permission: team.ReadAssignment, tag: "assignment",
		summary: "How much each active agent can have and has",
	}, func(ctx context.Context, _ *struct{}) (*answer[list[assignment.Capacity]], error) {
		return replyList(s.Assignment.Capacities(ctx))
	})
	register(s, operation{
		id: "set-capacity", method: http.MethodPut, path: "/agents/{agent_id}/capacity", permission: team.WriteCapacity, tag: "assignment",
		summary: "Set how much an agent can have; what waits is given at once",
	}, func(ctx context.Context, in *setCapacity) (*answer[assignment.Capacity], error) {
		return reply(s.Assignment.SetCapacity(ctx, actor(ctx), in.ID, in.Body.Capacity))
	})
}

func (s *Server) registerOffers() {
	accept := handling("offer/accept", team.AttendConversations, "Take up a conversation that is offered to oneself")
	decline := handling("offer/decline", team.AttendConversations, "Pass on a conversation that is offered to oneself")
	accept.id, decline.id = "accept-offer", "decline-offer"
	register(s, accept, func(ctx context.Context, in *ConversationPath) (*conversationAnswer, error) {
		return s.after(ctx, in.ID, s.Assignment.Accept(ctx, viewer(ctx), in.ID))
	})
	register(s, decline, func(ctx context.Context, in *ConversationPath) (*conversationAnswer, error) {
		return s.after(ctx, in.ID, s.Assignment.Decline(ctx, viewer(ctx), in.ID))
	})
}
