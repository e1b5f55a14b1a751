package automation

import (
	"context"
	"encoding/json"
	"fmt"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

// writeDecisions keeps what was decided and why.
func (v *visit) writeDecisions(ctx context.Context) error {
	if len(v.decisions) == 0 {
		return nil
	}
	next, err := list(v.row.Deadlines)
	if err != nil {
		return err
	}
	var (
		ids, triggers, results   []string
		inputs, outcomes, effect []string
		seqs, events             []int64
		versions, depths         []int64
	)
	for _, d := range v.decisions {
		parts := make([]string, 3)
		for i, part := range []any{d.Inputs, d.Outcomes, d.Effects} {
			body, err := list(part)
			if err != nil {
				return err
			}
			parts[i] = body
		}
		if d.Inputs == nil {
			parts[0] = "{}"
		}
		ids, triggers, results = append(ids, postgres.NewID()), append(triggers, d.Trigger), append(results, d.Rules)
		inputs, outcomes, effect = append(inputs, parts[0]), append(outcomes, parts[1]), append(effect, parts[2])
		seqs, events = append(seqs, d.Seq), append(events, d.EventSeq)
		versions, depths = append(versions, int64(d.Version)), append(depths, int64(d.Depth))
	}
	return postgres.Later(ctx, v.tx, "write decisions", `INSERT INTO decisions (conversation_id, at, next, id, trigger, rules, inputs, outcomes, effects, seq, event_seq, version, depth)
		SELECT $1::uuid, $2, $3::jsonb, d.* FROM unnest($4::uuid[], $5::text[], $6::text[], $7::jsonb[], $8::jsonb[], $9::jsonb[], $10::bigint[], $11::bigint[],
			$12::bigint[], $13::bigint[]) AS d`,
		v.row.ID, v.now, next, ids, triggers, results, inputs, outcomes, effect, seqs, events, versions, depths)
}

// list returns JSON in which nothing is an empty list.
func list(value any) (string, error) {
	body, err := json.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("decision: %w", err)
	}
	if string(body) == "null" {
		return "[]", nil
	}
	return string(body), nil
}

// observe counts the rules that matched or should have.
func (v *visit) observe() {
	for _, d := range v.decisions {
		for i := range len(d.Rules) {
			switch r := conversation.RuleResult(d.Rules[i]); r {
			case conversation.RuleNotAsked, conversation.RuleNoMatch, conversation.RuleStopped:
			default:
				v.Observer.Rule(d.Trigger, resultNames[r])
			}
		}
	}
}
