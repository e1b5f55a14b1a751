package bulk

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/team"
)

// written is how many targets one transaction writes down: the feed of events waits for the oldest open transaction.
const written = 2000

// Start writes down what is to be done with which conversations, as they are selected now. Workers do it.
func (s *Store) Start(ctx context.Context, by team.Principal, r Request) (Progress, error) {
	if err := r.Action.check(s.Inbox.Now()); err != nil {
		return Progress{}, err
	}
	if need := permissions[r.Action.Kind]; !by.Can(need) {
		err := conversation.Errorf(conversation.CodeForbidden, "this needs the permission %s", need)
		err.Details = map[string]any{"permission": need}
		return Progress{}, err
	}
	if r.Action.Kind == Unread && by.AgentID == "" {
		return Progress{}, conversation.Errorf(conversation.CodeUnsupported, "only agents have marks of what they have read")
	}
	ids, err := s.targets(ctx, conversation.Caller{Actor: by.Actor(), Sight: by.Sight}, r)
	if err != nil {
		return Progress{}, err
	}
	id := postgres.NewID()
	if err := s.write(ctx, id, by, r.Action, ids); err != nil {
		return Progress{}, err
	}
	return s.Get(ctx, by.Actor(), id)
}

func (s *Store) targets(ctx context.Context, by conversation.Caller, r Request) ([]string, error) {
	if (r.Criteria == nil) == (len(r.IDs) == 0) {
		return nil, conversation.Invalid("ids", "either ids or filter is needed, and not both")
	}
	if r.Criteria != nil {
		return s.Inbox.Select(ctx, by, *r.Criteria, MaxTargets)
	}
	if len(r.IDs) > MaxIDs {
		return nil, conversation.Invalid("ids", "at most %d", MaxIDs)
	}
	if !slices.ContainsFunc(r.IDs, func(id string) bool { return !postgres.IsID(id) }) {
		seen := make(map[string]bool, len(r.IDs))
		return slices.DeleteFunc(slices.Clone(r.IDs), func(id string) bool {
			again := seen[id]
			seen[id] = true
			return again
		}), nil
	}
	return nil, conversation.Invalid("ids", "must be ids of conversations")
}

// write writes the action and its targets in short transactions; it begins when the last of them is there.
func (s *Store) write(ctx context.Context, id string, asker team.Principal, a Task, targets []string) error {
	by := asker.Actor()
	body, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("write a bulk action: %w", err)
	}
	_, err = postgres.Raw(s.DB).ExecContext(ctx, `INSERT INTO bulk_actions (id, actor_kind, actor_id, token_id, action, state, total, created_at)
		VALUES ($1::uuid, $2, $3, $6::uuid, $4::jsonb, 'selecting', $5, clock_timestamp())`, id, string(by.Kind), by.ID, string(body), len(targets), postgres.NullText(asker.TokenID))
	if err != nil {
		return fmt.Errorf("write a bulk action: %w", err)
	}
	from := 0
	for chunk := range slices.Chunk(targets, written) {
		_, err := postgres.Raw(s.DB).ExecContext(ctx, `INSERT INTO bulk_targets (bulk_id, position, conversation_id)
			SELECT $1::uuid, $2 + n, t FROM unnest($3::uuid[]) WITH ORDINALITY AS x (t, n)`, id, from, chunk)
		if err != nil {
			return fmt.Errorf("write the targets of a bulk action: %w", err)
		}
		from += len(chunk)
	}
	return postgres.InTx(ctx, s.DB, func(ctx context.Context, tx bun.Tx) error {
		if _, err := postgres.Raw(tx).ExecContext(ctx, "UPDATE bulk_actions SET state = 'running' WHERE id = $1::uuid", id); err != nil {
			return fmt.Errorf("begin a bulk action: %w", err)
		}
		return note(ctx, tx, by, id)
	})
}
