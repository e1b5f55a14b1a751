package notifications_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/feed"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/notifications"
)

func TestMention(t *testing.T) {
	d := newDesk(t)
	d.note(d.ana, d.bob)
	d.want(d.bob, "note_added: mention 1")
	d.want(d.ana)
	entries, _, err := d.List(t.Context(), d.bob, notifications.Filter{Limit: 10})
	d.must(err)
	e := entries[0]
	if e.ConversationID != d.id || e.AccountID != d.Account.ID || e.ContactName != elise.Name || e.Latest.Actor != d.ana.Actor || !e.ChangedAt.Equal(d.Office.Now()) {
		t.Errorf("%+v", e)
	}
}

func TestAssignment(t *testing.T) {
	d := newDesk(t)
	none := ""
	team := d.Team(t, "Support")
	d.Exec(t, "INSERT INTO team_members SELECT $1::uuid, id FROM agents", team)
	d.assign(d.ana, &d.bob.ID, nil)
	d.want(d.bob, "assigned: assignment 1")
	d.assign(d.ana, nil, &team) // the agent stays: no news to anybody
	d.want(d.bob, "assigned: assignment 1")
	d.assign(d.ana, &none, nil) // now the team has it
	d.want(d.bob, "assigned: assignment 2")
	d.want(d.ana)
	_, err := d.Inbox.Attend(t.Context(), d.ana, d.id)
	d.must(err)
	d.want(d.ana)
	d.assign(conversation.Actor{Kind: conversation.ActorRule, ID: "1"}.Everywhere(), &d.bob.ID, nil)
	d.want(d.bob, "assigned: assignment 3")
}

// A rule calls agents and teams; a question about a wish goes to whoever has the conversation.
func TestCallsOfTheAutomation(t *testing.T) {
	d := newDesk(t)
	team := d.Team(t, "Support")
	d.Exec(t, "INSERT INTO team_members SELECT $1::uuid, id FROM agents WHERE name = 'bob'", team)
	happens := func(kind conversation.EventKind, data conversation.EventData) {
		d.Edit(t, d.id, func(_ context.Context, _ bun.Tx, row *ledger.Row) error {
			row.Append(conversation.Event{Kind: kind, Actor: conversation.Actor{Kind: conversation.ActorRule, ID: "1"}, At: d.Office.Now(), Data: data})
			return nil
		})
	}
	happens(conversation.EventNotified, conversation.EventData{Mentions: []string{d.ana.ID}, Teams: []string{team}})
	d.want(d.ana, "notified: mention 1")
	d.want(d.bob, "notified: mention 1")
	happens(conversation.EventConsentAsked, conversation.EventData{}) // nobody has it
	d.want(d.ana, "notified: mention 1")
	none := ""
	d.assign(d.ana, &none, &team)
	d.want(d.bob, "assigned: assignment 1, mention 1")
	happens(conversation.EventConsentAsked, conversation.EventData{})
	d.want(d.bob, "consent_asked: assignment 2, mention 1")
	d.assign(d.ana, &d.ana.ID, nil)
	happens(conversation.EventConsentAsked, conversation.EventData{})
	d.want(d.ana, "consent_asked: assignment 1, mention 1")
	d.want(d.bob, "consent_asked: assignment 2, mention 1")
}

func TestFollow(t *testing.T) {
	d := newDesk(t)
	d.write() // before anybody follows
	d.want(d.bob)
	d.follow(d.bob)
	d.follow(d.ana)
	d.write()
	d.want(d.bob, "message_received: follow 1")
	_, err := d.Inbox.Done(t.Context(), d.ana, d.id)
	d.must(err)
	d.want(d.bob, "done: follow 2")
	d.want(d.ana, "message_received: follow 1")
	d.Office.Forward(time.Minute)
	d.write() // which reopens: one piece of news, not two
	d.want(d.ana, "message_received: follow 2")
	d.assign(d.ana, &d.ana.ID, nil)
	d.note(d.ana)
	d.want(d.bob, "note_added: follow 5")
	_, err = d.Inbox.Snooze(t.Context(), d.ana, d.id, d.Office.Now().Add(time.Hour))
	d.must(err)
	d.want(d.bob, "note_added: follow 5")
}

// Of several reasons the strongest counts, and those that the agent does not want do not.
func TestOneReason(t *testing.T) {
	d := newDesk(t)
	d.follow(d.bob)
	d.note(d.ana, d.bob)
	d.want(d.bob, "note_added: mention 1")
	d.choose(d.bob, func(s *notifications.Settings) { s.Mention.InApp = false })
	d.note(d.ana, d.bob)
	d.want(d.bob, "note_added: follow 1, mention 1")
	d.choose(d.bob, func(s *notifications.Settings) { s.Follow.InApp = false })
	d.note(d.ana, d.bob)
	d.want(d.bob, "note_added: follow 1, mention 1")
}

func TestEntriesGatherUntilRead(t *testing.T) {
	d := newDesk(t)
	d.note(d.ana, d.bob)
	d.derive()
	seen := d.Office.Now()
	d.Office.Forward(time.Second)
	d.note(d.ana, d.bob)
	d.derive()
	d.must(d.Read(t.Context(), d.bob, notifications.Reading{UpTo: seen})) // it has changed since
	d.want(d.bob, "note_added: mention 2")
	d.must(d.Read(t.Context(), d.bob, notifications.Reading{UpTo: d.Office.Now()}))
	d.want(d.bob, "note_added: mention 2 (read)")
	d.Office.Forward(time.Second)
	d.note(d.ana, d.bob)
	d.want(d.bob, "note_added: mention 1", "note_added: mention 2 (read)")
	entries, _, err := d.List(t.Context(), d.bob, notifications.Filter{Limit: 10, Unread: true})
	d.must(err)
	if n, err := d.Unread(t.Context(), d.bob); err != nil || n != 1 || len(entries) != 1 {
		t.Errorf("%d unread, %d listed, %v", n, len(entries), err)
	}
	d.must(d.Read(t.Context(), d.ana, notifications.Reading{IDs: []string{entries[0].ID}})) // not hers
	d.want(d.bob, "note_added: mention 1", "note_added: mention 2 (read)")
	d.must(d.Read(t.Context(), d.bob, notifications.Reading{IDs: []string{entries[0].ID}}))
	d.want(d.bob, "note_added: mention 1 (read)", "note_added: mention 2 (read)")
	if err := d.Read(t.Context(), d.bob, notifications.Reading{}); conversation.CodeOf(err) != conversation.CodeInvalid {
		t.Errorf("reading nothing: %v", err)
	}
}

func TestRepeatWritesNothing(t *testing.T) {
	d := newDesk(t)
	d.follow(d.bob)
	d.note(d.ana, d.bob)
	d.write()
	before := d.place
	d.derive()
	d.must(d.Read(t.Context(), d.bob, notifications.Reading{UpTo: d.Office.Now()}))
	d.deriveFrom(before)
	d.want(d.bob, "message_received: follow 1, mention 1 (read)")
}

func TestAgentsAreToldOfChanges(t *testing.T) {
	d := newDesk(t)
	d.note(d.ana, d.bob)
	d.derive()
	d.must(d.Read(t.Context(), d.bob, notifications.Reading{UpTo: d.Office.Now()}))
	const changes = "SELECT string_agg(subject_id || ' ' || agent_id, ',' ORDER BY id) FROM changes WHERE kind = $1"
	id := d.Text(t, "SELECT id::text FROM notifications")
	if got, want := d.Text(t, changes, string(feed.ChangeNotification)), id+" "+d.bob.ID+","+d.bob.ID+" "+d.bob.ID; got != want {
		t.Errorf("changes %q, want %q", got, want)
	}
}

func TestUnseenAccounts(t *testing.T) {
	d := newDesk(t)
	d.follow(d.bob)
	d.write()
	d.want(d.bob, "message_received: follow 1")
	d.Exec(t, "UPDATE accounts SET restricted = true")
	blind := conversation.Caller{Actor: d.bob.Actor}
	d.want(blind) // what he was told before is gone too
	if n, err := d.Unread(t.Context(), blind); err != nil || n != 0 {
		t.Errorf("%d unread, %v", n, err)
	}
	d.must(d.Read(t.Context(), blind, notifications.Reading{UpTo: d.Office.Now()}))
	d.write()
	all := d.Team(t, "All")
	d.Exec(t, "INSERT INTO team_members VALUES ($1::uuid, $2::uuid)", all, d.bob.ID)
	d.assign(d.ana, nil, &all)
	d.want(d.bob, "message_received: follow 1") // nothing new
	team := d.Team(t, "Few")
	d.Exec(t, "INSERT INTO team_members VALUES ($1::uuid, $2::uuid)", team, d.bob.ID)
	d.Exec(t, "INSERT INTO account_viewers (account_id, team_id) SELECT id, $1::uuid FROM accounts", team)
	d.write()
	d.want(d.bob, "message_received: follow 2")
	d.Exec(t, "DELETE FROM account_viewers")
	d.Exec(t, "INSERT INTO account_viewers (account_id, agent_id) SELECT id, $1::uuid FROM accounts", d.bob.ID)
	d.write()
	d.want(d.bob, "message_received: follow 3")
	d.Exec(t, "UPDATE agents SET state = 'deactivated'")
	d.write()
	d.want(d.bob, "message_received: follow 3")
}

func TestBlockedContactIsNoNews(t *testing.T) {
	d := newDesk(t)
	d.follow(d.bob)
	event := feed.Event{ConversationID: d.id, AccountID: d.Account.ID}
	event.Kind, event.Seq, event.Actor = conversation.EventMessageReceived, 1000, conversation.Actor{Kind: conversation.ActorContact}
	event.Data.Blocked = true
	d.apply(event)
	d.want(d.bob)
	event.Data.Blocked = false
	d.apply(event)
	d.want(d.bob, "message_received: follow 1")
}

func TestPages(t *testing.T) {
	d := newDesk(t)
	const n = 120
	for i := range n {
		d.Exec(t, `INSERT INTO notifications (id, agent_id, conversation_id, account_id, created_at, changed_at)
			SELECT gen_random_uuid(), $1::uuid, $2::uuid, $3::uuid, $4, $4`, d.bob.ID, d.id, d.Account.ID, d.Office.Now().Add(time.Duration(i/3)*time.Second))
		if i < n-1 {
			d.Exec(t, "UPDATE notifications SET read_at = now() WHERE read_at IS NULL")
		}
	}
	seen := map[string]bool{}
	var before notifications.Place
	pages := 0
	for {
		entries, next, err := d.List(t.Context(), d.bob, notifications.Filter{Limit: 50, Before: before})
		d.must(err)
		for i, e := range entries {
			if seen[e.ID] || i > 0 && e.ChangedAt.After(entries[i-1].ChangedAt) {
				t.Fatalf("entry %d of page %d again or out of order", i, pages)
			}
			seen[e.ID] = true
		}
		pages++
		if before = next; next == (notifications.Place{}) {
			break
		}
	}
	if len(seen) != n || pages != 3 {
		t.Errorf("%d entries on %d pages", len(seen), pages)
	}
}

func TestUnreadIsCountedToNinetyNineAndMore(t *testing.T) {
	d := newDesk(t)
	d.Exec(t, `INSERT INTO notifications (id, agent_id, conversation_id, account_id, created_at, changed_at)
		SELECT gen_random_uuid(), $1::uuid, gen_random_uuid(), $2::uuid, now(), now() FROM generate_series(1, 150)`, d.bob.ID, d.Account.ID)
	if n, err := d.Unread(t.Context(), d.bob); err != nil || n != notifications.MostUnread+1 {
		t.Errorf("%d unread, %v", n, err)
	}
}

func TestPrograms(t *testing.T) {
	d := newDesk(t)
	program := conversation.Actor{Kind: conversation.ActorToken, ID: "x"}.Everywhere()
	_, _, listed := d.List(t.Context(), program, notifications.Filter{Limit: 1})
	_, counted := d.Unread(t.Context(), program)
	_, read := d.Settings(t.Context(), program.Actor)
	_, chosen := d.Choose(t.Context(), program.Actor, notifications.Defaults())
	for i, err := range []error{listed, counted, read, chosen, d.Read(t.Context(), program, notifications.Reading{UpTo: time.Now()})} {
		if conversation.CodeOf(err) != conversation.CodeNotFound {
			t.Errorf("%d: %v", i, err)
		}
	}
}

func TestBadSettings(t *testing.T) {
	d := newDesk(t)
	for field, change := range map[string]func(*notifications.Settings){
		"time_zone":    func(s *notifications.Settings) { s.TimeZone = "Mars/Olympus" },
		"hour":         func(s *notifications.Settings) { s.Hour = 24 },
		"mention.mail": func(s *notifications.Settings) { s.Mention.Mail = "often" },
	} {
		for _, local := range []bool{false, true} {
			s := notifications.Defaults()
			change(&s)
			if local && field == "time_zone" {
				s.TimeZone = "Local"
			}
			_, err := d.Choose(t.Context(), d.bob.Actor, s)
			if conversation.CodeOf(err) != conversation.CodeInvalid || fmt.Sprint(err) == "" {
				t.Errorf("%s: %v", field, err)
			}
		}
	}
	if got, err := d.Settings(t.Context(), d.bob.Actor); err != nil || got != notifications.Defaults() {
		t.Errorf("%+v, %v", got, err)
	}
}
