package server

import (
	"context"
	"net/http"
	"time"

	"guichet.dev/guichet/calendars"
	"guichet.dev/guichet/hours"
	"guichet.dev/guichet/team"
)

// CalendarPath names a calendar in a path.
type CalendarPath struct {
	ID string `path:"calendar_id" format:"uuid"`
}

type calendarBody struct {
	Name  string         `json:"name" minLength:"1" maxLength:"100"`
	Hours hours.Calendar `json:"hours"`
}

type createCalendar struct{ Body calendarBody }

type replaceCalendar struct {
	CalendarPath
	Body calendarBody
}

type askCalendar struct {
	CalendarPath
	At          time.Time `query:"at" doc:"Left out: now"`
	Until       time.Time `query:"until" doc:"Counts the business time from at until then"`
	PlusSeconds int       `query:"plus_seconds" minimum:"0" maximum:"31622400" doc:"Tells when so much business time has passed since at"`
}

type useCalendar struct {
	CalendarID string `json:"calendar_id" doc:"Empty for none: always open"`
}

type useAccountCalendar struct {
	AccountPath
	Body useCalendar
}

type useTeamCalendar struct {
	TeamPath
	Body useCalendar
}

func (s *Server) registerCalendars() {
	register(s, operation{
		id: "list-calendars", method: http.MethodGet, path: "/calendars", permission: team.ReadAutomation, tag: "business hours",
		summary: "All business hours by name",
	}, func(ctx context.Context, _ *struct{}) (*answer[list[calendars.Named]], error) {
		return replyList(s.Calendars.List(ctx))
	})
	register(s, operation{
		id: "create-calendar", method: http.MethodPost, path: "/calendars", permission: team.WriteAutomation, tag: "business hours",
		status: http.StatusCreated, summary: "Define business hours; a conflict if others have the name in whatever case",
	}, func(ctx context.Context, in *createCalendar) (*answer[calendars.Named], error) {
		if err := everywhere(ctx); err != nil {
			return nil, err
		}
		return reply(s.Calendars.Create(ctx, actor(ctx), calendars.Content{Name: in.Body.Name, Hours: in.Body.Hours}))
	})
	register(s, operation{
		id: "get-calendar", method: http.MethodGet, path: "/calendars/{calendar_id}", permission: team.ReadAutomation, tag: "business hours",
		summary: "Business hours",
	}, func(ctx context.Context, in *CalendarPath) (*answer[calendars.Named], error) {
		return reply(s.Calendars.Get(ctx, in.ID))
	})
	register(s, operation{
		id: "replace-calendar", method: http.MethodPut, path: "/calendars/{calendar_id}", permission: team.WriteAutomation, tag: "business hours",
		summary: "Change business hours for all who use them; deadlines that are armed stay",
	}, func(ctx context.Context, in *replaceCalendar) (*answer[calendars.Named], error) {
		if err := everywhere(ctx); err != nil {
			return nil, err
		}
		return reply(s.Calendars.Replace(ctx, actor(ctx), in.ID, calendars.Content{Name: in.Body.Name, Hours: in.Body.Hours}))
	})
	register(s, operation{
		id: "delete-calendar", method: http.MethodDelete, path: "/calendars/{calendar_id}", permission: team.WriteAutomation, tag: "business hours",
		status: http.StatusNoContent, summary: "Delete business hours that nobody uses",
	}, func(ctx context.Context, in *CalendarPath) (*struct{}, error) {
		return nil, s.Calendars.Delete(ctx, actor(ctx), in.ID)
	})
	register(s, operation{
		id: "ask-calendar", method: http.MethodGet, path: "/calendars/{calendar_id}/status", permission: team.ReadAutomation, tag: "business hours",
		summary: "Whether it is open at a moment, when it next opens and closes, and how business time counts from there",
	}, func(ctx context.Context, in *askCalendar) (*answer[calendars.Status], error) {
		if in.At.IsZero() {
			in.At = s.Clock.Now()
		}
		return reply(s.Calendars.Ask(ctx, in.ID, calendars.Question{At: in.At, Until: in.Until, Plus: time.Duration(in.PlusSeconds) * time.Second}))
	})
	register(s, operation{
		id: "list-holiday-countries", method: http.MethodGet, path: "/holiday-countries", permission: team.ReadAutomation, tag: "business hours",
		summary: "The countries and regions whose public holidays are known",
	}, func(context.Context, *struct{}) (*answer[list[string]], error) {
		return replyList(hours.Countries(), nil)
	})
	s.registerCalendarUse()
}

func (s *Server) registerCalendarUse() {
	register(s, operation{
		id: "set-account-calendar", method: http.MethodPut, path: "/accounts/{account_id}/calendar", permission: team.WriteAutomation, tag: "business hours",
		status: http.StatusNoContent, summary: "Choose an account's business hours",
	}, func(ctx context.Context, in *useAccountCalendar) (*struct{}, error) {
		if err := s.mayKnow(ctx, in.ID); err != nil {
			return nil, err
		}
		return nil, s.Calendars.Use(ctx, actor(ctx), calendars.Account, in.ID, in.Body.CalendarID)
	})
	register(s, operation{
		id: "set-team-calendar", method: http.MethodPut, path: "/teams/{team_id}/calendar", permission: team.WriteAutomation, tag: "business hours",
		status: http.StatusNoContent, summary: "Choose a team's business hours, which come before those of the account",
	}, func(ctx context.Context, in *useTeamCalendar) (*struct{}, error) {
		if err := everywhere(ctx); err != nil {
			return nil, err
		}
		return nil, s.Calendars.Use(ctx, actor(ctx), calendars.Team, in.ID, in.Body.CalendarID)
	})
}
