package automation

import (
	"context"
	"fmt"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

// marks are the limits that one decision uses up, by rule: whether the limit was free. A rule with several actions takes its
// limit once, for all of them.
type marks map[string]bool

// takeMark reports whether the effect's rule may act, and uses up its limit. Somebody who takes the same at the same time is
// waited for.
func (v *visit) takeMark(ctx context.Context, e *conversation.Effect, taken marks) (bool, error) {
	if e.Mark == "" {
		return true, nil
	}
	if free, asked := taken[e.Cause.RuleID]; asked {
		return free, nil
	}
	// A limit whose message was never sent is free again.
	res, err := postgres.Raw(v.tx).ExecContext(ctx, `INSERT INTO rule_marks AS r (rule_id, mark, conversation_id, at) VALUES ($1, $2, $3::uuid, $4)
		ON CONFLICT (rule_id, mark) DO UPDATE SET conversation_id = excluded.conversation_id, message_id = NULL, at = excluded.at
		WHERE EXISTS (SELECT 1 FROM messages m WHERE m.id = r.message_id AND m.state IN ('cancelled', 'failed'))`,
		e.Cause.RuleID, e.Mark, v.row.ID, v.now)
	if err != nil {
		return false, fmt.Errorf("take limit of rule: %w", err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return false, fmt.Errorf("take limit of rule: %w", err)
	}
	taken[e.Cause.RuleID] = n > 0
	return n > 0, nil
}

// noteMessage says with which message the limit of the effect's rule was used up.
func (v *visit) noteMessage(ctx context.Context, e *conversation.Effect) error {
	if e.Mark == "" || e.MessageID == "" {
		return nil
	}
	return postgres.Later(ctx, v.tx, "note message of rule", "UPDATE rule_marks SET message_id = $3::uuid WHERE rule_id = $1 AND mark = $2",
		e.Cause.RuleID, e.Mark, e.MessageID)
}
