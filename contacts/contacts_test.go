package contacts_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/contacts"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/internal/testkit"
	"guichet.dev/guichet/postgres"
)

var start = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)

func at(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }

// book is the contacts of one test.
type book struct {
	t  *testing.T
	db *bun.DB
}

func open(t *testing.T) book {
	t.Helper()
	t.Parallel()
	return book{t, testkit.Database(t)}
}

func id(kind conversation.IdentityKind, key string) conversation.Identity {
	return conversation.Identity{Kind: kind, Key: key, Address: key}
}

func number(key string) conversation.Identity { return id(conversation.WhatsAppID, key) }
func user(key string) conversation.Identity   { return id(conversation.UserID, key) }
func handle(key string) conversation.Identity { return id(conversation.Username, key) }

func seen(minute int, name string, ids ...conversation.Identity) contacts.Sighting {
	return contacts.Sighting{Channel: conversation.WhatsApp, At: at(minute), Person: conversation.Person{Name: name, Identities: ids}}
}

func (b book) resolve(sightings ...contacts.Sighting) contacts.Resolution {
	b.t.Helper()
	res, err := b.try(b.t.Context(), sightings...)
	if err != nil {
		b.t.Fatal(err)
	}
	return res
}

func (b book) try(ctx context.Context, sightings ...contacts.Sighting) (res contacts.Resolution, err error) {
	err = postgres.InTx(ctx, b.db, func(ctx context.Context, tx bun.Tx) (err error) {
		res, err = contacts.Resolve(ctx, tx, sightings, at(0))
		return err
	})
	return res, err
}

// again resolves as callers do, until no other transaction is in the way.
func (b book) again(sightings ...contacts.Sighting) contacts.Resolution {
	for {
		res, err := b.try(b.t.Context(), sightings...)
		if errors.Is(err, contacts.ErrRace) {
			continue
		}
		if err != nil {
			b.t.Error(err)
		}
		return res
	}
}

func (b book) text(query string, args ...any) string {
	b.t.Helper()
	var s string
	if err := b.db.DB.QueryRowContext(b.t.Context(), query, args...).Scan(&s); err != nil {
		b.t.Fatalf("%s: %v", query, err)
	}
	return s
}

// identities describes all identities: kind, key, address, whose and whether given up. Contacts are numbered by age.
func (b book) identities() string {
	return b.text(`WITH n AS (SELECT id, row_number() OVER (ORDER BY created_at, id) FROM contacts)
		SELECT coalesce(string_agg(kind || ' ' || key || CASE WHEN key <> address THEN '=' || address ELSE '' END || ' of ' || row_number
			|| CASE WHEN retired_at IS NULL THEN '' ELSE ' until ' || extract(epoch FROM retired_at - $1)::int / 60 END, ', ' ORDER BY kind DESC, key), '')
		FROM identities JOIN n ON n.id = contact_id`, start)
}

func (b book) names() string {
	return b.text("SELECT coalesce(string_agg(name || CASE WHEN merged_into IS NULL THEN '' ELSE ' (merged)' END, ', ' ORDER BY created_at, id), '') FROM contacts")
}

func TestResolve(t *testing.T) {
	b := open(t)
	known := func(s contacts.Sighting) contacts.Sighting { s.OnlyKnown = true; return s }
	replacing := func(s contacts.Sighting, gone ...conversation.Identity) contacts.Sighting {
		s.Replaced = gone
		return s
	}
	variant := func(key, address string) conversation.Identity {
		return conversation.Identity{Kind: conversation.WhatsAppID, Key: key, Address: address}
	}
	for _, c := range []struct {
		name       string
		steps      []contacts.Sighting
		identities string
		names      string
		last       string // the contact of the last sighting by its number, "" for nobody
	}{
		{"new", []contacts.Sighting{seen(1, "Ana", number("1"), user("A"))}, "wa_id 1 of 1, user_id A of 1", "Ana", "1"},
		{"known by the first id", []contacts.Sighting{seen(1, "Ana", number("1"), user("A")), seen(2, "Ana", number("1"))}, "wa_id 1 of 1, user_id A of 1", "Ana", "1"},
		{"known by the second id", []contacts.Sighting{seen(1, "Ana", number("1"), user("A")), seen(2, "Ana", user("A"))}, "wa_id 1 of 1, user_id A of 1", "Ana", "1"},
		{"learns an id", []contacts.Sighting{seen(1, "Ana", number("1")), seen(2, "", number("1"), user("A"))}, "wa_id 1 of 1, user_id A of 1", "Ana", "1"},
		{"newer name", []contacts.Sighting{seen(1, "Ana", number("1")), seen(2, "Ana P.", number("1"))}, "wa_id 1 of 1", "Ana P.", "1"},
		{"older name", []contacts.Sighting{seen(2, "Ana P.", number("1")), seen(1, "Ana", number("1"))}, "wa_id 1 of 1", "Ana P.", "1"},
		{"strangers", []contacts.Sighting{seen(1, "Ana", number("1")), seen(2, "Ion", number("2"))}, "wa_id 1 of 1, wa_id 2 of 2", "Ana, Ion", "2"},
		{"two prove to be one", []contacts.Sighting{seen(1, "Ana", number("1")), seen(2, "A.", user("A")), seen(3, "", number("1"), user("A"))},
			"wa_id 1 of 1, user_id A of 1", "A., A. (merged)", "1"},
		{"three prove to be one", []contacts.Sighting{seen(1, "x", number("1")), seen(2, "y", user("A")), seen(3, "z", id(conversation.ParentUserID, "P")),
			seen(4, "", number("1"), user("A"), id(conversation.ParentUserID, "P"))},
			"wa_id 1 of 1, user_id A of 1, parent_user_id P of 1", "z, y (merged), z (merged)", "1"},
		{"found by what was merged", []contacts.Sighting{seen(1, "Ana", number("1")), seen(2, "A.", user("A")), seen(3, "", number("1"), user("A")), seen(4, "", user("A"))},
			"wa_id 1 of 1, user_id A of 1", "A., A. (merged)", "1"},
		{"a username is no proof", []contacts.Sighting{seen(1, "Ana", number("1"), handle("h")), seen(2, "Ion", number("2"), handle("h"))},
			"wa_id 1 of 1, wa_id 2 of 2, username h of 2", "Ana, Ion", "2"},
		{"a username moves by the provider's time", []contacts.Sighting{seen(2, "Ion", number("2"), handle("h")), seen(1, "Ana", number("1"), handle("h"))},
			"wa_id 1 of 2, wa_id 2 of 1, username h of 1", "Ion, Ana", "2"},
		{"another variant of the address", []contacts.Sighting{seen(1, "Ana", variant("551187654321", "5511987654321")), seen(2, "", variant("551187654321", "551187654321"))},
			"wa_id 551187654321 of 1", "Ana", "1"},
		{"only known: a stranger", []contacts.Sighting{seen(1, "Ana", number("1")), known(seen(2, "Ion", number("2"), user("B")))}, "wa_id 1 of 1", "Ana", ""},
		{"only known: proves two to be one", []contacts.Sighting{seen(1, "Ana", number("1")), seen(2, "A.", user("A")), known(seen(3, "", number("1"), user("A")))},
			"wa_id 1 of 1, user_id A of 1", "A., A. (merged)", "1"},
		{"a number is given up", []contacts.Sighting{seen(1, "Luc", number("1")), replacing(seen(5, "", number("2")), number("1"))}, "wa_id 1 of 1 until 5, wa_id 2 of 1", "Luc", "1"},
		{"whoever has it later is somebody else", []contacts.Sighting{seen(1, "Luc", number("1")), replacing(seen(5, "", number("2")), number("1")), seen(9, "Zoé", number("1"))},
			"wa_id 1 of 2, wa_id 2 of 1", "Luc, Zoé", "2"},
		{"what was written before is still theirs", []contacts.Sighting{seen(1, "Luc", number("1")), replacing(seen(5, "", number("2")), number("1")), seen(4, "", number("1"))},
			"wa_id 1 of 1 until 5, wa_id 2 of 1", "Luc", "1"},
		{"the change comes first", []contacts.Sighting{replacing(seen(5, "", number("2")), number("1")), seen(1, "Luc", number("1"))}, "wa_id 1 of 1 until 5, wa_id 2 of 1", "Luc", "1"},
		{"a repeated change makes nobody one", []contacts.Sighting{seen(1, "Luc", number("1")), replacing(seen(5, "", number("2")), number("1")), seen(9, "Zoé", number("1")),
			replacing(seen(5, "", number("2")), number("1"))}, "wa_id 1 of 2, wa_id 2 of 1", "Luc, Zoé", "1"},
		{"a receipt does not give a number back", []contacts.Sighting{seen(1, "Luc", number("1"), user("A")), replacing(seen(5, "", number("2"), user("B")), number("1"), user("A")),
			known(seen(6, "", number("1"), user("B")))}, "wa_id 1 of 1 until 5, wa_id 2 of 1, user_id A of 1 until 5, user_id B of 1", "Luc", "1"},
		{"an old receipt makes nobody one", []contacts.Sighting{seen(1, "Luc", number("1"), user("A")), replacing(seen(5, "", number("2"), user("B")), number("1"), user("A")),
			seen(9, "Zoé", number("1")), known(seen(6, "", number("1"), user("B")))},
			"wa_id 1 of 2, wa_id 2 of 1, user_id A of 1 until 5, user_id B of 1", "Luc, Zoé", "1"},
	} {
		for _, batch := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, in one batch %t", c.name, batch), func(t *testing.T) {
				b := book{t, b.db}
				if _, err := b.db.DB.ExecContext(t.Context(), "DELETE FROM identities; DELETE FROM contacts"); err != nil {
					t.Fatal(err)
				}
				last := ""
				if batch {
					res := b.resolve(c.steps...)
					last = res.Contacts[len(c.steps)-1]
				} else {
					for i, s := range c.steps {
						last = b.resolve(s).Contacts[0]
						// Contacts made later must be later.
						if _, err := b.db.DB.ExecContext(t.Context(), "UPDATE contacts SET created_at = $1 WHERE created_at = $2", at(i-100), at(0)); err != nil {
							t.Fatal(err)
						}
					}
				}
				if batch && strings.Contains(c.names, "merged") {
					return // contacts of one batch have no age that a test could foretell
				}
				if got := b.identities(); got != c.identities {
					t.Errorf("identities\n%s\nwant\n%s", got, c.identities)
				}
				if got := b.names(); got != c.names {
					t.Errorf("names %q, want %q", got, c.names)
				}
				if last != "" {
					last = b.text("SELECT (SELECT count(*) FROM contacts o WHERE (o.created_at, o.id) <= (c.created_at, c.id))::text FROM contacts c WHERE id = $1::uuid", last)
				}
				if last != c.last {
					t.Errorf("the last is contact %q, want %q", last, c.last)
				}
			})
		}
	}
}

func TestBatchFollowsItsMerges(t *testing.T) {
	b := open(t)
	res := b.resolve(seen(1, "Ana", number("1")), seen(2, "A.", user("A")), seen(3, "", number("1"), user("A")), contacts.Sighting{
		Channel: conversation.WhatsApp, At: at(4), OnlyKnown: true, Person: conversation.Person{Identities: []conversation.Identity{number("2")}}})
	if res.Contacts[0] == "" || res.Contacts[1] != res.Contacts[0] || res.Contacts[2] != res.Contacts[0] || res.Contacts[3] != "" || len(res.Merges) != 1 {
		t.Errorf("%+v", res)
	}
	if got := b.resolve(); len(got.Contacts) != 0 || len(got.Merges) != 0 {
		t.Errorf("of nobody: %+v", got)
	}
}

func TestPhoneIsKept(t *testing.T) {
	b := open(t)
	s := seen(1, "Ana", number("1"))
	s.Person.Phone = "+1"
	b.resolve(s)
	s.Person.Phone, s.At = "+2", at(2)
	b.resolve(s)
	if got := b.text("SELECT phone FROM contacts"); got != "+1" {
		t.Errorf("phone %s", got)
	}
}

// TestConcurrentSightings has many transactions see one person under changing names: the newest by the provider's time stays.
func TestConcurrentSightings(t *testing.T) {
	b := open(t)
	const n = 40
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			minute := (i * 7) % n
			b.again(seen(minute, fmt.Sprintf("name %d", minute), number("1"), user("A")))
		})
	}
	wg.Wait()
	if got, want := b.names(), fmt.Sprintf("name %d", n-1); got != want {
		t.Errorf("names %q, want %q", got, want)
	}
}

// TestConcurrentMerges has many transactions prove at once that two contacts are one.
func TestConcurrentMerges(t *testing.T) {
	b := open(t)
	for i := range 3 {
		a, u := number(fmt.Sprint(i)), user(fmt.Sprint(i))
		b.resolve(seen(1, "Ana", a))
		b.resolve(seen(2, "A.", u))
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() { b.again(seen(3, "", a, u)) })
		}
		wg.Wait()
	}
	if n := b.text("SELECT count(*)::text FROM contacts WHERE merged_into IS NULL"); n != "3" {
		t.Errorf("%s contacts are left", n)
	}
}

func TestOlderNameDoesNotOvertakeOne(t *testing.T) {
	b := open(t)
	b.resolve(seen(1, "first", number("1")))
	tx, err := b.db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := contacts.Resolve(t.Context(), tx, []contacts.Sighting{seen(3, "newest", number("1"))}, at(0)); err != nil {
		t.Fatal(err)
	}
	got := make(chan contacts.Resolution, 1)
	go func() { got <- b.again(seen(2, "older", number("1"))) }()
	testkit.Eventually(t, 10*time.Second, b.blocked)
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	<-got
	if name := b.names(); name != "newest" {
		t.Errorf("name %q", name)
	}
}

func TestRaceIsTold(t *testing.T) {
	b := open(t)
	tx, err := b.db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := contacts.Resolve(t.Context(), tx, []contacts.Sighting{seen(1, "Ana", number("1"))}, at(0)); err != nil {
		t.Fatal(err)
	}
	got := make(chan error, 1)
	go func() {
		_, err := b.try(t.Context(), seen(1, "Ana", number("1")))
		got <- err
	}()
	testkit.Eventually(t, 10*time.Second, b.blocked)
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := <-got; !errors.Is(err, contacts.ErrRace) {
		t.Errorf("error %v, want ErrRace", err)
	}
	if got := b.names(); got != "Ana" {
		t.Errorf("names %q", got)
	}
}

// blocked returns nil once a session waits for a lock.
func (b book) blocked() error {
	if b.text("SELECT count(*)::text FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") == "0" {
		return errors.New("nobody waits for a lock")
	}
	return nil
}

// TestNobodyFindsAContactThatIsBeingMerged looks up a contact while another transaction merges it into another: what is
// written for it afterwards would be lost to the person.
func TestNobodyFindsAContactThatIsBeingMerged(t *testing.T) {
	b := open(t)
	survivor := b.resolve(seen(1, "Ana", number("1"))).Contacts[0]
	if _, err := b.db.DB.ExecContext(t.Context(), "UPDATE contacts SET created_at = $1", at(-1)); err != nil {
		t.Fatal(err)
	}
	b.resolve(seen(2, "A.", user("A")))
	tx, err := b.db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if res, err := contacts.Resolve(t.Context(), tx, []contacts.Sighting{seen(3, "", number("1"), user("A"))}, at(0)); err != nil || len(res.Merges) != 1 {
		t.Fatal(res, err)
	}
	got := make(chan string, 1)
	go func() { got <- b.again(seen(4, "", user("A"))).Contacts[0] }()
	testkit.Eventually(t, 10*time.Second, b.blocked)
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if found := <-got; found != survivor {
		t.Errorf("found %s, want the survivor %s", found, survivor)
	}
}

// TestAMergeWaitsForThoseWhoUseTheContact is the other order of the same race.
func TestAMergeWaitsForThoseWhoUseTheContact(t *testing.T) {
	b := open(t)
	b.resolve(seen(1, "Ana", number("1")))
	b.resolve(seen(2, "A.", user("A")))
	tx, err := b.db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := contacts.Resolve(t.Context(), tx, []contacts.Sighting{seen(4, "", user("A"))}, at(0)); err != nil {
		t.Fatal(err)
	}
	got := make(chan contacts.Resolution, 1)
	go func() { got <- b.again(seen(3, "", number("1"), user("A"))) }()
	testkit.Eventually(t, 10*time.Second, b.blocked)
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if res := <-got; len(res.Merges) != 1 {
		t.Errorf("%+v", res)
	}
}

// wish is one entry of the ledger in a test.
type wish struct {
	minute int
	scope  conversation.ConsentScope
	state  conversation.ConsentState
}

func (b book) change(contact, key string, w wish) bool {
	b.t.Helper()
	var isNew bool
	err := postgres.InTx(b.t.Context(), b.db, func(ctx context.Context, tx bun.Tx) (err error) {
		if err := contacts.Lock(ctx, tx, []string{contact}); err != nil {
			return err
		}
		isNew, err = contacts.ChangeConsent(ctx, tx, contacts.Change{
			ConsentChange: conversation.ConsentChange{Scope: w.scope, State: w.state, Source: conversation.SourceKeyword, At: at(w.minute)},
			ContactID:     contact, Channel: conversation.WhatsApp, Actor: conversation.Actor{Kind: conversation.ActorContact}, Key: key,
		}, at(0))
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return isNew
}

func (b book) standing(contact string) conversation.Consent {
	b.t.Helper()
	c, err := contacts.Standing(b.t.Context(), b.db, contact, conversation.WhatsApp)
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

func TestStandingConsent(t *testing.T) {
	b := open(t)
	const in, out, unknown = conversation.ConsentOptedIn, conversation.ConsentOptedOut, conversation.ConsentUnknown
	const all, marketing = conversation.ScopeAll, conversation.ScopeMarketing
	for _, c := range []struct {
		name           string
		wishes         []wish
		all, marketing conversation.ConsentState
		at             int
	}{
		{"none", nil, unknown, unknown, 0},
		{"stop", []wish{{1, all, out}}, out, unknown, 1},
		{"stop, start", []wish{{1, all, out}, {2, all, in}}, in, unknown, 2},
		{"start, stop", []wish{{1, all, in}, {2, all, out}}, out, unknown, 2},
		{"of two at one time the stop", []wish{{1, all, in}, {1, all, out}}, out, unknown, 1},
		{"scopes by themselves", []wish{{1, marketing, out}, {2, all, in}}, in, out, 2},
		{"back and forth", []wish{{1, all, out}, {2, all, in}, {3, all, out}}, out, unknown, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := book{t, b.db}
			for i := range max(1, len(c.wishes)) { // every rotation, and backwards: the order of arrival does not matter
				for _, backwards := range []bool{false, true} {
					contact := b.resolve(seen(1, "N", number(fmt.Sprint(c.name, i, backwards)))).Contacts[0]
					order := slices.Concat(c.wishes[min(i, len(c.wishes)):], c.wishes[:min(i, len(c.wishes))])
					if backwards {
						slices.Reverse(order)
					}
					for _, w := range order {
						b.change(contact, "", w)
					}
					got := b.standing(contact)
					if got.All != c.all || got.Marketing != c.marketing || (c.at == 0) != got.AllAt.IsZero() || c.at > 0 && !got.AllAt.Equal(at(c.at)) {
						t.Errorf("%v: %+v", order, got)
					}
				}
			}
		})
	}
}

func TestRepeatedChangeWritesNothing(t *testing.T) {
	b := open(t)
	contact := b.resolve(seen(1, "Ana", number("1"))).Contacts[0]
	w := wish{1, conversation.ScopeAll, conversation.ConsentOptedOut}
	if !b.change(contact, "k", w) || b.change(contact, "k", w) || !b.change(contact, "", w) {
		t.Error("a change is new when its key is, or when it has none")
	}
	if n := b.text("SELECT count(*)::text FROM consent_changes"); n != "2" {
		t.Errorf("%s entries", n)
	}
}

func TestMergeMovesTheLedger(t *testing.T) {
	b := open(t)
	first := b.resolve(seen(1, "Ana", number("1"))).Contacts[0]
	second := b.resolve(seen(2, "A.", user("A"))).Contacts[0]
	third := b.resolve(seen(2, "B.", id(conversation.ParentUserID, "P"))).Contacts[0]
	b.change(first, "", wish{3, conversation.ScopeAll, conversation.ConsentOptedIn})
	b.change(second, "", wish{4, conversation.ScopeAll, conversation.ConsentOptedOut})
	b.change(third, "", wish{5, conversation.ScopeMarketing, conversation.ConsentOptedOut})
	res := b.resolve(seen(9, "", number("1"), user("A")))
	survivor := b.resolve(seen(10, "", number("1"), id(conversation.ParentUserID, "P"))).Contacts[0]
	if len(res.Merges) != 1 {
		t.Fatalf("%+v", res)
	}
	got := b.standing(survivor)
	if got.All != conversation.ConsentOptedOut || got.Marketing != conversation.ConsentOptedOut || !got.AllAt.Equal(at(4)) {
		t.Errorf("standing %+v", got)
	}
	for _, c := range []string{first, second, third} {
		if c == survivor {
			continue
		}
		if got := b.standing(c); got.All != conversation.ConsentUnknown || got.Marketing != conversation.ConsentUnknown {
			t.Errorf("a merged contact still has consent %+v", got)
		}
		if into := b.text("SELECT merged_into::text FROM contacts WHERE id = $1::uuid", c); into != survivor {
			t.Errorf("merged into %s, want %s", into, survivor)
		}
	}
	if n := b.text("SELECT count(*)::text FROM consent_changes WHERE contact_id = $1::uuid", survivor); n != "3" {
		t.Errorf("%s entries moved", n)
	}
}

func TestIdentitiesToSendTo(t *testing.T) {
	b := open(t)
	s := seen(5, "Luc", handle("h"), user("A"), number("2"))
	s.Replaced = []conversation.Identity{number("1")}
	contact := b.resolve(seen(1, "Luc", number("1")), s).Contacts[1]
	list, err := contacts.Identities(t.Context(), b.db, contact, conversation.WhatsApp)
	if err != nil {
		t.Fatal(err)
	}
	if want := []conversation.Identity{number("2"), user("A"), handle("h")}; !slices.Equal(list, want) {
		t.Errorf("identities %v, want %v", list, want)
	}
}
