package server_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
)

// call makes a request and wants a status.
func (b *browser) call(method, path, body string, status int, out any) {
	b.t.Helper()
	w := b.ask(method, path, body)
	b.want(w, status)
	if out != nil {
		b.decode(w.Body.Bytes(), out)
	}
}

func (f *fixture) want(w *httptest.ResponseRecorder, status int) {
	f.t.Helper()
	if w.Code != status {
		f.t.Fatalf("%d, want %d: %s", w.Code, status, w.Body)
	}
}

func TestSecondFactor(t *testing.T) {
	f := newFixture(t)
	b := f.logIn(t)
	var state struct {
		Enabled, Pending bool
		RecoveryCodes    int `json:"recovery_codes"`
	}
	b.call("GET", "/me/second-factor", "", 200, &state)
	if state.Enabled || state.Pending {
		t.Errorf("%+v", state)
	}
	var enrolled struct{ Secret, URL string }
	b.call("POST", "/me/second-factor", "", 201, &enrolled)
	b.call("POST", "/me/second-factor/confirm", `{"code":"12345"}`, 422, nil)
	code, err := totp.GenerateCode(enrolled.Secret, time.Now())
	if err != nil || !strings.HasPrefix(enrolled.URL, "otpauth://totp/") {
		t.Fatal(enrolled.URL, err)
	}
	var recovery struct {
		Codes []string `json:"recovery_codes"`
	}
	b.call("POST", "/me/second-factor/confirm", `{"code":"`+code+`"}`, 200, &recovery)
	b.call("POST", "/me/second-factor", "", 409, nil)
	b.call("GET", "/me/second-factor", "", 200, &state)
	if !state.Enabled || state.RecoveryCodes != 10 || len(recovery.Codes) != 10 {
		t.Errorf("%+v %v", state, recovery)
	}
	logIn := func(code string, status int) *httptest.ResponseRecorder {
		t.Helper()
		w := f.request("POST", "/api/v1/session", "", strings.NewReader(`{"email":"ana@example.com","password":"`+goodPassword+`","code":"`+code+`"}`), "Content-Type", "application/json")
		f.want(w, status)
		return w
	}
	var p problem
	f.decode(logIn("", http.StatusUnauthorized).Body.Bytes(), &p)
	if p.Details["second_factor"] != true {
		t.Errorf("%+v", p)
	}
	logIn(code, http.StatusUnauthorized) // it confirmed
	logIn(recovery.Codes[0], http.StatusOK)
	logIn(recovery.Codes[0], http.StatusUnauthorized)
	b.call("POST", "/me/second-factor/disable", `{"code":"`+recovery.Codes[0]+`"}`, 422, nil)
	b.call("POST", "/me/second-factor/disable", `{"code":"`+recovery.Codes[1]+`"}`, 204, nil)
	b.call("POST", "/me/second-factor", "", 201, nil)
	f.call("DELETE", "/agents/"+b.agent.ID+"/second-factor", "", 204, nil)
	f.call("DELETE", "/agents/"+b.agent.ID+"/second-factor", "", 404, nil)
	if f.mails.mu.Lock(); strings.Count(strings.Join(f.mails.kinds, " "), "second_factor_changed") != 3 {
		t.Errorf("set up, given up and taken away, and the mails are %v", f.mails.kinds)
	}
	f.mails.mu.Unlock()
	for path, method := range map[string]string{"": "GET", "/confirm": "POST", "/disable": "POST"} { // a token is no person
		f.call(method, "/me/second-factor"+path, `{"code":"123456"}`, 422, nil)
	}
	if strings.Contains(f.log.String(), enrolled.Secret) || strings.Contains(f.log.String(), recovery.Codes[1]) {
		t.Error("the log shows secrets")
	}
}
