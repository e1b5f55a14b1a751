package main

import (
	"context"
	"database/sql"
	"fmt"

	"guichet.dev/guichet/postgres"
)

// exactness compares what was acknowledged with what is stored.
type exactness struct {
	Acknowledged int  `json:"acknowledged"`
	Stored       int  `json:"stored"`
	Missing      int  `json:"missing"`    // acknowledged and not stored
	Duplicates   int  `json:"duplicates"` // rows beyond the first with the same id
	Unasked      int  `json:"unasked"`    // stored and never posted
	Events       int  `json:"events"`     // of messages received
	Exact        bool `json:"exact"`
}

func (e exactness) err() error {
	if e.Exact {
		return nil
	}
	return fmt.Errorf("not exact: %+v", e)
}

// check reads all messages and events back.
func (in *ingest) check(ctx context.Context) (exactness, error) {
	e := exactness{Acknowledged: len(in.acked)}
	stored := make(map[string]int, len(in.acked))
	err := postgres.Rows(ctx, in.peer, func(row *sql.Rows) error {
		var id string
		if err := row.Scan(&id); err != nil {
			return err
		}
		stored[id]++
		return nil
	}, "SELECT provider_id FROM messages WHERE direction = 'in'")
	if err != nil {
		return e, err
	}
	for _, n := range stored {
		e.Stored, e.Duplicates = e.Stored+n, e.Duplicates+n-1
	}
	for _, id := range in.acked {
		if stored[id] == 0 {
			e.Missing++
		}
		delete(stored, id)
	}
	for _, id := range in.unknown {
		delete(stored, id)
	}
	e.Unasked = len(stored)
	err = in.peer.DB.QueryRowContext(ctx, `SELECT count(*) FROM events e WHERE kind = 'message_received'
		AND EXISTS (SELECT FROM messages m WHERE m.conversation_id = e.conversation_id AND m.seq = e.seq)`).Scan(&e.Events)
	e.Exact = e.Missing == 0 && e.Duplicates == 0 && e.Unasked == 0 && e.Events == e.Stored && (e.Stored == e.Acknowledged || len(in.unknown) > 0)
	return e, err
}
