package server_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/team"
)

// repeat posts with an idempotency key.
func (f *fixture) repeat(token, path, key, body string) *httptest.ResponseRecorder {
	f.t.Helper()
	return f.request("POST", "/api/v1"+path, token, strings.NewReader(body), "Content-Type", "application/json", "Idempotency-Key", key)
}

func (f *fixture) teams() int {
	f.t.Helper()
	var list struct{ Items []any }
	f.call("GET", "/teams", "", 200, &list)
	return len(list.Items)
}

func TestRepeatedRequestIsCarriedOutOnce(t *testing.T) {
	f := newFixture(t)
	first := f.repeat(f.admin, "/teams", "k1", `{"name":"Sales"}`)
	second := f.repeat(f.admin, "/teams", "k1", `{"name":"Sales"}`)
	if first.Code != 201 || second.Code != 201 || !bytes.Equal(first.Body.Bytes(), second.Body.Bytes()) {
		t.Fatalf("%d %s, then %d %s", first.Code, first.Body, second.Code, second.Body)
	}
	if first.Header().Get("Idempotency-Replayed") != "" || second.Header().Get("Idempotency-Replayed") != "true" {
		t.Error("it cannot be seen which answer is a repetition")
	}
	if first.Header().Get("Content-Type") != second.Header().Get("Content-Type") || second.Header().Get("X-Request-Id") == first.Header().Get("X-Request-Id") {
		t.Error("the repetition has other headers, or the first one's request id")
	}
	if n := f.teams(); n != 1 {
		t.Errorf("%d teams", n)
	}
	// A refusal is an answer too.
	for range 2 {
		if w := f.repeat(f.admin, "/teams", "k2", `{"name":"Sales"}`); w.Code != 409 || !strings.Contains(w.Body.String(), "another team has this name") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
}

func TestKeyBelongsToOneRequest(t *testing.T) {
	f := newFixture(t)
	f.repeat(f.admin, "/teams", "k", `{"name":"Sales"}`)
	var p problem
	w := f.repeat(f.admin, "/teams", "k", `{"name":"Support"}`)
	f.decode(w.Body.Bytes(), &p)
	if w.Code != 422 || len(p.Fields) != 1 || p.Fields[0].Field != "Idempotency-Key" || p.Fields[0].In != "header" || p.RequestID == "" {
		t.Errorf("another body: %d %+v", w.Code, p)
	}
	other := f.token(team.RoleAdmin)
	if w := f.repeat(other, "/teams", "k", `{"name":"Support"}`); w.Code != 201 {
		t.Errorf("another caller: %d %s", w.Code, w.Body)
	}
	if w := f.repeat(f.admin, "/conversations/"+someID+"/done", "k", `{}`); w.Code != 200 {
		t.Errorf("another route: %d %s", w.Code, w.Body)
	}
	for _, bad := range []string{strings.Repeat("x", 256), "a b", "é"} {
		if w := f.repeat(f.admin, "/teams", bad, `{"name":"Night"}`); w.Code != 422 {
			t.Errorf("%q: %d", bad, w.Code)
		}
	}
	if n := f.teams(); n != 2 {
		t.Errorf("%d teams", n)
	}
}

func TestSimultaneousRepetitions(t *testing.T) {
	f := newFixture(t)
	var wg sync.WaitGroup
	codes := make([]int, 16)
	for i := range codes {
		wg.Go(func() { codes[i] = f.repeat(f.admin, "/teams", "k", `{"name":"Sales"}`).Code })
	}
	wg.Wait()
	created := 0
	for _, c := range codes {
		if c == 201 {
			created++
		} else if c != 409 {
			t.Errorf("status %d", c)
		}
	}
	if n := f.teams(); created == 0 || n != 1 {
		t.Errorf("%d answers say created, there are %d teams", created, n)
	}
}

func TestFailedRequestCanBeRepeated(t *testing.T) {
	f := newFixture(t)
	path := "/conversations/" + someID + "/messages"
	const body = `{"client_id":"1","text":"hello"}`
	f.inbox.err = context.DeadlineExceeded
	if w := f.repeat(f.admin, path, "k", body); w.Code != 503 {
		t.Fatal(w.Code)
	}
	f.inbox.err, f.inbox.sent = nil, inbox.NewMessage{}
	if w := f.repeat(f.admin, path, "k", body); w.Code != 201 || f.inbox.sent.ClientID != "1" {
		t.Errorf("after a failure: %d, sent %+v", w.Code, f.inbox.sent)
	}
	// One that may have taken effect is never carried out again.
	f.inbox.err = fmt.Errorf("commit: %w", postgres.ErrCommitUnknown)
	if w := f.repeat(f.admin, path, "unknown", body); w.Code != 503 {
		t.Fatal(w.Code)
	}
	f.inbox.err, f.inbox.sent = nil, inbox.NewMessage{}
	if w := f.repeat(f.admin, path, "unknown", body); w.Code != http.StatusConflict || f.inbox.sent.ClientID != "" {
		t.Errorf("after an unknown outcome: %d, sent %+v", w.Code, f.inbox.sent)
	}
	// So is one whose process died.
	f.inbox.panics = "died"
	f.repeat(f.admin, "/conversations/"+someID+"/done", "panic", "{}")
	f.inbox.panics = nil
	if w := f.repeat(f.admin, "/conversations/"+someID+"/done", "panic", "{}"); w.Code != http.StatusConflict {
		t.Errorf("after a panic: %d", w.Code)
	}
	if _, err := f.db.ExecContext(t.Context(), "UPDATE idempotency_keys SET created_at = created_at - interval '2 minutes'"); err != nil {
		t.Fatal(err)
	}
	if w := f.repeat(f.admin, path, "unknown", body); !strings.Contains(w.Body.String(), "nobody knows") {
		t.Errorf("later: %s", w.Body)
	}
}

func TestKeysAreForgottenAfterADay(t *testing.T) {
	f := newFixture(t)
	f.repeat(f.admin, "/tokens", "k", `{"name":"x","role":"agent"}`)
	var stored string
	if err := f.db.NewRaw("SELECT encode(answer, 'escape') FROM idempotency_keys").Scan(t.Context(), &stored); err != nil {
		t.Fatal(err)
	}
	if stored == "" || strings.Contains(stored, team.TokenPrefix) {
		t.Errorf("the answer is stored readably: %s", stored)
	}
	if _, err := f.db.ExecContext(t.Context(), "UPDATE idempotency_keys SET created_at = created_at - interval '25 hours'"); err != nil {
		t.Fatal(err)
	}
	if w := f.repeat(f.admin, "/tokens", "k", `{"name":"y","role":"agent"}`); w.Code != 201 || w.Header().Get("Idempotency-Replayed") != "" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestSingleReadsHaveAnETag(t *testing.T) {
	f := newFixture(t)
	id := f.account()
	path := "/api/v1/accounts/" + id
	first := f.request("GET", path, f.admin, nil)
	tag := first.Header().Get("ETag")
	if tag == "" || first.Header().Get("Cache-Control") != "private, no-cache" {
		t.Fatalf("%v", first.Header())
	}
	for header, status := range map[string]int{tag: 304, "W/" + tag: 304, `"x", ` + tag: 304, "*": 304, `"x"`: 200, "": 200} {
		w := f.request("GET", path, f.admin, nil, "If-None-Match", header)
		if w.Code != status || w.Header().Get("ETag") != tag || (w.Body.Len() == 0) != (status == 304) {
			t.Errorf("%s: %d with %d bytes", header, w.Code, w.Body.Len())
		}
	}
	f.call("PATCH", "/accounts/"+id, `{"name":"New"}`, 200, nil)
	if w := f.request("GET", path, f.admin, nil, "If-None-Match", tag); w.Code != 200 || w.Header().Get("ETag") == tag {
		t.Errorf("after a change: %d", w.Code)
	}
	if w := f.request("GET", "/api/v1/accounts", f.admin, nil); w.Header().Get("ETag") != "" {
		t.Error("a list has an ETag")
	}
	if w := f.request("GET", "/api/v1/accounts/"+someID, f.admin, nil, "If-None-Match", "*"); w.Code != 404 || w.Header().Get("ETag") != "" {
		t.Errorf("unknown: %d", w.Code)
	}
}
