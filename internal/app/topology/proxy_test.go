package topology_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
)

// proxy stands before the serving processes as a load balancer does: it asks one after the other until one takes the
// request. A webhook may be repeated, and so may an agent's message, which carries an id.
type proxy struct {
	*httptest.Server
	mu       sync.Mutex
	backends []string
	turn     atomic.Int64
	refused  atomic.Int64 // requests that no backend took
	moved    atomic.Int64 // requests that one backend did not take and another did
}

func newProxy(t *testing.T) *proxy {
	p := &proxy{}
	p.Server = httptest.NewServer(http.HandlerFunc(p.pass))
	t.Cleanup(p.Close)
	return p
}

// to says which processes serve now.
func (p *proxy) to(processes ...*process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.backends = nil
	for _, one := range processes {
		p.backends = append(p.backends, one.address)
	}
}

func (p *proxy) pass(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "the request is not whole", http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	backends := append([]string{}, p.backends...)
	p.mu.Unlock()
	first := int(p.turn.Add(1))
	for i := range backends {
		if p.try(w, r, backends[(first+i)%len(backends)], body) {
			if i > 0 {
				p.moved.Add(1)
			}
			return
		}
	}
	p.refused.Add(1)
	http.Error(w, "no backend", http.StatusBadGateway)
}

// try passes the request to one backend and reports whether it took it.
func (p *proxy) try(w http.ResponseWriter, r *http.Request, backend string, body []byte) bool {
	out, err := http.NewRequestWithContext(r.Context(), r.Method, "http://"+backend+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return false
	}
	out.Header = r.Header.Clone()
	response, err := http.DefaultTransport.RoundTrip(out)
	if err != nil {
		return false
	}
	answer, err := io.ReadAll(response.Body)
	_ = response.Body.Close() // read to the end, or given up
	if err != nil || response.StatusCode >= http.StatusInternalServerError {
		return false
	}
	for name, values := range response.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(response.StatusCode)
	_, _ = w.Write(answer) // the client may be gone
	return true
}
