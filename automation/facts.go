package automation

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/hours"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/presence"
	"guichet.dev/guichet/rules"
	"guichet.dev/guichet/rules/condition"
)

// policyOf returns the policy of the published rules for the conversation, with the facts that they look at.
func (v *visit) policyOf(ctx context.Context) (conversation.Policy, error) {
	facts := rules.Facts{AccountID: v.row.AccountID, ContactID: v.row.ContactID, Env: v.environment()}
	if v.set.HasRules(v.row.AccountID) {
		if err := v.readFacts(ctx, &facts); err != nil {
			return nil, err
		}
	}
	return v.set.NewPolicy(facts, func(version int) *rules.Set {
		older, err := v.Rulebook.Set(ctx, v.tx, version)
		if err != nil {
			v.Logger.WarnContext(ctx, "older version of the rules not read", "conversation_id", v.row.ID, "version", version, "error", postgres.Code(err))
			return nil
		}
		return older
	}), nil
}

// environment is what the row and the account say.
func (v *visit) environment() *condition.Environment {
	row, window := v.row, v.row.Window(v.account.Settings.WindowMargin())
	env := &condition.Environment{
		Now: v.now,
		Conversation: condition.Conversation{
			ID: row.ID, Status: string(row.Status), Channel: string(row.Channel), Priority: string(conversation.PriorityOf(row.Priority)),
			Assigned: row.AssigneeID != "", OpenedAt: row.OpenedAt, Answered: row.AgentSeq > 0 && row.WaitingSince.IsZero(),
		},
		Contact: condition.Contact{Blocked: row.Blocked()},
		Account: condition.Account{ID: row.AccountID, Name: v.account.Name, Channel: string(row.Channel)},
		Team:    condition.Team{ID: row.TeamID}, Agent: condition.Agent{ID: row.AssigneeID},
		Window:  condition.Window{Open: window.Open(v.now)},
		Consent: condition.Consent{All: string(conversation.ConsentUnknown), Marketing: string(conversation.ConsentUnknown)},
	}
	if env.Window.Open {
		env.Window.ClosesAt = window.ExpiresAt()
		env.Window.MinutesLeft = env.Window.ClosesAt.Sub(v.now).Minutes()
	}
	if !row.WaitingSince.IsZero() {
		env.Conversation.WaitingMinutes = max(0, v.now.Sub(row.WaitingSince).Minutes())
	}
	return env
}

// found is one row of facts, as the database says them.
type found struct {
	Contact struct {
		Name       string         `json:"name"`
		Language   string         `json:"language"`
		Phone      string         `json:"phone"`
		Email      string         `json:"email"`
		Tags       []string       `json:"tags"`
		Attributes map[string]any `json:"attributes"`
	} `json:"contact"`
	Team     string                                                  `json:"team"`
	Agent    string                                                  `json:"agent"`
	Online   bool                                                    `json:"online"`
	Consent  map[conversation.ConsentScope]conversation.ConsentState `json:"consent"`
	Calendar *struct {
		ID      string    `json:"id"`
		Changed time.Time `json:"changed"`
	} `json:"calendar"`
	Labels map[string]string `json:"labels"` // on the conversation, by id
	Names  map[string]string `json:"names"`  // of the labels that rules and events are about, by id
	Marks  []struct {
		Rule string `json:"rule"`
		Mark string `json:"mark"`
	} `json:"marks"`
	Inbound   int        `json:"inbound"`
	Before    int        `json:"before"` // of them, those that were decided on before
	Reopened  bool       `json:"reopened"`
	AgentAt   *time.Time `json:"agent_at"`
	Automatic int        `json:"automatic"`
	LastAuto  *time.Time `json:"last_automatic"`
}

// manyMessages is up to where messages are counted.
const manyMessages = 1000

// factsQuery reads everything in one statement: most of it is a row or two, found by key.
const factsQuery = `SELECT jsonb_build_object(
	'contact', (SELECT jsonb_build_object('name', p.name, 'language', p.language, 'phone', p.phone, 'email', p.email, 'tags', p.tags, 'attributes', p.attributes)
		FROM contacts p WHERE p.id = c.contact_id),
	'team', coalesce((SELECT name FROM teams WHERE id = c.team_id), ''),
	'agent', coalesce((SELECT name FROM agents WHERE id = c.assignee_id), ''),
	'online', coalesce((SELECT state = 'online' AND seen_at > clock_timestamp() - $2::interval FROM agent_presence WHERE agent_id = c.assignee_id), false),
	'consent', (SELECT jsonb_object_agg(scope, state) FROM consents WHERE contact_id = c.contact_id AND channel = c.channel),
	'calendar', (SELECT jsonb_build_object('id', k.id, 'changed', k.updated_at) FROM calendars k
		WHERE k.id = coalesce((SELECT calendar_id FROM teams WHERE id = c.team_id), (SELECT calendar_id FROM accounts WHERE id = c.account_id))),
	'labels', (SELECT jsonb_object_agg(l.id, l.name) FROM conversation_labels x JOIN labels l ON l.id = x.label_id WHERE x.conversation_id = c.id),
	'names', (SELECT jsonb_object_agg(l.id, l.name) FROM labels l WHERE l.id = ANY($3::uuid[])),
	'marks', (SELECT jsonb_agg(jsonb_build_object('rule', r.rule_id, 'mark', r.mark)) FROM rule_marks r
		WHERE (r.conversation_id = c.id OR r.mark = 'contact:' || c.contact_id)
		AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.id = r.message_id AND m.state IN ('cancelled', 'failed'))),
	'inbound', (SELECT count(*) FROM (SELECT 1 FROM messages m WHERE m.conversation_id = c.id AND m.direction = 'in' LIMIT $4) AS part),
	'before', (SELECT count(*) FROM (SELECT 1 FROM messages m WHERE m.conversation_id = c.id AND m.direction = 'in' AND m.seq <= c.applied_seq LIMIT 1) AS one),
	'reopened', EXISTS (SELECT 1 FROM events e WHERE e.conversation_id = c.id AND e.kind = 'reopened'),
	'agent_at', (SELECT m.received_at FROM messages m WHERE m.conversation_id = c.id AND m.direction = 'out' AND m.author_kind IN ('agent', 'phone_app')
		ORDER BY m.at DESC, m.seq DESC LIMIT 1),
	'automatic', (SELECT count(*) FROM messages m WHERE m.conversation_id = c.id AND m.at > $5::timestamptz AND m.author_kind = 'rule' AND m.state NOT IN ('cancelled', 'failed')),
	'last_automatic', (SELECT max(m.received_at) FROM messages m WHERE m.conversation_id = c.id AND m.at > $5::timestamptz AND m.author_kind = 'rule'
		AND m.state NOT IN ('cancelled', 'failed')))
	FROM conversations c WHERE c.id = $1::uuid`

// readFacts adds what the database knows.
func (v *visit) readFacts(ctx context.Context, facts *rules.Facts) error {
	var body []byte
	err := postgres.Raw(v.tx).QueryRowContext(ctx, factsQuery, v.row.ID, presence.OfflineAfter.String(), v.labelIDs(), manyMessages, v.now.Add(-24*time.Hour)).Scan(&body)
	if err != nil {
		return fmt.Errorf("read facts: %w", err)
	}
	var f found
	if err := json.Unmarshal(body, &f); err != nil {
		return fmt.Errorf("facts: %w", err)
	}
	if f.Calendar != nil {
		calendar, err := v.Calendars.Hours(ctx, v.tx, f.Calendar.ID, f.Calendar.Changed)
		if err != nil {
			return err
		}
		facts.Hours, v.calendar = calendar, calendar
	}
	v.describe(facts.Env, f, facts.Hours)
	facts.LabelNames = f.Names
	facts.Automatic = f.Automatic
	if f.LastAuto != nil {
		facts.LastAutomatic = *f.LastAuto
	}
	facts.Marks = make(map[string]map[string]bool)
	for _, m := range f.Marks {
		if facts.Marks[m.Rule] == nil {
			facts.Marks[m.Rule] = make(map[string]bool)
		}
		facts.Marks[m.Rule][m.Mark] = true
	}
	return nil
}

// describe fills in what conditions see.
func (v *visit) describe(env *condition.Environment, f found, calendar *hours.Hours) {
	p := f.Contact
	env.Contact.Name, env.Contact.Language, env.Contact.Phone, env.Contact.Email = p.Name, p.Language, p.Phone, p.Email
	env.Contact.Tags, env.Contact.Attributes = p.Tags, p.Attributes
	env.Contact.Country = condition.PhoneCountry(p.Phone)
	env.Team.Name, env.Agent.Name, env.Agent.Online = f.Team, f.Agent, f.Online
	for scope, state := range f.Consent {
		if scope == conversation.ScopeAll {
			env.Consent.All = string(state)
		} else {
			env.Consent.Marketing = string(state)
		}
	}
	c := &env.Conversation
	for _, name := range f.Labels {
		c.Labels = append(c.Labels, name)
	}
	slices.Sort(c.Labels)
	c.InboundCount, c.FirstContact, c.Reopened = f.Inbound, f.Before == 0, f.Reopened
	c.MinutesSinceAgent = neverMinutes
	if f.AgentAt != nil {
		c.MinutesSinceAgent = v.now.Sub(*f.AgentAt).Minutes()
	}
	if calendar == nil {
		env.Hours.Open = true // whoever has no hours is never closed
		return
	}
	env.Now = v.now.In(calendar.Location())
	env.Hours.Open = calendar.OpenAt(v.now)
	env.Hours.NextOpening, _ = calendar.NextOpening(v.now)
	env.Hours.NextClosing, _ = calendar.NextClosing(v.now)
	env.Hours.Holiday, _ = calendar.Holiday(v.now)
	if !v.row.WaitingSince.IsZero() {
		c.WaitingBusinessMinutes = calendar.Between(v.row.WaitingSince, v.now).Minutes()
	}
}

// neverMinutes stands for an agent who never wrote: longer ago than anything that a rule asks for.
const neverMinutes = 1e9

// labelIDs are the labels that events and rules may be about.
func (v *visit) labelIDs() []string {
	ids := v.set.LabelIDs()
	for _, e := range v.events {
		if e.Data.LabelID != "" {
			ids = append(ids, e.Data.LabelID)
		}
	}
	return ids
}
