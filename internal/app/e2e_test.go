package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/internal/app"
	"guichet.dev/guichet/internal/config"
	"guichet.dev/guichet/internal/testkit"
	"guichet.dev/guichet/simulator"
)

// patience is how long anything may take that should be done at once. Two cores run everything.
const patience = 30 * time.Second

// The number of the desk and its secrets.
const (
	deskNumber = "106540352242922"
	deskToken  = "simulator-token"
	deskSecret = "simulator-secret"
	deskVerify = "simulator-verify"
)

// setup says what is special about a desk.
type setup struct {
	simulator simulator.Config
	settings  map[string]any          // of the account
	secrets   map[string]string       // of the account; those of the simulator otherwise
	api       func(sim string) string // where the account calls its provider; the simulator otherwise
	temporal  *testkit.TemporalServer // one of the test's own
	env       map[string]string
	mode      app.Mode // All
	logger    *slog.Logger
	mayRepeat bool // the test sends one message id twice on purpose
	rules     any  // the edition that is published; nil: an opt-out is not confirmed, so that the test has only its own messages
}

// desk is a whole installation seen from outside: a process, the provider with its customers, and an agent's token. What
// it does goes through HTTP.
type desk struct {
	t        *testing.T
	app      *app.App
	stop     func()
	cfg      config.Config
	setup    setup
	base     string // of the API
	sim      *simulator.Client
	simURL   string
	temporal *testkit.TemporalServer
	account  string
	agent    string // id
	token    string // of the agent
}

// open starts a desk. At the end it checks that the provider got no message twice.
func open(t *testing.T, s setup) *desk {
	t.Helper()
	d := &desk{t: t, setup: s, temporal: s.temporal, token: token}
	if d.temporal == nil {
		d.temporal = testkit.Temporal(t)
	}
	d.runSimulator()
	env := map[string]string{
		"TEMPORAL_ADDRESS": d.temporal.Address, "TEMPORAL_NAMESPACE": d.temporal.Namespace, "GUICHET_SIMULATOR_URL": d.simURL,
	}
	for name, value := range s.env {
		env[name] = value
	}
	d.cfg = settings(t, env)
	if s.mode == (app.Mode{}) {
		d.setup.mode = app.All
	}
	d.start()
	d.furnish()
	if !s.mayRepeat {
		t.Cleanup(d.sentOnce)
	}
	return d
}

func (d *desk) runSimulator() {
	cfg := d.setup.simulator
	cfg.Addr = "127.0.0.1:0"
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Webhooks.FirstRetry == 0 {
		cfg.Webhooks.FirstRetry, cfg.Webhooks.MaxRetry = 50*time.Millisecond, time.Second
	}
	s, err := simulator.New(cfg)
	d.fatal(err)
	d.fatal(s.Listen())
	ctx, cancel := context.WithCancel(context.WithoutCancel(d.t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	d.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			d.t.Error(err)
		}
	})
	d.simURL = s.URL()
	d.sim = simulator.NewClient(d.simURL)
}

// start runs the process, on the address that it had before.
func (d *desk) start() {
	d.t.Helper()
	logger := d.setup.logger
	if logger == nil {
		logger = testkit.Logger(d.t)
	}
	d.app, d.stop = startLogged(d.t, d.cfg, d.setup.mode, logger)
	d.cfg.Listen = d.app.Address()
	d.base = "http://" + d.app.Address()
}

// furnish connects the number, adds an agent and tells the provider where to post.
func (d *desk) furnish() {
	d.t.Helper()
	testkit.Eventually(d.t, patience, func() error { // the bootstrap token is made in the background
		if status, _ := d.call(http.MethodGet, "/api/v1/me", nil, nil); status != http.StatusOK {
			return fmt.Errorf("status %d", status)
		}
		return nil
	})
	secrets := d.setup.secrets
	if secrets == nil {
		secrets = map[string]string{"access_token": deskToken, "app_secret": deskSecret, "verify_token": deskVerify}
	}
	api := d.simURL
	if d.setup.api != nil {
		api = d.setup.api(d.simURL)
	}
	account := map[string]any{
		"channel": "whatsapp", "name": "Desk", "provider_id": deskNumber, "business_id": "102290129340398", "api_base_url": api, "secrets": secrets,
	}
	if d.setup.settings != nil {
		account["settings"] = d.setup.settings
	}
	var made struct {
		ID    string
		Token string
		Path  string `json:"webhook_path"`
	}
	d.must(http.MethodPost, "/api/v1/accounts", account, &made)
	d.account = made.ID
	d.fatal(d.sim.SetCallback(d.t.Context(), d.base+made.Path, true))
	if d.setup.rules == nil {
		d.setup.rules = map[string]any{"rules": []any{}, "opt_out": map[string]any{"confirmation_off": true}}
	}
	d.publish(d.setup.rules)
	d.must(http.MethodPost, "/api/v1/agents", map[string]any{"name": "Ana Moreau", "email": "ana@example.com", "role": "admin"}, &made)
	d.agent = made.ID
	d.must(http.MethodPost, "/api/v1/tokens", map[string]any{"name": "desk", "agent_id": d.agent}, &made)
	d.token = made.Token
}

// publish publishes an edition of the rules.
func (d *desk) publish(edition any) {
	d.t.Helper()
	var draft struct{ Revision int64 }
	d.must(http.MethodGet, "/api/v1/rules/draft", nil, &draft)
	d.must(http.MethodPut, "/api/v1/rules/draft", map[string]any{"definition": edition, "revision": draft.Revision}, &draft)
	d.must(http.MethodPost, "/api/v1/rules/draft/publish", map[string]any{"comment": "for a test", "revision": draft.Revision}, nil)
}

func (d *desk) fatal(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// with returns the desk as a subtest sees it.
func (d *desk) with(t *testing.T) *desk {
	own := *d
	own.t = t
	return &own
}

// call makes a request to the API and returns the status and the body. Out, if given, is filled from a good answer.
func (d *desk) call(method, path string, body, out any) (int, []byte) {
	d.t.Helper()
	var content io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		d.fatal(err)
		content = bytes.NewReader(encoded)
	}
	r, err := http.NewRequestWithContext(d.t.Context(), method, d.base+path, content)
	d.fatal(err)
	r.Header.Set("Authorization", "Bearer "+d.token)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultClient.Do(r)
	d.fatal(err)
	answer, err := io.ReadAll(response.Body)
	d.fatal(errors.Join(err, response.Body.Close()))
	if out != nil && response.StatusCode < 300 {
		if err := json.Unmarshal(answer, out); err != nil {
			d.t.Fatalf("%s %s: %v", method, path, err)
		}
	}
	return response.StatusCode, answer
}

// must is call for what has to succeed.
func (d *desk) must(method, path string, body, out any) {
	d.t.Helper()
	if status, answer := d.call(method, path, body, out); status >= 300 {
		d.t.Fatalf("%s %s: %d %s", method, path, status, answer)
	}
}

// refused makes a request that has to be refused with the code.
func (d *desk) refused(path string, body any, want conversation.Code) {
	d.t.Helper()
	status, answer := d.call(http.MethodPost, path, body, nil)
	var problem struct{ Code conversation.Code }
	if err := json.Unmarshal(answer, &problem); err != nil || status < 400 || problem.Code != want {
		d.t.Errorf("%s: %d %s, want %s", path, status, answer, want)
	}
}

// say lets a customer write a text.
func (d *desk) say(phone, text string) simulator.PhoneMessage {
	d.t.Helper()
	m, err := d.sim.Say(d.t.Context(), phone, text)
	d.fatal(err)
	return m
}

// post sends anything from a customer's phone, who is added if unknown.
func (d *desk) post(phone string, out simulator.Outgoing) simulator.PhoneMessage {
	d.t.Helper()
	if _, err := d.sim.Customer(d.t.Context(), phone); err != nil {
		_, err = d.sim.PutCustomer(d.t.Context(), simulator.Customer{Phone: phone})
		d.fatal(err)
	}
	m, err := d.sim.Send(d.t.Context(), phone, out)
	d.fatal(err)
	return m
}

// fault makes the provider misbehave, towards one customer if given.
func (d *desk) fault(f simulator.Fault) {
	d.t.Helper()
	_, err := d.sim.Fault(d.t.Context(), f)
	d.fatal(err)
}

// all returns every conversation that goes on.
func (d *desk) all() []inbox.Conversation {
	d.t.Helper()
	var items []inbox.Conversation
	for cursor := ""; ; {
		var page struct {
			Items []inbox.Conversation
			Next  string `json:"next_cursor"`
		}
		d.must(http.MethodGet, "/api/v1/conversations?view=all&limit=100&cursor="+cursor, nil, &page)
		items = append(items, page.Items...)
		if cursor = page.Next; cursor == "" {
			return items
		}
	}
}

// find waits for the conversation with a customer and returns its id.
func (d *desk) find(phone string) string {
	d.t.Helper()
	var id string
	testkit.Eventually(d.t, patience, func() error {
		for _, c := range d.all() {
			if c.Contact.Phone == "+"+phone {
				id = c.ID
				return nil
			}
		}
		return errors.New("no conversation with " + phone)
	})
	return id
}

func (d *desk) get(id string) inbox.Conversation {
	d.t.Helper()
	var c inbox.Conversation
	d.must(http.MethodGet, "/api/v1/conversations/"+id, nil, &c)
	return c
}

// until waits for a conversation that satisfies a condition.
func (d *desk) until(id, what string, condition func(inbox.Conversation) bool) inbox.Conversation {
	d.t.Helper()
	var c inbox.Conversation
	testkit.Eventually(d.t, patience, func() error {
		if c = d.get(id); !condition(c) {
			return fmt.Errorf("not %s: %+v", what, c)
		}
		return nil
	})
	return c
}

// messages returns a conversation's messages, oldest first.
func (d *desk) messages(id string) []inbox.Message {
	d.t.Helper()
	var items []inbox.Message
	for cursor := ""; ; {
		var page struct {
			Items []inbox.Message
			Next  string `json:"next_cursor"`
		}
		d.must(http.MethodGet, "/api/v1/conversations/"+id+"/messages?limit=100&cursor="+cursor, nil, &page)
		items = append(items, page.Items...)
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	slices.Reverse(items)
	return items
}

// count waits until a conversation has n messages and returns them.
func (d *desk) count(id string, n int) []inbox.Message {
	d.t.Helper()
	var found []inbox.Message
	testkit.Eventually(d.t, patience, func() error {
		if found = d.messages(id); len(found) != n {
			return fmt.Errorf("%d messages, want %d", len(found), n)
		}
		return nil
	})
	return found
}

// send queues an agent's text.
func (d *desk) send(id, text string) inbox.Message {
	d.t.Helper()
	var m inbox.Message
	d.must(http.MethodPost, "/api/v1/conversations/"+id+"/messages", map[string]any{"client_id": d.t.Name() + text, "text": text}, &m)
	return m
}

// state waits until a message is in one of the states.
func (d *desk) state(m inbox.Message, states ...conversation.MessageState) inbox.Message {
	d.t.Helper()
	var found inbox.Message
	testkit.Eventually(d.t, patience, func() error {
		for _, one := range d.messages(m.ConversationID) {
			if one.ID == m.ID {
				found = one
			}
		}
		if !slices.Contains(states, found.State) {
			return fmt.Errorf("message is %q (%+v), want %v", found.State, found.Error, states)
		}
		return nil
	})
	return found
}

// phone waits until n messages are on a customer's phone and returns their texts in order of arrival.
func (d *desk) phone(phone string, n int) []string {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), patience)
	defer cancel()
	got, err := d.sim.AwaitPhone(ctx, phone, n)
	if err != nil || len(got) != n {
		d.t.Fatalf("%d messages on the phone, want %d: %v", len(got), n, err)
	}
	texts := make([]string, 0, n)
	for _, m := range got {
		texts = append(texts, m.Text)
	}
	return texts
}

// events returns the kinds of the events of a timeline, oldest first.
func (d *desk) events(id string) []conversation.EventKind {
	d.t.Helper()
	var kinds []conversation.EventKind
	for _, item := range d.timeline(id) {
		if item.Event != nil {
			kinds = append(kinds, item.Event.Kind)
		}
	}
	return kinds
}

// timeline returns a whole timeline, oldest first.
func (d *desk) timeline(id string) []inbox.TimelineItem {
	d.t.Helper()
	var items []inbox.TimelineItem
	for cursor := ""; ; {
		var page struct {
			Items []inbox.TimelineItem
			Next  string `json:"next_cursor"`
		}
		d.must(http.MethodGet, "/api/v1/conversations/"+id+"/timeline?limit=100&cursor="+cursor, nil, &page)
		items = append(items, page.Items...)
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	slices.Reverse(items)
	return items
}

// advance moves the provider's clock, and with it ours.
func (d *desk) advance(by time.Duration) {
	d.t.Helper()
	shown, err := d.sim.AdvanceClock(d.t.Context(), by)
	d.fatal(err)
	want := time.Duration(shown.OffsetSeconds * float64(time.Second))
	testkit.Eventually(d.t, patience, func() error {
		if got := d.app.Clock.Offset(); (got - want).Abs() > time.Second {
			return fmt.Errorf("our clock is ahead by %v, the provider's by %v", got, want)
		}
		return nil
	})
}

// delivered waits until every webhook has been taken in.
func (d *desk) delivered() {
	d.t.Helper()
	testkit.Eventually(d.t, patience, func() error {
		log, err := d.sim.Webhooks(d.t.Context())
		if err != nil {
			return err
		}
		if owed := log.Counts["pending"] + log.Counts["held"] + int64(log.Waiting); owed > 0 {
			return fmt.Errorf("%d webhooks are owed", owed)
		}
		return nil
	})
}

// sentOnce checks that the provider accepted no message of ours twice.
func (d *desk) sentOnce() {
	accepted, err := d.sim.Accepted(context.WithoutCancel(d.t.Context()))
	if err != nil {
		d.t.Error(err)
	}
	seen := map[string]int{}
	for _, a := range accepted {
		if seen[a.Opaque]++; a.Opaque == "" || seen[a.Opaque] == 2 {
			d.t.Errorf("message %q was accepted twice or has no id of ours", a.Opaque)
		}
	}
}

// accepted returns how many messages the provider took for a customer.
func (d *desk) accepted(phone string) int {
	d.t.Helper()
	list, err := d.sim.Accepted(d.t.Context())
	d.fatal(err)
	n := 0
	for _, a := range list {
		if a.Phone == phone {
			n++
		}
	}
	return n
}

// metrics returns the lines of /metrics that begin with a prefix.
func (d *desk) metrics(prefix string) []string {
	d.t.Helper()
	_, text := d.call(http.MethodGet, "/metrics", nil, nil)
	var lines []string
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, prefix) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}
