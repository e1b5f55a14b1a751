package whatsapp_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/channel/whatsapp"
	"guichet.dev/guichet/conversation"
)

// fenced returns an adapter that can reach this machine only, so that no test ever talks to Meta.
func fenced() *whatsapp.Adapter {
	return whatsapp.New(whatsapp.Options{
		DialControl: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			host, _, err := net.SplitHostPort(address)
			if err != nil || !net.ParseIP(host).IsLoopback() {
				return fmt.Errorf("test reached out to another machine: %w", err)
			}
			return nil
		},
		Now: func() time.Time { return time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC) },
	})
}

func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

const accepted = `{"messaging_product":"whatsapp","contacts":[{"input":"+33639980142","wa_id":"33639980142"}],"messages":[{"id":"wamid.NEW"}]}`

func TestSendRequests(t *testing.T) {
	t.Parallel()
	text := func(s string) conversation.Content {
		return conversation.Content{Kind: conversation.KindText, Text: s}
	}
	react := func(emoji string) conversation.Content {
		return conversation.Content{Kind: conversation.KindReaction, Reaction: &conversation.Reaction{ProviderID: "wamid.THEIRS", Emoji: emoji}}
	}
	userOnly := toNumber()[:1]
	for name, m := range map[string]channel.Outbound{
		"text":            {MessageID: ourMessage, To: toNumber(), Content: text("Bonjour, 12 € \"ok\" <b> 😢\nà demain")},
		"text_link":       {MessageID: ourMessage, To: toNumber(), Content: text("https://atelier.example/4471")},
		"text_reply":      {MessageID: ourMessage, To: toNumber(), Content: text("Oui"), ReplyTo: "wamid.THEIRS"},
		"text_user_id":    {MessageID: ourMessage, To: userOnly, Content: text("Bonjour")},
		"reaction":        {MessageID: ourMessage, To: toNumber(), Content: react("👍"), ReplyTo: "wamid.IGNORED"},
		"reaction_remove": {MessageID: ourMessage, To: toNumber(), Content: react("")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got map[string]any
			base := serve(t, func(w http.ResponseWriter, r *http.Request) { got = record(t, w, r, accepted) })
			sent, err := fenced().Send(t.Context(), accountAt(base), m)
			if err != nil || sent.ProviderID != "wamid.NEW" || sent.At.IsZero() {
				t.Fatalf("sent %+v, %v", sent, err)
			}
			if len(sent.Identities) != 1 || sent.Identities[0].Kind != conversation.WhatsAppID || sent.Identities[0].Key != "33639980142" {
				t.Errorf("identities %+v", sent.Identities)
			}
			compare(t, filepath.Join("testdata", "requests", name+".json"), got)
		})
	}
}

func TestMarkReadAndCheckRequests(t *testing.T) {
	t.Parallel()
	for name, typing := range map[string]bool{"read": false, "read_typing": true} {
		var got map[string]any
		base := serve(t, func(w http.ResponseWriter, r *http.Request) { got = record(t, w, r, `{"success":true}`) })
		if err := fenced().MarkRead(t.Context(), accountAt(base), "wamid.THEIRS", typing); err != nil {
			t.Fatal(err)
		}
		compare(t, filepath.Join("testdata", "requests", name+".json"), got)
	}
	var got map[string]any
	base := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = record(t, w, r, `{"verified_name":"Atelier","display_phone_number":"+33 7 55 50 12 34","quality_rating":"GREEN","id":"106540352242922"}`)
	})
	health, err := fenced().Check(t.Context(), accountAt(base+"/"))
	if want := (channel.Health{DisplayAddress: "+33 7 55 50 12 34", Name: "Atelier", Quality: "GREEN"}); err != nil || health != want {
		t.Errorf("health %+v, %v", health, err)
	}
	compare(t, filepath.Join("testdata", "requests", "check.json"), got)
}

// record answers and returns what a golden file shows of the request.
func record(t *testing.T, w http.ResponseWriter, r *http.Request, answer string) map[string]any {
	t.Helper()
	seen := map[string]any{
		"method": r.Method, "url": r.URL.String(), "authorization": r.Header.Get("Authorization"),
		"content_type": r.Header.Get("Content-Type"), "user_agent": r.Header.Get("User-Agent"),
	}
	content, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	if len(content) > 0 {
		seen["body"] = json.RawMessage(content)
	}
	if _, err := io.WriteString(w, answer); err != nil {
		t.Error(err)
	}
	return seen
}

// Nothing is sent for a message that cannot be composed.
func TestSendRefusesBeforeTheCall(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	base := serve(t, func(http.ResponseWriter, *http.Request) { calls.Add(1) })
	for _, kind := range []conversation.MessageKind{
		conversation.KindImage, conversation.KindVideo, conversation.KindAudio, conversation.KindDocument, conversation.KindSticker,
		conversation.KindLocation, conversation.KindContacts, conversation.KindChoice, conversation.KindForm, conversation.KindOrder,
		conversation.KindSystem, conversation.KindTemplate, conversation.KindInteractive, conversation.KindUnsupported, "",
	} {
		_, err := fenced().Send(t.Context(), accountAt(base), channel.Outbound{To: toNumber(), Content: conversation.Content{Kind: kind, Text: "x"}})
		wantError(t, string(kind), err, channel.SendError{Behaviour: channel.Permanent, Code: "unsupported"})
	}
	odd := hello()
	odd.To = []conversation.Identity{{Kind: conversation.Username, Address: "adele"}, {Kind: conversation.WhatsAppID, Address: "+33"}, {Kind: conversation.UserID, Address: "adele"}}
	_, err := fenced().Send(t.Context(), accountAt(base), odd)
	wantError(t, "no address", err, channel.SendError{Behaviour: channel.Permanent, Code: "no_address"})
	empty := hello()
	empty.Content.Text = ""
	_, err = fenced().Send(t.Context(), accountAt(base), empty)
	wantError(t, "empty", err, channel.SendError{Behaviour: channel.Permanent, Code: "invalid"})
	for _, spoil := range []func(*channel.Account){
		func(a *channel.Account) { a.Secrets.AccessToken = "" },
		func(a *channel.Account) { a.Secrets.AccessToken = "a\r\nb" },
		func(a *channel.Account) { a.ProviderID = "" },
		func(a *channel.Account) { a.APIBaseURL = "graph" },
		func(a *channel.Account) { a.APIBaseURL = "file:///etc" },
		func(a *channel.Account) { a.APIBaseURL = ":" },
	} {
		account := accountAt(base)
		spoil(&account)
		_, err = fenced().Send(t.Context(), account, hello())
		wantError(t, "bad account", err, channel.SendError{Behaviour: channel.StopAccount, Code: "account_error"})
	}
	if n := calls.Load(); n != 0 {
		t.Errorf("%d calls were made", n)
	}
}

func wantError(t *testing.T, what string, err error, want channel.SendError) {
	t.Helper()
	var got *channel.SendError
	if !errors.As(err, &got) {
		t.Errorf("%s: error %v, want %v", what, err, &want)
		return
	}
	if *got != want {
		t.Errorf("%s: %+v, want %+v", what, *got, want)
	}
	for _, secret := range []string{"EAAtoken", "s3cret", "33639980142", "Bonjour"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error tells %s", what, secret)
		}
	}
}

func graph(code string) string {
	return `{"error":{"message":"(#1) to 33639980142","type":"OAuthException","code":` + code + `,"error_data":{"details":"Bonjour"},"fbtrace_id":"A"}}`
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, body string
		status     int
		header     map[string]string
		want       channel.SendError
	}{
		{"window", graph("131047"), 400, nil, channel.SendError{Behaviour: channel.WindowClosed, Code: "131047", HTTP: 400}},
		{"code as text", graph(`"131047"`), 400, nil, channel.SendError{Behaviour: channel.WindowClosed, Code: "131047", HTTP: 400}},
		{"pair", graph("131056"), 400, nil, channel.SendError{Behaviour: channel.SlowPair, Code: "131056", HTTP: 400}},
		{"number", graph("130429"), 400, map[string]string{"Retry-After": "7"}, channel.SendError{Behaviour: channel.SlowAccount, Code: "130429", HTTP: 400, RetryAfter: 7 * time.Second}},
		{"app", graph("4"), 400, map[string]string{"Retry-After": "Sun, 22 Nov 2026 09:01:00 GMT"}, channel.SendError{Behaviour: channel.SlowAll, Code: "4", HTTP: 400, RetryAfter: time.Minute}},
		{"long wait", graph("4"), 400, map[string]string{"Retry-After": "99999999999"}, channel.SendError{Behaviour: channel.SlowAll, Code: "4", HTTP: 400, RetryAfter: 24 * time.Hour}},
		{"odd wait", graph("4"), 400, map[string]string{"Retry-After": "-5"}, channel.SendError{Behaviour: channel.SlowAll, Code: "4", HTTP: 400}},
		{"maintenance", graph("131057"), 500, nil, channel.SendError{Behaviour: channel.Retry, Code: "131057", HTTP: 500, RetryAfter: time.Minute}},
		{"withheld", graph("131049"), 400, nil, channel.SendError{Behaviour: channel.Permanent, Code: "131049", HTTP: 400, RetryAfter: 24 * time.Hour}},
		{"token", graph("190"), 401, nil, channel.SendError{Behaviour: channel.StopAccount, Code: "190", HTTP: 401}},
		{"code zero", graph("0"), 401, nil, channel.SendError{Behaviour: channel.StopAccount, Code: "0", HTTP: 401}},
		{"permission", graph("250"), 403, nil, channel.SendError{Behaviour: channel.StopAccount, Code: "250", HTTP: 403}},
		{"outage 1", graph("1"), 500, nil, channel.SendError{Behaviour: channel.Retry, Code: "1", HTTP: 500}},
		{"outage 2", graph("2"), 503, nil, channel.SendError{Behaviour: channel.Retry, Code: "2", HTTP: 503}},
		{"outage 131000", graph("131000"), 500, nil, channel.SendError{Behaviour: channel.Retry, Code: "131000", HTTP: 500}},
		{"outage 131016", graph("131016"), 503, nil, channel.SendError{Behaviour: channel.Retry, Code: "131016", HTTP: 503}},
		{"unknown code", graph("424242"), 400, nil, channel.SendError{Behaviour: channel.Permanent, Code: "424242", HTTP: 400}},
		{"unknown code, 5xx", graph("424242"), 502, nil, channel.SendError{Behaviour: channel.Retry, Code: "424242", HTTP: 502}},
		{"unknown code, 429", graph("424242"), 429, nil, channel.SendError{Behaviour: channel.SlowAccount, Code: "424242", HTTP: 429}},
		{"code with words", graph(`"no such: 33639980142"`), 400, nil, channel.SendError{Behaviour: channel.Permanent, Code: "unknown", HTTP: 400}},
		{"error in a 200", graph("131047"), 200, nil, channel.SendError{Behaviour: channel.WindowClosed, Code: "131047", HTTP: 200}},
		{"401 without body", "", 401, nil, channel.SendError{Behaviour: channel.StopAccount, Code: "answer", HTTP: 401}},
		{"429 without body", "", 429, map[string]string{"Retry-After": "3"}, channel.SendError{Behaviour: channel.SlowAccount, Code: "answer", HTTP: 429, RetryAfter: 3 * time.Second}},
		{"error without code", `{"error":{"message":"x"}}`, 400, nil, channel.SendError{Behaviour: channel.Unknown, Code: "answer", HTTP: 400}},
		{"502 of a proxy", "<html>Bad gateway</html>", 502, nil, channel.SendError{Behaviour: channel.Unknown, Code: "answer", HTTP: 502}},
		{"403 of a proxy", "no", 403, nil, channel.SendError{Behaviour: channel.Unknown, Code: "answer", HTTP: 403}},
		{"200 without JSON", "ok", 200, nil, channel.SendError{Behaviour: channel.Unknown, Code: "answer", HTTP: 200}},
		{"200 without id", `{"messages":[]}`, 200, nil, channel.SendError{Behaviour: channel.Unknown, Code: "answer", HTTP: 200}},
		{"200 with odd id", `{"messages":[{"id":{}}]}`, 200, nil, channel.SendError{Behaviour: channel.Unknown, Code: "answer", HTTP: 200}},
		{"200 too long", `{"messages":[{"id":"w"}],"zz":"` + strings.Repeat("x", 2<<20) + `"}`, 200, nil, channel.SendError{Behaviour: channel.Unknown, Code: "answer", HTTP: 200}},
		{"202", accepted, 202, nil, channel.SendError{Behaviour: channel.Unknown, Code: "answer", HTTP: 202}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			base := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				for name, value := range test.header {
					w.Header().Set(name, value)
				}
				w.WriteHeader(test.status)
				// The caller hangs up in the middle of an answer that is too long, so an error here is no failure.
				_, _ = io.WriteString(w, test.body)
			})
			_, err := fenced().Send(t.Context(), accountAt(base), hello())
			wantError(t, test.name, err, test.want)
		})
	}
}

// A redirect is not followed: the token stays with the host that the account names.
func TestRedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	var elsewhere atomic.Int32
	other := serve(t, func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) })
	for _, status := range []int{301, 302, 303, 307, 308} {
		base := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other, status) })
		_, err := fenced().Send(t.Context(), accountAt(base), hello())
		wantError(t, "redirect", err, channel.SendError{Behaviour: channel.Unknown, Code: "answer", HTTP: status})
	}
	if elsewhere.Load() != 0 {
		t.Error("a redirect was followed")
	}
}

func TestErrorTable(t *testing.T) {
	t.Parallel()
	codes := strings.Fields(`0 190 3 10 200 250 299 131005 1 2 131016 133004 131000 131057 4 80007 130429 131056 131048 131064 33 100 131008
		131009 135000 131021 131051 131026 131047 131049 131050 130472 130497 131030 131031 368 131036 131037 131042 131045 133010 131052 131053
		131062 132000 132001 132005 132007 132012 132015 132016 132068 132069 133000 133005 133006 133008 133009 133015 133016 137000 139100
		139101 139102 139103`)
	for _, code := range codes {
		if m := whatsapp.Meaning(code); !strings.HasSuffix(m, ".") || len(m) > 140 {
			t.Errorf("code %s means %q", code, m)
		}
	}
	for code, want := range map[string]channel.Behaviour{
		"0": channel.StopAccount, "190": channel.StopAccount, "299": channel.StopAccount, "131031": channel.StopAccount, "133010": channel.StopAccount,
		"1": channel.Retry, "131057": channel.Retry, "4": channel.SlowAll, "80007": channel.SlowAll, "130429": channel.SlowAccount,
		"131056": channel.SlowPair, "131047": channel.WindowClosed, "131050": channel.OptedOut, "131026": channel.Unreachable,
		"131049": channel.Permanent, "132015": channel.Permanent, "300": channel.Permanent, "199": channel.Permanent, "": channel.Permanent,
		"words": channel.Permanent, "-1": channel.Permanent,
	} {
		if got := whatsapp.Classify(code); got != want {
			t.Errorf("code %q: %s, want %s", code, got, want)
		}
	}
	if m := whatsapp.Meaning("424242"); m != "" {
		t.Errorf("an unknown code means %q", m)
	}
}
