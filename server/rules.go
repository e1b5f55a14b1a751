package server

import (
	"context"
	"net/http"
	"time"

	"guichet.dev/guichet/automation"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/rulebook"
	"guichet.dev/guichet/rules"
	"guichet.dev/guichet/rules/condition"
	"guichet.dev/guichet/team"
)

type saveDraft struct {
	Body struct {
		Definition rules.Edition `json:"definition"`
		Revision   int64         `json:"revision" minimum:"0" doc:"Of the draft that you changed: if somebody changed it since, this is refused as stale"`
	}
}

type dropDraft struct {
	Revision int64 `query:"revision" minimum:"0" required:"true" doc:"Of the draft that you throw away"`
}

type publication struct {
	Comment       string `json:"comment" minLength:"1" maxLength:"500" doc:"What changes, and why"`
	MoveDeadlines bool   `json:"move_deadlines,omitempty" doc:"Whether deadlines that are armed count by the new version; otherwise they keep the one under which they were armed"`
	Revision      int64  `json:"revision" minimum:"0" doc:"Of the draft as you know it"`
}

func (p publication) toBook() rulebook.Publication {
	return rulebook.Publication{Comment: p.Comment, MoveDeadlines: p.MoveDeadlines, Revision: p.Revision}
}

type publishDraft struct{ Body publication }

type tryRules struct {
	Body struct {
		Definition *rules.Edition `json:"definition,omitempty" doc:"Left out: the draft"`
		Trigger    rules.Trigger  `json:"trigger,omitempty" doc:"Left out: message_received"`
		MessageID  string         `json:"message_id,omitempty" format:"uuid" doc:"A message that was received: it is taken as if it came now"`
		AccountID  string         `json:"account_id,omitempty" format:"uuid" doc:"Where an invented message comes in"`
		Text       string         `json:"text,omitempty" maxLength:"4096" doc:"Of an invented message"`
		At         *time.Time     `json:"at,omitempty" doc:"When it comes in; left out: now"`
		Contact    *trialContact  `json:"contact,omitempty" doc:"Who writes an invented message"`
	}
}

type trialContact struct {
	Name       string         `json:"name,omitempty" maxLength:"200"`
	Language   string         `json:"language,omitempty" maxLength:"35"`
	Phone      string         `json:"phone,omitempty" maxLength:"32"`
	Email      string         `json:"email,omitempty" maxLength:"254"`
	Attributes map[string]any `json:"attributes,omitempty"`
}

// ruleLanguage is what rules can be made of, for whoever writes them.
type ruleLanguage struct {
	Triggers  []rules.Trigger           `json:"triggers" nullable:"false"`
	Actions   []conversation.ActionKind `json:"actions" nullable:"false"`
	Limits    []rules.Once              `json:"limits" nullable:"false"`
	Fields    []condition.Field         `json:"fields" nullable:"false" doc:"What conditions see; contact.attributes. and the key of an attribute besides"`
	Functions []condition.Function      `json:"functions" nullable:"false"`
	Variables []string                  `json:"variables" nullable:"false" doc:"What texts may contain in {{}}, with a default after |"`
}

// ruleDraft is a draft of the rules; agents' drafts of messages are something else.
type ruleDraft struct{ rulebook.Draft }

func replyDraft(d rulebook.Draft, err error) (*answer[ruleDraft], error) {
	return reply(ruleDraft{d}, err)
}

func (s *Server) registerRules() {
	register(s, operation{
		id: "get-rule-draft", method: http.MethodGet, path: "/rules/draft", permission: team.ReadAutomation, tag: "rules",
		summary: "What admins work on, and what is wrong with it",
	}, func(ctx context.Context, _ *struct{}) (*answer[ruleDraft], error) {
		return replyDraft(s.Rulebook.Draft(ctx))
	})
	register(s, operation{
		id: "save-rule-draft", method: http.MethodPut, path: "/rules/draft", permission: team.WriteAutomation, tag: "rules",
		summary: "Change the draft; nothing of it acts before it is published",
	}, func(ctx context.Context, in *saveDraft) (*answer[ruleDraft], error) {
		if err := everywhere(ctx); err != nil {
			return nil, err
		}
		return replyDraft(s.Rulebook.SaveDraft(ctx, actor(ctx), in.Body.Definition, in.Body.Revision))
	})
	register(s, operation{
		id: "drop-rule-draft", method: http.MethodDelete, path: "/rules/draft", permission: team.WriteAutomation, tag: "rules",
		summary: "Go back to what is published",
	}, func(ctx context.Context, in *dropDraft) (*answer[ruleDraft], error) {
		if err := everywhere(ctx); err != nil {
			return nil, err
		}
		return replyDraft(s.Rulebook.DropDraft(ctx, actor(ctx), in.Revision))
	})
	register(s, operation{
		id: "publish-rule-draft", method: http.MethodPost, path: "/rules/draft/publish", permission: team.WriteAutomation, tag: "rules",
		summary: "Make the draft the next version, in force from now on",
	}, func(ctx context.Context, in *publishDraft) (*answer[rulebook.Version], error) {
		if err := everywhere(ctx); err != nil {
			return nil, err
		}
		return reply(s.Rulebook.Publish(ctx, actor(ctx), in.Body.toBook()))
	})
	register(s, operation{
		id: "try-rules", method: http.MethodPost, path: "/rules/try", permission: team.ReadAutomation, tag: "rules",
		summary: "What rules would do about an invented message or one that was received; nothing follows from it",
	}, s.tryRules)
	register(s, operation{
		id: "get-rule-language", method: http.MethodGet, path: "/rules/language", permission: team.ReadAutomation, tag: "rules",
		summary: "What rules can be made of",
	}, func(context.Context, *struct{}) (*answer[ruleLanguage], error) {
		return reply(ruleLanguage{
			Triggers: rules.Triggers(), Actions: conversation.ActionKinds(), Limits: rules.Onces()[1:], Fields: condition.Fields(),
			Functions: condition.Functions(), Variables: rules.Variables(),
		}, nil)
	})
	s.registerRuleVersions()
	s.registerReplies()
}

// everywhere refuses a token that is limited to some accounts: what it would change holds for all.
func everywhere(ctx context.Context) error {
	if caller(ctx).Limited {
		return conversation.Errorf(conversation.CodeForbidden, "a token that is limited to some accounts cannot change what holds for all")
	}
	return nil
}

func (s *Server) tryRules(ctx context.Context, in *tryRules) (*answer[automation.Tried], error) {
	b := &in.Body
	if (b.MessageID == "") == (b.AccountID == "") {
		return nil, conversation.Invalid("message_id", "give message_id, or account_id and text")
	}
	t := automation.Trial{
		Trigger: b.Trigger, MessageID: b.MessageID, AccountID: b.AccountID, Content: conversation.Content{Kind: conversation.KindText, Text: b.Text},
	}
	if t.Trigger == "" {
		t.Trigger = rules.OnMessage
	}
	if b.At != nil {
		t.At = b.At.UTC()
	}
	if c := b.Contact; c != nil {
		t.Contact = automation.TrialContact{Name: c.Name, Language: c.Language, Phone: c.Phone, Email: c.Email, Attributes: c.Attributes}
	}
	if b.Definition != nil {
		t.Definition = *b.Definition
	} else {
		draft, err := s.Rulebook.Draft(ctx)
		if err != nil {
			return nil, err
		}
		t.Definition = draft.Definition
	}
	return reply(s.Automation.Try(ctx, viewer(ctx), t))
}
