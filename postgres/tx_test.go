package postgres_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/internal/testkit"
	"guichet.dev/guichet/postgres"
)

func TestInTxCommitsOrRollsBack(t *testing.T) {
	t.Parallel()
	db := testkit.Database(t)
	execute(t, db, "CREATE TABLE rows (n int)")
	insert := func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO rows VALUES (1)")
		return err
	}
	if err := postgres.InTx(t.Context(), db, insert); err != nil {
		t.Fatal(err)
	}
	refused := errors.New("refused")
	err := postgres.InTx(t.Context(), db, func(ctx context.Context, tx bun.Tx) error {
		return errors.Join(insert(ctx, tx), refused)
	})
	if !errors.Is(err, refused) {
		t.Errorf("error %v", err)
	}
	func() {
		defer func() {
			if recover() != "panicked" {
				t.Error("the panic did not reach the caller")
			}
		}()
		err := postgres.InTx(t.Context(), db, func(ctx context.Context, tx bun.Tx) error {
			if err := insert(ctx, tx); err != nil {
				return err
			}
			panic("panicked")
		})
		t.Errorf("returned %v", err)
	}()
	ctx, cancel := context.WithCancel(t.Context())
	err = postgres.InTx(ctx, db, func(ctx context.Context, tx bun.Tx) error {
		defer cancel() // the caller goes away before the commit
		return insert(ctx, tx)
	})
	if !errors.Is(err, context.Canceled) || errors.Is(err, postgres.ErrCommitUnknown) {
		t.Errorf("cancelled: %v", err)
	}
	if got := one[int](t, db, "SELECT count(*) FROM rows"); got != 1 {
		t.Errorf("%d rows, want 1", got)
	}
	if used := db.Stats().InUse; used != 0 {
		t.Errorf("%d connections were not given back", used)
	}
}

// Two transactions take two rows in opposite order until each has had to wait for the other.
func TestInTxRepeatsAfterDeadlock(t *testing.T) {
	t.Parallel()
	db := testkit.Database(t)
	execute(t, db, "CREATE TABLE counters (id int PRIMARY KEY, n int NOT NULL); INSERT INTO counters VALUES (1, 0), (2, 0)")
	var tries atomic.Int32
	var meeting sync.WaitGroup
	meeting.Add(2)
	both := func(first, second int) error {
		var once sync.Once
		return postgres.InTx(t.Context(), db, func(ctx context.Context, tx bun.Tx) error {
			tries.Add(1)
			if _, err := tx.ExecContext(ctx, "UPDATE counters SET n = n + 1 WHERE id = ?", first); err != nil {
				return err
			}
			once.Do(func() { meeting.Done(); meeting.Wait() })
			_, err := tx.ExecContext(ctx, "UPDATE counters SET n = n + 1 WHERE id = ?", second)
			return err
		})
	}
	results := make(chan error, 2)
	go func() { results <- both(1, 2) }()
	go func() { results <- both(2, 1) }()
	for range 2 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if tries.Load() < 3 {
		t.Errorf("%d tries: there was no deadlock", tries.Load())
	}
	if got := one[int](t, db, "SELECT sum(n) FROM counters"); got != 4 {
		t.Errorf("sum is %d, want 4", got)
	}
}

func TestInTxGivesUp(t *testing.T) {
	t.Parallel()
	db := testkit.Database(t)
	tries := 0
	err := postgres.InTx(t.Context(), db, func(ctx context.Context, tx bun.Tx) error {
		tries++
		_, err := tx.ExecContext(ctx, "DO $$ BEGIN RAISE serialization_failure; END $$")
		return err
	})
	if postgres.Code(err) != "40001" || !postgres.IsRetryable(err) || tries != 6 {
		t.Errorf("%v after %d tries", err, tries)
	}
}

func TestInTxSurvivesDeadPooledConnection(t *testing.T) {
	t.Parallel()
	at := testkit.DatabaseURL(t)
	db := open(t, at, postgres.Options{MaxOpenConns: 1})
	pid := one[int](t, db, "SELECT pg_backend_pid()")
	execute(t, testkit.Database(t), "SELECT pg_terminate_backend(?, 5000)", pid)
	err := postgres.InTx(t.Context(), db, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.ExecContext(ctx, "SELECT 1")
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// A commit that fails on a deferred constraint certainly did not happen: the server said so.
func TestInTxKnowsRefusedCommit(t *testing.T) {
	t.Parallel()
	db := testkit.Database(t)
	execute(t, db, "CREATE TABLE once (n int CONSTRAINT once_key UNIQUE DEFERRABLE INITIALLY DEFERRED)")
	err := postgres.InTx(t.Context(), db, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO once VALUES (1), (1)")
		return err
	})
	if !postgres.IsUniqueViolation(err, "once_key") || errors.Is(err, postgres.ErrCommitUnknown) {
		t.Errorf("error %v", err)
	}
}

// The server commits, but its answer never arrives.
func TestInTxReportsUnknownCommit(t *testing.T) {
	t.Parallel()
	watch := testkit.Database(t)
	execute(t, watch, "CREATE TABLE rows (n int)")
	proxy := newProxy(t, testkit.DatabaseURL(t))
	db := open(t, proxy.url, postgres.Options{MaxOpenConns: 1})
	tries := 0
	err := postgres.InTx(t.Context(), db, func(ctx context.Context, tx bun.Tx) error {
		tries++
		_, err := tx.ExecContext(ctx, "INSERT INTO rows VALUES (1)")
		proxy.swallow.Store(true) // the next answer is lost, and the connection with it
		return err
	})
	if !errors.Is(err, postgres.ErrCommitUnknown) || postgres.IsRetryable(err) || tries != 1 {
		t.Errorf("%v after %d tries", err, tries)
	}
	testkit.Eventually(t, 10*time.Second, func() error {
		if got := one[int](t, watch, "SELECT count(*) FROM rows"); got != 1 {
			return errors.New("the server has not committed")
		}
		return nil
	})
}

// database/sql repeats what the driver says was never sent. A statement whose answer was lost is not that.
func TestLostAnswerIsNotRepeated(t *testing.T) {
	t.Parallel()
	watch := testkit.Database(t)
	execute(t, watch, "CREATE TABLE rows (n int)")
	proxy := newProxy(t, testkit.DatabaseURL(t))
	for name, write := range map[string]func(db *bun.DB) error{
		"exec": func(db *bun.DB) error {
			_, err := db.ExecContext(t.Context(), "INSERT INTO rows VALUES (1)")
			return err
		},
		"exec with arguments": func(db *bun.DB) error {
			_, err := db.DB.ExecContext(t.Context(), "INSERT INTO rows VALUES ($1)", 1)
			return err
		},
		"query": func(db *bun.DB) error {
			return db.QueryRowContext(t.Context(), "INSERT INTO rows VALUES (1) RETURNING n").Scan(new(int))
		},
	} {
		db := open(t, proxy.url, postgres.Options{MaxOpenConns: 1})
		execute(t, watch, "TRUNCATE rows")
		execute(t, db, "SELECT 1") // the pool's own probe of a connection is over with this
		proxy.swallow.Store(true)
		if err := write(db); err == nil || !postgres.IsUnavailable(err) {
			t.Errorf("%s: error %v", name, err)
		}
		if got := one[int](t, watch, "SELECT count(*) FROM rows"); got > 1 {
			t.Errorf("%s: written %d times", name, got)
		}
	}
}

// proxy stands between a client and the server, and can lose an answer of the server.
type proxy struct {
	url     string
	swallow atomic.Bool // lose the next answer and the connection
}

func newProxy(t *testing.T, to string) *proxy {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	server := u.Host
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	u.Host = l.Addr().String()
	p := &proxy{url: u.String()}
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return // closed
			}
			go p.serve(client, server)
		}
	}()
	return p
}

func (p *proxy) serve(client net.Conn, server string) {
	defer func() { _ = client.Close() }()
	upstream, err := net.Dial("tcp", server)
	if err != nil {
		return // the client sees the end of its connection
	}
	defer func() { _ = upstream.Close() }()
	go func() { _, _ = io.Copy(upstream, client) }()
	buffer := make([]byte, 64<<10)
	for {
		n, err := upstream.Read(buffer)
		if err != nil || p.swallow.Swap(false) {
			return
		}
		if _, err := client.Write(buffer[:n]); err != nil {
			return
		}
	}
}
