package automation

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/rules"
)

// Trial is a moment on which rules are tried, without anything following from it.
type Trial struct {
	Definition rules.Edition
	Trigger    rules.Trigger
	// MessageID is a message that was received: it is taken as if it came now, in its conversation as it stands.
	MessageID string
	// AccountID and Content are an invented message of an unknown contact on an account, if MessageID is empty.
	AccountID string
	Content   conversation.Content
	Contact   TrialContact
	At        time.Time // zero: now
}

// TrialContact is who wrote an invented message.
type TrialContact struct {
	Name, Language, Phone, Email string
	Attributes                   map[string]any
}

// Tried is what would follow.
type Tried struct {
	Finding *TriedFinding          `json:"opt_out,omitempty" doc:"What the message says about being contacted; absent if nothing"`
	Inputs  map[string]any         `json:"inputs"`
	Rules   []RuleOutcome          `json:"rules" nullable:"false"`
	Effects []TriedEffect          `json:"effects" nullable:"false"`
	Errors  []conversation.Outcome `json:"errors" nullable:"false" doc:"Conditions that could not be worked out"`
}

// TriedFinding is what a message says about being contacted.
type TriedFinding struct {
	Scope      conversation.ConsentScope `json:"scope"`
	State      conversation.ConsentState `json:"state"`
	Source     string                    `json:"source"`
	Confidence float64                   `json:"confidence"`
	Evidence   string                    `json:"evidence"`
	Ask        bool                      `json:"ask" doc:"An agent would be asked"`
}

// TriedEffect is an action that a rule would carry out, or why not.
type TriedEffect struct {
	RuleID     string                  `json:"rule_id"`
	Action     conversation.RuleAction `json:"action"`
	Text       string                  `json:"text,omitempty" doc:"With its variables filled in"`
	Suppressed string                  `json:"suppressed,omitempty" doc:"Why it would be left out"`
}

// Try says what rules would do. Everything is read in one transaction, and nothing is written.
func (a *Automation) Try(ctx context.Context, by conversation.Caller, t Trial) (Tried, error) {
	var tried Tried
	err := postgres.InTx(ctx, a.DB, func(ctx context.Context, tx bun.Tx) error {
		set, err := a.Rulebook.Compile(ctx, tx, t.Definition)
		if err != nil {
			return err
		}
		v, event, err := a.pretend(ctx, tx, by, t)
		if err != nil {
			return err
		}
		v.set = set
		policy, err := v.pretendPolicy(ctx, t)
		if err != nil {
			return err
		}
		tried, err = v.try(policy, t.Trigger, event)
		return err
	})
	return tried, err
}

// pretend returns the visit of the trial's conversation, with the event of its message.
func (a *Automation) pretend(ctx context.Context, tx bun.Tx, by conversation.Caller, t Trial) (*visit, conversation.InputEvent, error) {
	v := &visit{Automation: a, tx: tx, now: t.At}
	if t.At.IsZero() {
		v.now = a.Now()
	}
	event := conversation.InputEvent{Event: conversation.Event{Kind: conversation.EventMessageReceived, At: v.now}, Content: &t.Content}
	if t.MessageID != "" {
		conversationID, content, err := received(ctx, tx, t.MessageID)
		if err != nil {
			return nil, event, err
		}
		if v.row, err = a.desk().Read(ctx, by, conversationID); err != nil {
			return nil, event, noMessage()
		}
		event.Content = &content
	} else {
		if !by.Sees(t.AccountID) {
			return nil, event, conversation.Invalid("account_id", "must be the id of an account that you see")
		}
		account, err := a.Accounts.Cached(ctx, t.AccountID)
		if err != nil {
			return nil, event, conversation.Invalid("account_id", "must be the id of an account that you see")
		}
		v.row = ledger.New(postgres.NewID(), account.ID, account.Channel, postgres.NewID(), "", v.now)
	}
	v.row.WindowFrom, v.row.WaitingSince = v.now, v.now
	event.Seq = v.row.LastSeq + 1
	event.Data = conversation.EventData{MessageKind: event.Content.Kind}
	var err error
	v.account, err = a.Accounts.Cached(ctx, v.row.AccountID)
	return v, event, err
}

func noMessage() error {
	return conversation.Invalid("message_id", "must be the id of a message that was received and that you see")
}

// received reads a message that a customer wrote.
func received(ctx context.Context, tx bun.Tx, id string) (conversationID string, c conversation.Content, err error) {
	if !postgres.IsID(id) {
		return "", c, noMessage()
	}
	var body []byte
	err = postgres.Raw(tx).QueryRowContext(ctx, "SELECT conversation_id, content FROM messages WHERE id = $1::uuid AND direction = 'in'", id).Scan(&conversationID, &body)
	if postgres.IsNotFound(err) {
		return "", c, noMessage()
	}
	if err != nil {
		return "", c, fmt.Errorf("read message: %w", err)
	}
	if err := json.Unmarshal(body, &c); err != nil {
		return "", c, fmt.Errorf("content of message: %w", err)
	}
	return conversationID, c, nil
}

// pretendPolicy returns the policy with the facts of the trial.
func (v *visit) pretendPolicy(ctx context.Context, t Trial) (*rules.Policy, error) {
	facts := rules.Facts{AccountID: v.row.AccountID, ContactID: v.row.ContactID, Env: v.environment()}
	if t.MessageID != "" {
		err := v.readFacts(ctx, &facts)
		return v.set.NewPolicy(facts, nil), err
	}
	var f found
	f.Contact.Name, f.Contact.Language, f.Contact.Phone, f.Contact.Email = t.Contact.Name, t.Contact.Language, t.Contact.Phone, t.Contact.Email
	f.Contact.Attributes = t.Contact.Attributes
	f.Inbound = 1
	var err error
	if facts.Hours, err = v.Calendars.OfAccount(ctx, v.tx, v.row.AccountID); err != nil {
		return nil, err
	}
	v.calendar = facts.Hours
	v.describe(facts.Env, f, facts.Hours)
	return v.set.NewPolicy(facts, nil), nil
}

func (v *visit) try(policy *rules.Policy, trigger rules.Trigger, event conversation.InputEvent) (Tried, error) {
	tried := Tried{Inputs: map[string]any{}, Rules: []RuleOutcome{}, Effects: []TriedEffect{}, Errors: []conversation.Outcome{}}
	event.Finding = v.set.Examine(*event.Content)
	if f := event.Finding; f.Found() {
		tried.Finding = &TriedFinding{Scope: f.Scope, State: f.State, Source: f.Source, Confidence: f.Confidence, Evidence: f.Evidence, Ask: f.Ask}
	}
	d := policy.Try(v.state(), trigger, event, v.now)
	if d.Inputs != nil {
		tried.Inputs = d.Inputs
	}
	tried.Rules = outcomesOf(v.set, d.Rules)
	tried.Errors = append(tried.Errors, d.Outcomes...)
	for _, e := range d.Effects {
		tried.Effects = append(tried.Effects, TriedEffect{RuleID: e.Cause.RuleID, Action: *e.Action, Text: e.Text, Suppressed: e.Outcome})
	}
	return tried, nil
}
