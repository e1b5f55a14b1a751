package notifications_test

import (
	"fmt"
	"maps"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/notifications"
)

// digest queues what is due and returns what was queued now.
func (d *desk) digest() []mailed {
	d.t.Helper()
	before := len(d.mails)
	n, err := d.Digest(d.t.Context())
	d.must(err)
	if n != len(d.mails)-before {
		d.t.Errorf("%d digests, %d mails", n, len(d.mails)-before)
	}
	return d.mails[before:]
}

func (d *desk) wantDigest(want ...string) {
	d.t.Helper()
	got := []string{}
	for _, m := range d.digest() {
		line := m.to + " " + m.language
		for _, k := range notifications.Kinds() {
			if n := m.data[string(k)]; n != "" {
				line += fmt.Sprintf(" %s %s", k, n)
			}
		}
		got = append(got, line)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		d.t.Errorf("digests %q, want %q", got, want)
	}
}

func TestDigestAtItsTime(t *testing.T) {
	d := newDesk(t)
	d.choose(d.bob, func(s *notifications.Settings) { s.Follow.Mail = notifications.Hourly })
	d.Exec(t, "UPDATE agents SET language = 'fr' WHERE id = $1::uuid", d.bob.ID)
	d.follow(d.bob)
	d.Office.At(time.Date(2026, 11, 2, 9, 7, 0, 0, time.UTC))
	d.note(d.ana, d.bob) // at the quarter
	d.note(d.ana, d.bob)
	d.write() // at the full hour
	d.derive()
	d.Office.At(time.Date(2026, 11, 2, 9, 14, 59, 0, time.UTC))
	d.wantDigest()
	d.Office.At(time.Date(2026, 11, 2, 9, 15, 0, 0, time.UTC))
	d.wantDigest("bob@example.org fr mention 2")
	d.wantDigest() // once
	d.note(d.ana, d.bob)
	d.derive()
	d.Office.At(time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC))
	d.wantDigest("bob@example.org fr mention 1 follow 1") // one mail of both
	d.Office.Forward(48 * time.Hour)
	d.wantDigest()
}

func TestDigestTellsOnlyCountsAndLinks(t *testing.T) {
	d := newDesk(t)
	d.choose(d.bob, func(s *notifications.Settings) { s.Follow.Mail = notifications.Immediately })
	d.follow(d.bob)
	d.write()
	d.derive()
	mails := d.digest()
	if len(mails) != 1 {
		t.Fatal(mails)
	}
	data := maps.Clone(mails[0].data)
	if !strings.HasPrefix(data["unsubscribe"], "https://guichet.example.com/mail/unsubscribe?token=") {
		t.Error(data["unsubscribe"])
	}
	delete(data, "unsubscribe")
	if want := map[string]string{"follow": "1", "name": "bob", "link": "https://guichet.example.com/"}; !maps.Equal(data, want) {
		t.Errorf("data %v, want %v", data, want)
	}
}

func TestDigestLeavesOut(t *testing.T) {
	for name, c := range map[string]func(d *desk){
		"what was read": func(d *desk) {
			d.must(d.Read(d.t.Context(), d.bob, notifications.Reading{UpTo: d.Office.Now()}))
		},
		"what may not be seen any more": func(d *desk) { d.Exec(d.t, "UPDATE accounts SET restricted = true") },
		"agents who left":               func(d *desk) { d.Exec(d.t, "UPDATE agents SET state = 'deactivated'") },
		"what mail was switched off for": func(d *desk) {
			d.choose(d.bob, func(s *notifications.Settings) { s.Mention.Mail = notifications.Off })
		},
		"what is old": func(d *desk) { d.Office.Forward(8 * 24 * time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			d.note(d.ana, d.bob)
			d.derive()
			c(d)
			d.Office.Forward(time.Hour)
			d.wantDigest()
			if n := d.Count(t, "SELECT count(*) FROM notification_facts WHERE mail_due_at IS NOT NULL"); n != 0 {
				t.Errorf("%d things still wait", n)
			}
		})
	}
}

func TestAnotherChoiceChangesWhenTheMailComes(t *testing.T) {
	d := newDesk(t)
	d.note(d.ana, d.bob)
	d.derive()
	d.choose(d.bob, func(s *notifications.Settings) { s.Mention.Mail, s.Hour = notifications.Daily, 12 })
	d.Office.At(time.Date(2026, 11, 2, 11, 59, 59, 0, time.UTC))
	d.wantDigest()
	d.Office.At(time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC))
	d.wantDigest("bob@example.org en mention 1")
}

// Two processes find the same agent due.
func TestOneMailFromManyProcesses(t *testing.T) {
	d := newDesk(t)
	d.note(d.ana, d.bob)
	d.derive()
	d.Office.Forward(time.Hour)
	var (
		all sync.WaitGroup
		mu  sync.Mutex
		n   int
	)
	for range 4 {
		all.Go(func() {
			queued, err := d.Digest(t.Context())
			mu.Lock()
			defer mu.Unlock()
			if n += queued; err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n != 1 || len(d.mails) != 1 {
		t.Errorf("%d digests, %d mails", n, len(d.mails))
	}
}

func TestWhenMailsAreDue(t *testing.T) {
	d := newDesk(t)
	for _, c := range []struct {
		mail notifications.Frequency
		hour int
		zone string
		now  string
		want string // UTC
	}{
		{notifications.Off, 8, "UTC", "2026-11-03T09:00:00Z", ""},
		{notifications.Immediately, 8, "UTC", "2026-11-03T09:00:07Z", "2026-11-03T09:00:07Z"},
		{notifications.Quarterly, 8, "UTC", "2026-11-03T09:00:00Z", "2026-11-03T09:15:00Z"},
		{notifications.Quarterly, 8, "UTC", "2026-11-03T09:59:59.999999Z", "2026-11-03T10:00:00Z"},
		{notifications.Quarterly, 8, "Asia/Kathmandu", "2026-11-03T09:01:00Z", "2026-11-03T09:15:00Z"},
		{notifications.Hourly, 8, "UTC", "2026-11-03T09:00:00Z", "2026-11-03T10:00:00Z"},
		{notifications.Hourly, 8, "Asia/Kathmandu", "2026-11-03T09:01:00Z", "2026-11-03T09:15:00Z"}, // 15:00 there
		{notifications.Daily, 8, "UTC", "2026-11-03T07:59:59Z", "2026-11-03T08:00:00Z"},
		{notifications.Daily, 8, "UTC", "2026-11-03T08:00:00Z", "2026-11-04T08:00:00Z"},
		{notifications.Daily, 0, "UTC", "2026-12-31T12:00:00Z", "2027-01-01T00:00:00Z"},
		{notifications.Daily, 8, "Europe/Bucharest", "2026-11-03T05:00:00Z", "2026-11-03T06:00:00Z"},
		{notifications.Daily, 23, "America/Los_Angeles", "2026-11-03T06:30:00Z", "2026-11-03T07:00:00Z"},
		// Clocks go forward on 29 March 2026: in Paris from 2 to 3.
		{notifications.Daily, 8, "Europe/Paris", "2026-03-28T07:00:00Z", "2026-03-29T06:00:00Z"},
		{notifications.Daily, 2, "Europe/Paris", "2026-03-28T23:30:00Z", "2026-03-29T01:00:00Z"}, // there is no 2: it is 3
		{notifications.Daily, 2, "Europe/Paris", "2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"},
		{notifications.Hourly, 2, "Europe/Paris", "2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z"},
		// They go back on 25 October: from 3 to 2, so 2 comes twice.
		{notifications.Daily, 2, "Europe/Paris", "2026-10-24T22:30:00Z", "2026-10-25T00:00:00Z"},
		{notifications.Daily, 2, "Europe/Paris", "2026-10-25T00:00:00Z", "2026-10-26T01:00:00Z"},
		{notifications.Daily, 2, "Europe/Paris", "2026-10-25T01:00:00Z", "2026-10-26T01:00:00Z"},
		{notifications.Daily, 3, "Europe/Paris", "2026-10-25T01:30:00Z", "2026-10-25T02:00:00Z"},
		// Midnight does not exist in Beirut on 29 March 2026; half an hour in Lord Howe.
		{notifications.Daily, 0, "Asia/Beirut", "2026-03-28T12:00:00Z", "2026-03-28T22:00:00Z"},
		{notifications.Daily, 2, "Australia/Lord_Howe", "2026-10-03T12:00:00Z", "2026-10-03T15:30:00Z"},
	} {
		now, err := time.Parse(time.RFC3339Nano, c.now)
		d.must(err)
		d.Office.At(now)
		d.Exec(t, "DELETE FROM notifications")
		d.choose(d.bob, func(s *notifications.Settings) { s.Mention.Mail, s.Hour, s.TimeZone = c.mail, c.hour, c.zone })
		d.note(d.ana, d.bob)
		d.derive()
		got := d.Text(t, `SELECT coalesce(to_char(mail_due_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), '') FROM notification_facts`)
		if got != c.want {
			t.Errorf("%s at %d in %s, at %s: due %q, want %q", c.mail, c.hour, c.zone, c.now, got, c.want)
		}
	}
}

func TestUnsubscribe(t *testing.T) {
	d := newDesk(t)
	d.choose(d.bob, func(s *notifications.Settings) { s.Hour = 17 })
	d.Exec(t, "UPDATE agents SET language = 'ro' WHERE id = $1::uuid", d.bob.ID)
	d.note(d.ana, d.bob)
	d.derive()
	d.Office.Forward(time.Hour)
	mails := d.digest()
	link, err := url.Parse(mails[0].data["unsubscribe"])
	d.must(err)
	token := link.Query().Get("token")
	if language, err := d.Subscriber(t.Context(), token); err != nil || language != "ro" {
		t.Errorf("%s, %v", language, err)
	}
	for _, bad := range []string{"", "x", token[:len(token)-2] + "AA", strings.Repeat("a", 5000)} {
		if _, err := d.Unsubscribe(t.Context(), bad); conversation.CodeOf(err) != conversation.CodeNotFound {
			t.Errorf("token %.10q: %v", bad, err)
		}
	}
	for range 2 { // mail programs may post twice
		if language, err := d.Unsubscribe(t.Context(), token); err != nil || language != "ro" {
			t.Fatalf("%s, %v", language, err)
		}
	}
	s, err := d.Settings(t.Context(), d.bob.Actor)
	d.must(err)
	off := notifications.Wish{InApp: true, Mail: notifications.Off}
	if s.Mention != off || s.Assignment != off || s.Follow != off || s.Hour != 17 {
		t.Errorf("%+v", s)
	}
	d.note(d.ana, d.bob)
	d.want(d.bob, "note_added: mention 2")
	d.Office.Forward(time.Hour)
	d.wantDigest()
	d.Exec(t, "DELETE FROM agents WHERE id = $1::uuid", d.bob.ID)
	if _, err := d.Unsubscribe(t.Context(), token); conversation.CodeOf(err) != conversation.CodeNotFound {
		t.Errorf("somebody who is gone: %v", err)
	}
}
