package simulator_test

import (
	"errors"
	"net/http"
	"strconv"
	"testing"
	"time"

	"guichet.dev/guichet/simulator"
	"guichet.dev/guichet/simulator/cloudapi"
)

func TestAPIFaults(t *testing.T) {
	t.Parallel()
	short := simulator.Duration(30 * time.Millisecond)
	for name, test := range map[string]struct {
		fault        simulator.Fault
		status, code int // status 0: no answer
		accepted     int
	}{
		"latency":      {simulator.Fault{Action: simulator.ActionLatency, Delay: short}, 200, 0, 1},
		"status":       {simulator.Fault{Action: simulator.ActionStatus, Status: 503}, 503, 2, 0},
		"close":        {simulator.Fault{Action: simulator.ActionClose}, 0, 0, 0},
		"hang":         {simulator.Fault{Action: simulator.ActionHang, Delay: short}, 0, 0, 1},
		"accept close": {simulator.Fault{Action: simulator.ActionAcceptClose}, 0, 0, 1},
		"late":         {simulator.Fault{Action: simulator.ActionLate, Delay: short}, 200, 0, 1},
		"expired":      {simulator.Fault{Action: simulator.ActionExpired}, 401, 190, 0},
		"fail":         {simulator.Fault{Action: simulator.ActionFail, Code: 131026}, 200, 0, 1},
		"for another":  {simulator.Fault{Action: simulator.ActionClose, To: "4912345678"}, 200, 0, 1},
		"skipped":      {simulator.Fault{Action: simulator.ActionClose, Skip: 1}, 200, 0, 1},
		"of media":     {simulator.Fault{On: simulator.KindMedia, Action: simulator.ActionClose}, 200, 0, 1},
		"of any":       {simulator.Fault{On: simulator.KindAny, Action: simulator.ActionExpired}, 401, 190, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, nil)
			if test.fault.On == "" {
				test.fault.On = simulator.KindMessages
			}
			test.fault.Count = 1
			_, err := s.Fault(t.Context(), test.fault)
			must(t, err)
			status, answer, err := s.try("POST", "/v25.0/"+numberID+"/messages", "token", textBody("+"+anna, "a", "m1"))
			if (err != nil) != (test.status == 0) || status != test.status || errorCode(answer) != test.code {
				t.Errorf("status %d, code %d, error %v", status, errorCode(answer), err)
			}
			accepted, err := s.Accepted(t.Context())
			must(t, err)
			if len(accepted) != test.accepted {
				t.Errorf("%d accepted, want %d", len(accepted), test.accepted)
			}
		})
	}
}

func TestEveryErrorCodeCanBeAskedFor(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for _, code := range cloudapi.Codes() {
		_, err := s.Fault(t.Context(), simulator.Fault{On: simulator.KindMessages, Action: simulator.ActionError, Code: code, Count: 1})
		must(t, err)
		status, answer := s.api(t, "POST", "/v25.0/"+numberID+"/messages", textBody("+"+anna, "a", ""))
		if want := cloudapi.NewError(code, "").HTTPStatus(); errorCode(answer) != code || status != want {
			t.Errorf("code %d status %d, want %d and %d", errorCode(answer), status, code, want)
		}
	}
}

func TestHungAnswersEndWithTheSimulator(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	s, stop := run(t, fast(r))
	_, err := s.Fault(t.Context(), simulator.Fault{On: simulator.KindMessages, Action: simulator.ActionHang})
	must(t, err)
	ended := make(chan error, 1)
	go func() {
		_, _, err := s.try("POST", "/v25.0/"+numberID+"/messages", "token", textBody("+"+anna, "a", "m1"))
		ended <- err
	}()
	await(t, "acceptance", func() bool {
		accepted, err := s.Accepted(t.Context())
		must(t, err)
		return len(accepted) == 1
	})
	stop()
	if err := <-ended; err == nil {
		t.Error("a hung request was answered")
	}
}

func TestProbability(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *simulator.Config) { c.Rates.PairBurst = -1; c.Rates.Throughput = -1 })
	_, err := s.Fault(t.Context(), simulator.Fault{On: simulator.KindMessages, Action: simulator.ActionError, Code: 131000, Probability: 0.5})
	must(t, err)
	for range 60 {
		s.api(t, "POST", "/v25.0/"+numberID+"/messages", textBody("+"+anna, "a", ""))
	}
	faults, err := s.Faults(t.Context())
	must(t, err)
	if faults[0].Seen != 60 || faults[0].Used < 10 || faults[0].Used > 50 {
		t.Errorf("seen %d, used %d", faults[0].Seen, faults[0].Used)
	}
	must(t, s.ClearFaults(t.Context()))
	if faults, err = s.Faults(t.Context()); err != nil || len(faults) != 0 {
		t.Errorf("%d faults left, error %v", len(faults), err)
	}
}

func TestControlErrorsNameTheField(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	_, err := s.Say(t.Context(), anna, "Bonjour")
	must(t, err)
	customer := "/control/customers/" + anna
	for i, test := range []struct {
		method, path, body, field string
		status                    int
	}{
		{"POST", "/control/faults", `{"on":"letters","action":"close"}`, "on", 400},
		{"POST", "/control/faults", `{"on":"messages","action":"drop"}`, "action", 400},
		{"POST", "/control/faults", `{"on":"messages","action":"error","code":7}`, "code", 400},
		{"POST", "/control/faults", `{"on":"messages","action":"latency"}`, "delay", 400},
		{"POST", "/control/faults", `{"on":"messages","action":"latency","delay":"long"}`, "body", 400},
		{"POST", "/control/faults", `{"on":"messages","action":"status","status":200}`, "status", 400},
		{"POST", "/control/faults", `{"on":"messages","action":"close","probability":2}`, "probability", 400},
		{"POST", "/control/faults", `{"on":"messages","action":"close","count":-1}`, "count", 400},
		{"POST", "/control/faults", `{"colour":1}`, "colour", 400},
		{"DELETE", "/control/faults/f0", ``, "id", 404},
		{"POST", "/control/customers", `{"phone":"x"}`, "phone", 400},
		{"POST", "/control/customers", `{"phone":33}`, "phone", 400},
		{"POST", "/control/customers", `{"phone":"33612345679","user_id":"x"}`, "user_id", 400},
		{"POST", "/control/customers", `{"phone":"33612345679","wa_id":"33612345678"}`, "user_id", 400},
		{"POST", "/control/customers", `{"phone":"33612345679","wa_id":"x"}`, "wa_id", 400},
		{"POST", "/control/customers", `{"phone":"33612345679","read_after":"-1s"}`, "delivered_after", 400},
		{"GET", "/control/customers/99999", ``, "phone", 404},
		{"POST", customer + "/send", `{"type":"smoke"}`, "type", 400},
		{"POST", customer + "/send", `{"type":"text"}`, "text", 400},
		{"POST", customer + "/send", `{"type":"reaction"}`, "message_id", 400},
		{"POST", customer + "/send", `{"type":"interactive"}`, "content", 400},
		{"POST", customer + "/send", `{"text":"a","number":"1"}`, "number", 400},
		{"POST", customer + "/send", `[]`, "", 400},
		{"POST", customer + "/read", `{"message_id":"wamid.x"}`, "message_id", 400},
		{"POST", customer + "/block", `{"result":"loud"}`, "result", 400},
		{"POST", customer + "/change-number", `{"phone":"33612345678"}`, "phone", 400},
		{"POST", customer + "/change-user-id", `{"user_id":"x"}`, "user_id", 400},
		{"POST", customer + "/marketing", `{"value":"pause"}`, "value", 400},
		{"POST", customer + "/call", `{"event":"whistle"}`, "event", 400},
		{"POST", customer + "/echo", `{}`, "text", 400},
		{"POST", "/control/raw", `{"value":[]}`, "value", 400},
		{"POST", "/control/clock", `{}`, "offset_seconds", 400},
		{"POST", "/control/clock", `{"offset_seconds":1e300}`, "offset_seconds", 400},
		{"POST", "/control/clock", `{"advance":"2000000h"}`, "advance", 400},
		{"POST", "/control/templates", `{"name":"A"}`, "name", 400},
		{"POST", "/control/callback", `{"url":"nowhere"}`, "url", 400},
		{"GET", "/control/nowhere", ``, "", 404},
	} {
		t.Run(strconv.Itoa(i)+test.path, func(t *testing.T) {
			t.Parallel()
			status, answer, err := s.try(test.method, test.path, "", test.body)
			must(t, err)
			failure, _ := answer["error"].(map[string]any)
			field, _ := failure["field"].(string)
			if status != test.status || field != test.field || failure["message"] == "" {
				t.Errorf("status %d field %q, want %d and %q: %v", status, field, test.status, test.field, answer)
			}
		})
	}
	_, err = s.Customer(t.Context(), "99999")
	var failure *simulator.ControlError
	if !errors.As(err, &failure) || failure.Status != http.StatusNotFound {
		t.Errorf("the client's error is %v", err)
	}
	status, answer := s.api(t, "GET", "/control", "")
	if routes, _ := answer["routes"].([]any); status != 200 || len(routes) < 25 {
		t.Errorf("index: status %d", status)
	}
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]simulator.Config{
		"number id":    {PhoneNumberID: "x"},
		"equal ids":    {Numbers: []simulator.Number{{ID: "1", Display: "33111111111"}, {ID: "1", Display: "33111111112"}}},
		"display":      {DisplayPhoneNumber: "abc"},
		"WABA":         {WABAID: "106540352242922"},
		"version":      {GraphVersion: 12},
		"callback":     {CallbackURL: "localhost"},
		"parallel":     {Webhooks: simulator.Webhooks{Parallel: -1}},
		"no data file": {DataFile: "/dev/null/x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if server, err := simulator.New(config); err == nil {
				t.Error("accepted", server.Close())
			}
		})
	}
}
