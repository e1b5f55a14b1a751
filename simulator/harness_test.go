package simulator_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"guichet.dev/guichet/simulator"
	"guichet.dev/guichet/simulator/cloudapi"
	"guichet.dev/guichet/simulator/webhook"
)

const (
	numberID = "106540352242922"
	wabaID   = "102290129340398"
	secret   = "s3cret"
	anna     = "33612345678"
)

// receiver is a business's webhook endpoint that checks every signature.
type receiver struct {
	server *httptest.Server
	mu     sync.Mutex
	bodies []string
	tries  int
	refuse int // POSTs to answer with 500
	broken []string
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.server = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(func() {
		r.server.Close()
		if len(r.broken) > 0 {
			t.Errorf("%d webhooks with a wrong signature", len(r.broken))
		}
	})
	return r
}

func (r *receiver) serve(w http.ResponseWriter, request *http.Request) {
	query := request.URL.Query()
	if request.Method == http.MethodGet {
		if query.Get("hub.mode") != "subscribe" || query.Get("hub.verify_token") != "verify-me" {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		_, _ = io.WriteString(w, query.Get("hub.challenge"))
		return
	}
	body, err := io.ReadAll(request.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	want := "sha256=" + webhook.Sign(secret, body)
	if err != nil || !hmac.Equal([]byte(want), []byte(request.Header.Get("X-Hub-Signature-256"))) {
		r.broken = append(r.broken, string(body))
	}
	r.tries++
	if r.refuse > 0 {
		r.refuse--
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	r.bodies = append(r.bodies, string(body))
}

func (r *receiver) snapshot() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.bodies...)
}

// values returns all values received so far, in order, of every entry and change.
func (r *receiver) values(t *testing.T) []map[string]any {
	t.Helper()
	var values []map[string]any
	for _, body := range r.snapshot() {
		var envelope struct {
			Object string
			Entry  []struct {
				ID      string
				Changes []struct {
					Field string
					Value map[string]any
				}
			}
		}
		if err := json.Unmarshal([]byte(body), &envelope); err != nil {
			t.Fatalf("webhook is not JSON: %v", err)
		}
		for _, entry := range envelope.Entry {
			for _, change := range entry.Changes {
				change.Value["field"] = change.Field
				values = append(values, change.Value)
			}
		}
	}
	return values
}

// items returns the elements of one array of all values received so far.
func (r *receiver) items(t *testing.T, key string) []map[string]any {
	t.Helper()
	var items []map[string]any
	for _, value := range r.values(t) {
		list, _ := value[key].([]any)
		for _, item := range list {
			items = append(items, item.(map[string]any))
		}
	}
	return items
}

// awaitStatus waits for a status of a message and returns it.
func (r *receiver) awaitStatus(t *testing.T, id, status string) map[string]any {
	t.Helper()
	var found map[string]any
	await(t, "status "+status, func() bool {
		for _, item := range r.items(t, "statuses") {
			if item["id"] == id && item["status"] == status {
				found = item
			}
		}
		return found != nil
	})
	return found
}

type sim struct {
	*simulator.Client
	server   *simulator.Server
	receiver *receiver
	url      string
}

// fast makes a configuration whose delays do not slow a test down.
func fast(r *receiver) simulator.Config {
	return simulator.Config{
		Addr: "127.0.0.1:0", AppSecret: secret, VerifyToken: "verify-me", AccessToken: "token", CallbackURL: r.server.URL, Seed: 7,
		Delays:   simulator.Delays{Sent: time.Millisecond, Delivered: time.Millisecond, Read: time.Millisecond},
		Webhooks: simulator.Webhooks{FirstRetry: 5 * time.Millisecond, MaxRetry: 20 * time.Millisecond},
		Logger:   slog.New(slog.DiscardHandler),
	}
}

func start(t *testing.T, change func(*simulator.Config)) *sim {
	t.Helper()
	r := newReceiver(t)
	config := fast(r)
	if change != nil {
		change(&config)
	}
	s, stop := run(t, config)
	t.Cleanup(stop)
	s.receiver = r
	return s
}

// run starts a simulator and returns what stops it and checks that it ended well.
func run(t *testing.T, config simulator.Config) (*sim, func()) {
	t.Helper()
	server, err := simulator.New(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	return &sim{Client: simulator.NewClient(server.URL()), server: server, url: server.URL()}, func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("stop: %v", err)
		}
	}
}

func await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// api calls the Cloud API with the right token and decodes the answer.
func (s *sim) api(t *testing.T, method, path, body string) (int, map[string]any) {
	t.Helper()
	status, answer, err := s.try(method, path, "token", body)
	must(t, err)
	return status, answer
}

func (s *sim) try(method, path, token, body string) (int, map[string]any, error) {
	request, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	client := http.Client{Timeout: 5 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	var answer map[string]any
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, nil, err
	}
	err = json.NewDecoder(bytes.NewReader(content)).Decode(&answer)
	return response.StatusCode, answer, err
}

// text sends a free text to a customer and returns the message's id.
func (s *sim) text(t *testing.T, to, body, opaque string) string {
	t.Helper()
	status, answer := s.api(t, "POST", "/v25.0/"+numberID+"/messages", textBody(to, body, opaque))
	if status != http.StatusOK {
		t.Fatalf("send: status %d, %v", status, answer)
	}
	return answer["messages"].([]any)[0].(map[string]any)["id"].(string)
}

func textBody(to, body, opaque string) string {
	encoded, _ := json.Marshal(map[string]any{
		"messaging_product": "whatsapp", "to": to, "type": "text", "text": map[string]any{"body": body}, "biz_opaque_callback_data": opaque,
	})
	return string(encoded)
}

func errorCode(answer map[string]any) int {
	failure, _ := answer["error"].(map[string]any)
	code, _ := failure["code"].(float64)
	return int(code)
}

func failedCode(t *testing.T, status map[string]any) int {
	t.Helper()
	errors, _ := status["errors"].([]any)
	if len(errors) != 1 {
		t.Fatalf("failed status has %d errors", len(errors))
	}
	return int(errors[0].(map[string]any)["code"].(float64))
}

var hello = cloudapi.Template{
	Name: "hello", Language: "fr", Category: "UTILITY",
	Components: []cloudapi.Component{{Type: "BODY", Text: "Bonjour {{1}}, à {{2}}."}},
}
