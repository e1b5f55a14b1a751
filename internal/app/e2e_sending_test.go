package app_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/internal/testkit"
	"guichet.dev/guichet/simulator"
)

// trouble is what may happen to one message on its way to the provider, and what must become of it.
type trouble struct {
	name   string
	fault  simulator.Fault
	states []conversation.MessageState
	code   string // of the error
	taken  int    // by the provider
	check  func(d *desk, id string)
}

func troubles() []trouble {
	ms := func(n int) simulator.Duration { return simulator.Duration(time.Duration(n) * time.Millisecond) }
	arrives := []conversation.MessageState{conversation.StateDelivered}
	fails := []conversation.MessageState{conversation.StateFailed}
	return []trouble{
		{"latency", simulator.Fault{Action: simulator.ActionLatency, Delay: ms(700)}, arrives, "", 1, nil},
		{"refused by an outage", simulator.Fault{Action: simulator.ActionStatus, Status: 503}, arrives, "", 1, nil},
		{"131000", simulator.Fault{Action: simulator.ActionError, Code: 131000}, arrives, "", 1, nil},
		{"131056", simulator.Fault{Action: simulator.ActionError, Code: 131056}, arrives, "", 1, nil},
		{"closed without an answer", simulator.Fault{Action: simulator.ActionClose}, []conversation.MessageState{conversation.StateUnknown}, "answer", 0, nil},
		{"taken, then closed", simulator.Fault{Action: simulator.ActionAcceptClose}, arrives, "", 1, nil},
		{"taken, then silent", simulator.Fault{Action: simulator.ActionHang, Delay: ms(1500)}, arrives, "", 1, nil},
		{"131047 at once", simulator.Fault{Action: simulator.ActionError, Code: 131047}, fails, "131047", 0, windowShut},
		{"131047 later", simulator.Fault{Action: simulator.ActionFail, Code: 131047}, fails, "131047", 1, windowShut},
		{"131050", simulator.Fault{Action: simulator.ActionFail, Code: 131050}, fails, "131050", 1, func(d *desk, id string) {
			d.until(id, "without marketing", func(c inbox.Conversation) bool {
				return c.Consent.Marketing == conversation.ConsentOptedOut && c.Consent.All == conversation.ConsentUnknown
			})
		}},
		{"131026", simulator.Fault{Action: simulator.ActionFail, Code: 131026}, fails, "131026", 1, nil},
		{"131026 at once", simulator.Fault{Action: simulator.ActionError, Code: 131026}, fails, "131026", 0, nil},
		{"100", simulator.Fault{Action: simulator.ActionError, Code: 100}, fails, "100", 0, nil},
		{"131049", simulator.Fault{Action: simulator.ActionFail, Code: 131049}, fails, "131049", 1, nil},
		{"131053", simulator.Fault{Action: simulator.ActionError, Code: 131053}, fails, "131053", 0, nil},
	}
}

// windowShut checks that the window is closed here too, until the customer writes again.
func windowShut(d *desk, id string) {
	d.t.Helper()
	c := d.until(id, "closed", func(c inbox.Conversation) bool { return !c.Window.Open && len(c.Next) == 0 })
	d.refused("/api/v1/conversations/"+id+"/messages", map[string]any{"client_id": "refused", "text": "Encore"}, conversation.CodeWindowClosed)
	phone := strings.TrimPrefix(c.Contact.Phone, "+")
	d.post(phone, simulator.Outgoing{Text: "Je suis là", Timestamp: time.Now().Add(2 * time.Second)}) // a later second than the refusal
	d.until(id, "open", func(c inbox.Conversation) bool { return c.Window.Open })
}

// Each trouble meets one customer's message, in a conversation of its own; what comes after it must still arrive.
func TestTroublesOfSending(t *testing.T) {
	t.Parallel()
	d := open(t, setup{})
	t.Run("all", func(t *testing.T) {
		for i, one := range troubles() {
			t.Run(one.name, func(t *testing.T) {
				t.Parallel()
				meet(d.with(t), one, fmt.Sprintf("336111111%02d", i))
			})
		}
	})
	if lines := d.metrics("guichet_stuck_conversations"); len(lines) != 1 || !strings.HasSuffix(lines[0], " 0") {
		t.Errorf("%v", lines)
	}
}

func meet(d *desk, one trouble, phone string) {
	t := d.t
	d.say(phone, "Bonjour")
	id := d.find(phone)
	f := one.fault
	f.On, f.To, f.Count = simulator.KindMessages, phone, 1
	d.fault(f)
	m := d.state(d.send(id, "Réponse"), one.states...)
	if (m.Error == nil) != (one.code == "") || m.Error != nil && (m.Error.Code != one.code || m.Error.Meaning == "") {
		t.Errorf("error %+v, want %q", m.Error, one.code)
	}
	if n := d.accepted(phone); n != one.taken {
		t.Errorf("the provider took %d messages", n)
	}
	if one.check != nil {
		one.check(d, id)
	}
	if m.State == conversation.StateUnknown {
		return // the next waits a minute for it: another test moves the clock
	}
	d.state(d.send(id, "La suite"), conversation.StateDelivered)
	if n := d.accepted(phone); n != one.taken+1 {
		t.Errorf("the provider took %d messages", n)
	}
}

// A pair that is too fast slows that pair; a number that is too fast slows everybody for a moment.
func TestLimitsOfTheProvider(t *testing.T) {
	t.Parallel()
	d := open(t, setup{})
	ids := map[string]string{}
	for _, phone := range []string{"33611111101", "33611111102"} {
		d.say(phone, "Bonjour")
		ids[phone] = d.find(phone)
	}
	d.fault(simulator.Fault{On: simulator.KindMessages, Action: simulator.ActionError, Code: 131056, To: "33611111101", Count: 2})
	slow := d.send(ids["33611111101"], "lent")
	for i := range 5 {
		d.state(d.send(ids["33611111102"], fmt.Sprint("vite ", i)), conversation.StateDelivered)
	}
	if m := d.state(slow, conversation.StateQueued, conversation.StateSending, conversation.StateSent, conversation.StateDelivered); m.State != conversation.StateQueued {
		t.Errorf("a pair that was refused twice is %s already", m.State)
	}
	d.fault(simulator.Fault{On: simulator.KindMessages, Action: simulator.ActionError, Code: 130429, Count: 1})
	all := d.send(ids["33611111102"], "tous")
	d.state(all, conversation.StateDelivered)
	d.state(slow, conversation.StateDelivered)
	for _, code := range []string{"131056", "130429"} {
		if !slices.ContainsFunc(d.metrics("guichet_sends_total"), func(l string) bool { return strings.Contains(l, `"`+code+`"`) }) {
			t.Errorf("no send failed with %s", code)
		}
	}
}

// An account that keeps to the provider's limits is never refused, with messages in both directions.
func TestOwnLimitsKeepToTheProviders(t *testing.T) {
	t.Parallel()
	d := open(t, setup{
		simulator: simulator.Config{Rates: simulator.Rates{PairBurst: 3, PairEvery: time.Second, Throughput: 12}},
		settings:  map[string]any{"pair_burst": 3, "pair_interval_seconds": 1, "throughput_per_second": 12},
	})
	const crowd = 12
	var waiting []inbox.Message
	for i := range crowd {
		phone := fmt.Sprintf("336222222%02d", i)
		d.say(phone, "Bonjour")
		id := d.find(phone)
		for n := range 2 {
			waiting = append(waiting, d.send(id, fmt.Sprint("foule ", n)))
		}
	}
	fast := d.find("33622222200")
	for n := range 4 {
		waiting = append(waiting, d.send(fast, fmt.Sprint("rafale ", n)))
	}
	for _, m := range waiting {
		d.state(m, conversation.StateDelivered)
	}
	want := []string{"foule 0", "foule 1", "rafale 0", "rafale 1", "rafale 2", "rafale 3"}
	if got := d.phone("33622222200", len(want)); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	for _, line := range d.metrics("guichet_sends_total") {
		if strings.Contains(line, "131056") || strings.Contains(line, "130429") {
			t.Errorf("the provider refused: %s", line)
		}
	}
}

// A token that expired stops the account: what agents write waits in order, messages are received, and all leaves when an
// admin has put a new token in.
func TestExpiredToken(t *testing.T) {
	t.Parallel()
	d := open(t, setup{})
	phones := []string{"33611111101", "33611111102"}
	ids := map[string]string{}
	for _, phone := range phones {
		d.say(phone, "Bonjour")
		ids[phone] = d.find(phone)
	}
	d.fault(simulator.Fault{On: simulator.KindAny, Action: simulator.ActionExpired})
	path := "/api/v1/accounts/" + d.account
	var account struct {
		State conversation.AccountState
		Code  string `json:"state_code"`
	}
	held := []inbox.Message{d.send(ids[phones[0]], "un")}
	testkit.Eventually(t, patience, func() error {
		if d.must(http.MethodGet, path, nil, &account); account.State != conversation.AccountError || account.Code != "190" {
			return fmt.Errorf("%+v", account)
		}
		return nil
	})
	held = append(held, d.send(ids[phones[0]], "deux"), d.send(ids[phones[0]], "trois"), d.send(ids[phones[1]], "un"))
	d.say(phones[0], "Vous êtes là ?")
	d.count(ids[phones[0]], 5)
	for _, a := range d.get(ids[phones[0]]).Actions {
		if a.Name == "send_text" && (!a.Allowed || a.Code != conversation.CodeAccountError) {
			t.Errorf("%+v", a)
		}
	}
	for _, m := range held {
		if m = d.state(m, conversation.StateQueued); d.accepted(phones[0])+d.accepted(phones[1]) > 0 {
			t.Errorf("%+v", m)
		}
	}
	var check struct {
		OK            bool
		MustReconnect bool `json:"must_reconnect"`
	}
	if d.must(http.MethodPost, path+"/check", nil, &check); check.OK || !check.MustReconnect {
		t.Errorf("%+v", check)
	}
	d.fatal(d.sim.ClearFaults(t.Context()))
	d.must(http.MethodPatch, path, map[string]any{"secrets": map[string]any{"access_token": deskToken}}, nil)
	d.must(http.MethodPost, path+"/resume", nil, nil)
	for _, m := range held {
		d.state(m, conversation.StateDelivered)
	}
	if got := d.phone(phones[0], 3); !slices.Equal(got, []string{"un", "deux", "trois"}) {
		t.Errorf("%q", got)
	}
	d.must(http.MethodPost, path+"/pause", nil, nil)
	paused := d.send(ids[phones[1]], "en pause")
	d.state(paused, conversation.StateQueued)
	d.must(http.MethodPost, path+"/resume", nil, nil)
	d.state(paused, conversation.StateDelivered)
}

// crookedProxy stands before the provider and answers some messages with a page of its own, as proxies do.
func crookedProxy(t *testing.T, upstream string, crooked *atomic.Bool) string {
	t.Helper()
	at, err := url.Parse(upstream)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(at)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		if crooked.Load() && strings.HasSuffix(r.URL.Path, "/messages") {
			http.Error(w, "<html>502 Bad Gateway</html>", http.StatusBadGateway)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// An answer that is not the provider's own leaves the outcome unknown: nothing is sent again, what follows waits a minute.
func TestAnswerWithoutAWord(t *testing.T) {
	t.Parallel()
	var crooked atomic.Bool
	crooked.Store(true)
	d := open(t, setup{api: func(sim string) string { return crookedProxy(t, sim, &crooked) }})
	const phone = "33612345678"
	d.say(phone, "Bonjour")
	id := d.find(phone)
	lost := d.send(id, "perdu")
	if m := d.state(lost, conversation.StateUnknown); m.Error == nil || m.Error.Code != "answer" {
		t.Errorf("%+v", m.Error)
	}
	crooked.Store(false)
	next := d.send(id, "suivant")
	d.advance(30 * time.Second)
	d.state(next, conversation.StateQueued)
	d.advance(35 * time.Second)
	d.state(next, conversation.StateDelivered)
	if m := d.state(lost, conversation.StateUnknown); m.SentAt != nil {
		t.Errorf("%+v", m)
	}
	if got := d.phone(phone, 1); got[0] != "suivant" {
		t.Errorf("%q", got)
	}
}

// The same client id is the same message, however often and at once it comes.
func TestClientIDSendsOnce(t *testing.T) {
	t.Parallel()
	d := open(t, setup{})
	const phone = "33612345678"
	d.say(phone, "Bonjour")
	id := d.find(phone)
	path := "/api/v1/conversations/" + id + "/messages"
	answers := make(chan error, 8)
	for range cap(answers) {
		go func() {
			status, body := d.call(http.MethodPost, path, map[string]any{"client_id": "same", "text": "une fois"}, nil)
			if status != http.StatusCreated {
				answers <- fmt.Errorf("%d %s", status, body)
				return
			}
			answers <- nil
		}()
	}
	var errs []error
	for range cap(answers) {
		errs = append(errs, <-answers)
	}
	d.fatal(errors.Join(errs...))
	d.refused(path, map[string]any{"client_id": "same", "text": "autre chose"}, conversation.CodeConflict)
	d.state(d.count(id, 2)[1], conversation.StateDelivered)
	d.phone(phone, 1)
}
