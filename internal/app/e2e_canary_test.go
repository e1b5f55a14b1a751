package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/query/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/internal/testkit"
	"guichet.dev/guichet/simulator"
	"guichet.dev/guichet/workflows"
)

// record keeps everything that is logged.
type record struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// The canaries: what people and secrets are made of in this test. None may be found outside the tables of contents.
const (
	canaryPhone   = "33698765432"
	canaryOther   = "33698765433"
	canarySecret  = "canary-app-secret-91"
	canaryAccess  = "canary-access-token-92"
	canaryVerify  = "canary-verify-93"
	canaryAgent   = "canary-agent-name"
	canaryUserID  = "FR.777666555444333222"
	canaryInvalid = "canary-invalid-request"
)

// canaries returns every text that must not be found.
func canaries() []string {
	return []string{
		canaryPhone, canaryOther, canarySecret, canaryAccess, canaryVerify, canaryAgent, canaryUserID, canaryInvalid, token, "777666555444333222",
		"canary-name", "canary-text", "canary-caption", "canary-title", "canary-payload", "canary-file", "canary-template", "canary-error",
		"canary-answer", "canary-note", "canary-client", "canary-edit", "canary-place", "canary-username", "canary-raw", "canary-email", "48.123456",
	}
}

// The customer's words, names, numbers and all secrets stay in the tables of contents: not in logs, metrics, histories,
// codes or in answers about other conversations.
func TestCanaries(t *testing.T) {
	t.Parallel()
	logged := &record{}
	d := open(t, setup{
		logger:    slog.New(slog.NewJSONHandler(logged, &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true})),
		simulator: simulator.Config{AccessToken: canaryAccess, AppSecret: canarySecret, VerifyToken: canaryVerify},
		secrets:   map[string]string{"access_token": canaryAccess, "app_secret": canarySecret, "verify_token": canaryVerify},
	})
	d.must(http.MethodPatch, "/api/v1/agents/"+d.agent, map[string]any{"name": canaryAgent, "email": "canary-email@example.com"}, nil)
	id := canaryStory(d)
	canaryFailures(d, id)
	other := func() string {
		d.say("33611111111", "rien de spécial")
		return d.find("33611111111")
	}()
	d.delivered()
	places := map[string]string{"log": logged.String(), "metrics": strings.Join(d.metrics(""), "\n"), "histories": histories(t, d)}
	for _, path := range []string{"", "/messages", "/timeline"} {
		_, answer := d.call(http.MethodGet, "/api/v1/conversations/"+other+path, nil, nil)
		places["another conversation"+path] = string(answer)
	}
	_, accounts := d.call(http.MethodGet, "/api/v1/accounts", nil, nil)
	_, parked := d.call(http.MethodGet, "/api/v1/accounts/"+d.account+"/parked", nil, nil)
	places["accounts"], places["parked"] = string(accounts), string(parked)
	places["codes"] = codes(t)
	if !strings.Contains(places["histories"], `"up_to_seq":`) || !strings.Contains(places["log"], id) || !strings.Contains(places["codes"], "131026") || len(places["metrics"]) == 0 {
		t.Fatalf("the test looks in the wrong places: %d bytes of histories, %d of logs, codes %q", len(places["histories"]), len(places["log"]), places["codes"])
	}
	for place, text := range places {
		for _, bird := range canaries() {
			if at := strings.Index(text, bird); at >= 0 {
				t.Errorf("%s says %q: …%s…", place, bird, text[max(0, at-200):min(len(text), at+len(bird)+100)])
			}
		}
	}
}

// canaryStory lets a customer send canaries of every sort, and an agent answer with some.
func canaryStory(d *desk) string {
	d.t.Helper()
	ctx := d.t.Context()
	_, err := d.sim.PutCustomer(ctx, simulator.Customer{Phone: canaryPhone, Name: "canary-name", Username: "canary-username", UserID: canaryUserID})
	d.fatal(err)
	first := d.say(canaryPhone, "canary-text")
	for _, out := range []simulator.Outgoing{
		{Type: "image", Text: "canary-caption"}, {Type: "document", Media: &simulator.MediaFile{Filename: "canary-file.pdf"}},
		{Type: "button_reply", ReplyID: "canary-payload", Text: "canary-title"}, {Type: "button", Text: "canary-title", Payload: "canary-payload"},
		{Type: "location", Latitude: 48.123456, Name: "canary-place"}, {Type: "contacts", Name: "canary-name"},
		{Type: "edit", MessageID: first.ID, Text: "canary-edit"}, {Type: "unsupported"}, {Text: "STOP"}, {Text: "canary-text again", Timestamp: time.Now().Add(2 * time.Second)},
	} {
		d.post(canaryPhone, out)
	}
	d.raw(canaryPhone, "wamid.hologram", `"type":"canary-raw","canary-raw":{"x":"canary-raw"}`)
	d.fatal(d.sim.Raw(ctx, "message_template_status_update", json.RawMessage(`{"event":"APPROVED","message_template_id":1,"message_template_name":"canary-template","message_template_language":"fr","reason":"canary-error"}`)))
	d.fatal(d.sim.Raw(ctx, "messages", json.RawMessage(`{"messaging_product":"whatsapp","metadata":{"phone_number_id":"`+deskNumber+`"},"errors":[{"code":131000,"title":"canary-error","message":"canary-error"}]}`)))
	d.fatal(d.sim.Raw(ctx, "messages", json.RawMessage(`{"messaging_product":"whatsapp","metadata":{"phone_number_id":"`+deskNumber+`"},"messages":[{"id":"canary-raw","from":"`+canaryPhone+`","timestamp":"canary-raw","type":"text","text":{"body":"canary-text"}},"canary-raw",{"id":7,"type":{"canary-raw":1}}],"statuses":[{"id":"canary-raw","status":"canary-raw","timestamp":"x"}]}`)))
	d.receiveSigned(`{"canary-raw":`, canarySecret)
	id := d.find(canaryPhone)
	path := "/api/v1/conversations/" + id
	d.until(id, "examined", func(c inbox.Conversation) bool { return c.Consent.All == conversation.ConsentOptedOut })
	d.must(http.MethodPost, path+"/consent", map[string]any{"scope": "all", "state": "opted_in", "note": "canary-note"}, nil)
	d.must(http.MethodPost, path+"/attend", nil, nil)
	var m inbox.Message
	d.must(http.MethodPost, path+"/messages", map[string]any{"client_id": "canary-client", "text": "canary-answer"}, &m)
	d.state(m, conversation.StateDelivered)
	c := d.get(id)
	d.must(http.MethodPost, path+"/read", map[string]any{"up_to_seq": c.LastSeq, "typing": true}, nil)
	_, err = d.sim.Echo(ctx, canaryPhone, simulator.Outgoing{Text: "canary-text from the app"})
	d.fatal(err)
	return id
}

// canaryFailures makes what can fail fail: calls, statuses, requests, a process that cannot proceed.
func canaryFailures(d *desk, id string) {
	d.t.Helper()
	t, ctx, path := d.t, d.t.Context(), "/api/v1/conversations/"+id
	failed := conversation.StateFailed
	for i, f := range []simulator.Fault{
		{Action: simulator.ActionError, Code: 100}, {Action: simulator.ActionFail, Code: 131026}, {Action: simulator.ActionAcceptClose},
	} {
		f.On, f.Count = simulator.KindMessages, 1
		d.fault(f)
		d.state(d.send(id, fmt.Sprint("canary-answer ", i)), failed, conversation.StateDelivered)
	}
	d.fault(simulator.Fault{On: simulator.KindRead, Action: simulator.ActionClose, Count: 1})
	d.must(http.MethodPost, path+"/read", map[string]any{"up_to_seq": 1}, nil)
	d.fault(simulator.Fault{On: simulator.KindWebhooksStatuses, Action: simulator.ActionDrop})
	mine := d.send(id, "canary-answer to fail")
	d.state(mine, conversation.StateSent)
	d.fatal(d.sim.Raw(ctx, "messages", json.RawMessage(fmt.Sprintf(`{"messaging_product":"whatsapp","metadata":{"phone_number_id":%q},"statuses":[{"id":%q,"status":"failed",
		"timestamp":"%d","recipient_id":%q,"errors":[{"code":131026,"title":"canary-error","message":"canary-error %s","error_data":{"details":"canary-error"}}]}]}`,
		deskNumber, d.providerID(mine.ID), time.Now().Unix(), canaryPhone, canaryPhone))))
	d.state(mine, failed)
	d.fatal(d.sim.ClearFaults(ctx))
	for _, request := range []map[string]any{
		{"client_id": "canary-client", "text": canaryInvalid}, {"client_id": "x", "text": canaryInvalid, "reply_to": canaryInvalid}, {"text": canaryInvalid},
		{"client_id": canaryInvalid, "text": canaryInvalid + strings.Repeat("x", 5000)}, {canaryInvalid: canaryInvalid},
	} {
		status, answer := d.call(http.MethodPost, path+"/messages", request, nil)
		if status < 400 || strings.Contains(string(answer), canaryInvalid+`"`) && !strings.Contains(string(answer), "unexpected property") {
			t.Errorf("%d %s", status, answer)
		}
	}
	d.rawRequest(http.MethodGet, "/api/v1/conversations/"+canaryInvalid+"?q="+canaryPhone, "", "")
	d.rawRequest(http.MethodGet, "/"+canaryInvalid+"/"+canaryPhone, "", "")
	d.rawRequest(http.MethodPost, "/webhooks/whatsapp/"+canaryInvalid, canaryInvalid, canarySecret)
	d.rawRequest(http.MethodPost, "/webhooks/whatsapp/"+d.account, canaryInvalid, "wrong")

	// A process that cannot proceed, because the database refuses a value that it quotes in its error.
	db := testkit.Database(t)
	_, err := db.ExecContext(ctx, `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'canary-error % %', (SELECT name FROM contacts WHERE id = NEW.contact_id), NEW.summary; END $$`)
	d.fatal(err)
	_, err = db.ExecContext(ctx, `CREATE TRIGGER refuse BEFORE UPDATE ON conversations FOR EACH ROW WHEN (NEW.applied_seq > OLD.applied_seq AND NEW.contact_id IN ('`+d.get(id).Contact.ID+`')) EXECUTE FUNCTION refuse()`)
	d.fatal(err)
	d.say(canaryPhone, "canary-text that cannot be advanced")
	d.tried(id, 4)
	_, err = db.ExecContext(ctx, "DROP TRIGGER refuse ON conversations")
	d.fatal(err)
	// And one that cannot read what is stored.
	_, err = db.ExecContext(ctx, `UPDATE messages SET content = '{"kind":"text","text":{"canary-text":1}}' WHERE conversation_id = ? AND content->>'text' = 'canary-text that cannot be advanced'`, id)
	d.fatal(err)
	d.say(canaryPhone, "canary-text after it")
	d.tried(id, 5)
	if status, answer := d.call(http.MethodGet, path+"/messages", nil, nil); status != http.StatusInternalServerError || strings.Contains(string(answer), "canary") {
		t.Errorf("%d %s", status, answer)
	}
}

// tried waits until Advance has failed so often in a row.
func (d *desk) tried(id string, times int) {
	d.t.Helper()
	testkit.Eventually(d.t, patience, func() error {
		var tries int
		err := testkit.Database(d.t).NewRaw("SELECT tries FROM conversations WHERE id = ?", id).Scan(d.t.Context(), &tries)
		if err != nil || tries < times {
			return fmt.Errorf("%d tries (%w)", tries, err)
		}
		return nil
	})
}

// receiveSigned posts a body with a signature.
func (d *desk) receiveSigned(body, secret string) {
	d.t.Helper()
	if status := d.rawRequest(http.MethodPost, "/webhooks/whatsapp/"+d.account, body, secret); status != http.StatusOK {
		d.t.Errorf("status %d", status)
	}
}

// codes returns what stands in the columns that hold codes.
func codes(t *testing.T) string {
	t.Helper()
	var all []string
	err := testkit.Database(t).NewRaw(`SELECT stuck_code FROM conversations UNION SELECT error_code FROM messages UNION SELECT error_code FROM receipts
		UNION SELECT error_code FROM dispatches UNION SELECT state_code FROM accounts UNION SELECT detail FROM parked_updates UNION SELECT reason FROM parked_updates
		UNION SELECT data::text FROM events UNION SELECT outcomes::text || effects::text || next::text FROM decisions UNION SELECT coalesce(effect_key, '') FROM events
		UNION SELECT coalesce(before::text, '') || coalesce(after::text, '') FROM audit_entries WHERE action LIKE 'accounts.%'`).Scan(t.Context(), &all)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, "\n")
}

// histories returns everything that Temporal knows: all events of all runs, descriptions, and the answers to queries.
func histories(t *testing.T, d *desk) string {
	t.Helper()
	c := d.temporal.Client
	var all strings.Builder
	testkit.Eventually(t, patience, func() error {
		list, err := c.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{Namespace: d.temporal.Namespace})
		if err != nil || len(list.GetExecutions()) < 2 {
			return fmt.Errorf("%d workflows are visible (%w)", len(list.GetExecutions()), err)
		}
		all.Reset()
		for _, e := range list.GetExecutions() {
			all.WriteString(protojson.Format(e))
			id, run := e.GetExecution().GetWorkflowId(), e.GetExecution().GetRunId()
			events := c.GetWorkflowHistory(t.Context(), id, run, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
			for events.HasNext() {
				event, err := events.Next()
				if err != nil {
					return err
				}
				all.WriteString(decoded(protojson.Format(event)))
			}
			described, err := c.DescribeWorkflowExecution(t.Context(), id, run)
			if err != nil {
				return err
			}
			all.WriteString(decoded(protojson.Format(described)))
			for _, asked := range []string{workflows.StateQuery, "__temporal_workflow_metadata", "__stack_trace"} {
				answer, err := c.WorkflowService().QueryWorkflow(t.Context(), &workflowservice.QueryWorkflowRequest{
					Namespace: d.temporal.Namespace, Execution: e.GetExecution(), Query: &query.WorkflowQuery{QueryType: asked},
				})
				if err != nil {
					return err
				}
				for _, payload := range answer.GetQueryResult().GetPayloads() {
					all.Write(payload.GetData())
				}
			}
		}
		return nil
	})
	return all.String()
}

// decoded adds the text of every payload to an event, which has it in base64.
func decoded(event string) string {
	var b strings.Builder
	b.WriteString(event)
	for line := range strings.Lines(event) {
		_, value, found := strings.Cut(line, `"data":`)
		var raw []byte
		if found && json.Unmarshal([]byte(strings.TrimRight(strings.TrimSpace(value), ",")), &raw) == nil {
			b.Write(raw)
			b.WriteByte('\n')
		}
	}
	return b.String()
}
