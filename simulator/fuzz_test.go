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
