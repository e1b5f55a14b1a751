package devstack_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"guichet.dev/guichet/internal/devstack"
)

func startPostgres(t *testing.T, cfg devstack.PostgresConfig) *devstack.Postgres {
	t.Helper()
	p, err := devstack.StartPostgres(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func query[T any](t *testing.T, url, sql string) T {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := conn.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	rows, err := conn.Query(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	value, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[T])
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return value
}

func TestPostgresKeepsDataThroughStopAndKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := startPostgres(t, devstack.PostgresConfig{DataDir: dir})
	url := p.URL("guichet")
	execute(t, url, "CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)")

	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "cluster", "postmaster.pid")); err != nil {
		t.Fatalf("a crash leaves the pid file: %v", err)
	}
	if err := p.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := query[int](t, url, "SELECT count(*)::int FROM kept"); got != 1 {
		t.Errorf("after kill -9: %d rows, want 1", got)
	}
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}

	again := startPostgres(t, devstack.PostgresConfig{DataDir: dir})
	if got := query[int](t, again.URL("guichet"), "SELECT count(*)::int FROM kept"); got != 1 {
		t.Errorf("after a stop: %d rows, want 1", got)
	}
	if got := query[string](t, again.URL("guichet"), "SHOW fsync"); got != "on" {
		t.Errorf("fsync is %s", got)
	}
	if got := query[string](t, again.URL("guichet"), "SELECT lower('ÎȘ')"); got != "îș" {
		t.Errorf("lower-case of Romanian letters: %q", got)
	}
}

func execute(t *testing.T, url, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestPostgresOutlivesForeignPIDFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := startPostgres(t, devstack.PostgresConfig{DataDir: dir, Unsafe: true})
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	// The number of the dead server now belongs to another program: this one.
	path := filepath.Join(dir, "cluster", "postmaster.pid")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\n")
	if err := os.WriteFile(path, []byte("1\n"+rest), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := p.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestPostgresIsPrivate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := startPostgres(t, devstack.PostgresConfig{DataDir: dir, Unsafe: true, Database: "other"})
	info, err := os.Stat(filepath.Join(dir, "password"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("password file has mode %v", info.Mode())
	}
	cfg, err := pgx.ParseConfig(p.URL("other"))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Password = "wrong"
	if _, err := pgx.ConnectConfig(t.Context(), cfg); err == nil {
		t.Error("a wrong password was accepted")
	}
	if got := query[string](t, p.URL("other"), "SHOW listen_addresses"); got != "127.0.0.1" {
		t.Errorf("listens on %s", got)
	}
}

func TestTakenPortIsNamed(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	taken := l.Addr().(*net.TCPAddr).Port
	for name, start := range map[string]func() error{
		"postgres": func() error {
			_, err := devstack.StartPostgres(t.Context(), devstack.PostgresConfig{DataDir: t.TempDir(), Port: taken, Unsafe: true})
			return err
		},
		"temporal": func() error {
			_, err := devstack.StartTemporal(t.Context(), devstack.TemporalConfig{Port: taken})
			return err
		},
		"web ui": func() error {
			_, err := devstack.StartTemporal(t.Context(), devstack.TemporalConfig{UIPort: taken})
			return err
		},
	} {
		if err := start(); err == nil || !strings.Contains(err.Error(), "port "+port) || !strings.Contains(err.Error(), "taken") {
			t.Errorf("%s: error %v does not name port %s", name, err, port)
		}
	}
}

func TestMissingBinariesAreExplained(t *testing.T) {
	_, err := devstack.StartPostgres(t.Context(), devstack.PostgresConfig{DataDir: t.TempDir(), BinDir: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), devstack.ErrNoPostgres.Error()) {
		t.Errorf("PostgreSQL: %v", err)
	}
	t.Setenv(devstack.TemporalBinaryEnv, "")
	t.Setenv("PATH", "")
	t.Chdir(os.TempDir())
	_, err = devstack.StartTemporal(t.Context(), devstack.TemporalConfig{})
	if err == nil || !strings.Contains(err.Error(), "make temporal") {
		t.Errorf("Temporal: %v", err)
	}
}
