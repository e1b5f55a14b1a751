package topology_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/internal/devstack"
	"guichet.dev/guichet/internal/testkit"
	"guichet.dev/guichet/keyring"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/simulator"
)

const (
	bootstrap = "topology-bootstrap-token"
	secret    = "topology-app-secret"
)

// site is the whole installation.
type site struct {
	t         *testing.T
	folder    string
	started   int
	temporal  *devstack.TemporalServer
	namespace string
	database  string // its address
	db        *bun.DB
	keyFile   string
	tokenFile string
	urlFile   string
	sim       *simulator.Client
	simulator string
	proxy     *proxy
}

// newSite starts everything but the product's processes.
func newSite(t *testing.T) *site {
	s := &site{t: t, folder: t.TempDir(), namespace: "default", proxy: newProxy(t)}
	var err error
	s.temporal, err = devstack.StartTemporalServer(t.Context(), devstack.TemporalServerConfig{
		LogFile: filepath.Join(s.folder, "temporal.log"), DatabaseURL: testkit.EmptyDatabaseURL(t), VisibilityURL: testkit.EmptyDatabaseURL(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.temporal.Stop(); err != nil {
			t.Error(err)
		}
	})
	s.keyFile = filepath.Join(s.folder, "key")
	if err := keyring.EnsureFile(s.keyFile); err != nil {
		t.Fatal(err)
	}
	s.tokenFile = s.write("token", bootstrap)
	s.use(testkit.EmptyDatabaseURL(t))
	s.startSimulator()
	return s
}

func (s *site) write(name, content string) string {
	path := filepath.Join(s.folder, name)
	if err := os.WriteFile(path, []byte(content+"\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// use makes a database the product's.
func (s *site) use(at string) {
	s.database, s.urlFile = at, s.write("database_url", at)
	db, err := postgres.Open(s.t.Context(), at, postgres.Options{ApplicationName: "test", MaxOpenConns: 4})
	if err != nil {
		s.t.Fatal(err)
	}
	s.db = db
	s.t.Cleanup(func() { _ = db.Close() }) // it may be closed
}

// environment is what docker-compose.yml tells the processes: secrets come from files.
func (s *site) environment() []string {
	var env []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "GUICHET_") && !strings.HasPrefix(kv, "TEMPORAL_") && !strings.HasPrefix(kv, "DATABASE_") {
			env = append(env, kv)
		}
	}
	return append(env, "DATABASE_URL_FILE="+s.urlFile, "TEMPORAL_ADDRESS="+s.temporal.Address(), "TEMPORAL_NAMESPACE="+s.namespace,
		"GUICHET_ENCRYPTION_KEY_FILE="+s.keyFile, "GUICHET_BOOTSTRAP_TOKEN_FILE="+s.tokenFile, "GUICHET_API_RATE=0",
		"GUICHET_ALLOW_PRIVATE_PROVIDERS=true", "GUICHET_LOG_FORMAT=text")
}

func (s *site) startSimulator() {
	server, err := simulator.New(simulator.Config{
		Addr: "127.0.0.1:0", AppSecret: secret, Rates: simulator.Rates{PairBurst: -1, PairEvery: -1, Throughput: -1},
		Webhooks: simulator.Webhooks{FirstRetry: 250 * time.Millisecond, MaxRetry: 2 * time.Second},
		Logger:   slog.New(slog.DiscardHandler),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	if err := server.Listen(); err != nil {
		s.t.Fatal(errors.Join(err, server.Close()))
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	s.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			s.t.Error(err)
		}
	})
	s.simulator, s.sim = server.URL(), simulator.NewClient(server.URL())
}

// connect makes the account and tells the simulator to post to the proxy.
func (s *site) connect() {
	s.t.Helper()
	var made struct {
		ID   string `json:"id"`
		Path string `json:"webhook_path"`
	}
	testkit.Eventually(s.t, 30*time.Second, func() error {
		status, err := s.call(s.t.Context(), http.MethodPost, "/api/v1/accounts", map[string]any{
			"channel": "whatsapp", "name": "Topology", "provider_id": "106540352242922", "business_id": "102290129340398", "api_base_url": s.simulator,
			"secrets":  map[string]string{"access_token": "simulator-token", "app_secret": secret, "verify_token": "simulator-verify"},
			"settings": map[string]int{"throughput_per_second": 1000, "pair_burst": 1000, "pair_interval_seconds": 1},
		}, &made)
		if err == nil && status != http.StatusCreated {
			err = fmt.Errorf("status %d", status)
		}
		return err
	})
	if err := s.sim.SetCallback(s.t.Context(), s.proxy.URL+made.Path, true); err != nil {
		s.t.Fatal(err)
	}
}

// call makes one request to the API, through the proxy.
func (s *site) call(ctx context.Context, method, path string, in, out any) (_ int, err error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	text, err := json.Marshal(in)
	if err != nil {
		return 0, err
	}
	request, err := http.NewRequestWithContext(ctx, method, s.proxy.URL+path, bytes.NewReader(text))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Authorization", "Bearer "+bootstrap)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	answer, err := io.ReadAll(response.Body)
	if err == nil && out != nil && response.StatusCode < 300 {
		err = json.Unmarshal(answer, out)
	}
	return response.StatusCode, err
}

// number returns the one number of a query.
func (s *site) number(query string) int {
	s.t.Helper()
	var n int
	if err := s.db.QueryRowContext(s.t.Context(), query).Scan(&n); err != nil {
		s.t.Fatal(err)
	}
	return n
}

// texts returns the one column of a query.
func (s *site) texts(query string) []string {
	s.t.Helper()
	var all []string
	if err := s.db.NewRaw(query).Scan(s.t.Context(), &all); err != nil {
		s.t.Fatal(err)
	}
	return all
}
