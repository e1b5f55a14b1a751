package server

import (
	"context"
	"net/http"
	"time"

	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/notifications"
	"guichet.dev/guichet/team"
)

type listNotifications struct {
	Paging
	Unread bool `query:"unread" doc:"Only what is unread"`
}

// notificationPage is a page of notifications with the count that a badge shows.
type notificationPage struct {
	Items      []notifications.Notification `json:"items" nullable:"false"`
	NextCursor string                       `json:"next_cursor,omitempty" doc:"For the next page; absent on the last one"`
	Unread     int                          `json:"unread" minimum:"0" maximum:"99" doc:"How many entries are unread, up to 99"`
	UnreadMore bool                         `json:"unread_more" doc:"There are more than that"`
}

type readNotifications struct {
	Body struct {
		IDs  []string   `json:"ids,omitempty" minItems:"1" maxItems:"100" nullable:"false" doc:"These entries; without them all"`
		UpTo *time.Time `json:"up_to,omitempty" doc:"Only those that did not change after this: the greatest changed_at that was shown, so that news which came since stay unread"`
	}
}

// notificationSettings are named so in the document, where accounts have settings too.
type notificationSettings notifications.Settings

type putNotificationSettings struct{ Body notificationSettings }

func (s *Server) registerNotifications() {
	register(s, operation{
		id: "list-notifications", method: http.MethodGet, path: "/me/notifications", permission: team.ReadSelf, tag: "notifications",
		summary: "What concerns the caller, an agent: one entry for the news of each conversation, newest first",
	}, s.listNotifications)
	register(s, operation{
		id: "read-notifications", method: http.MethodPost, path: "/me/notifications/read", permission: team.ReadSelf, tag: "notifications",
		status: http.StatusNoContent, summary: "Mark entries as read: some, or all up to a time",
	}, func(ctx context.Context, in *readNotifications) (*struct{}, error) {
		r := notifications.Reading{IDs: in.Body.IDs}
		if in.Body.UpTo != nil {
			r.UpTo = *in.Body.UpTo
		}
		return nil, s.Notifications.Read(ctx, viewer(ctx), r)
	})
	register(s, operation{
		id: "get-notification-settings", method: http.MethodGet, path: "/me/notification-settings", permission: team.ReadSelf, tag: "notifications",
		summary: "What the caller wants to hear of, and how",
	}, func(ctx context.Context, _ *struct{}) (*answer[notificationSettings], error) {
		settings, err := s.Notifications.Settings(ctx, actor(ctx))
		return reply(notificationSettings(settings), err)
	})
	register(s, operation{
		id: "put-notification-settings", method: http.MethodPut, path: "/me/notification-settings", permission: team.ReadSelf, tag: "notifications",
		summary: "Choose what to hear of, and how",
	}, func(ctx context.Context, in *putNotificationSettings) (*answer[notificationSettings], error) {
		settings, err := s.Notifications.Choose(ctx, actor(ctx), notifications.Settings(in.Body))
		return reply(notificationSettings(settings), err)
	})
}

func (s *Server) listNotifications(ctx context.Context, in *listNotifications) (*answer[notificationPage], error) {
	before, err := decodeCursor(in.Cursor)
	if err != nil {
		return nil, err
	}
	entries, next, err := s.Notifications.List(ctx, viewer(ctx), notifications.Filter{
		Unread: in.Unread, Limit: in.Limit, Before: notifications.Place{At: before.At, ID: before.ID},
	})
	if err != nil {
		return nil, err
	}
	unread, err := s.Notifications.Unread(ctx, viewer(ctx))
	if err != nil {
		return nil, err
	}
	if entries == nil {
		entries = []notifications.Notification{}
	}
	return reply(notificationPage{
		Items: entries, NextCursor: encodeCursor(inbox.Cursor{At: next.At, ID: next.ID}),
		Unread: min(unread, notifications.MostUnread), UnreadMore: unread > notifications.MostUnread,
	}, nil)
}
