package app_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/internal/app"
	"guichet.dev/guichet/internal/devstack"
	"guichet.dev/guichet/internal/testkit"
	"guichet.dev/guichet/internal/testkit/office"
	"guichet.dev/guichet/simulator"
)

// While Temporal is away messages are received and agents work; when it is back everything is done, in order.
func TestTemporalAway(t *testing.T) {
	t.Parallel()
	temporal := testkit.TemporalWith(t, devstack.TemporalConfig{DataFile: filepath.Join(t.TempDir(), "temporal.db")})
	d := open(t, setup{temporal: temporal})
	const phone = "33612345678"
	d.say(phone, "avant")
	id := d.find(phone)
	d.state(d.send(id, "zéro"), conversation.StateDelivered)
	d.fatal(temporal.Server.Kill())
	d.say(phone, "pendant")
	d.post("33600000001", simulator.Outgoing{Text: "STOP"})
	d.count(id, 3)
	stopped := d.find("33600000001")
	path := "/api/v1/conversations/" + id
	d.must(http.MethodPost, path+"/attend", nil, nil)
	var queued []inbox.Message
	for _, text := range []string{"un", "deux", "trois"} {
		queued = append(queued, d.send(id, text))
	}
	d.must(http.MethodPost, path+"/done", nil, nil)
	if n := d.accepted(phone); n != 1 {
		t.Errorf("the provider took %d messages", n)
	}
	d.fatal(temporal.Server.Restart(t.Context()))
	for _, m := range queued {
		d.state(m, conversation.StateDelivered)
	}
	if got := d.phone(phone, 4); !slices.Equal(got, []string{"zéro", "un", "deux", "trois"}) {
		t.Errorf("%q", got)
	}
	d.until(stopped, "opted out", func(c inbox.Conversation) bool { return c.Consent.All == conversation.ConsentOptedOut })
}

// When Temporal's data are lost, a repair arms every deadline again, and each comes once.
func TestTemporalLosesItsData(t *testing.T) {
	t.Parallel()
	temporal := testkit.TemporalWith(t, devstack.TemporalConfig{})
	d := open(t, setup{temporal: temporal})
	const phone = "33612345678"
	d.say(phone, "avant")
	id := d.find(phone)
	d.until(id, "armed", func(c inbox.Conversation) bool { return len(c.Next) == 2 })
	d.say("33600000001", "plus tard")
	snoozed := d.find("33600000001")
	d.must(http.MethodPost, "/api/v1/conversations/"+snoozed+"/snooze", map[string]any{"until": d.app.Clock.Now().Add(4 * time.Second)}, nil)
	d.until(snoozed, "armed", func(c inbox.Conversation) bool { return len(c.Next) == 2 })
	d.fatal(temporal.Server.Kill())
	m := d.send(id, "en attente")
	d.fatal(temporal.Server.Restart(t.Context())) // in memory: nothing is left
	report, err := app.Repair(t.Context(), d.cfg, app.RepairOptions{All: true})
	if err != nil || report.Deadlines != 2 {
		t.Errorf("%+v %v", report, err)
	}
	d.state(m, conversation.StateDelivered)
	d.until(snoozed, "woken", func(c inbox.Conversation) bool { return c.Status == conversation.StatusOpen })
	d.advance(25 * time.Hour)
	testkit.Eventually(t, patience, func() error {
		return errors.Join(has(d, id, conversation.EventWindowClosed), has(d, snoozed, conversation.EventWindowClosed))
	})
	if _, err := app.Repair(t.Context(), d.cfg, app.RepairOptions{All: true}); err != nil {
		t.Error(err)
	}
	for _, kinds := range [][]conversation.EventKind{d.events(id), d.events(snoozed)} {
		seen := map[conversation.EventKind]int{}
		for _, k := range kinds {
			if seen[k]++; seen[k] > 1 {
				t.Errorf("%s came twice: %v", k, kinds)
			}
		}
	}
}

// One process that serves and one that works are one product; either may stop and come back with everything in flight.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	d := open(t, setup{mode: app.Serve})
	work := *d
	work.cfg.Listen = "127.0.0.1:0"
	work.setup.mode = app.Work
	work.start()
	phones := make([]string, 8)
	for i := range phones {
		phones[i] = fmt.Sprintf("336444444%02d", i)
		d.say(phones[i], "Bonjour")
	}
	d.fault(simulator.Fault{On: simulator.KindMessages, Action: simulator.ActionLatency, Delay: simulator.Duration(400 * time.Millisecond)})
	var sent []inbox.Message
	for round := range 3 {
		for _, phone := range phones {
			sent = append(sent, d.send(d.find(phone), fmt.Sprint("message ", round)))
		}
	}
	testkit.Eventually(t, patience, func() error { // some are at the provider at this moment
		for _, m := range sent[:len(phones)] {
			for _, now := range d.messages(m.ConversationID) {
				if now.State == conversation.StateSending {
					return nil
				}
			}
		}
		return errors.New("none is being sent")
	})
	work.stop()
	work.start()
	for _, m := range sent {
		if m = d.state(m, conversation.StateDelivered, conversation.StateUnknown); m.State == conversation.StateUnknown {
			t.Errorf("a stop left the outcome unknown: %+v", m.Error)
		}
	}
	for _, phone := range phones {
		if got := d.phone(phone, 3); !slices.Equal(got, []string{"message 0", "message 1", "message 2"}) {
			t.Errorf("%q", got)
		}
	}
}

// What was answered with 200 is stored, also while the process stops; the rest is posted again.
func TestStopWhileWebhooksCome(t *testing.T) {
	t.Parallel()
	d := open(t, setup{mode: app.Serve})
	var (
		mu       sync.Mutex
		accepted []string
		posting  sync.WaitGroup
	)
	ctx, cancel := context.WithCancel(t.Context())
	for p := range 8 {
		posting.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				id := fmt.Sprintf("wamid.stop.%d.%d", p, i)
				body := office.Person{WhatsAppID: fmt.Sprintf("336555555%02d", p)}.Text(id, time.Now(), "x")
				if d.tryReceive(ctx, body) == http.StatusOK {
					mu.Lock()
					accepted = append(accepted, id)
					mu.Unlock()
				}
			}
		})
	}
	testkit.Eventually(t, patience, func() error {
		mu.Lock()
		defer mu.Unlock()
		if len(accepted) < 100 {
			return fmt.Errorf("%d so far", len(accepted))
		}
		return nil
	})
	d.say("33612345678", "pendant l'arrêt")
	d.stop()
	cancel()
	posting.Wait()
	db := testkit.Database(t)
	var stored []string
	d.fatal(db.NewRaw("SELECT provider_id FROM messages").Scan(t.Context(), &stored))
	known := map[string]bool{}
	for _, id := range stored {
		known[id] = true
	}
	for _, id := range accepted {
		if !known[id] {
			t.Errorf("%s was answered with 200 and is not stored", id)
		}
	}
	d.start()
	d.find("33612345678")
}

// tryReceive posts a body as the provider does and returns the status, 0 if there was no answer.
func (d *desk) tryReceive(ctx context.Context, body string) int {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, d.base+"/webhooks/whatsapp/"+d.account, strings.NewReader(body))
	if err != nil {
		return 0
	}
	r.Header = office.Sign([]byte(body), deskSecret)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0
	}
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return 0
	}
	if response.Body.Close() != nil {
		return 0
	}
	return response.StatusCode
}

// Nothing that comes over the wire stops the server.
func TestHostileInput(t *testing.T) {
	t.Parallel()
	d := open(t, setup{mode: app.Serve})
	hook := "/webhooks/whatsapp/" + d.account
	good := office.Person{WhatsAppID: "33612345678"}.Text("wamid.good", time.Now(), "bien")
	large := office.Webhook("messages", `{"messages":[],"pad":"`+strings.Repeat("x", 3<<20)+`"}`)
	for name, one := range map[string]struct {
		method, path, body, secret string
		want                       []int
	}{
		"unknown account":      {http.MethodPost, "/webhooks/whatsapp/019ab000-0000-7000-8000-000000000001", good, deskSecret, []int{404}},
		"no id":                {http.MethodPost, "/webhooks/whatsapp/..%2f..", good, deskSecret, []int{404}},
		"another channel":      {http.MethodPost, "/webhooks/sms/" + d.account, good, deskSecret, []int{404}},
		"wrong signature":      {http.MethodPost, hook, good, "another", []int{401, 403}},
		"no signature":         {http.MethodPost, hook, good, "", []int{401, 403}},
		"too large":            {http.MethodPost, hook, good + strings.Repeat(" ", 3<<20+65<<10), deskSecret, []int{413}},
		"3 MB":                 {http.MethodPost, hook, large, deskSecret, []int{200}},
		"no JSON":              {http.MethodPost, hook, "\x00\xff\x00{{{", deskSecret, []int{200}},
		"empty":                {http.MethodPost, hook, "", deskSecret, []int{200}},
		"deep":                 {http.MethodPost, hook, strings.Repeat(`{"entry":[`, 20000), deskSecret, []int{200}},
		"null":                 {http.MethodPost, hook, `{"object":"whatsapp_business_account","entry":[null,{"changes":[null]}]}`, deskSecret, []int{200}},
		"delete":               {http.MethodDelete, hook, "", "", []int{404, 405}},
		"put":                  {http.MethodPut, "/api/v1/conversations", "{}", "", []int{404, 405}},
		"handshake":            {http.MethodGet, hook + "?hub.mode=subscribe&hub.verify_token=wrong&hub.challenge=1", "", "", []int{403}},
		"API without a token":  {http.MethodGet, "/api/v1/conversations", "", "", []int{401}},
		"path of control":      {http.MethodGet, "/api/v1/conversations/%00%ff%0a", "", "", []int{400, 401, 404, 422}},
		"nothing of the kind":  {"BREW", "/coffee", "", "", []int{404, 405}},
		"API body of garbage":  {http.MethodPost, "/api/v1/tokens", "\xff\xfe", "", []int{401}},
		"numbers out of bound": {http.MethodPost, hook, office.Webhook("messages", `{"messages":[{"id":"x","from":"336","timestamp":"99999999999999999999","type":"text"}]}`), deskSecret, []int{200}},
	} {
		if got := d.rawRequest(one.method, one.path, one.body, one.secret); !slices.Contains(one.want, got) {
			t.Errorf("%s: status %d, want %v", name, got, one.want)
		}
	}
	if got := d.rawRequest(http.MethodGet, hook+"?hub.mode=subscribe&hub.verify_token="+deskVerify+"&hub.challenge=4711", "", ""); got != http.StatusOK {
		t.Errorf("handshake: %d", got)
	}
	for name, bytes := range map[string]string{
		"no HTTP":        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\x00\xff", 500) + "\r\n\r\n",
		"huge header":    "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Pad: " + strings.Repeat("x", 1<<20) + "\r\n\r\n",
		"many headers":   "GET /healthz HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X-Pad: x\r\n", 20000) + "\r\n",
		"two lengths":    "POST " + hook + " HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
		"cut off":        "POST " + hook + " HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhello",
		"broken chunks":  "POST " + hook + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"minus one byte": "POST " + hook + " HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
	} {
		d.spit(name, bytes)
	}
	if status := d.receive(good); status != http.StatusOK {
		t.Errorf("status %d after all this", status)
	}
	d.find("33612345678")
	var problem struct{ Items []inbox.ParkedUpdate }
	d.must(http.MethodGet, "/api/v1/accounts/"+d.account+"/parked", nil, &problem)
	if len(problem.Items) == 0 {
		t.Error("nothing was parked")
	}
	if d.call(http.MethodGet, "/healthz", nil, nil); d.get(d.find("33612345678")).Summary != "bien" {
		t.Error("the good message is not shown")
	}
}

// rawRequest makes any request, signed if there is a secret, and returns the status.
func (d *desk) rawRequest(method, path, body, secret string) int {
	d.t.Helper()
	r, err := http.NewRequestWithContext(d.t.Context(), method, d.base+path, bytes.NewReader([]byte(body)))
	d.fatal(err)
	if secret != "" {
		r.Header = office.Sign([]byte(body), secret)
	}
	response, err := http.DefaultClient.Do(r)
	d.fatal(err)
	_, err = io.Copy(io.Discard, response.Body)
	d.fatal(errors.Join(err, response.Body.Close()))
	return response.StatusCode
}

// spit writes bytes to the port and expects that they are refused or that the connection ends.
func (d *desk) spit(name, text string) {
	d.t.Helper()
	var dialer net.Dialer
	c, err := dialer.DialContext(d.t.Context(), "tcp", strings.TrimPrefix(d.base, "http://"))
	d.fatal(err)
	defer func() { _ = c.Close() }() // the server may have closed it
	d.fatal(c.SetDeadline(time.Now().Add(patience)))
	if _, err := io.WriteString(c, text); err != nil {
		return // it hung up before it had read everything
	}
	if half, ok := c.(*net.TCPConn); ok && half.CloseWrite() != nil {
		return
	}
	answer, err := io.ReadAll(c)
	if err == nil && strings.HasPrefix(string(answer), "HTTP/1.1 2") {
		d.t.Errorf("%s: %.60q", name, answer)
	}
}

// A client that sends its request very slowly is cut off and holds nobody up.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	d := open(t, setup{mode: app.Serve})
	var dialer net.Dialer
	var slow []net.Conn
	for range 50 {
		c, err := dialer.DialContext(t.Context(), "tcp", strings.TrimPrefix(d.base, "http://"))
		d.fatal(err)
		_, err = io.WriteString(c, "POST /webhooks/whatsapp/"+d.account+" HTTP/1.1\r\nHost: x\r\nX-Slow")
		d.fatal(err)
		slow = append(slow, c)
	}
	d.say("33612345678", "vite")
	d.find("33612345678")
	for _, c := range slow {
		d.fatal(c.SetReadDeadline(time.Now().Add(patience)))
		if _, err := io.ReadAll(c); err != nil {
			var late net.Error
			if errors.As(err, &late) && late.Timeout() {
				t.Error("a client may hold a connection open with half a header")
			}
		}
		_ = c.Close() // the server has closed it
	}
}
