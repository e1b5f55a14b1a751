package rules

import (
	"fmt"
	"slices"
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/rules/condition"
)

// Policy decides about one conversation at one moment. It is not safe for concurrent use.
type Policy struct {
	set   *Set
	older func(version int) *Set // under which deadlines were armed; nil if it is not known any more
	facts Facts
	env   *condition.Environment // never changed once a condition was asked, see change

	message conversation.InputEvent // the one that is being decided on, or was last
	asked   bool                    // one of the messages may be a wish to be left alone
	replied bool                    // an automatic reply was decided
}

// NewPolicy returns the policy of a set for a conversation with these facts. The function returns older versions, for
// deadlines that were armed under them.
func (s *Set) NewPolicy(facts Facts, older func(version int) *Set) *Policy {
	return &Policy{set: s, older: older, facts: facts, env: facts.Env}
}

// change changes what conditions see from now on.
func (p *Policy) change(do func(*condition.Environment)) {
	p.env = p.env.Clone()
	do(p.env)
}

// Version implements conversation.Policy.
func (p *Policy) Version() int { return p.set.version }

// OnEvent implements conversation.Policy.
func (p *Policy) OnEvent(state conversation.State, e conversation.InputEvent, now time.Time) conversation.Decision {
	if e.Kind == conversation.EventMessageReceived {
		p.see(e)
	}
	p.follow(e.Event)
	trigger := TriggerOf(e.Event)
	if trigger == "" || state.Merged {
		return conversation.Decision{}
	}
	return p.decide(occasion{
		set: p.set, trigger: trigger, state: state, event: e, now: now, key: fmt.Sprintf("%d:%s", e.Seq, trigger),
		cause: conversation.Cause{Seq: e.Seq, Trigger: string(e.Kind)},
	})
}

// Try says what the rules of a trigger would do about a message, whatever brought the trigger about.
func (p *Policy) Try(state conversation.State, trigger Trigger, message conversation.InputEvent, now time.Time) conversation.Decision {
	p.Begin([]conversation.InputEvent{message})
	return p.decide(occasion{
		set: p.set, trigger: trigger, state: state, event: message, now: now, key: string(trigger), cause: conversation.Cause{Trigger: string(trigger)},
	})
}

// OnDeadline implements conversation.Policy: the rule decides as it was when its deadline was armed.
func (p *Policy) OnDeadline(state conversation.State, d conversation.Deadline, now time.Time) conversation.Decision {
	set := p.set
	if d.Version != set.version {
		set = p.older(d.Version)
	}
	if set == nil {
		return conversation.Decision{Outcomes: []conversation.Outcome{{Step: "rule:" + d.RuleID, Result: "version_unknown"}}}
	}
	trigger := OnWaiting
	if d.Kind == conversation.DeadlineRuleClosing {
		trigger = OnWindowClosing
	}
	return p.decide(occasion{
		set: set, trigger: trigger, only: d.RuleID, state: state, now: now,
		key:   fmt.Sprintf("%s@%s", trigger, d.Anchor.UTC().Format(time.RFC3339Nano)),
		cause: conversation.Cause{Seq: state.AppliedSeq, Trigger: string(d.Kind)},
	})
}

// Begin implements conversation.Policy.
func (p *Policy) Begin(events []conversation.InputEvent) {
	seen := false
	for _, e := range events {
		if e.Kind != conversation.EventMessageReceived {
			continue
		}
		if !seen {
			p.see(e) // an event that the message brought, such as opened, stands before it
			seen = true
		}
		p.asked = p.asked || e.Finding.Ask
		if e.Finding.Found() && !e.Finding.Ask {
			p.change(func(env *condition.Environment) { setConsent(env, e.Finding.Scope, e.Finding.State) })
		}
	}
}

// see takes over a message that was received.
func (p *Policy) see(e conversation.InputEvent) {
	p.message = e
	p.change(func(env *condition.Environment) { env.Message = messageOf(e) })
}

func setConsent(env *condition.Environment, scope conversation.ConsentScope, state conversation.ConsentState) {
	if scope == conversation.ScopeMarketing {
		env.Consent.Marketing = string(state)
	} else {
		env.Consent.All = string(state)
	}
}

func messageOf(e conversation.InputEvent) condition.Message {
	m := condition.Message{Late: e.Data.Late, At: e.At, Kind: string(e.Data.MessageKind)}
	if c := e.Content; c != nil {
		m.Text, m.Kind, m.HasMedia, m.Automatic = c.Text, string(c.Kind), len(c.Media) > 0, c.Automatic
		if c.Choice != nil && m.Text == "" {
			m.Text = c.Choice.Title
		}
	}
	return m
}

// follow keeps the environment true to what events tell.
func (p *Policy) follow(e conversation.Event) {
	status, assigned := p.env.Conversation.Status, p.env.Conversation.Assigned
	switch e.Kind {
	case conversation.EventAssigned:
		assigned = e.Data.AgentID != ""
	case conversation.EventDone:
		status = string(conversation.StatusDone)
	case conversation.EventOpened, conversation.EventReopened, conversation.EventWoken:
		status = string(conversation.StatusOpen)
	case conversation.EventSnoozed:
		status = string(conversation.StatusSnoozed)
	}
	if c := p.env.Conversation; status != c.Status || assigned != c.Assigned {
		p.change(func(env *condition.Environment) {
			env.Conversation.Status, env.Conversation.Assigned = status, assigned
		})
	}
}

// occasion is one moment at which rules are asked.
type occasion struct {
	set     *Set
	trigger Trigger
	only    string // the one rule that is asked, if not empty
	state   conversation.State
	event   conversation.InputEvent
	now     time.Time
	key     string // begins the keys of the effects
	cause   conversation.Cause
}

// decide asks the rules of a trigger in their order.
func (p *Policy) decide(o occasion) conversation.Decision {
	group := o.set.byTrigger[o.trigger]
	var d conversation.Decision
	results := []byte(nil)
	stopped := false
	parent := o.event.Cause
	if parent != nil {
		d.Depth = parent.Depth
	}
	if len(group.rules) == 0 {
		return d
	}
	p.change(func(env *condition.Environment) {
		env.Trigger, env.Now, env.Label = string(o.trigger), p.local(o.now), p.facts.LabelNames[o.event.Data.LabelID]
	})
	for _, place := range group.rules {
		r := &o.set.rules[place]
		if o.only != "" && r.ID != o.only || !r.appliesTo(p.facts.AccountID) {
			continue
		}
		if results == nil {
			results = slices.Repeat([]byte{byte(conversation.RuleNotAsked)}, len(o.set.rules))
			d.Inputs = p.inputs(group)
		}
		result := conversation.RuleStopped
		if !stopped {
			result = p.ask(r, o, parent, &d)
			stopped = r.Stop && (result == conversation.RuleMatched || result == conversation.RuleSuppressed || result == conversation.RuleLimited)
		}
		results[place] = byte(result)
	}
	d.Version, d.Rules = o.set.version, string(results)
	return d
}

// ask asks one rule and adds what it does.
func (p *Policy) ask(r *compiled, o occasion, parent *conversation.Cause, d *conversation.Decision) conversation.RuleResult {
	if parent != nil && (parent.Depth >= conversation.MaxDepth || slices.Contains(parent.Chain, r.ID)) {
		return conversation.RuleLooped
	}
	if r.condition != nil {
		matches, err := r.condition.Eval(p.env)
		if err != nil {
			d.Outcomes = append(d.Outcomes, conversation.Outcome{Step: "rule:" + r.ID, Seq: o.event.Seq, Result: err.Error()})
			return conversation.RuleFailed
		}
		if !matches {
			return conversation.RuleNoMatch
		}
	}
	mark := p.mark(r, o)
	if mark != "" && p.facts.Marks[r.ID][mark] {
		return conversation.RuleLimited
	}
	cause := o.cause
	cause.RuleID, cause.Version, cause.Depth = r.ID, o.set.version, d.Depth+1
	if parent != nil {
		cause.Chain = slices.Clone(parent.Chain)
	}
	cause.Chain = append(cause.Chain, r.ID)
	result := conversation.RuleSuppressed
	for i, action := range r.Then {
		e := conversation.Effect{
			Kind: conversation.EffectAct, Key: fmt.Sprintf("rule:%s:%s:%d", o.key, r.ID, i), Action: &action, Cause: &cause, Mark: mark,
		}
		p.plan(&e, o)
		if e.Outcome == "" {
			result = conversation.RuleMatched
		}
		d.Effects = append(d.Effects, e)
	}
	return result
}

// inputs returns the values that the conditions of a group look at, without the customer's words.
func (p *Policy) inputs(g group) map[string]any {
	if len(g.inputs) == 0 {
		return nil
	}
	values := make(map[string]any, len(g.inputs))
	for _, in := range g.inputs {
		value, _ := p.env.Value(in.path)
		if in.personal {
			value = "…"
		}
		values[in.path] = value
	}
	return values
}

// local returns a time on the clock of the business hours.
func (p *Policy) local(t time.Time) time.Time {
	if p.facts.Hours == nil {
		return t.UTC()
	}
	return t.In(p.facts.Hours.Location())
}

// mark returns the key of a rule's limit, "" if it has none.
func (p *Policy) mark(r *compiled, o occasion) string {
	switch r.Once {
	case OncePerThread:
		return "conversation:" + p.env.Conversation.ID
	case OncePerOpening:
		return "opening:" + p.env.Conversation.ID + ":" + p.env.Conversation.OpenedAt.UTC().Format(time.RFC3339Nano)
	case OncePerContact:
		return "contact:" + p.facts.ContactID
	case OncePerDay:
		return "day:" + p.env.Conversation.ID + ":" + p.local(o.now).Format(time.DateOnly)
	case OncePerClosed:
		period := ""
		if p.facts.Hours != nil {
			period = p.facts.Hours.ClosedPeriod(o.now)
		}
		return "closed:" + p.env.Conversation.ID + ":" + period
	default:
		return ""
	}
}
