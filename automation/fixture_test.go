package automation_test

import (
	"testing"
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/internal/testkit/office"
)

var ana = office.Person{WhatsAppID: "40712345678", UserID: "RO.1234567890", Name: "Ana"}

// desk is an office with one conversation, whose clock stands still until the test moves it.
type desk struct {
	*office.Office
	maria conversation.Caller
	id    string // of the conversation
}

func open(t *testing.T) *desk {
	t.Helper()
	t.Parallel()
	o := office.Open(t)
	o.Freeze()
	return &desk{Office: o, maria: o.Agent(t, "maria"), id: o.Meet(t, ana)}
}

func (d *desk) advance(t *testing.T) conversation.Advanced {
	t.Helper()
	a, err := d.Automation.Advance(t.Context(), d.id)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (d *desk) wantWhole(t *testing.T) {
	t.Helper()
	for _, b := range d.Broken(t) {
		t.Error(b)
	}
}

func (d *desk) kinds(t *testing.T, after int64) string {
	t.Helper()
	return d.Text(t, "SELECT coalesce(string_agg(kind, ' ' ORDER BY seq), '') FROM events WHERE conversation_id = $1::uuid AND seq > $2", d.id, after)
}

// merge makes the desk's conversation go on in another, whose id it returns.
func (d *desk) merge(t *testing.T) string {
	t.Helper()
	d.Forward(time.Minute)
	newer := d.Meet(t, office.Person{UserID: "RO.777", Name: "Ana"})
	both := office.Person{WhatsAppID: ana.WhatsAppID, UserID: "RO.777", Name: "Ana"}
	d.Deliver(t, both.Text("wamid.both", d.Now(), "it is me"))
	if into := d.Text(t, "SELECT coalesce(merged_into::text, '') FROM conversations WHERE id = $1::uuid", d.id); into != newer {
		t.Fatalf("merged into %q", into)
	}
	return newer
}

func ptr[T any](v T) *T { return &v }
