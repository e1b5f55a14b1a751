package server

import (
	"context"
	"strings"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
)

// Selecting is the part of a request that says which conversations are meant. Nothing narrows the view open.
type Selecting struct {
	View      inbox.View                `query:"view" doc:"A named selection; open if left out"`
	Sort      inbox.Sort                `query:"sort" doc:"newest activity, waiting longest, window closing soonest, or priority; newest if left out"`
	Statuses  []conversation.Status     `query:"status" maxItems:"3" doc:"Of any of these statuses, as far as the view has them"`
	Accounts  []string                  `query:"account_id" maxItems:"100" doc:"Of any of these accounts"`
	Assignee  string                    `query:"assignee" maxLength:"36" doc:"An agent's id, me or none"`
	Team      string                    `query:"team" maxLength:"36" doc:"A team's id, mine (any team of the caller) or none"`
	Labels    []string                  `query:"label_id" maxItems:"100" doc:"With any of these labels"`
	AllLabels bool                      `query:"all_labels" doc:"With all of the labels instead"`
	Unread    bool                      `query:"unread" doc:"Unread by the caller"`
	Followed  bool                      `query:"followed" doc:"Followed by the caller"`
	Waiting   bool                      `query:"waiting" doc:"The customer waits for an answer"`
	Window    inbox.WindowState         `query:"window" doc:"How the 24-hour window stands, the account's margin kept back; closing: open, but not for long"`
	Closing   int                       `query:"closing_within_minutes" maximum:"1440" doc:"With the window closing: open for so many minutes at most; 120 if left out"`
	Priority  []conversation.Priority   `query:"priority" maxItems:"4" doc:"Of any of these"`
	Consent   conversation.ConsentState `query:"consent" doc:"The contact's standing consent to be contacted at all"`
	Marketing conversation.ConsentState `query:"marketing_consent" doc:"The contact's standing consent to marketing"`
	Asked     bool                      `query:"consent_asked" doc:"With a message of which nobody has said yet whether it is a wish to be left alone"`
	Attribute []string                  `query:"attribute" maxItems:"10" doc:"key:value of an attribute of the contact; all must be equal"`
}

func (in *Selecting) criteria() (inbox.Criteria, error) {
	c := inbox.Criteria{
		View: in.View, Statuses: in.Statuses, Accounts: in.Accounts, Assignee: in.Assignee, Team: in.Team, Labels: in.Labels, AllLabels: in.AllLabels,
		Unread: in.Unread, Followed: in.Followed, Waiting: in.Waiting, Window: in.Window, Closing: in.Closing,
		Priority: in.Priority, Consent: in.Consent, Marketing: in.Marketing, Asked: in.Asked, Sort: in.Sort,
	}
	for _, text := range in.Attribute {
		key, value, ok := strings.Cut(text, ":")
		if !ok || key == "" {
			return c, conversation.Invalid("attribute", "must be key:value")
		}
		if c.Attribute == nil {
			c.Attribute = map[string]string{}
		}
		c.Attribute[key] = value
	}
	return c, nil
}

func (s *Server) listConversations(ctx context.Context, in *listConversations) (*answer[page[inbox.Conversation]], error) {
	after, err := decodeCursor(in.Cursor)
	if err != nil {
		return nil, err
	}
	criteria, err := s.criteriaOf(ctx, in)
	if err != nil {
		return nil, err
	}
	return replyPage(s.Queries.List(ctx, viewer(ctx), inbox.Filter{Criteria: criteria, Limit: in.Limit, After: after}))
}

// criteriaOf returns what a request asks for. With a saved view, each thing that the request says replaces the view's own.
func (s *Server) criteriaOf(ctx context.Context, in *listConversations) (inbox.Criteria, error) {
	asked, err := in.criteria()
	if err != nil || in.SavedView == "" {
		return asked, err
	}
	v, err := s.Views.Get(ctx, caller(ctx), in.SavedView)
	if err != nil {
		return asked, err
	}
	return v.Criteria.With(asked), nil
}

type countConversations struct {
	Views []inbox.View `query:"views" maxItems:"20" doc:"Which views; all if left out"`
}

// viewCount is how many conversations one view has.
type viewCount struct {
	View inbox.View `json:"view"`
	inbox.Count
}

func (s *Server) countConversations(ctx context.Context, in *countConversations) (*answer[list[viewCount]], error) {
	views := in.Views
	if len(views) == 0 {
		views = inbox.Views()
	}
	counts := make([]viewCount, 0, len(views))
	for _, v := range views {
		if v == inbox.ViewMine && caller(ctx).AgentID == "" {
			continue // a program has none
		}
		n, err := s.Queries.Count(ctx, viewer(ctx), inbox.Criteria{View: v})
		if err != nil {
			return nil, err
		}
		counts = append(counts, viewCount{v, n})
	}
	return replyList(counts, nil)
}
