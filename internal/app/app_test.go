package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"guichet.dev/guichet/accounts"
	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/internal/app"
	"guichet.dev/guichet/internal/config"
	"guichet.dev/guichet/internal/testkit"
	"guichet.dev/guichet/keyring"
	"guichet.dev/guichet/simulator"
)

const token = "a-bootstrap-token-of-the-tests"

// settings returns the configuration of a process on the test's own database.
func settings(t *testing.T, more map[string]string) config.Config {
	t.Helper()
	key := filepath.Join(t.TempDir(), "key")
	if err := keyring.EnsureFile(key); err != nil {
		t.Fatal(err)
	}
	values := map[string]string{
		"DATABASE_URL": testkit.DatabaseURL(t), "GUICHET_ENCRYPTION_KEY_FILE": key, "GUICHET_LISTEN": "127.0.0.1:0",
		"GUICHET_BOOTSTRAP_TOKEN": token, "TEMPORAL_ADDRESS": "127.0.0.1:1", "GUICHET_DEMO": "true",
	}
	for name, value := range more {
		values[name] = value
	}
	cfg, err := config.Read(func(name string) (string, bool) { v, ok := values[name]; return v, ok })
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// start runs a process until the test ends, or until the function returned is called.
func start(t *testing.T, cfg config.Config, mode app.Mode) (*app.App, func()) {
	t.Helper()
	return startLogged(t, cfg, mode, testkit.Logger(t))
}

func startLogged(t *testing.T, cfg config.Config, mode app.Mode, logger *slog.Logger) (*app.App, func()) {
	t.Helper()
	a, err := app.New(t.Context(), cfg, mode, logger)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	stopped := false
	stop := func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return a, stop
}

// get reads an address of a process, with the bootstrap token.
func get(t *testing.T, a *app.App, path string, out any) int {
	t.Helper()
	status, err := fetch(t, "http://"+a.Address()+path, out)
	if err != nil {
		t.Fatal(err)
	}
	return status
}

// fetch reads JSON from an address, with the bootstrap token.
func fetch(t *testing.T, address string, out any) (int, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		return 0, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	err = json.NewDecoder(response.Body).Decode(out)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return 0, fmt.Errorf("%s: %w", address, err)
	}
	return response.StatusCode, nil
}

// connect runs a simulator and connects its number.
func connect(t *testing.T, a *app.App) *simulator.Client {
	t.Helper()
	s, err := simulator.New(simulator.Config{Addr: "127.0.0.1:0", Logger: testkit.Logger(t)})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	account, err := a.Accounts.Create(t.Context(), conversation.Actor{Kind: conversation.ActorSystem}, accounts.New{
		Channel: conversation.WhatsApp, Name: "Test", ProviderID: "106540352242922", BusinessID: "102290129340398",
		APIBaseURL: s.URL(), APIVersion: "v26.0",
		Secrets: channel.Secrets{AccessToken: "simulator-token", AppSecret: "simulator-secret", VerifyToken: "simulator-verify"},
	})
	if err != nil {
		t.Fatal(err)
	}
	client := simulator.NewClient(s.URL())
	if err := client.SetCallback(t.Context(), "http://"+a.Address()+"/webhooks/whatsapp/"+account.ID, true); err != nil {
		t.Fatal(err)
	}
	return client
}

func TestMessageComesInAndAnswerGoesOut(t *testing.T) {
	t.Parallel()
	temporal := testkit.Temporal(t)
	cfg := settings(t, map[string]string{"TEMPORAL_ADDRESS": temporal.Address, "TEMPORAL_NAMESPACE": temporal.Namespace})
	a, _ := start(t, cfg, app.All)
	sim := connect(t, a)
	if _, err := sim.Say(t.Context(), "33612345678", "Bonjour"); err != nil {
		t.Fatal(err)
	}
	var page struct{ Items []inbox.Conversation }
	testkit.Eventually(t, 20*time.Second, func() error {
		if status := get(t, a, "/api/v1/conversations", &page); status != http.StatusOK || len(page.Items) != 1 {
			return fmt.Errorf("status %d, %d conversations", status, len(page.Items))
		}
		return nil
	})
	by := conversation.Actor{Kind: conversation.ActorSystem}.Everywhere()
	content := conversation.Content{Kind: conversation.KindText, Text: "Bonjour !"}
	if _, err := a.Inbox.Send(t.Context(), by, page.Items[0].ID, inbox.NewMessage{ClientID: "1", Content: content}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if got, err := sim.AwaitPhone(ctx, "33612345678", 1); err != nil || len(got) != 1 || got[0].Text != "Bonjour !" {
		t.Fatalf("the customer has %+v (%v)", got, err)
	}
}

// Temporal is down for all of this test: messages come in, and people read and write.
func TestServesWithoutTemporal(t *testing.T) {
	t.Parallel()
	a, _ := start(t, settings(t, nil), app.Serve)
	sim := connect(t, a)
	var ready struct {
		Ready    bool
		Degraded []string
	}
	if status := get(t, a, "/readyz", &ready); status != http.StatusOK || !ready.Ready || len(ready.Degraded) != 1 || ready.Degraded[0] != "temporal" {
		t.Errorf("%d %+v", status, ready)
	}
	if _, err := sim.Say(t.Context(), "33612345678", "Bonjour"); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, 20*time.Second, func() error {
		var page struct{ Items []inbox.Conversation }
		if status := get(t, a, "/api/v1/conversations", &page); status != http.StatusOK || len(page.Items) != 1 {
			return fmt.Errorf("status %d, %d conversations", status, len(page.Items))
		}
		return nil
	})
}

func TestWorkerHasProbesOnly(t *testing.T) {
	t.Parallel()
	a, _ := start(t, settings(t, nil), app.Work)
	var ready struct{ Missing []string }
	if status := get(t, a, "/readyz", &ready); status != http.StatusServiceUnavailable || len(ready.Missing) != 1 || ready.Missing[0] != "temporal" {
		t.Errorf("%d %+v", status, ready)
	}
	var problem struct{ Code string }
	if status := get(t, a, "/api/v1/conversations", &problem); status != http.StatusNotFound || problem.Code != "not_found" {
		t.Errorf("%d %+v", status, problem)
	}
}

// A client that never finishes its request may not use up the time in which the other parts stop.
func TestSlowClientDelaysOnlyTheServer(t *testing.T) {
	t.Parallel()
	a, err := app.New(t.Context(), settings(t, map[string]string{"GUICHET_STOP_TIMEOUT": "2s"}), app.Serve, testkit.Logger(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	testkit.Eventually(t, 10*time.Second, func() error {
		var me struct{ Role string }
		if status := get(t, a, "/api/v1/me", &me); status != http.StatusOK {
			return fmt.Errorf("status %d", status)
		}
		return nil
	})
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", a.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // the server may have closed it
	if _, err := fmt.Fprint(conn, "POST /api/v1/teams HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nAuthorization: Bearer "+token+"\r\nContent-Length: 9\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, len("HTTP/1.1 100"))
	if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != "HTTP/1.1 100" {
		t.Fatalf("the body is not being read: %q (%v)", answer, err)
	}
	cancel()
	if err := <-ended; err == nil || strings.Contains(err.Error(), "did not stop in time") {
		t.Error(err)
	}
}

func TestFailedStartIsRolledBack(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := taken.Close(); err != nil {
			t.Error(err)
		}
	})
	for name, more := range map[string]map[string]string{
		"GUICHET_LISTEN":          {"GUICHET_LISTEN": taken.Addr().String()},
		"GUICHET_ENCRYPTION_KEY":  {"GUICHET_ENCRYPTION_KEY": "bm8ga2V5"},
		"read the encryption key": {"GUICHET_ENCRYPTION_KEY_FILE": "/nowhere"},
		"open database":           {"DATABASE_URL": "postgres://127.0.0.1:port/none"},
		"DATABASE_URL is not set": {"DATABASE_URL": ""},
	} {
		_, err := app.New(t.Context(), settings(t, more), app.All, testkit.Logger(t))
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	db := testkit.Database(t)
	testkit.Eventually(t, 10*time.Second, func() error {
		var left int
		if err := db.NewRaw("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'guichet%'").Scan(t.Context(), &left); err != nil {
			return err
		}
		if left > 0 {
			return fmt.Errorf("%d sessions are left", left)
		}
		return nil
	})
}

func TestDoctorNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	cfg := settings(t, map[string]string{"DATABASE_URL": testkit.EmptyDatabaseURL(t)})
	var out bytes.Buffer
	if wrong, err := app.Doctor(t.Context(), cfg, &out); err != nil || wrong != 2 {
		t.Errorf("%d wrong (%v):\n%s", wrong, err, &out)
	}
	if err := app.Migrate(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if wrong, err := app.Doctor(t.Context(), cfg, &out); err != nil || wrong != 1 || !strings.Contains(out.String(), "WRONG  temporal") {
		t.Errorf("%d wrong (%v):\n%s", wrong, err, &out)
	}
	out.Reset()
	cfg.SMTPURL, cfg.MailFrom = "smtp://guichet:very-secret@127.0.0.1:1", "guichet@example.com"
	if wrong, err := app.Doctor(t.Context(), cfg, &out); err != nil || wrong != 2 || !strings.Contains(out.String(), "WRONG  mail") || strings.Contains(out.String(), "very-secret") {
		t.Errorf("%d wrong (%v):\n%s", wrong, err, &out)
	}
	value, err := app.CreateToken(t.Context(), cfg, "ci", "agent", time.Hour)
	if err != nil || !strings.HasPrefix(value, "guichet_") {
		t.Error(err)
	}
	if _, err := app.CreateToken(t.Context(), cfg, "ci", "agent", -time.Hour); conversation.CodeOf(err) != conversation.CodeInvalid {
		t.Errorf("a token that ends in the past: %v", err)
	}
	if _, err := app.Repair(t.Context(), cfg, app.RepairOptions{NewEpoch: true}); err != nil {
		t.Error(err)
	}
}
