package inbox_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/internal/testkit/office"
)

// walk reads all pages of a list and returns the ids.
func (d *desk) walk(t *testing.T, by conversation.Caller, f inbox.Filter) []string {
	t.Helper()
	var ids []string
	for {
		page, next, err := d.Inbox.List(t.Context(), by, f)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) > f.Limit || len(page) == 0 && !next.Zero() {
			t.Fatalf("a page of %d, then %+v", len(page), next)
		}
		for _, c := range page {
			ids = append(ids, c.ID)
		}
		if next.Zero() {
			return ids
		}
		if len(ids) > 1000 {
			t.Fatal("the pages have no end")
		}
		f.After = next
	}
}

// only returns an account's id as a list, empty for none.
func only(id string) []string {
	if id == "" {
		return nil
	}
	return []string{id}
}

func TestList(t *testing.T) {
	d := open(t)
	const n = 59
	second := d.Connect(t, "2", office.Secret)
	for i := range n {
		number := office.Number
		if i%5 == 0 && i > 0 {
			number = "2"
		}
		p := office.Person{WhatsAppID: fmt.Sprintf("4079%06d", i), Name: fmt.Sprint("Customer ", i)}
		d.Deliver(t, office.WebhookFor(number, "messages", p.Message(fmt.Sprint("wamid.list.", i), d.Now(), `"type":"text","text":{"body":"hello"}`)))
	}
	ids := d.IDs(t)
	paul := d.Agent(t, "paul")
	for i, id := range ids { // many of one time, and every view has some
		d.Exec(t, "UPDATE conversations SET last_activity_at = $2 WHERE id = $1::uuid", id, office.Start.Add(time.Duration(i/7)*time.Minute))
		status, agent := []string{"open", "open", "snoozed", "done"}[i%4], []string{d.maria.ID, paul.ID, ""}[i%3]
		d.Exec(t, "UPDATE conversations SET status = $2, assignee_id = nullif($3, '')::uuid WHERE id = $1::uuid", id, status, agent)
	}
	d.Exec(t, "UPDATE conversations SET merged_into = $2::uuid WHERE id = $1::uuid", ids[1], ids[5])
	for _, view := range inbox.Views() {
		for _, account := range []string{"", d.Account.ID, second.ID} {
			condition := map[inbox.View]string{
				inbox.ViewUnassigned: "status = 'open' AND assignee_id IS NULL", inbox.ViewMine: "status = 'open' AND assignee_id::text = '" + d.maria.ID + "'",
				inbox.ViewWaiting: "status = 'open' AND waiting_since IS NOT NULL",
				inbox.ViewOpen:    "status = 'open'", inbox.ViewSnoozed: "status = 'snoozed'", inbox.ViewDone: "status = 'done'", inbox.ViewAll: "true",
			}[view]
			want := strings.Fields(d.Text(t, "SELECT coalesce(string_agg(id::text, ' ' ORDER BY last_activity_at DESC, id DESC), '') FROM conversations WHERE merged_into IS NULL AND ($1 = '' OR account_id::text = $1) AND "+condition, account))
			if len(want) == 0 {
				t.Fatalf("%s of %q is empty: the test shows nothing", view, account)
			}
			for _, limit := range []int{1, 2, 3, 7, 100} {
				got := d.walk(t, d.maria, inbox.Filter{Criteria: inbox.Criteria{View: view, Accounts: only(account)}, Limit: limit})
				if !slices.Equal(got, want) {
					t.Errorf("%s of %q by %d: %d conversations, want %d", view, account, limit, len(got), len(want))
				}
			}
			if account != "" {
				limited := conversation.Caller{Actor: d.maria.Actor, Sight: conversation.SeesOnly(account)}
				if got := d.walk(t, limited, inbox.Filter{Criteria: inbox.Criteria{View: view}, Limit: 7}); !slices.Equal(got, want) {
					t.Errorf("%s for who sees only %q: %d conversations, want %d", view, account, len(got), len(want))
				}
			}
		}
	}
	page, _, err := d.Inbox.List(t.Context(), office.Token, inbox.Filter{Criteria: inbox.Criteria{View: inbox.ViewAll}, Limit: 1})
	if err != nil || page[0].Contact.Name == "" || page[0].Actions != nil || page[0].Contact.Identities != nil || !page[0].Window.Open {
		t.Errorf("%+v, %v", page, err)
	}
}

func TestBadFilters(t *testing.T) {
	d := open(t)
	good := inbox.Filter{Criteria: inbox.Criteria{View: inbox.ViewAll}, Limit: 10}
	for _, c := range []struct {
		field  string
		change func(*inbox.Filter)
	}{
		{"view", func(f *inbox.Filter) { f.View = "some" }},
		{"view", func(f *inbox.Filter) { f.View = inbox.ViewMine }},
		{"limit", func(f *inbox.Filter) { f.Limit = 0 }},
		{"limit", func(f *inbox.Filter) { f.Limit = 101 }},
		{"account_id", func(f *inbox.Filter) { f.Accounts = []string{"x"} }},
		{"cursor", func(f *inbox.Filter) { f.After = inbox.Cursor{At: d.Now(), ID: "x"} }},
		{"cursor", func(f *inbox.Filter) { f.After = inbox.Cursor{At: d.Now()} }},
	} {
		f := good
		c.change(&f)
		_, _, err := d.Inbox.List(t.Context(), office.Token, f)
		wantCode(t, err, conversation.CodeInvalid, c.field)
	}
	if got, _, err := d.Inbox.List(t.Context(), office.Token, inbox.Filter{Criteria: inbox.Criteria{View: inbox.ViewAll, Accounts: []string{uuid.NewString()}}, Limit: 1}); err != nil || len(got) != 0 {
		t.Errorf("of an unknown account: %v, %v", got, err)
	}
	for _, limit := range []int{0, 201} {
		_, _, err := d.Inbox.Messages(t.Context(), office.Token, d.id, inbox.Cursor{}, limit)
		wantCode(t, err, conversation.CodeInvalid, "limit")
	}
	for _, bad := range []inbox.Cursor{{At: d.Now(), ID: "x"}, {ID: "x"}} {
		_, _, err := d.Inbox.Messages(t.Context(), office.Token, d.id, bad, 10)
		wantCode(t, err, conversation.CodeInvalid, "cursor")
		_, _, err = d.Inbox.Timeline(t.Context(), office.Token, d.id, bad, 10)
		wantCode(t, err, conversation.CodeInvalid, "cursor")
	}
}

// TestPagesOfATimeline reads messages and events of two merged conversations by pages of every size: all of them, each
// once, in one order.
func TestPagesOfATimeline(t *testing.T) {
	d := open(t)
	for i := range 6 {
		d.Deliver(t, ana.Text(fmt.Sprint("wamid.t", i), d.Now().Add(time.Duration(i/3)*time.Second), fmt.Sprint("text ", i)))
	}
	for range 4 { // events of one moment
		for _, do := range []func() (inbox.Conversation, error){
			func() (inbox.Conversation, error) { return d.Inbox.Done(t.Context(), d.maria, d.id) },
			func() (inbox.Conversation, error) { return d.Inbox.Reopen(t.Context(), d.maria, d.id) },
		} {
			if _, err := do(); err != nil {
				t.Fatal(err)
			}
		}
	}
	d.Write(t, d.maria, d.id, "a", "b")
	into := d.merge(t)
	d.Exec(t, "UPDATE messages SET at = $1 WHERE conversation_id = $2::uuid OR seq % 2 = 0", office.Start, into) // of one time, with equal seqs
	d.Exec(t, "UPDATE events SET at = $1 WHERE conversation_id = $2::uuid OR seq % 2 = 0", office.Start, into)
	want := d.Count(t, "SELECT count(*) FROM messages")
	events := d.Count(t, "SELECT count(*) FROM events WHERE kind NOT IN ('message_received', 'message_echoed', 'message_queued', 'message_status', 'message_failed', 'message_unknown')")
	if want < 8 || events < 10 || d.Count(t, "SELECT count(*) FROM (SELECT 1 FROM messages GROUP BY at, seq HAVING count(*) > 1) AS twice") == 0 {
		t.Fatal("the test shows nothing")
	}
	whole := ""
	for _, limit := range []int{200, 1, 2, 3, 5, 7} {
		var messages, items []string
		for cursor := (inbox.Cursor{}); ; {
			page, next, err := d.Inbox.Messages(t.Context(), office.Token, into, cursor, limit)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range page {
				messages = append(messages, m.ID)
			}
			if cursor = next; cursor.Zero() {
				break
			}
		}
		for cursor := (inbox.Cursor{}); ; {
			page, next, err := d.Inbox.Timeline(t.Context(), office.Token, into, cursor, limit)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) > limit {
				t.Fatalf("a page of %d, want %d", len(page), limit)
			}
			for _, i := range page {
				items = append(items, line(i))
			}
			if cursor = next; cursor.Zero() {
				break
			}
		}
		if n := len(slices.Compact(slices.Sorted(slices.Values(messages)))); n != want || len(messages) != want {
			t.Errorf("by %d: %d messages, %d different ones, want %d", limit, len(messages), n, want)
		}
		if len(items) != want+events {
			t.Errorf("by %d: %d items, want %d", limit, len(items), want+events)
		}
		all := strings.Join(messages, "\n") + "\n" + strings.Join(items, "\n")
		if whole == "" {
			whole = all
		}
		if all != whole {
			t.Errorf("by %d it reads otherwise than at once", limit)
		}
	}
}

func line(i inbox.TimelineItem) string {
	if i.Message != nil {
		return fmt.Sprint(i.At, i.Seq, i.Message.ID)
	}
	return fmt.Sprint(i.At, i.Seq, i.Event.Kind)
}

func TestMessageWithItsBelongings(t *testing.T) {
	d := open(t)
	at := d.Now().Unix()
	d.Deliver(t,
		office.Webhook("messages", ana.Message("wamid.photo", d.Now(), `"type":"image","image":{"id":"m1","mime_type":"image/jpeg","sha256":"AAAA","caption":"photo"}`)),
		office.Webhook("messages", ana.Message("wamid.answer", d.Now(), `"type":"text","text":{"body":"about that"},"context":{"from":"15550783881","id":"wamid.photo"}`)),
		office.Webhook("messages", ana.Message("wamid.r", d.Now(), `"type":"reaction","reaction":{"message_id":"wamid.photo","emoji":"👍"}`)))
	byText := map[string]inbox.Message{}
	for _, m := range d.Messages(t, d.id) {
		byText[m.Content.Text] = m
	}
	photo, answer := byText["photo"], byText["about that"]
	if len(photo.Attachments) != 1 || photo.Attachments[0].MIMEType != "image/jpeg" || len(photo.Reactions) != 1 || photo.Reactions[0].Emoji != "👍" {
		t.Errorf("photo %+v", photo)
	}
	if answer.ReplyTo != photo.ID || answer.At.Unix() != at {
		t.Errorf("answer %+v", answer)
	}
}
