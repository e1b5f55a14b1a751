package contacts_test

import (
	"bytes"
	"encoding/csv"
	"testing"

	"guichet.dev/guichet/contacts"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/internal/testkit/office"
)

func TestConsentsAreExported(t *testing.T) {
	t.Parallel()
	o := office.Open(t)
	ana := office.Person{WhatsAppID: "40712345678", Name: "Ana"}
	o.Meet(t, ana)
	o.Deliver(t, ana.Text("wamid.stop", o.Now(), "Stop!"))
	o.Advance(t)
	o.Exec(t, "UPDATE messages SET content = jsonb_set(content, '{text}', '\"=STOP()\"') WHERE provider_id = 'wamid.stop'")
	id := o.Text(t, "SELECT id::text FROM contacts")
	store := contacts.NewStore(o.Desk())
	maria := o.Agent(t, "maria")
	export := func(by conversation.Caller) [][]string {
		t.Helper()
		var file bytes.Buffer
		if err := store.ExportConsents(t.Context(), by, id, &file); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(&file).ReadAll()
		if err != nil || len(rows) != 2 {
			t.Fatalf("%v, %v", rows, err)
		}
		return rows
	}
	row := export(maria)[1]
	if row[3] != "all" || row[4] != "opted_out" || row[5] != "keyword" || row[6] != "1.000" || row[7] != "keyword stop" || row[12] != "'=STOP()" {
		t.Errorf("%q", row)
	}
	if n := o.Count(t, "SELECT count(*) FROM audit_entries WHERE action = 'contacts.export_consents' AND actor_id = $1", maria.ID); n != 1 {
		t.Errorf("%d entries in the audit", n)
	}
	var none bytes.Buffer
	stranger := conversation.Caller{Actor: maria.Actor, Sight: conversation.SeesOnly("00000000-0000-7000-8000-000000000009")}
	if err := store.ExportConsents(t.Context(), stranger, id, &none); conversation.CodeOf(err) != conversation.CodeNotFound || none.Len() > 0 {
		t.Errorf("a stranger: %v, %q", err, none.String())
	}
}
