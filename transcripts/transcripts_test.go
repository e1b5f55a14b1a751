package transcripts_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/internal/testkit/office"
	"guichet.dev/guichet/notes"
	"guichet.dev/guichet/transcripts"
)

type desk struct {
	*office.Office
	store *transcripts.Store
	maria conversation.Caller
	id    string
}

// open makes a conversation of two merged ones with messages, a note and events.
func open(t *testing.T) *desk {
	t.Helper()
	t.Parallel()
	o := office.Open(t)
	o.Freeze()
	d := &desk{Office: o, store: transcripts.NewStore(o.Desk()), maria: o.Agent(t, "maria")}
	older := o.Meet(t, office.Person{WhatsAppID: "40712345678", Name: "Ana <b>"})
	o.Forward(time.Minute)
	o.Write(t, d.maria, older, "Bonjour <script>alert(1)</script>\nligne 2")
	o.SendNext(t, older)
	o.Forward(time.Minute)
	d.id = o.Meet(t, office.Person{UserID: "RO.777", Name: "Ana <b>"})
	both := office.Person{WhatsAppID: "40712345678", UserID: "RO.777", Name: "Ana <b>"}
	o.Deliver(t, both.Text("wamid.both", o.Now(), "it is \x1b[31mme"))
	o.Forward(time.Minute)
	if _, err := notes.NewStore(o.Desk()).Add(t.Context(), d.maria, d.id, notes.Draft{Text: "between us"}); err != nil {
		t.Fatal(err)
	}
	o.Deliver(t, office.Webhook("messages", both.Message("wamid.file", o.Now(), `"type":"document","document":{"id":"1","mime_type":"application/pdf","filename":"bill.pdf","caption":"my bill"}`)))
	return d
}

func (d *desk) export(t *testing.T, w transcripts.Wish) string {
	t.Helper()
	tr, err := d.store.Open(t.Context(), d.maria, d.id, w)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := tr.Write(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestText(t *testing.T) {
	d := open(t)
	got := d.export(t, transcripts.Wish{Format: transcripts.Text, Zone: "Europe/Bucharest"})
	_, body, _ := strings.Cut(got, "\n\n")
	want := `[2026-11-02 11:00:00] Ana <b>: hello
[2026-11-02 11:01:00] maria: Bonjour <script>alert(1)</script>
    ligne 2
[2026-11-02 11:02:00] Ana <b>: hello
[2026-11-02 11:02:00] Ana <b>: it is [31mme
[2026-11-02 11:03:00] Ana <b>: my bill
    <bill.pdf>
`
	if body != want {
		t.Errorf("got\n%s\nwant\n%s", body, want)
	}
	if !strings.HasPrefix(got, "Ana <b>\nNumber 106540352242922 · whatsapp · "+d.id+"\n") || !strings.Contains(got, "(Europe/Bucharest)") {
		t.Errorf("head of %s", got)
	}
	got = d.export(t, transcripts.Wish{Format: transcripts.Text, Zone: "UTC", Notes: true, Events: true})
	for _, line := range []string{"] maria (internal note): between us\n", "] — merged (provider)\n", "] — opened (", "[2026-11-02 09:01:00] maria: Bonjour"} {
		if !strings.Contains(got, line) {
			t.Errorf("no %q in\n%s", line, got)
		}
	}
	if n := d.Count(t, "SELECT count(*) FROM audit_entries WHERE action = 'conversations.export' AND actor_id = $1 AND subject_id = $2", d.maria.ID, d.id); n != 2 {
		t.Errorf("%d entries of the audit, want 2", n)
	}
}

func TestJSON(t *testing.T) {
	d := open(t)
	var got struct {
		ConversationID string `json:"conversation_id"`
		Contact        string
		Items          []struct {
			Type, Kind, Text, Name string
			At                     time.Time
			Files                  []string
			Data                   map[string]any
		}
	}
	text := d.export(t, transcripts.Wish{Format: transcripts.JSON, Zone: "America/New_York", Notes: true, Events: true})
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err, text)
	}
	var types []string
	for i, item := range got.Items {
		types = append(types, item.Type)
		if i > 0 && item.At.Truncate(time.Second).Before(got.Items[i-1].At.Truncate(time.Second)) {
			t.Errorf("item %d is out of order", i)
		}
	}
	if got.ConversationID != d.id || strings.Count(strings.Join(types, " "), "message") != 5 || strings.Count(strings.Join(types, " "), "note") != 1 || !strings.Contains(text, "-05:00") {
		t.Errorf("%v in %s", types, text)
	}
}

func TestHTMLRunsNothing(t *testing.T) {
	d := open(t)
	got := d.export(t, transcripts.Wish{Format: transcripts.HTML, Zone: "UTC", Notes: true, Events: true})
	for _, want := range []string{"&lt;script&gt;alert(1)&lt;/script&gt;", "<h1>Ana &lt;b&gt;</h1>", "📎 bill.pdf", "between us", "default-src 'none'", "</body></html>"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(strings.ToLower(got), "<script") {
		t.Error("a script is in the page")
	}
}

// More than a page, many in one second: none is lost or twice.
func TestManyMessages(t *testing.T) {
	d := open(t)
	d.Exec(t, `INSERT INTO messages (id, conversation_id, account_id, seq, direction, kind, state, content, author_kind, at, received_at)
		SELECT gen_random_uuid(), $1::uuid, $2::uuid, 1000 + n, 'in', 'text', 'received', jsonb_build_object('kind', 'text', 'text', 'word ' || n || ';'), 'contact',
			'2026-11-03'::timestamptz + n / 700 * interval '1 second', now() FROM generate_series(1, 1700) AS n`, d.id, d.Account.ID)
	got := d.export(t, transcripts.Wish{Format: transcripts.Text, Zone: "UTC", Notes: true, Events: true})
	last := -1
	for n := 1; n <= 1700; n++ {
		word := fmt.Sprintf("word %d;", n)
		at := strings.Index(got, word)
		if at <= last || strings.Count(got, word) != 1 {
			t.Fatalf("%s is not in its place", word)
		}
		last = at
	}
}

func TestRefused(t *testing.T) {
	d := open(t)
	blind := conversation.Caller{Actor: d.maria.Actor, Sight: conversation.SeesOnly(uuid.NewString())}
	for name, c := range map[string]struct {
		by    conversation.Caller
		w     transcripts.Wish
		code  conversation.Code
		field string
	}{
		"format":  {d.maria, transcripts.Wish{Format: "pdf", Zone: "UTC"}, conversation.CodeInvalid, "format"},
		"zone":    {d.maria, transcripts.Wish{Format: transcripts.Text, Zone: "Mars/Olympus"}, conversation.CodeInvalid, "time_zone"},
		"no zone": {d.maria, transcripts.Wish{Format: transcripts.Text}, conversation.CodeInvalid, "time_zone"},
		"local":   {d.maria, transcripts.Wish{Format: transcripts.Text, Zone: "Local"}, conversation.CodeInvalid, "time_zone"},
		"path":    {d.maria, transcripts.Wish{Format: transcripts.Text, Zone: "../../etc/passwd"}, conversation.CodeInvalid, "time_zone"},
		"unseen":  {blind, transcripts.Wish{Format: transcripts.Text, Zone: "UTC"}, conversation.CodeNotFound, ""},
	} {
		_, err := d.store.Open(t.Context(), c.by, d.id, c.w)
		e, ok := errors.AsType[*conversation.Error](err)
		if !ok || e.Code != c.code || e.Field != c.field {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := d.Count(t, "SELECT count(*) FROM audit_entries WHERE action = 'conversations.export'"); n != 0 {
		t.Errorf("%d refused exports are in the audit", n)
	}
}
