package server_test

import (
	"bytes"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"guichet.dev/guichet/conversation"
)

func (f *fixture) post(id, signature string, body []byte) int {
	f.t.Helper()
	return f.request(http.MethodPost, "/webhooks/whatsapp/"+id, "", bytes.NewReader(body), "X-Hub-Signature-256", signature).Code
}

func TestHandshake(t *testing.T) {
	f := newFixture(t)
	path := "/webhooks/whatsapp/" + f.account() + "?hub.mode=subscribe&hub.challenge=4711&hub.verify_token="
	w := f.request(http.MethodGet, path+"very-secret-c", "", nil)
	if w.Code != http.StatusOK || w.Body.String() != "4711" || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := f.request(http.MethodGet, path+"wrong", "", nil); w.Code != http.StatusForbidden || w.Body.Len() > 0 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := f.request(http.MethodGet, "/webhooks/whatsapp/"+someID, "", nil); w.Code != http.StatusNotFound {
		t.Errorf("unknown account: %d", w.Code)
	}
}

func TestWebhookIsAcknowledgedOnlyWhenStored(t *testing.T) {
	f := newFixture(t)
	id := f.account()
	body := []byte("{\"text\":\"\xff\x00 any bytes\"}")
	if status := f.post(id, "very-secret-b", body); status != http.StatusOK {
		t.Fatal(status)
	}
	if len(f.inbox.received) != 1 || !bytes.Equal(f.inbox.received[0], body) {
		t.Fatalf("received %q", f.inbox.received)
	}
	for _, err := range []error{errors.New("lost connection"), conversation.Invalid("x", "y"), conversation.Errorf(conversation.CodeNotFound, "z")} {
		f.inbox.err = err
		if status := f.post(id, "very-secret-b", body); status != http.StatusInternalServerError {
			t.Errorf("%v: %d", err, status)
		}
	}
}

func TestWebhookRefusals(t *testing.T) {
	f := newFixture(t)
	id := f.account()
	small, limit := []byte("{}"), 3<<20
	for name, c := range map[string]struct {
		id, signature string
		body          []byte
		status        int
	}{
		"no signature":    {id, "", small, http.StatusUnauthorized},
		"wrong signature": {id, "sha256=00", small, http.StatusUnauthorized},
		"unknown account": {someID, "very-secret-b", small, http.StatusNotFound},
		"no UUID":         {"nobody", "very-secret-b", small, http.StatusNotFound},
		"another form":    {"urn:uuid:" + id, "very-secret-b", small, http.StatusNotFound},
		"too large":       {id, "very-secret-b", make([]byte, limit+(65<<10)), http.StatusRequestEntityTooLarge},
	} {
		if status := f.post(c.id, c.signature, c.body); status != c.status {
			t.Errorf("%s: %d, want %d", name, status, c.status)
		}
	}
	if len(f.inbox.received) != 0 {
		t.Error("something was received")
	}
	if status := f.post(id, "very-secret-b", make([]byte, limit)); status != http.StatusOK {
		t.Errorf("the largest body that Meta posts: %d", status)
	}
	// A body of unknown length that does not end.
	w := f.request(http.MethodPost, "/webhooks/whatsapp/"+id, "", endless{}, "X-Hub-Signature-256", "very-secret-b")
	if w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("endless body: %d", w.Code)
	}
	w = f.request(http.MethodPost, "/webhooks/whatsapp/"+id, "", broken{}, "X-Hub-Signature-256", "very-secret-b")
	if w.Code != http.StatusBadRequest {
		t.Errorf("broken body: %d", w.Code)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

func TestShutdownFinishesWhatIsInFlight(t *testing.T) {
	f := newFixture(t)
	id := f.account()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- f.server.Serve(listener) }()
	f.inbox.block, f.inbox.entered = make(chan struct{}), make(chan struct{})
	answered := make(chan int, 1)
	go func() {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+listener.Addr().String()+"/webhooks/whatsapp/"+id, strings.NewReader("{}"))
		if err != nil {
			t.Error(err)
			return
		}
		r.Header.Set("X-Hub-Signature-256", "very-secret-b")
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Error(err)
			answered <- 0
			return
		}
		if err := response.Body.Close(); err != nil {
			t.Error(err)
		}
		answered <- response.StatusCode
	}()
	<-f.inbox.entered
	f.server.Drain()
	w := f.request(http.MethodPost, "/webhooks/whatsapp/"+id, "", strings.NewReader("{}"), "X-Hub-Signature-256", "very-secret-b")
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("while draining: %d", w.Code)
	}
	if w := f.request(http.MethodGet, "/readyz", "", nil); w.Code != http.StatusServiceUnavailable {
		t.Errorf("ready while draining: %d", w.Code)
	}
	done := make(chan error, 1)
	go func() { done <- f.server.Shutdown(t.Context()) }()
	select {
	case <-answered:
		t.Fatal("answered before it was stored")
	case <-time.After(50 * time.Millisecond):
	}
	close(f.inbox.block)
	if status := <-answered; status != http.StatusOK {
		t.Errorf("in flight: %d", status)
	}
	if err := errors.Join(<-done, <-served); err != nil {
		t.Error(err)
	}
}
