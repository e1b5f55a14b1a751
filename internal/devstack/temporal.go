package devstack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
)

// TemporalBinaryEnv names a Temporal CLI to use instead of the one that make builds.
const TemporalBinaryEnv = "GUICHET_TEMPORAL_CLI"

// ErrNoTemporal is wrapped by errors that say that no Temporal CLI was found.
var ErrNoTemporal = errors.New("no Temporal CLI")

// TemporalConfig says how a Temporal development server runs.
type TemporalConfig struct {
	Binary           string            // the Temporal CLI; empty looks for it, see FindTemporal
	DataFile         string            // its database; empty keeps everything in memory
	LogFile          string            // empty: beside the data file, or in the folder for temporary files
	Port             int               // on 127.0.0.1; 0 takes a free one
	UIPort           int               // the Web UI; 0 runs without
	DynamicConfig    map[string]string // values are JSON
	SearchAttributes map[string]string // name to type: Keyword, KeywordList, Text, Int, Double, Bool, Datetime
	Namespace        string            // empty means default
	Namespaces       []string          // more namespaces to create, with the same search attributes
	Logger           *slog.Logger      // nil is silent
}

// Temporal is a running development server.
type Temporal struct {
	cfg     TemporalConfig
	process *process
}

// StartTemporal starts a development server and returns when its namespace is served.
func StartTemporal(ctx context.Context, cfg TemporalConfig) (*Temporal, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Namespace == "" {
		cfg.Namespace = client.DefaultNamespace
	}
	var err error
	if cfg.Binary == "" {
		if cfg.Binary, err = FindTemporal(); err != nil {
			return nil, err
		}
	}
	if cfg.LogFile == "" {
		cfg.LogFile = defaultTemporalLog(cfg.DataFile)
	}
	if cfg.Port, err = choosePort("Temporal", cfg.Port); err != nil {
		return nil, err
	}
	if cfg.UIPort != 0 {
		if _, err = choosePort("Temporal Web UI", cfg.UIPort); err != nil {
			return nil, err
		}
	}
	t := &Temporal{cfg: cfg}
	if err := t.start(ctx); err != nil {
		return nil, err
	}
	return t, nil
}

// FindTemporal looks for the Temporal CLI: GUICHET_TEMPORAL_CLI, then .cache/bin/temporal of the checkout that the
// working folder is in, then PATH.
func FindTemporal() (string, error) {
	if path := os.Getenv(TemporalBinaryEnv); path != "" {
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("%w: %s=%s: %w", ErrNoTemporal, TemporalBinaryEnv, path, err)
		}
		return path, nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		path := filepath.Join(dir, ".cache", "bin", "temporal")
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path, nil
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	if path, err := exec.LookPath("temporal"); err == nil {
		return path, nil
	}
	return "", fmt.Errorf("%w: run `make temporal`, which builds .cache/bin/temporal, or set %s", ErrNoTemporal, TemporalBinaryEnv)
}

// Address returns the host and port of the frontend.
func (t *Temporal) Address() string { return net.JoinHostPort(loopback, strconv.Itoa(t.cfg.Port)) }

// UIURL returns the address of the Web UI, empty if it runs without.
func (t *Temporal) UIURL() string {
	if t.cfg.UIPort == 0 {
		return ""
	}
	return "http://" + net.JoinHostPort(loopback, strconv.Itoa(t.cfg.UIPort))
}

// Namespace returns the namespace that Guichet works in.
func (t *Temporal) Namespace() string { return t.cfg.Namespace }

// Stop ends the server. What it keeps in a file stays there.
func (t *Temporal) Stop() error {
	return t.process.stop(10*time.Second, syscall.SIGTERM, syscall.SIGKILL)
}

// Kill ends the server as a crash would.
func (t *Temporal) Kill() error { return t.process.stop(10*time.Second, syscall.SIGKILL) }

// Done is closed when the server has ended, for whatever reason.
func (t *Temporal) Done() <-chan struct{} { return t.process.done }

// Restart starts the server again, after Stop or Kill, on the same port; with a data file, on the same data.
func (t *Temporal) Restart(ctx context.Context) error {
	if !t.process.ended() {
		return errors.New("restart Temporal: it is running")
	}
	if _, err := choosePort("Temporal", t.cfg.Port); err != nil {
		return err
	}
	return t.start(ctx)
}

func (t *Temporal) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	if t.cfg.DataFile != "" {
		if err := os.MkdirAll(filepath.Dir(t.cfg.DataFile), 0o755); err != nil {
			return fmt.Errorf("start Temporal: %w", err)
		}
	}
	began := time.Now()
	child, err := command{
		name: "Temporal", path: t.cfg.Binary, args: t.arguments(), env: childEnv(), logFile: t.cfg.LogFile, death: syscall.SIGKILL,
	}.start()
	if err != nil {
		return err
	}
	t.process = child
	if err := t.awaitReady(ctx); err != nil {
		return err
	}
	t.cfg.Logger.Info("Temporal is ready", "address", t.Address(), "ui", t.UIURL(), "took", time.Since(began).Round(time.Millisecond))
	return nil
}

// awaitReady waits for every namespace: the frontend answers a moment before it knows them.
func (t *Temporal) awaitReady(ctx context.Context) error {
	quiet := sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)) // refused connections are expected here
	c, err := client.NewLazyClient(client.Options{HostPort: t.Address(), Namespace: t.cfg.Namespace, Logger: quiet})
	if err != nil {
		return errors.Join(fmt.Errorf("start Temporal: %w", err), t.Stop())
	}
	defer c.Close()
	waiting := append([]string{t.cfg.Namespace}, t.cfg.Namespaces...)
	for {
		attempt, cancel := context.WithTimeout(ctx, 2*time.Second)
		_, err := c.WorkflowService().DescribeNamespace(attempt, &workflowservice.DescribeNamespaceRequest{Namespace: waiting[0]})
		cancel()
		if err == nil {
			if waiting = waiting[1:]; len(waiting) == 0 {
				return nil
			}
			continue
		}
		select {
		case <-t.process.done:
			return t.process.exitError()
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("Temporal did not become ready: %w", err), t.Stop())
		case <-time.After(25 * time.Millisecond):
		}
	}
}

func (t *Temporal) arguments() []string {
	args := []string{"server", "start-dev", "--ip", loopback, "--port", strconv.Itoa(t.cfg.Port), "--log-level", "warn", "--log-format", "json", "--color", "never"}
	if t.cfg.UIPort == 0 {
		args = append(args, "--headless")
	} else {
		args = append(args, "--ui-port", strconv.Itoa(t.cfg.UIPort))
	}
	if t.cfg.DataFile != "" {
		args = append(args, "--db-filename", t.cfg.DataFile)
	}
	for _, namespace := range append([]string{t.cfg.Namespace}, t.cfg.Namespaces...) {
		if namespace != client.DefaultNamespace { // which is always there
			args = append(args, "--namespace", namespace)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(t.cfg.SearchAttributes)) {
		args = append(args, "--search-attribute", key+"="+t.cfg.SearchAttributes[key])
	}
	for _, key := range slices.Sorted(maps.Keys(t.cfg.DynamicConfig)) {
		args = append(args, "--dynamic-config-value", key+"="+t.cfg.DynamicConfig[key])
	}
	return args
}

func defaultTemporalLog(dataFile string) string {
	if dataFile == "" {
		return filepath.Join(os.TempDir(), fmt.Sprintf("guichet-temporal-%d.log", os.Getuid()))
	}
	return filepath.Join(filepath.Dir(dataFile), "temporal.log")
}
