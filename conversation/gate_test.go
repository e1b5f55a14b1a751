package conversation_test

import (
	"testing"
	"time"

	"guichet.dev/guichet/conversation"
)

var (
	agent = conversation.Actor{Kind: conversation.ActorAgent, ID: "1"}
	rule  = conversation.Actor{Kind: conversation.ActorRule, ID: "2"}
)

// free is a message to which nothing objects.
func free(author conversation.Actor) conversation.GateInput {
	return conversation.GateInput{
		Now: noon, Author: author, Kind: conversation.KindText, Account: conversation.AccountActive,
		Window: conversation.Window{From: noon.Add(-time.Hour), Margin: time.Minute}, LastInboundAt: noon.Add(-time.Hour),
	}
}

func TestGate(t *testing.T) {
	t.Parallel()
	type in = conversation.GateInput
	closed := func(g *in) { g.Window.From = noon.Add(-25 * time.Hour) }
	template := func(g *in) { g.Kind = conversation.KindTemplate }
	marketing := func(g *in) { g.Kind, g.Marketing = conversation.KindTemplate, true }
	stopAll := func(g *in) { g.Consent.All, g.Consent.AllAt = conversation.ConsentOptedOut, noon.Add(-2*time.Hour) }
	stopMarketing := func(g *in) { g.Consent.Marketing = conversation.ConsentOptedOut }
	mayAnswer := func(g *in) { g.AgentMayAnswerOptedOut = true }
	quietSince := func(g *in) { g.LastInboundAt = g.Consent.AllAt }
	confirmation := func(g *in) { g.Confirmation = true }
	unexamined := func(g *in) { g.Unexamined = true }
	superseded := func(g *in) { g.Superseded = true }
	paused := func(g *in) { g.Account = conversation.AccountPaused }
	broken := func(g *in) { g.Account = conversation.AccountError }
	for name, test := range map[string]struct {
		author  conversation.Actor
		changes []func(*in)
		verdict conversation.Verdict
		code    conversation.Code
	}{
		"agent":                                  {agent, nil, conversation.Send, ""},
		"rule":                                   {rule, nil, conversation.Send, ""},
		"closed":                                 {agent, []func(*in){closed}, conversation.Refuse, conversation.CodeWindowClosed},
		"closed, template":                       {agent, []func(*in){closed, template}, conversation.Send, ""},
		"closed, reaction":                       {agent, []func(*in){closed, func(g *in) { g.Kind = conversation.KindReaction }}, conversation.Refuse, conversation.CodeWindowClosed},
		"never written":                          {agent, []func(*in){func(g *in) { g.Window = conversation.Window{} }}, conversation.Refuse, conversation.CodeWindowClosed},
		"window refused":                         {agent, []func(*in){func(g *in) { g.Window.RefusedAt = noon }}, conversation.Refuse, conversation.CodeWindowClosed},
		"closed and paused":                      {agent, []func(*in){closed, paused}, conversation.Refuse, conversation.CodeWindowClosed},
		"paused":                                 {agent, []func(*in){paused}, conversation.Hold, conversation.CodeAccountPaused},
		"account error":                          {rule, []func(*in){broken}, conversation.Hold, conversation.CodeAccountError},
		"unexamined, agent":                      {agent, []func(*in){unexamined}, conversation.Send, ""},
		"unexamined, rule":                       {rule, []func(*in){unexamined}, conversation.Hold, conversation.CodeUnexamined},
		"unexamined, rule, template":             {rule, []func(*in){unexamined, closed, template}, conversation.Hold, conversation.CodeUnexamined},
		"superseded, agent":                      {agent, []func(*in){superseded}, conversation.Send, ""},
		"superseded, rule":                       {rule, []func(*in){superseded}, conversation.Refuse, conversation.CodeSuperseded},
		"superseded, as far as is known":         {rule, []func(*in){superseded, unexamined}, conversation.Hold, conversation.CodeUnexamined},
		"stop, agent":                            {agent, []func(*in){stopAll}, conversation.Refuse, conversation.CodeOptedOut},
		"stop, rule":                             {rule, []func(*in){stopAll}, conversation.Refuse, conversation.CodeOptedOut},
		"stop, template":                         {agent, []func(*in){stopAll, template}, conversation.Refuse, conversation.CodeOptedOut},
		"stop, confirmation":                     {rule, []func(*in){stopAll, confirmation}, conversation.Send, ""},
		"stop, confirmation after the window":    {rule, []func(*in){stopAll, confirmation, closed}, conversation.Refuse, conversation.CodeWindowClosed},
		"stop, agent may answer a later message": {agent, []func(*in){stopAll, mayAnswer}, conversation.Send, ""},
		"stop, agent may answer, nothing later":  {agent, []func(*in){stopAll, mayAnswer, quietSince}, conversation.Refuse, conversation.CodeOptedOut},
		"stop, a rule never answers":             {rule, []func(*in){stopAll, mayAnswer}, conversation.Refuse, conversation.CodeOptedOut},
		"stop, marketing is no answer":           {agent, []func(*in){stopAll, mayAnswer, marketing}, conversation.Refuse, conversation.CodeOptedOut},
		"stop marketing, text":                   {agent, []func(*in){stopMarketing}, conversation.Send, ""},
		"stop marketing, utility template":       {rule, []func(*in){stopMarketing, closed, template}, conversation.Send, ""},
		"stop marketing, marketing":              {agent, []func(*in){stopMarketing, marketing}, conversation.Refuse, conversation.CodeOptedOut},
		"stop marketing, even as confirmation":   {rule, []func(*in){stopMarketing, marketing, confirmation}, conversation.Refuse, conversation.CodeOptedOut},
		"opted out and superseded":               {rule, []func(*in){stopAll, superseded}, conversation.Refuse, conversation.CodeOptedOut},
	} {
		g := free(test.author)
		for _, change := range test.changes {
			change(&g)
		}
		verdict, err := conversation.Gate(g)
		code := conversation.Code("")
		if err != nil {
			code = err.Code
		}
		if verdict != test.verdict || code != test.code {
			t.Errorf("%s: %s %q, want %s %q", name, verdict, code, test.verdict, test.code)
		}
	}
}

func TestGateTellsWhenTheWindowClosed(t *testing.T) {
	t.Parallel()
	g := free(agent)
	g.Window.From = noon.Add(-25 * time.Hour)
	_, err := conversation.Gate(g)
	if err == nil || err.Details["closed_at"] != noon.Add(-time.Hour-time.Minute) {
		t.Errorf("got %+v", err)
	}
	if conversation.CodeOf(err) != conversation.CodeWindowClosed {
		t.Errorf("code %s", conversation.CodeOf(err))
	}
}
