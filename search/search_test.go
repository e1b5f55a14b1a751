package search_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/feed"
	"guichet.dev/guichet/internal/testkit"
	"guichet.dev/guichet/internal/testkit/office"
	"guichet.dev/guichet/notes"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/search"
)

type desk struct {
	*office.Office
	search *search.Store
	maria  conversation.Caller
}

// open opens an office whose events are applied to the search in the background.
func open(t *testing.T) *desk {
	t.Helper()
	t.Parallel()
	o := office.Open(t)
	d := &desk{Office: o, search: search.NewStore(o.DB), maria: o.Agent(t, "maria")}
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		c := feed.Consumer{Name: search.Consumer, DB: o.DB, Apply: search.Apply, Changes: true, Logger: testkit.Logger(t), Poll: 10 * time.Millisecond}
		if err := c.Run(ctx); err != nil {
			t.Errorf("consumer: %v", err)
		}
	})
	t.Cleanup(func() { stop(); wg.Wait() })
	return d
}

// settled waits until everything that happened is searched.
func (d *desk) settled(t *testing.T) {
	t.Helper()
	testkit.Eventually(t, 20*time.Second, func() error {
		if n := d.Count(t, `SELECT count(*) FROM (SELECT xid, id FROM events UNION ALL SELECT xid, id FROM changes) e
			WHERE NOT EXISTS (SELECT 1 FROM feed_consumers f WHERE f.name = 'search' AND (f.xid, f.id) >= (e.xid, e.id))`); n > 0 {
			return fmt.Errorf("%d events are not searched yet", n)
		}
		return nil
	})
	if n := d.Count(t, "SELECT count(*) FROM feed_failures"); n > 0 {
		t.Fatalf("%d events could not be applied: %s", n, d.Text(t, "SELECT string_agg(kind || ' ' || error_code, ', ') FROM feed_failures"))
	}
}

// texts returns the excerpts that a caller finds, hits in brackets, on pages of the limit.
func (d *desk) texts(t *testing.T, by conversation.Caller, w search.Wish) []string {
	t.Helper()
	found := []string{}
	if w.Limit == 0 {
		w.Limit = 50
	}
	for {
		list, next, err := d.search.Texts(t.Context(), by, w)
		if err != nil {
			t.Fatalf("%q: %v", w.Query, err)
		}
		for _, text := range list {
			found = append(found, join(text.Excerpt))
		}
		if next == (search.Cursor{}) {
			return found
		}
		w.After = next
	}
}

func join(segments []search.Segment) string {
	var b strings.Builder
	for _, s := range segments {
		if s.Hit {
			b.WriteString("[" + s.Text + "]")
		} else {
			b.WriteString(s.Text)
		}
	}
	return b.String()
}

func (d *desk) wantTexts(t *testing.T, w search.Wish, want ...string) {
	t.Helper()
	if got := d.texts(t, d.maria, w); !slices.Equal(got, want) {
		t.Errorf("%+v: %q, want %q", w, got, want)
	}
}

var (
	zoe  = office.Person{WhatsAppID: "33612345678", UserID: "FR.1", Name: "Zoé Brûlard"}
	stan = office.Person{WhatsAppID: "40712345678", UserID: "RO.2", Name: "Ștefan Țepeș"}
)

func TestMessagesAreFound(t *testing.T) {
	d := open(t)
	say := func(p office.Person, id, text string) {
		d.Forward(time.Minute)
		d.Deliver(t, p.Text(id, d.Now(), text))
	}
	say(zoe, "w1", "Une crème brûlée, s'il vous plaît")
	say(stan, "w2", "Vreau o CREMĂ de ghete; red shoes")
	say(zoe, "w3", "shoes that are red")
	d.Forward(time.Minute)
	d.Deliver(t, office.Webhook("messages", zoe.Message("w4", d.Now(), `"type":"document","document":{"id":"1","mime_type":"application/pdf","sha256":"x","filename":"Facture_2026.pdf","caption":"voilà"}`)))
	d.Advance(t)
	id := d.Text(t, "SELECT conversation_id::text FROM messages WHERE provider_id = 'w2'")
	d.Forward(time.Minute)
	d.Write(t, d.maria, id, "We have a black cream")
	d.Forward(time.Minute)
	noted := notes.NewStore(d.Desk())
	note, err := noted.Add(t.Context(), d.maria, id, notes.Draft{Text: "creme: ask the shop"})
	if err != nil {
		t.Fatal(err)
	}
	d.settled(t)
	since, until := office.Start.Add(90*time.Second), office.Start.Add(210*time.Second)
	for _, c := range []struct {
		wish search.Wish
		want []string
	}{
		{search.Wish{Query: "creme "}, []string{"[creme]: ask the shop", "Une [crème] brûlée, s'il vous plaît"}},
		{search.Wish{Query: "crem"}, []string{"[creme]: ask the shop", "Vreau o [CREMĂ] de ghete; red shoes", "Une [crème] brûlée, s'il vous plaît"}},
		{search.Wish{Query: `"red shoes"`}, []string{"Vreau o CREMĂ de ghete; [red] [shoes]"}},
		{search.Wish{Query: "shoes -crema "}, []string{"[shoes] that are red"}},
		{search.Wish{Query: "facture "}, []string{"[Facture]_2026.pdf"}},
		{search.Wish{Query: "voila 2026", HasFile: true}, []string{"[voilà]"}},
		{search.Wish{Query: "creme brulee", HasFile: true}, []string{}},
		{search.Wish{Query: "cre", From: search.FromMe}, []string{"[creme]: ask the shop", "We have a black [cream]"}},
		{search.Wish{Query: "cre", From: search.FromContact}, []string{"Vreau o [CREMĂ] de ghete; red shoes", "Une [crème] brûlée, s'il vous plaît"}},
		{search.Wish{Query: "cre", Kind: search.KindNote}, []string{"[creme]: ask the shop"}},
		{search.Wish{Query: "cre", Direction: conversation.Outbound}, []string{"We have a black [cream]"}},
		{search.Wish{Query: "cre", ConversationID: id, Kind: search.KindMessage}, []string{"We have a black [cream]", "Vreau o [CREMĂ] de ghete; red shoes"}},
		{search.Wish{Query: "red", Since: since, Until: until}, []string{"[shoes]"}},
		{search.Wish{Query: "in", AccountID: d.Account.ID}, []string{}},
	} {
		if c.wish.Since.IsZero() {
			d.wantTexts(t, c.wish, c.want...)
			continue
		}
		d.wantTexts(t, c.wish, "shoes that are [red]", "Vreau o CREMĂ de ghete; [red] shoes")
	}
	if err := noted.Delete(t.Context(), d.maria, id, note.ID, false); err != nil {
		t.Fatal(err)
	}
	d.settled(t)
	d.wantTexts(t, search.Wish{Query: "creme "}, "Une [crème] brûlée, s'il vous plaît")
}

// TestWhateverIsTypedIsOneQuery: nothing that somebody types reaches the database as anything but words.
func TestWhateverIsTypedIsOneQuery(t *testing.T) {
	d := open(t)
	d.Deliver(t, zoe.Text("w1", d.Now(), "plain words"))
	d.settled(t)
	for _, text := range []string{"'", `a\`, "a:*", "!a", "a & | b", "a <-> b", "'); DROP TABLE messages; --", "%_%", "|in", "a' | 'b", "((", "\x00a", "$1 ?", "plain|in"} {
		_, _, err := d.search.Texts(t.Context(), d.maria, search.Wish{Query: text, Limit: 10})
		_, _, perr := d.search.People(t.Context(), d.maria, text+"  x", 10)
		for _, err := range []error{err, perr} {
			if e, ok := errors.AsType[*conversation.Error](err); err != nil && (!ok || e.Code != conversation.CodeInvalid) {
				t.Errorf("%q: %v", text, err)
			}
		}
	}
	d.wantTexts(t, search.Wish{Query: "|in "})
	if people, _, err := d.search.People(t.Context(), d.maria, "%%__", 10); err == nil && len(people) > 0 {
		t.Errorf("%+v", people)
	}
}

func TestEditsAndWithdrawalsCount(t *testing.T) {
	d := open(t)
	d.Deliver(t, zoe.Text("w1", d.Now(), "the first words"))
	d.settled(t)
	d.Forward(time.Minute)
	d.Deliver(t, office.Webhook("messages", zoe.Message("e1", d.Now(), `"type":"edit","edit":{"original_message_id":"w1","message":{"type":"text","text":{"body":"the second words"}}}`)))
	d.settled(t)
	d.wantTexts(t, search.Wish{Query: "first "})
	d.wantTexts(t, search.Wish{Query: "second "}, "the [second] words")
	d.Forward(time.Minute)
	d.Deliver(t, office.Webhook("messages", zoe.Message("r1", d.Now(), `"type":"revoke","revoke":{"original_message_id":"w1"}`)))
	d.settled(t)
	d.wantTexts(t, search.Wish{Query: "words "})
	if n := d.Count(t, "SELECT count(*) FROM search_texts"); n != 0 {
		t.Errorf("%d texts are still kept: %s", n, d.Text(t, "SELECT string_agg(s.words::text || m.content::text, ',') FROM search_texts s LEFT JOIN messages m ON m.id = s.id"))
	}
}

func (d *desk) people(t *testing.T, by conversation.Caller, text string) []search.Person {
	t.Helper()
	found, _, err := d.search.People(t.Context(), by, text, 50)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return found
}

func TestPeopleAreFound(t *testing.T) {
	d := open(t)
	d.Exec(t, "UPDATE accounts SET display_address = '+33 7 55 50 12 34'")
	d.Meet(t, zoe)
	d.Meet(t, stan)
	d.Meet(t, office.Person{WhatsAppID: "491701234567", Name: "Jürgen Groß"})
	d.Meet(t, office.Person{WhatsAppID: "79161234567", Name: "Алёна"})
	d.Exec(t, "UPDATE contacts SET email = 'zoe.b@example.com' WHERE name LIKE 'Zo%'")
	d.Exec(t, "INSERT INTO identities (channel, kind, key, address, contact_id, owned_since, created_at, updated_at) SELECT 'whatsapp', 'username', 'vlad_t', 'vlad_t', id, now(), now(), now() FROM contacts WHERE name LIKE '%epe%'")
	d.Exec(t, "INSERT INTO changes (kind, subject_id) SELECT 'contact_changed', id FROM contacts")
	d.settled(t)
	for text, want := range map[string]string{
		"zoe": "name [Zoé] Brûlard", "brul zo": "name [Zo]é [Brûl]ard", "ular": "name Zoé Br[ûlar]d", "ZO": "name [Zo]é Brûlard",
		"stefan": "name [Ștefan] Țepeș", "ţep": "name Ștefan [Țep]eș", "gross": "name Jürgen [Groß]", "JURGEN": "name [Jürgen] Groß", "алена": "name [Алёна]",
		"+33 6 12 34 56 78": "phone +[33612345678]", "0033612345678": "phone +[33612345678]", "06 12 34 56 78": "phone +[33612345678]", "0712 345": "phone +4[0712345]678", "+40712345678": "phone +[40712345678]", "170123": "phone +49[170123]4567",
		"zoe.b@ex": "email [zoe.b@ex]ample.com", "@vlad": "username [vlad]_t", "vlad_t": "username [vlad]_[t]", "nobody": "", "xy": "",
	} {
		got := ""
		if found := d.people(t, d.maria, text); len(found) > 1 {
			t.Errorf("%q finds %d", text, len(found))
		} else if len(found) == 1 {
			for _, m := range found[0].Matches {
				if s := m.Field + " " + join(m.Text); got == "" || s == want {
					got = s
				}
			}
			if c := found[0].Conversation; c.ID == "" || c.AccountID != d.Account.ID || c.Status != conversation.StatusOpen || len(found[0].Identities) == 0 {
				t.Errorf("%+v", found[0])
			}
		}
		if got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestBestPeopleComeFirst(t *testing.T) {
	d := open(t)
	for i, name := range []string{"Ivana", "Anais", "Ana", "Dana Ana"} {
		d.Forward(24 * time.Hour)
		d.Meet(t, office.Person{WhatsAppID: fmt.Sprintf("4071234567%d", i), Name: name})
	}
	d.Forward(24 * time.Hour)
	for i := range 3 {
		d.Meet(t, office.Person{WhatsAppID: fmt.Sprintf("4079999999%d", i), Name: "Banana"})
	}
	d.settled(t)
	var names []string
	for _, p := range d.people(t, d.maria, "ana") {
		names = append(names, p.Name)
	}
	if want := []string{"Ana", "Dana Ana", "Anais", "Banana", "Banana", "Banana", "Ivana"}; !slices.Equal(names, want) {
		t.Errorf("%v, want %v", names, want)
	}
	found, more, err := d.search.People(t.Context(), d.maria, "ana", 3)
	if err != nil || len(found) != 3 || !more {
		t.Errorf("%d, %v, %v", len(found), more, err)
	}
}

func TestForeignAccountsAreNotFound(t *testing.T) {
	d := open(t)
	foreign := d.Connect(t, "999", "other")
	d.Deliver(t, zoe.Text("w1", d.Now(), "hello there"))
	body := office.WebhookFor("999", "messages", stan.Message("w2", d.Now(), `"type":"text","text":{"body":"hello secret"}`))
	if err := d.Intake.Receive(t.Context(), foreign, []byte(body)); err != nil {
		t.Fatal(err)
	}
	d.settled(t)
	only := conversation.Caller{Actor: d.maria.Actor, Sight: conversation.SeesOnly(d.Account.ID)}
	nothing := conversation.Caller{Actor: d.maria.Actor}
	for _, c := range []struct {
		by     conversation.Caller
		wish   search.Wish
		texts  int
		person int
	}{
		{d.maria, search.Wish{Query: "hello "}, 2, 1},
		{only, search.Wish{Query: "hello "}, 1, 0},
		{only, search.Wish{Query: "secret "}, 0, 0},
		{only, search.Wish{Query: "hello ", AccountID: foreign.ID}, 0, 0},
		{only, search.Wish{Query: "hello ", ConversationID: d.Text(t, "SELECT conversation_id::text FROM messages WHERE provider_id = 'w2'")}, 0, 0},
		{nothing, search.Wish{Query: "hello "}, 0, 0},
	} {
		if got := d.texts(t, c.by, c.wish); len(got) != c.texts {
			t.Errorf("%+v: %q", c.wish, got)
		}
		for _, text := range []string{"stefan", "+40712345678", "712345", "ste"} {
			if got := d.people(t, c.by, text); len(got) != c.person {
				t.Errorf("%q: %+v", text, got)
			}
		}
	}
}

func TestMergedPeopleAreOne(t *testing.T) {
	d := open(t)
	older := d.Meet(t, office.Person{WhatsAppID: stan.WhatsAppID, Name: stan.Name})
	d.Forward(time.Hour)
	newer := d.Meet(t, office.Person{UserID: stan.UserID, Name: stan.Name})
	d.settled(t)
	if got := d.people(t, d.maria, "stefan"); len(got) != 2 {
		t.Fatalf("%d people before", len(got))
	}
	d.Forward(time.Hour)
	d.Deliver(t, stan.Text("w9", d.Now(), "it is me"))
	d.settled(t)
	got := d.people(t, d.maria, "stefan")
	if len(got) != 1 || got[0].Conversation.ID != newer || len(got[0].Identities) != 2 {
		t.Errorf("%+v", got)
	}
	list, _, err := d.search.Texts(t.Context(), d.maria, search.Wish{Query: "hello ", ConversationID: newer, Limit: 10})
	if err != nil || len(list) != 2 || list[1].ConversationID != newer {
		t.Errorf("%+v, %v; older %s", list, err, older)
	}
}

// TestPagesHaveAll goes over more texts than are looked through before the index is asked, in weeks of their own.
func TestPagesHaveAll(t *testing.T) {
	d := open(t)
	d.Meet(t, zoe)
	d.settled(t)
	d.Exec(t, `INSERT INTO messages (id, conversation_id, account_id, seq, direction, kind, state, content, author_kind, at, received_at)
		SELECT gen_random_uuid(), c.id, c.account_id, 1000 + n, 'in', 'text', 'received', jsonb_build_object('kind', 'text', 'text', 'rare ' || n), 'contact',
			c.created_at - (n / 4) * interval '9 hours', now() FROM conversations c, generate_series(1, 1000) n`)
	d.Exec(t, `INSERT INTO search_texts SELECT gen_random_uuid(), c.id, c.created_at - n * interval '1 second', false, 'filler' FROM conversations c, generate_series(1, 10050) n`)
	before := d.Count(t, "SELECT count(*) FROM search_texts")
	if _, err := search.Rebuild(t.Context(), d.DB, nil); err != nil {
		t.Fatal(err)
	}
	if before != 10051 || d.Count(t, "SELECT count(*) FROM search_texts") != 1001 {
		t.Errorf("%d texts before, %d after", before, d.Count(t, "SELECT count(*) FROM search_texts"))
	}
	d.Exec(t, `INSERT INTO search_texts SELECT gen_random_uuid(), c.id, c.created_at - n * interval '1 second', false, 'filler' FROM conversations c, generate_series(1, 10050) n`)
	got := d.texts(t, d.maria, search.Wish{Query: "rare ", Limit: 7})
	slices.Sort(got)
	if n := len(slices.Compact(got)); n != 1000 || len(got) != 1000 {
		t.Errorf("%d texts, %d of them different", len(got), n)
	}
	since := d.Now().Add(-30 * 24 * time.Hour)
	want := d.Count(t, "SELECT count(*) FROM messages WHERE at >= $1 AND summary = '' AND content->>'text' LIKE 'rare%'", since)
	if got := d.texts(t, d.maria, search.Wish{Query: "rar", Since: since, Limit: 50}); len(got) != want || want == 0 {
		t.Errorf("%d since then, want %d", len(got), want)
	}
}

func TestRebuildFindsTheSame(t *testing.T) {
	d := open(t)
	id := d.Meet(t, zoe)
	if _, err := notes.NewStore(d.Desk()).Add(t.Context(), d.maria, id, notes.Draft{Text: "hello note"}); err != nil {
		t.Fatal(err)
	}
	d.settled(t)
	state := func() string {
		return d.Text(t, "SELECT (SELECT string_agg(t::text, ';' ORDER BY id) FROM search_texts t) || (SELECT string_agg(p::text, ';' ORDER BY contact_id) FROM search_people p)")
	}
	before := state()
	d.Exec(t, "DELETE FROM search_people")
	d.Exec(t, "UPDATE search_texts SET words = ''")
	d.Exec(t, "INSERT INTO search_people VALUES ($1, 'gone', '| gone |', '{}', now())", uuid.NewString())
	done, err := search.Rebuild(t.Context(), d.DB, nil)
	if err != nil || done.Messages != 1 || done.Notes != 1 || done.People != 1 {
		t.Errorf("%+v, %v", done, err)
	}
	if after := state(); after != before {
		t.Errorf("was %s\nis %s", before, after)
	}
	var lag float64
	if err := d.DB.NewRaw(search.Lag).Scan(t.Context(), &lag); err != nil || lag != 0 {
		t.Errorf("lag %v, %v", lag, err)
	}
}

// TestRebuildWaitsForTheReader: what the reader writes meanwhile is newer than what a rebuild has read.
func TestRebuildWaitsForTheReader(t *testing.T) {
	d := open(t)
	d.Meet(t, zoe)
	d.settled(t)
	rebuilt := make(chan error, 1)
	err := postgres.InTx(t.Context(), d.DB, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.ExecContext(ctx, "SELECT 1 FROM feed_consumers WHERE name = ? FOR UPDATE", search.Consumer); err != nil {
			return err
		}
		go func() {
			_, err := search.Rebuild(t.Context(), d.DB, nil)
			rebuilt <- err
		}()
		testkit.Eventually(t, 20*time.Second, func() error { return d.Blocked(t, 1) })
		return nil
	})
	if err := errors.Join(err, <-rebuilt); err != nil {
		t.Error(err)
	}
}
