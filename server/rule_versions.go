package server

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/rulebook"
	"guichet.dev/guichet/rules"
	"guichet.dev/guichet/team"
)

// VersionPath names a published version of the rules in a path.
type VersionPath struct {
	Version int `path:"version" minimum:"1"`
}

type listVersions struct{ Paging }

type rollBack struct {
	VersionPath
	Body publication
}

type compareVersions struct {
	From int `query:"from" minimum:"0" doc:"The older version; 0 is before everything"`
	To   int `query:"to" minimum:"0" doc:"The newer version; 0 is the draft"`
}

// versionView is a version with what it says.
type versionView struct {
	rulebook.Version
	Definition rules.Edition `json:"definition"`
}

func (s *Server) registerRuleVersions() {
	register(s, operation{
		id: "list-rule-versions", method: http.MethodGet, path: "/rules/versions", permission: team.ReadAutomation, tag: "rules",
		summary: "What was published, newest first; the first is in force",
	}, func(ctx context.Context, in *listVersions) (*answer[page[rulebook.Version]], error) {
		before, err := decodeCursor(in.Cursor)
		if err != nil {
			return nil, err
		}
		found, err := s.Rulebook.Versions(ctx, int(before.Seq), in.Limit+1)
		var next inbox.Cursor
		if len(found) > in.Limit {
			found = found[:in.Limit]
			next.Seq = int64(found[in.Limit-1].Version)
		}
		return replyPage(found, next, err)
	})
	register(s, operation{
		id: "get-rule-version", method: http.MethodGet, path: "/rules/versions/{version}", permission: team.ReadAutomation, tag: "rules",
		summary: "One published version",
	}, func(ctx context.Context, in *VersionPath) (*answer[versionView], error) {
		v, d, err := s.Rulebook.Get(ctx, in.Version)
		return reply(versionView{v, d}, err)
	})
	register(s, operation{
		id: "roll-back-rules", method: http.MethodPost, path: "/rules/versions/{version}/roll-back", permission: team.WriteAutomation, tag: "rules",
		summary: "Publish an older version once more, as a new one; the draft becomes the same",
	}, func(ctx context.Context, in *rollBack) (*answer[rulebook.Version], error) {
		if err := everywhere(ctx); err != nil {
			return nil, err
		}
		return reply(s.Rulebook.RollBack(ctx, actor(ctx), in.Version, in.Body.toBook()))
	})
	register(s, operation{
		id: "compare-rules", method: http.MethodGet, path: "/rules/differences", permission: team.ReadAutomation, tag: "rules",
		summary: "What a version, or the draft, changes against another",
	}, func(ctx context.Context, in *compareVersions) (*answer[list[rulebook.Difference]], error) {
		return replyList(s.Rulebook.Differences(ctx, in.From, in.To))
	})
}

type setReplies struct {
	AccountPath
	Body struct {
		rules.Replies
		Comment string `json:"comment" minLength:"1" maxLength:"500" doc:"What changes, and why"`
	}
}

type dropReplies struct {
	AccountPath
	Comment string `query:"comment" default:"No automatic replies any more" maxLength:"500" doc:"What changes, and why"`
}

// repliesView is the automatic replies in force.
type repliesView struct {
	rules.Replies
	Version int `json:"version" doc:"Of the rules in which they are published"`
}

func (s *Server) registerReplies() {
	register(s, operation{
		id: "get-automatic-replies", method: http.MethodGet, path: "/accounts/{account_id}/automatic-replies", permission: team.ReadAutomation, tag: "rules",
		summary: "The automatic replies of an account",
	}, func(ctx context.Context, in *AccountPath) (*answer[repliesView], error) {
		if err := s.mayKnow(ctx, in.ID); err != nil {
			return nil, err
		}
		v, d, err := s.Rulebook.Get(ctx, 0)
		return reply(repliesView{d.Replies[in.ID], v.Version}, err)
	})
	register(s, operation{
		id: "set-automatic-replies", method: http.MethodPut, path: "/accounts/{account_id}/automatic-replies", permission: team.WriteAutomation, tag: "rules",
		summary: "Publish other automatic replies of an account at once; the draft gets them too",
	}, func(ctx context.Context, in *setReplies) (*answer[repliesView], error) {
		if err := s.mayKnow(ctx, in.ID); err != nil {
			return nil, err
		}
		v, err := s.Rulebook.SetReplies(ctx, actor(ctx), in.ID, &in.Body.Replies, in.Body.Comment)
		return reply(repliesView{in.Body.Replies, v.Version}, repliesError(err, in.ID))
	})
	register(s, operation{
		id: "drop-automatic-replies", method: http.MethodDelete, path: "/accounts/{account_id}/automatic-replies", permission: team.WriteAutomation, tag: "rules",
		status: http.StatusNoContent, summary: "Send no automatic replies from an account any more; its other rules stay",
	}, func(ctx context.Context, in *dropReplies) (*struct{}, error) {
		if err := s.mayKnow(ctx, in.ID); err != nil {
			return nil, err
		}
		_, err := s.Rulebook.SetReplies(ctx, actor(ctx), in.ID, nil, in.Comment)
		return nil, err
	})
}

// repliesError says of a wrong field where it stands in the form.
func repliesError(err error, accountID string) error {
	var e *conversation.Error
	if !errors.As(err, &e) {
		return err
	}
	if field, ok := strings.CutPrefix(e.Field, "definition.replies."+accountID+"."); ok {
		return conversation.Invalid(field, "%s", e.Message)
	}
	return err
}
