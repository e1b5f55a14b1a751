package postgres_test

import (
	"context"
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/internal/testkit"
	"guichet.dev/guichet/postgres"
)

func open(t *testing.T, url string, options postgres.Options) *bun.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), url, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func execute(t *testing.T, db bun.IDB, statement string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func one[T any](t *testing.T, db bun.IDB, query string, args ...any) T {
	t.Helper()
	var value T
	if err := db.QueryRowContext(t.Context(), query, args...).Scan(&value); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}

func TestOpenSetsTheSession(t *testing.T) {
	t.Parallel()
	url := testkit.DatabaseURL(t)
	db := open(t, url, postgres.Options{ApplicationName: "tried", StatementTimeout: 1500 * time.Millisecond, LockTimeout: -1})
	for setting, want := range map[string]string{
		"application_name": "tried", "statement_timeout": "1500ms", "lock_timeout": "0",
		"idle_in_transaction_session_timeout": "30s", "TimeZone": "UTC",
	} {
		if got := one[string](t, db, "SELECT current_setting(?)", setting); got != want {
			t.Errorf("%s is %s, want %s", setting, got, want)
		}
	}
}

func TestOpenHidesThePassword(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"postgres://me:hidden@127.0.0.1:1/none?sslmode=disable", "postgres://me:hidden@127.0.0.1:x/none"} {
		_, err := postgres.Open(t.Context(), url, postgres.Options{})
		if err == nil || strings.Contains(err.Error(), "hidden") {
			t.Errorf("error %v", err)
		}
	}
}

type item struct {
	bun.BaseModel `bun:"table:items"`
	ID            int64     `bun:",pk,autoincrement"`
	Name          string    `bun:",notnull"`
	Data          []byte    `bun:"type:bytea"`
	At            time.Time `bun:",notnull"`
	Tags          []string  `bun:",array"`
}

const createItems = `CREATE TABLE items (id bigserial PRIMARY KEY, name text NOT NULL, data bytea, at timestamptz NOT NULL, tags text[])`

// Values take two ways, see driver.go: in bun's text, and as arguments. Both must bring them back unchanged.
func TestValuesSurviveBothProtocols(t *testing.T) {
	t.Parallel()
	db := testkit.Database(t)
	execute(t, db, createItems)
	want := item{
		Name: `it's a "\ test" $1 ? – ș`, Data: []byte{0, 255, '\'', '\\'},
		At: time.Date(2026, 3, 29, 1, 30, 0, 123456000, time.UTC), Tags: []string{"a,b", `"c"`},
	}
	if _, err := db.NewInsert().Model(&want).Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	var byBun item
	if err := db.NewSelect().Model(&byBun).Where("name = ?", want.Name).Scan(t.Context()); err != nil {
		t.Fatal(err)
	}
	var byArgument item
	err := db.DB.QueryRowContext(t.Context(), "SELECT name, data, at FROM items WHERE name = $1 AND data = $2 AND at = $3", want.Name, want.Data, want.At).
		Scan(&byArgument.Name, &byArgument.Data, &byArgument.At)
	if err != nil {
		t.Fatal(err)
	}
	for way, got := range map[string]item{"bun": byBun, "argument": byArgument} {
		if got.Name != want.Name || string(got.Data) != string(want.Data) || !got.At.Equal(want.At) {
			t.Errorf("%s: got %+v, want %+v", way, got, want)
		}
	}
	if len(byBun.Tags) != 2 || byBun.Tags[0] != "a,b" || byBun.Tags[1] != `"c"` {
		t.Errorf("tags %q", byBun.Tags)
	}
}

func TestOnlyStatementsWithArgumentsArePrepared(t *testing.T) {
	t.Parallel()
	db := open(t, testkit.DatabaseURL(t), postgres.Options{MaxOpenConns: 1})
	for range 3 {
		one[int](t, db, "SELECT ?::int", 7) // bun writes the 7 into the text
		var n int
		if err := db.DB.QueryRowContext(t.Context(), "SELECT $1::int + 1", 7).Scan(&n); err != nil || n != 8 {
			t.Fatalf("%d, %v", n, err)
		}
	}
	if got := one[string](t, db, "SELECT string_agg(statement, '; ') FROM pg_prepared_statements"); got != "SELECT $1::int + 1" {
		t.Errorf("prepared: %s", got)
	}
}

func TestErrorsAreTold(t *testing.T) {
	t.Parallel()
	db := testkit.Database(t)
	execute(t, db, `CREATE TABLE parent (id int CONSTRAINT parent_key PRIMARY KEY, n int CONSTRAINT positive CHECK (n > 0))`)
	execute(t, db, `INSERT INTO parent VALUES (1, 1)`)
	fails := func(statement string) error {
		_, err := db.ExecContext(t.Context(), statement)
		if err == nil {
			t.Fatalf("%s: no error", statement)
		}
		return err
	}
	unique := fails(`INSERT INTO parent VALUES (1, 1)`)
	check := fails(`INSERT INTO parent VALUES (3, 0)`)
	slow := fails(`BEGIN; SET LOCAL statement_timeout = 10; SELECT pg_sleep(5); COMMIT`)
	missing := db.QueryRowContext(t.Context(), `SELECT id FROM parent WHERE id = 9`).Scan(new(int))
	_, unavailable := postgres.Open(t.Context(), "postgres://nobody@127.0.0.1:1/none?sslmode=disable", postgres.Options{})
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	_, given := db.ExecContext(canceled, "SELECT 1")

	for name, c := range map[string]struct{ got, want bool }{
		"unique":                {postgres.IsUniqueViolation(unique, "parent_key"), true},
		"unique, any":           {postgres.IsUniqueViolation(unique, ""), true},
		"unique, other":         {postgres.IsUniqueViolation(unique, "other"), false},
		"check is not unique":   {postgres.IsUniqueViolation(check, ""), false},
		"not found":             {postgres.IsNotFound(missing), true},
		"found":                 {postgres.IsNotFound(unique), false},
		"timeout":               {postgres.IsTimeout(slow), true},
		"no timeout":            {postgres.IsTimeout(unique) || postgres.IsTimeout(nil), false},
		"unavailable":           {postgres.IsUnavailable(unavailable), true},
		"unavailable, retry":    {postgres.IsRetryable(unavailable), true},
		"unique, retry":         {postgres.IsRetryable(unique), false},
		"cancelled, retry":      {postgres.IsRetryable(given), false},
		"unknown commit, retry": {postgres.IsRetryable(postgres.ErrCommitUnknown), false},
		"nothing":               {postgres.IsRetryable(nil) || postgres.IsUnavailable(nil) || postgres.IsNotFound(nil), false},
		"not found, other kind": {postgres.IsNotFound(sql.ErrConnDone), false},
	} {
		if c.got != c.want {
			t.Errorf("%s: %v", name, c.got)
		}
	}
}
