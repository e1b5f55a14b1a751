package devstack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// startPatience bounds a start, recovery after a crash included.
const startPatience = 90 * time.Second

// PostgresConfig says where a development PostgreSQL keeps its data and how it runs.
type PostgresConfig struct {
	DataDir        string       // folder for the database files, the password and the log; made if missing
	Port           int          // on 127.0.0.1; 0 takes a free one
	BinDir         string       // folder of the server binaries; empty looks for the newest of this machine
	Database       string       // made on the first start; empty means guichet
	MaxConnections int          // 0 means 200
	Unsafe         bool         // does not wait for the disk: a crash of the machine may destroy the data. Tests only
	Detached       bool         // the server outlives this process; whoever starts it must see to its end
	Logger         *slog.Logger // nil is silent
}

// Postgres is a running development server.
type Postgres struct {
	cfg     PostgresConfig
	cluster cluster
	process *process
}

// StartPostgres starts a server on the data folder, which it fills on the first start, and returns when the server
// answers and the database exists. As root it runs the server as another user, since PostgreSQL refuses to be root.
func StartPostgres(ctx context.Context, cfg PostgresConfig) (*Postgres, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Database == "" {
		cfg.Database = "guichet"
	}
	if cfg.MaxConnections == 0 {
		cfg.MaxConnections = 200
	}
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	c, err := openCluster(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("prepare PostgreSQL: %w", err)
	}
	if err := c.clearStale(ctx); err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	if cfg.Port, err = choosePort("PostgreSQL", cfg.Port); err != nil {
		return nil, err
	}
	p := &Postgres{cfg: cfg, cluster: c}
	if err := p.start(ctx); err != nil {
		return nil, err
	}
	if err := p.EnsureDatabase(ctx, cfg.Database); err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	return p, nil
}

// URL returns the address of a database of this server, password included.
func (p *Postgres) URL(database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(superuser, p.cluster.password),
		Host: net.JoinHostPort(loopback, strconv.Itoa(p.cfg.Port)), Path: "/" + database, RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Port returns the TCP port on 127.0.0.1.
func (p *Postgres) Port() int { return p.cfg.Port }

// PID returns the process id of the server.
func (p *Postgres) PID() int { return p.process.cmd.Process.Pid }

// Stop ends the server: open sessions are rolled back, the data are written out.
func (p *Postgres) Stop() error {
	// SIGINT is PostgreSQL's fast shutdown, SIGQUIT its immediate one, which recovers at the next start.
	return p.process.stop(20*time.Second, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL)
}

// Kill ends the server as a crash would: nothing is written out, clients are cut off.
func (p *Postgres) Kill() error { return p.process.stop(20*time.Second, syscall.SIGKILL) }

// Done is closed when the server has ended, for whatever reason.
func (p *Postgres) Done() <-chan struct{} { return p.process.done }

// Restart starts the server again, after Stop or Kill, on the same data and the same port.
func (p *Postgres) Restart(ctx context.Context) error {
	if !p.process.ended() {
		return errors.New("restart PostgreSQL: it is running")
	}
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	if err := p.cluster.clearStale(ctx); err != nil {
		return fmt.Errorf("restart PostgreSQL: %w", err)
	}
	if _, err := choosePort("PostgreSQL", p.cfg.Port); err != nil {
		return err
	}
	return p.start(ctx)
}

// EnsureDatabase makes a database if it does not exist.
func (p *Postgres) EnsureDatabase(ctx context.Context, name string) error {
	conn, err := pgx.Connect(ctx, p.URL("postgres"))
	if err != nil {
		return fmt.Errorf("create database %s: %w", name, err)
	}
	defer func() { _ = conn.Close(ctx) }() // nothing is pending on it
	var exists bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&exists); err != nil {
		return fmt.Errorf("create database %s: %w", name, err)
	}
	if exists {
		return nil
	}
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()); err != nil {
		return fmt.Errorf("create database %s: %w", name, err)
	}
	return nil
}

// start runs the server until it answers. After a kill its orphaned sessions hold the shared memory for a moment, in
// which a new server refuses to start: that is tried again.
func (p *Postgres) start(ctx context.Context) error {
	began := time.Now()
	for {
		err := p.launch(ctx)
		if err == nil {
			p.cfg.Logger.Info("PostgreSQL is ready", "port", p.cfg.Port, "version", p.cluster.bin.major,
				"folder", p.cluster.folder, "took", time.Since(began).Round(time.Millisecond))
			return nil
		}
		if !strings.Contains(err.Error(), "shared memory block") || time.Since(began) > 15*time.Second {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (p *Postgres) launch(ctx context.Context) error {
	child, err := command{
		name: "PostgreSQL", path: p.cluster.bin.tool("postgres"), args: p.arguments(), env: childEnv(),
		logFile: p.cluster.logFile(), as: p.cluster.as, death: syscall.SIGINT, detach: p.cfg.Detached,
	}.start()
	if err != nil {
		return err
	}
	p.process = child
	var last error
	for {
		if last = p.answers(ctx); last == nil {
			return nil
		}
		select {
		case <-child.done:
			return child.exitError()
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("PostgreSQL did not become ready: %w", last), p.Stop())
		case <-time.After(25 * time.Millisecond):
		}
	}
}

func (p *Postgres) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, p.URL("postgres"))
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

func (p *Postgres) arguments() []string {
	settings := []string{
		"listen_addresses=" + loopback, "port=" + strconv.Itoa(p.cfg.Port),
		"unix_socket_directories=", // its path is limited to 107 bytes
		"max_connections=" + strconv.Itoa(p.cfg.MaxConnections),
		"jit=off", "timezone=UTC", "log_timezone=UTC", "max_wal_size=1GB",
	}
	if p.cfg.Unsafe {
		settings = append(settings, "fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off")
	}
	args := []string{"-D", p.cluster.dir()}
	for _, s := range settings {
		args = append(args, "-c", s)
	}
	return args
}
