package server_test

import (
	"net/http"
	"strconv"
	"testing"

	"guichet.dev/guichet/server"
	"guichet.dev/guichet/team"
)

func TestCallersAreLimited(t *testing.T) {
	f := newFixture(t, func(o *server.Options) { o.Rate = 1 })
	number := func(h http.Header, name string) int {
		n, err := strconv.Atoi(h.Get(name))
		if err != nil {
			t.Fatalf("%s: %q", name, h.Get(name))
		}
		return n
	}
	passed := 0
	for range 100 {
		w := f.request("GET", "/api/v1/me", f.admin, nil)
		if number(w.Header(), "RateLimit-Limit") != 10 || number(w.Header(), "RateLimit-Remaining") > 9 || number(w.Header(), "RateLimit-Reset") > 10 {
			t.Fatalf("%v", w.Header())
		}
		if w.Code == http.StatusOK {
			passed++
			continue
		}
		var p problem
		f.decode(w.Body.Bytes(), &p)
		if w.Code != http.StatusTooManyRequests || p.Code != "rate_limited" || number(w.Header(), "Retry-After") != 1 || p.Details["retry_after_seconds"] != 1.0 {
			t.Fatalf("%d %+v %v", w.Code, p, w.Header())
		}
		break
	}
	if passed < 10 || passed == 100 {
		t.Errorf("%d requests passed, want 10 and those of the time it took", passed)
	}
	if w := f.request("GET", "/api/v1/me", f.token(team.RoleAgent), nil); w.Code != http.StatusOK {
		t.Errorf("another caller: %d", w.Code)
	}
	for range 200 { // guesses at tokens come from one address
		if w := f.request("GET", "/api/v1/me", "guichet_guess", nil); w.Code == http.StatusTooManyRequests {
			return
		}
	}
	t.Error("one address may guess tokens without end")
}

func TestNoLimit(t *testing.T) {
	f := newFixture(t)
	for range 50 {
		if w := f.request("GET", "/api/v1/me", f.admin, nil); w.Code != http.StatusOK || w.Header().Get("RateLimit-Limit") != "" {
			t.Fatal(w.Code, w.Header())
		}
	}
}
