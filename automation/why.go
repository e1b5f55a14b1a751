package automation

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/rules"
)

// Explanation is one decision, for people who ask why.
type Explanation struct {
	ID       string    `json:"id"`
	At       time.Time `json:"at"`
	Trigger  string    `json:"trigger" doc:"The kind of the event or deadline that was decided on"`
	Seq      int64     `json:"seq" doc:"Everything up to this event was taken into account"`
	EventSeq int64     `json:"event_seq,omitempty" doc:"The event that was decided on; absent for a deadline"`
	Version  int       `json:"version" doc:"Of the rules; 0 before anything was published"`
	Depth    int       `json:"depth" doc:"How many rules lie behind the event"`

	Inputs   map[string]any          `json:"inputs" doc:"What conditions looked at, by name; what is in the customer's own words is left out"`
	Rules    []RuleOutcome           `json:"rules" nullable:"false" doc:"Every rule that was asked, in order"`
	Outcomes []conversation.Outcome  `json:"outcomes" nullable:"false" doc:"Other steps by name, such as opt_out"`
	Effects  []conversation.Effect   `json:"effects" nullable:"false" doc:"What followed, with its outcome: done, already, or why it was left out"`
	Next     []conversation.Deadline `json:"next" nullable:"false" doc:"The deadlines that were armed after it"`
}

// RuleOutcome is how one rule ended.
type RuleOutcome struct {
	RuleID string `json:"rule_id"`
	Name   string `json:"name"`
	Result string `json:"result" enum:"no_match,matched,failed,limited,stopped,looped,suppressed"`
}

var resultNames = map[conversation.RuleResult]string{
	conversation.RuleNoMatch: "no_match", conversation.RuleMatched: "matched", conversation.RuleFailed: "failed", conversation.RuleLimited: "limited",
	conversation.RuleStopped: "stopped", conversation.RuleLooped: "looped", conversation.RuleSuppressed: "suppressed",
}

// Place is where a page of decisions begins: after the one at this time with this id.
type Place struct {
	At time.Time
	ID string
}

// Decisions returns a page of what was decided about a conversation, the newest first.
func (a *Automation) Decisions(ctx context.Context, by conversation.Caller, id string, before Place, limit int) ([]Explanation, error) {
	row, err := a.desk().Read(ctx, by, id)
	if err != nil {
		return nil, err
	}
	if before.ID == "" {
		before = Place{At: a.Now().AddDate(100, 0, 0), ID: lastID}
	}
	if !postgres.IsID(before.ID) {
		return nil, conversation.Invalid("cursor", "must be one that was given")
	}
	list, results := []Explanation{}, []string{}
	err = postgres.Rows(ctx, a.DB, func(found *sql.Rows) error {
		e, letters, err := scanDecision(found)
		list, results = append(list, e), append(results, letters)
		return err
	}, `SELECT id, at, trigger, seq, event_seq, version, depth, rules, inputs, outcomes, effects, next FROM decisions
		WHERE conversation_id = $1::uuid AND (at, id) < ($2, $3::uuid) ORDER BY at DESC, id DESC LIMIT $4`, row.ID, before.At, before.ID, limit)
	if err != nil {
		return nil, fmt.Errorf("read decisions: %w", err)
	}
	for i := range list {
		if list[i].Rules, err = a.ruleOutcomes(ctx, a.DB, list[i].Version, results[i]); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// lastID is behind all others.
const lastID = "ffffffff-ffff-ffff-ffff-ffffffffffff"

func scanDecision(found *sql.Rows) (e Explanation, letters string, err error) {
	var inputs, outcomes, effects, next []byte
	if err := found.Scan(&e.ID, &e.At, &e.Trigger, &e.Seq, &e.EventSeq, &e.Version, &e.Depth, &letters, &inputs, &outcomes, &effects, &next); err != nil {
		return e, "", err
	}
	for _, part := range []struct {
		body []byte
		into any
	}{{inputs, &e.Inputs}, {outcomes, &e.Outcomes}, {effects, &e.Effects}, {next, &e.Next}} {
		if err := json.Unmarshal(part.body, part.into); err != nil {
			return e, "", fmt.Errorf("decision: %w", err)
		}
	}
	return e, letters, nil
}

// ruleOutcomes names the letters of a decision by the version under which it was made.
func (a *Automation) ruleOutcomes(ctx context.Context, db bun.IDB, version int, letters string) ([]RuleOutcome, error) {
	list := []RuleOutcome{}
	if letters == "" {
		return list, nil
	}
	set, err := a.Rulebook.Set(ctx, db, version)
	if err != nil {
		return nil, err
	}
	return outcomesOf(set, letters), nil
}

func outcomesOf(set *rules.Set, letters string) []RuleOutcome {
	list := []RuleOutcome{}
	for i, r := range set.Rules() {
		if i < len(letters) && letters[i] != byte(conversation.RuleNotAsked) {
			list = append(list, RuleOutcome{RuleID: r.ID, Name: r.Name, Result: resultNames[conversation.RuleResult(letters[i])]})
		}
	}
	return list
}

// Upcoming is a deadline that is armed.
type Upcoming struct {
	Kind    conversation.DeadlineKind `json:"kind"`
	At      time.Time                 `json:"at"`
	Seconds int64                     `json:"seconds" doc:"From now, on the server's clock; negative if it is due"`
	Seq     int64                     `json:"seq" doc:"The event after which it was armed"`
	RuleID  string                    `json:"rule_id,omitempty"`
	Rule    string                    `json:"rule,omitempty" doc:"Its name"`
	Version int                       `json:"version,omitempty" doc:"Of the rules, under which it was armed"`
}

// Next returns what will happen to a conversation by itself, the soonest first.
func (a *Automation) Next(ctx context.Context, by conversation.Caller, id string) ([]Upcoming, error) {
	row, err := a.desk().Read(ctx, by, id)
	if err != nil {
		return nil, err
	}
	list := []Upcoming{}
	for _, d := range inOrder(row) {
		u := Upcoming{Kind: d.Kind, At: d.At, Seconds: int64(d.At.Sub(a.Now()).Seconds()), Seq: d.Seq, RuleID: d.RuleID, Version: d.Version}
		if d.RuleID != "" {
			set, err := a.Rulebook.Set(ctx, a.DB, d.Version)
			if err != nil {
				return nil, err
			}
			u.Rule = set.Name(d.RuleID)
		}
		list = append(list, u)
	}
	return list, nil
}

// inOrder returns the deadlines that lie ahead, the soonest first.
func inOrder(row *ledger.Row) []conversation.Deadline {
	var list []conversation.Deadline
	for _, d := range row.Deadlines {
		if !d.Told {
			list = append(list, d)
		}
	}
	slices.SortStableFunc(list, func(x, y conversation.Deadline) int { return x.At.Compare(y.At) })
	return list
}
