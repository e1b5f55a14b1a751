package simulator_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"guichet.dev/guichet/simulator"
)

// FuzzMessages sends any bytes as the body of a send. Each must be answered with
// JSON: an id for an accepted one, a Graph error with its own status otherwise.
func FuzzMessages(f *testing.F) {
	for _, seed := range []string{
		`{`, `null`, `[]`, "\x00\xff", send(`"text":{"body":"a"}`), send(`"type":"contacts","contacts":[{"name":{}}]`),
		send(`"type":"image","image":{"link":"https://example.org/a"}`), send(`"type":"location","location":{"latitude":1e999,"longitude":"NaN"}`),
		interactive(`"type":"list","body":{"text":"a"},"action":{"button":"b","sections":[{"rows":[{"id":"1","title":"t"}]}]}`),
		send(`"type":"template","template":{"name":"hello","language":{"code":"fr"},"components":[{"type":"button","index":"0","sub_type":"url"}]}`),
		`{"messaging_product":"whatsapp","status":"read","message_id":"a","typing_indicator":{"type":"text"}}`,
		`{"messaging_product":"whatsapp","recipient":"FR.1","text":{"body":"` + strings.Repeat("é", 5000) + `"}}`,
	} {
		f.Add([]byte(seed))
	}
	server, err := simulator.New(simulator.Config{
		AccessToken: "token", Rates: simulator.Rates{PairBurst: -1, Throughput: -1},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := server.Close(); err != nil {
			f.Error(err)
		}
	})
	f.Fuzz(func(t *testing.T, body []byte) {
		request := httptest.NewRequest("POST", "/v25.0/"+numberID+"/messages", strings.NewReader(string(body)))
		request.Header.Set("Authorization", "Bearer token")
		answer := httptest.NewRecorder()
		server.Handler().ServeHTTP(answer, request)
		var decoded map[string]any
		if err := json.Unmarshal(answer.Body.Bytes(), &decoded); err != nil {
			t.Fatalf("the answer is not JSON: %v", err)
		}
		if code := errorCode(decoded); (answer.Code == http.StatusOK) != (code == 0) || answer.Code >= 500 {
			t.Fatalf("status %d with code %d", answer.Code, code)
		}
	})
}

// FuzzControl sends any bytes to the routes that take the richest bodies. The
// answer must be JSON and never an internal error.
func FuzzControl(f *testing.F) {
	paths := []string{"/control/customers", "/control/customers/" + anna + "/send", "/control/faults", "/control/raw", "/control/clock", "/control/templates"}
	for i, seed := range []string{
		`{"phone":"33612345678","read_after":"1s"}`, `{"type":"image","text":"a","media":{"data":"AAAA"}}`, `{"on":"webhooks","action":"batch"}`,
		`{"field":"messages","value":{"messages":[{}]}}`, `{"advance":"1h"}`, `{"name":"a","language":"fr","category":"UTILITY","components":[{"type":"BODY","text":"{{1}}"}]}`,
	} {
		f.Add(uint8(i), []byte(seed))
	}
	server, err := simulator.New(simulator.Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := server.Close(); err != nil {
			f.Error(err)
		}
	})
	f.Fuzz(func(t *testing.T, route uint8, body []byte) {
		request := httptest.NewRequest("POST", paths[int(route)%len(paths)], strings.NewReader(string(body)))
		answer := httptest.NewRecorder()
		server.Handler().ServeHTTP(answer, request)
		if !json.Valid(answer.Body.Bytes()) || answer.Code >= 500 {
			t.Fatalf("status %d, %d bytes", answer.Code, answer.Body.Len())
		}
	})
}
