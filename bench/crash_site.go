package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/internal/devstack"
	"guichet.dev/guichet/keyring"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/simulator"
)

// crashToken is the API token of the agents.
const crashToken = "guichet_token-of-the-crash-measurement"

// crashSite is an installation made to be killed: each part is a process of its own. The simulator is in this process, so
// that it remembers everything.
type crashSite struct {
	options        crashOptions
	began          time.Time
	folder         string
	temporalFolder string
	binary         string
	address        string // of the server, always the same
	env            []string
	postgres       *devstack.Postgres
	temporal       *devstack.Temporal
	db             *bun.DB
	sim            *simulator.Client
	simEnd         func() error
	server         *crashProcess
	worker         *crashProcess
	load           *crashLoad
	inFlight       crashSet // messages that were being sent when something died
	downs          crashDowns
}

// crashDowns is how often the parts that are not ours were killed.
type crashDowns struct{ temporal, postgres, lost int }

// openCrashSite starts everything. What it returns must be closed, also with an error.
func openCrashSite(ctx context.Context, o crashOptions) (*crashSite, error) {
	s := &crashSite{options: o, began: time.Now(), inFlight: newCrashSet()}
	for _, step := range []func(context.Context) error{s.build, s.startServers, s.startSimulator, s.startProduct, s.connect} {
		if err := step(ctx); err != nil {
			return s, err
		}
	}
	return s, s.say("ready", map[string]any{"folder": s.folder})
}

// build builds the product with the places at which it can be made to die.
func (s *crashSite) build(ctx context.Context) (err error) {
	if s.folder, err = os.MkdirTemp("", "guichet-crash-"); err != nil {
		return err
	}
	if err := os.Chmod(s.folder, 0o755); err != nil { // PostgreSQL may run as another user
		return err
	}
	s.binary = filepath.Join(s.folder, "guichet")
	cmd := exec.CommandContext(ctx, "go", "build", "-tags", "failpoints", "-o", s.binary, "guichet.dev/guichet/cmd/guichet")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build guichet: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// startServers starts PostgreSQL, which waits for the disk, and Temporal on a file. Temporal is not told of our search
// attributes: the product sees to them, also after a loss.
func (s *crashSite) startServers(ctx context.Context) (err error) {
	if s.postgres, err = devstack.StartPostgres(ctx, devstack.PostgresConfig{DataDir: filepath.Join(s.folder, "postgres")}); err != nil {
		return err
	}
	if err := s.makeTemporalFolder(); err != nil {
		return err
	}
	s.temporal, err = devstack.StartTemporal(ctx, devstack.TemporalConfig{DataFile: s.temporalFile()})
	if err != nil {
		return err
	}
	s.db, err = postgres.Open(ctx, s.postgres.URL("guichet"), postgres.Options{ApplicationName: "guichet bench", MaxOpenConns: 4})
	return err
}

// memoryFolder is where Linux keeps files in memory. They survive a kill, which is all that is asked of them here, and
// Temporal's development server waits for its file at every step.
const memoryFolder = "/dev/shm"

// makeTemporalFolder prefers a folder in memory.
func (s *crashSite) makeTemporalFolder() (err error) {
	if s.temporalFolder, err = os.MkdirTemp(memoryFolder, "guichet-crash-"); err == nil {
		return nil
	}
	s.temporalFolder = filepath.Join(s.folder, "temporal")
	return os.Mkdir(s.temporalFolder, 0o755)
}

func (s *crashSite) temporalFile() string { return filepath.Join(s.temporalFolder, "temporal.db") }

// startSimulator starts a provider without limits that is quick to post again.
func (s *crashSite) startSimulator(ctx context.Context) error {
	server, err := simulator.New(simulator.Config{
		Addr: "127.0.0.1:0", AppSecret: secret, Rates: simulator.Rates{PairBurst: -1, PairEvery: -1, Throughput: -1},
		Webhooks: simulator.Webhooks{FirstRetry: 250 * time.Millisecond, MaxRetry: 2 * time.Second},
		Logger:   slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	if err := server.Listen(); err != nil {
		return errors.Join(err, server.Close())
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- server.Run(running) }()
	s.simEnd = func() error { cancel(); return <-ended }
	s.sim = simulator.NewClient(server.URL())
	return s.environment(server.URL())
}

// environment is what the product's processes are told.
func (s *crashSite) environment(simulatorURL string) error {
	key, err := keyring.NewKey()
	if err != nil {
		return err
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.address = free.Addr().String()
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "GUICHET_") && !strings.HasPrefix(kv, "TEMPORAL_") && !strings.HasPrefix(kv, "DATABASE_") {
			s.env = append(s.env, kv)
		}
	}
	s.env = append(s.env, "DATABASE_URL="+s.postgres.URL("guichet"), "TEMPORAL_ADDRESS="+s.temporal.Address(),
		"GUICHET_ENCRYPTION_KEY="+key, "GUICHET_BOOTSTRAP_TOKEN="+crashToken, "GUICHET_DEMO=true",
		"GUICHET_SIMULATOR_URL="+simulatorURL, "GUICHET_LOG_LEVEL=info", "GUICHET_LOG_FORMAT=text")
	return free.Close()
}

// startProduct migrates and starts the two processes of the product.
func (s *crashSite) startProduct(ctx context.Context) error {
	if _, err := s.command(ctx, "migrate"); err != nil {
		return err
	}
	s.server = s.process("serve", "GUICHET_LISTEN="+s.address)
	s.worker = s.process("work", "GUICHET_LISTEN=127.0.0.1:0")
	ready, err := crashWait(ctx, time.Minute, func(ctx context.Context) (bool, error) {
		status, err := s.call(ctx, http.MethodGet, "/readyz", nil, nil)
		return status == http.StatusOK, err
	})
	if err == nil && !ready {
		err = errors.New("the server does not become ready, see " + s.folder)
	}
	return err
}

// command runs the product's program once and returns what it printed.
func (s *crashSite) command(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, s.binary, args...)
	cmd.Env = s.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("guichet %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return string(bytes.TrimSpace(out)), nil
}

// connect makes the account by the API and tells the simulator where to post.
func (s *crashSite) connect(ctx context.Context) error {
	var made struct {
		ID   string `json:"id"`
		Path string `json:"webhook_path"`
	}
	simulatorURL := ""
	for _, kv := range s.env {
		if value, ok := strings.CutPrefix(kv, "GUICHET_SIMULATOR_URL="); ok {
			simulatorURL = value
		}
	}
	connected, err := crashWait(ctx, 30*time.Second, func(ctx context.Context) (bool, error) {
		status, err := s.call(ctx, http.MethodPost, "/api/v1/accounts", map[string]any{
			"channel": "whatsapp", "name": "Crash", "provider_id": number, "business_id": "102290129340398", "api_base_url": simulatorURL,
			"secrets":  map[string]string{"access_token": "simulator-token", "app_secret": secret, "verify_token": "simulator-verify"},
			"settings": map[string]int{"throughput_per_second": 1000, "pair_burst": 1000, "pair_interval_seconds": 1},
		}, &made)
		return status == http.StatusCreated, err
	})
	if err != nil || !connected {
		return errors.Join(errors.New("the account cannot be made"), err)
	}
	s.load = newCrashLoad(s)
	return s.sim.SetCallback(ctx, "http://"+s.address+made.Path, true)
}

// close ends everything and removes the data.
func (s *crashSite) close() error {
	var errs []error
	for _, p := range []*crashProcess{s.server, s.worker} {
		if p != nil {
			p.end()
		}
	}
	if s.simEnd != nil {
		errs = append(errs, s.simEnd())
	}
	if s.db != nil {
		errs = append(errs, s.db.Close())
	}
	if s.temporal != nil {
		errs = append(errs, s.temporal.Stop())
	}
	if s.postgres != nil {
		errs = append(errs, s.postgres.Stop())
	}
	if !s.options.keep {
		errs = append(errs, os.RemoveAll(s.folder), os.RemoveAll(s.temporalFolder))
	}
	return errors.Join(errs...)
}
