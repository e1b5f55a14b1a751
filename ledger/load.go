package ledger

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

var lockOne = "SELECT " + columns + " FROM conversations WHERE id = $1::uuid FOR NO KEY UPDATE"

// Lock loads a conversation and locks it until the transaction ends. It returns not_found if there is none.
func Lock(ctx context.Context, tx bun.Tx, id string) (*Row, error) {
	return one(id, func() (map[string]*Row, error) { return load(ctx, tx, lockOne, id) })
}

// LockAhead is Lock that shares a round trip in a transaction of postgres.InPipeline: the function returns the row after the
// next statement whose outcome is asked for.
func LockAhead(ctx context.Context, tx bun.Tx, id string) (func() (*Row, error), error) {
	if !postgres.IsID(id) {
		return nil, NotFound()
	}
	rows := make(map[string]*Row, 1)
	err := postgres.LaterRows(ctx, tx, "lock conversation", rowInto(rows), lockOne, id)
	return func() (*Row, error) { return one(id, func() (map[string]*Row, error) { return rows, nil }) }, err
}

// one returns the conversation with an id, not_found also for what is no id at all.
func one(id string, load func() (map[string]*Row, error)) (*Row, error) {
	if !postgres.IsID(id) {
		return nil, NotFound()
	}
	rows, err := load()
	if err != nil {
		return nil, err
	}
	row, ok := rows[id]
	if !ok {
		return nil, NotFound()
	}
	return row, nil
}

// NotFound is the error for a conversation that does not exist.
func NotFound() error {
	return conversation.Errorf(conversation.CodeNotFound, "there is no such conversation")
}

// LockAll loads and locks conversations in the order of their ids and returns those that exist, by id.
func LockAll(ctx context.Context, tx bun.Tx, ids []string) (map[string]*Row, error) {
	return load(ctx, tx, "SELECT "+columns+" FROM conversations WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE", ids)
}

// Touched says which conversations to lock: by id, those that go on (are not merged into another) of contacts on accounts,
// pairwise, and all of the contacts in Merged.
type Touched struct {
	IDs                    []string
	AccountIDs, ContactIDs []string
	Merged                 []string
}

// LockTouched locks conversations in the order of their ids and returns them by id; in a transaction of
// postgres.InPipeline the map is filled with the next statement whose outcome is asked for. Whatever the planner believes of
// the tables, which with young statistics is often wrong, the statement leaves it no way but to look each key up: the outer
// query has an array, OFFSET 0 keeps the inner one to itself, and IS TRUE keeps it from finding a whole account.
func LockTouched(ctx context.Context, tx bun.Tx, t Touched) (map[string]*Row, error) {
	rows := make(map[string]*Row)
	err := postgres.LaterRows(ctx, tx, "lock conversations", rowInto(rows), `SELECT `+columns+` FROM conversations WHERE id = ANY(ARRAY(
		SELECT unnest($1::uuid[])
		UNION SELECT c.id FROM unnest($2::uuid[], $3::uuid[]) AS k(a, p),
			LATERAL (SELECT id FROM conversations WHERE contact_id = k.p AND (account_id = k.a AND merged_into IS NULL) IS TRUE OFFSET 0) AS c
		UNION SELECT id FROM conversations WHERE contact_id = ANY($4::uuid[])))
		ORDER BY id FOR NO KEY UPDATE`, t.IDs, t.AccountIDs, t.ContactIDs, t.Merged)
	return rows, err
}

// Read loads a conversation without locking it. It returns not_found if there is none.
func Read(ctx context.Context, db bun.IDB, id string) (*Row, error) {
	return one(id, func() (map[string]*Row, error) {
		return load(ctx, db, "SELECT "+columns+" FROM conversations WHERE id = $1::uuid", id)
	})
}

// ReadAll loads conversations without locking them, by id.
func ReadAll(ctx context.Context, db bun.IDB, ids []string) (map[string]*Row, error) {
	return load(ctx, db, "SELECT "+columns+" FROM conversations WHERE id = ANY($1::uuid[])", ids)
}

// LockFree loads a conversation and locks it if nobody holds it; nil if somebody does, or there is none. It never waits, so
// it may be called out of the order of locks.
func LockFree(ctx context.Context, tx bun.Tx, id string) (*Row, error) {
	rows, err := load(ctx, tx, lockOne+" SKIP LOCKED", id)
	return rows[id], err
}

func load(ctx context.Context, db bun.IDB, query string, args ...any) (map[string]*Row, error) {
	rows := make(map[string]*Row)
	into := rowInto(rows)
	err := postgres.Rows(ctx, db, func(found *sql.Rows) error { return into(found) }, query, args...)
	if err != nil {
		return nil, fmt.Errorf("load conversations: %w", err)
	}
	return rows, nil
}

// rowInto adds what it scans to the rows.
func rowInto(rows map[string]*Row) func(postgres.Row) error {
	return func(found postgres.Row) error {
		row, err := scan(found)
		if err == nil {
			rows[row.ID] = row
		}
		return err
	}
}
