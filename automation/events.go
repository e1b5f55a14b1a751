package automation

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

// currentVersion reads the number of the published rules with the next statement whose outcome is asked for.
func currentVersion(ctx context.Context, tx bun.Tx, version *int) error {
	return postgres.LaterRows(ctx, tx, "find version of rules", func(row postgres.Row) error {
		var v int64
		err := row.Scan(&v)
		*version = int(v)
		return err
	}, "SELECT coalesce(max(version), 0)::bigint FROM rule_versions")
}

// unapplied reads the events after applied_seq, with the content of received messages.
func unapplied(ctx context.Context, tx bun.Tx, id string) ([]conversation.InputEvent, error) {
	var events []conversation.InputEvent
	err := postgres.Rows(ctx, tx, func(found *sql.Rows) error {
		e, err := scanEvent(found)
		events = append(events, e)
		return err
	}, `SELECT e.seq, e.kind, e.actor_kind, e.actor_id, e.cause, e.data, e.at, m.content FROM events e
		LEFT JOIN messages m ON e.kind = 'message_received' AND m.id = (e.data->>'message_id')::uuid
		WHERE e.conversation_id = $1::uuid AND e.seq > (SELECT applied_seq FROM conversations WHERE id = $1::uuid) ORDER BY e.seq`, id)
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	return events, nil
}

func scanEvent(found *sql.Rows) (e conversation.InputEvent, err error) {
	var data, content, cause []byte
	if err := found.Scan(&e.Seq, &e.Kind, &e.Actor.Kind, &e.Actor.ID, &cause, &data, &e.At, &content); err != nil {
		return e, err
	}
	for _, part := range []struct {
		name string
		body []byte
		into any
	}{{"data", data, &e.Data}, {"cause", cause, &e.Cause}, {"content", content, &e.Content}} {
		if part.body == nil {
			continue
		}
		if err := json.Unmarshal(part.body, part.into); err != nil {
			return e, fmt.Errorf("%s of event: %w", part.name, err)
		}
	}
	return e, nil
}
