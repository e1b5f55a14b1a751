package devstack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"google.golang.org/protobuf/types/known/durationpb"
)

// TemporalServerConfig says how a Temporal server on PostgreSQL runs: the one that production has, not the development
// server. It has the environment of the server's container image, so that what docker-compose.yml sets is tried here.
type TemporalServerConfig struct {
	Folder        string // of the binaries temporal-server and temporal-sql-tool; empty looks for .cache/bin
	LogFile       string
	DatabaseURL   string // an empty database of its own
	VisibilityURL string // another one
	Namespace     string // created if it does not exist; empty means default
}

// TemporalServer is a running Temporal server.
type TemporalServer struct {
	cfg     TemporalServerConfig
	port    int
	process *process
}

// FindTemporalServer returns the folder of the Temporal server's binaries: .cache/bin of the checkout that the working
// folder is in.
func FindTemporalServer() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		folder := filepath.Join(dir, ".cache", "bin")
		if _, err := os.Stat(filepath.Join(folder, "temporal-server")); err == nil {
			return folder, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("%w: run `make temporal-server`, which builds .cache/bin/temporal-server", ErrNoTemporal)
		}
	}
}

// StartTemporalServer brings both databases to the newest schema, starts the server and returns when its namespace is
// served.
func StartTemporalServer(ctx context.Context, cfg TemporalServerConfig) (_ *TemporalServer, err error) {
	if cfg.Folder == "" {
		if cfg.Folder, err = FindTemporalServer(); err != nil {
			return nil, err
		}
	}
	if cfg.Namespace == "" {
		cfg.Namespace = client.DefaultNamespace
	}
	s := &TemporalServer{cfg: cfg}
	for schema, at := range map[string]string{"temporal": cfg.DatabaseURL, "visibility": cfg.VisibilityURL} {
		if err := s.migrate(ctx, schema, at); err != nil {
			return nil, err
		}
	}
	env, err := s.environment()
	if err != nil {
		return nil, err
	}
	s.process, err = command{
		name: "Temporal", path: filepath.Join(cfg.Folder, "temporal-server"), args: []string{"--allow-no-auth", "start"}, env: env,
		logFile: cfg.LogFile, death: syscall.SIGKILL,
	}.start()
	if err != nil {
		return nil, err
	}
	if err := s.EnsureNamespace(ctx, cfg.Namespace); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// migrate does what the one-shot service of docker-compose.yml does.
func (s *TemporalServer) migrate(ctx context.Context, schema, at string) error {
	u, err := url.Parse(at)
	if err != nil {
		return errors.New("the database of Temporal: not a URL")
	}
	password, _ := u.User.Password()
	for _, args := range [][]string{{"setup-schema", "-v", "0.0"}, {"update-schema", "--schema-name", "postgresql/v12/" + schema}} {
		cmd := exec.CommandContext(ctx, filepath.Join(s.cfg.Folder, "temporal-sql-tool"), args...)
		cmd.Env = append(childEnv(), "SQL_PLUGIN=postgres12", "SQL_HOST="+u.Hostname(), "SQL_PORT="+u.Port(), "SQL_USER="+u.User.Username(),
			"SQL_PASSWORD="+password, "SQL_DATABASE="+strings.TrimPrefix(u.Path, "/"))
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("the schema of Temporal: %s: %w: %s", args[0], err, bytes.TrimSpace(out))
		}
	}
	return nil
}

// environment configures the server as its image is configured: its template is built in.
func (s *TemporalServer) environment() ([]string, error) {
	u, err := url.Parse(s.cfg.DatabaseURL)
	if err != nil {
		return nil, errors.New("the database of Temporal: not a URL")
	}
	visibility, err := url.Parse(s.cfg.VisibilityURL)
	if err != nil {
		return nil, errors.New("the visibility database of Temporal: not a URL")
	}
	password, _ := u.User.Password()
	dynamic := s.cfg.LogFile + ".dynamic.yaml"
	if err := os.WriteFile(dynamic, []byte("{}\n"), 0o600); err != nil {
		return nil, err
	}
	env := append(childEnv(), "DB=postgres12", "POSTGRES_SEEDS="+u.Hostname(), "DB_PORT="+u.Port(), "POSTGRES_USER="+u.User.Username(),
		"POSTGRES_PWD="+password, "DBNAME="+strings.TrimPrefix(u.Path, "/"), "VISIBILITY_DBNAME="+strings.TrimPrefix(visibility.Path, "/"),
		"BIND_ON_IP="+loopback, "TEMPORAL_BROADCAST_ADDRESS="+loopback, "LOG_LEVEL=warn", "DYNAMIC_CONFIG_FILE_PATH="+dynamic)
	for _, name := range []string{
		"FRONTEND_GRPC_PORT", "FRONTEND_HTTP_PORT", "FRONTEND_MEMBERSHIP_PORT", "MATCHING_GRPC_PORT", "MATCHING_MEMBERSHIP_PORT",
		"HISTORY_GRPC_PORT", "HISTORY_MEMBERSHIP_PORT", "WORKER_GRPC_PORT", "WORKER_MEMBERSHIP_PORT",
	} {
		port, err := chooseLowPort()
		if err != nil {
			return nil, err
		}
		if name == "FRONTEND_GRPC_PORT" {
			s.port = port
		}
		env = append(env, name+"="+strconv.Itoa(port))
	}
	return env, nil
}

// chooseLowPort returns a free port that fits into a signed number of two bytes: so the server keeps its members' ports.
func chooseLowPort() (port int, err error) {
	for range 50 {
		if port, err = choosePort("Temporal", 15000+rand.IntN(17000)); err == nil {
			return port, nil
		}
	}
	return 0, err
}

// EnsureNamespace creates a namespace if it does not exist, and waits until it is served.
func (s *TemporalServer) EnsureNamespace(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	c, err := client.NewLazyClient(client.Options{HostPort: s.Address(), Logger: sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler))})
	if err != nil {
		return fmt.Errorf("Temporal's namespace: %w", err)
	}
	defer c.Close()
	for {
		attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
		_, err := c.WorkflowService().RegisterNamespace(attempt, &workflowservice.RegisterNamespaceRequest{
			Namespace: name, WorkflowExecutionRetentionPeriod: durationpb.New(72 * time.Hour),
		})
		if _, exists := errors.AsType[*serviceerror.NamespaceAlreadyExists](err); exists || err == nil {
			// It is served when the frontend has heard of it, which is when its search attributes can be read.
			_, err = c.WorkflowService().ListOpenWorkflowExecutions(attempt, &workflowservice.ListOpenWorkflowExecutionsRequest{Namespace: name})
		}
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-s.process.done:
			return s.process.exitError()
		case <-ctx.Done():
			return fmt.Errorf("Temporal did not serve the namespace %s: %w", name, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Address returns the host and port of the frontend.
func (s *TemporalServer) Address() string { return loopback + ":" + strconv.Itoa(s.port) }

// Stop ends the server.
func (s *TemporalServer) Stop() error {
	return s.process.stop(20*time.Second, syscall.SIGTERM, syscall.SIGKILL)
}
