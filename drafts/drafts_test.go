package drafts_test

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/drafts"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/internal/testkit/office"
)

var ana = office.Person{WhatsAppID: "40712345678", Name: "Ana"}

type desk struct {
	*office.Office
	drafts      *drafts.Store
	maria, paul conversation.Caller
	id          string
}

func open(t *testing.T) *desk {
	t.Helper()
	t.Parallel()
	o := office.Open(t)
	return &desk{Office: o, drafts: drafts.NewStore(o.Desk()), maria: o.Agent(t, "maria"), paul: o.Agent(t, "paul"), id: o.Meet(t, ana)}
}

func wantCode(t *testing.T, err error, code conversation.Code) {
	t.Helper()
	if conversation.CodeOf(err) != code {
		t.Fatalf("error %v, want %s", err, code)
	}
}

func (d *desk) put(t *testing.T, text string, replaces int64) drafts.Draft {
	t.Helper()
	draft, err := d.drafts.Put(t.Context(), d.maria, d.id, drafts.Writing{Text: text, Replaces: replaces})
	if err != nil {
		t.Fatal(err)
	}
	return draft
}

func TestTwoWindowsDoNotOverwriteEachOther(t *testing.T) {
	d := open(t)
	ctx := t.Context()
	first := d.put(t, "Hel", 0)
	second := d.put(t, "Hello", first.Version)
	_, err := d.drafts.Put(ctx, d.maria, d.id, drafts.Writing{Text: "Help", Replaces: first.Version})
	if e, ok := errors.AsType[*conversation.Error](err); !ok || e.Code != conversation.CodeConflict || e.Details["version"] != second.Version {
		t.Errorf("%v", err)
	}
	_, err = d.drafts.Put(ctx, d.maria, d.id, drafts.Writing{Text: "Help"})
	wantCode(t, err, conversation.CodeConflict)
	wantCode(t, d.drafts.Delete(ctx, d.maria, d.id, first.Version), conversation.CodeConflict)
	if got, err := d.drafts.Get(ctx, d.maria, d.id); err != nil || got.Text != "Hello" {
		t.Errorf("%+v, %v", got, err)
	}
	for range 2 {
		if err := d.drafts.Delete(ctx, d.maria, d.id, second.Version); err != nil {
			t.Error(err)
		}
	}
	_, err = d.drafts.Put(ctx, d.maria, d.id, drafts.Writing{Text: "late", Replaces: second.Version})
	wantCode(t, err, conversation.CodeConflict)
	if again := d.put(t, "new", 0); again.Version <= second.Version {
		t.Errorf("version %d is used again", again.Version)
	}
	_, err = d.drafts.Get(ctx, d.paul, d.id)
	wantCode(t, err, conversation.CodeNotFound)
}

func TestOneOfManyWritersWins(t *testing.T) {
	d := open(t)
	base := d.put(t, "base", 0)
	var won, lost atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			_, err := d.drafts.Put(t.Context(), d.maria, d.id, drafts.Writing{Text: uuid.NewString(), Replaces: base.Version})
			switch {
			case err == nil:
				won.Add(1)
			case conversation.CodeOf(err) == conversation.CodeConflict:
				lost.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 || lost.Load() != 7 {
		t.Errorf("%d won, %d lost", won.Load(), lost.Load())
	}
}

func TestSendingTakesTheDraftAway(t *testing.T) {
	d := open(t)
	ctx := t.Context()
	draft := d.put(t, "Hello", 0)
	c, err := d.Inbox.Get(ctx, d.maria, d.id)
	if err != nil || c.Draft == nil || c.Draft.Text != "Hello" {
		t.Fatalf("%+v, %v", c.Draft, err)
	}
	if c, err = d.Inbox.Get(ctx, d.paul, d.id); err != nil || c.Draft != nil {
		t.Errorf("a colleague's draft is shown: %+v, %v", c.Draft, err)
	}
	send := func(client string, version int64) {
		t.Helper()
		if _, err := d.Inbox.Send(ctx, d.maria, d.id, inbox.NewMessage{ClientID: client, Content: office.Text("Hello"), DraftVersion: version}); err != nil {
			t.Fatal(err)
		}
	}
	send("a", 0)
	newer := d.put(t, "Hello again", draft.Version)
	send("b", draft.Version) // written on in the other window meanwhile
	if got, err := d.drafts.Get(ctx, d.maria, d.id); err != nil || got.Version != newer.Version {
		t.Errorf("%+v, %v", got, err)
	}
	send("c", newer.Version)
	_, err = d.drafts.Get(ctx, d.maria, d.id)
	wantCode(t, err, conversation.CodeNotFound)
	if n := d.Count(t, "SELECT count(*) FROM changes WHERE kind = 'draft_changed' AND agent_id = $1::uuid AND subject_id = $2", d.maria.ID, d.id); n < 3 {
		t.Errorf("told of %d changes", n)
	}
}

func TestRefusedDrafts(t *testing.T) {
	d := open(t)
	ctx := t.Context()
	blind := conversation.Caller{Actor: d.maria.Actor, Sight: conversation.SeesOnly(uuid.NewString())}
	for _, c := range []struct {
		name string
		by   conversation.Caller
		w    drafts.Writing
		code conversation.Code
	}{
		{"nothing", d.maria, drafts.Writing{}, conversation.CodeInvalid},
		{"too long", d.maria, drafts.Writing{Text: strings.Repeat("x", drafts.MaxText+1)}, conversation.CodeInvalid},
		{"NUL", d.maria, drafts.Writing{Text: "a\x00"}, conversation.CodeInvalid},
		{"no id", d.maria, drafts.Writing{Text: "a", ReplyTo: "b"}, conversation.CodeInvalid},
		{"a program", office.Token, drafts.Writing{Text: "a"}, conversation.CodeUnsupported},
		{"unseen", blind, drafts.Writing{Text: "a"}, conversation.CodeNotFound},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := d.drafts.Put(ctx, c.by, d.id, c.w)
			wantCode(t, err, c.code)
		})
	}
	_, err := d.drafts.Get(ctx, blind, d.id)
	wantCode(t, err, conversation.CodeNotFound)
	wantCode(t, d.drafts.Delete(ctx, blind, d.id, 0), conversation.CodeNotFound)
}

func TestDraftGoesOnWithTheConversation(t *testing.T) {
	d := open(t)
	d.put(t, "Hello", 0)
	newer := d.Meet(t, office.Person{UserID: "RO.777", Name: "Ana"})
	d.Deliver(t, office.Person{WhatsAppID: ana.WhatsAppID, UserID: "RO.777", Name: "Ana"}.Text("wamid.both", d.Now(), "it is me"))
	if got, err := d.drafts.Get(t.Context(), d.maria, newer); err != nil || got.Text != "Hello" {
		t.Errorf("%+v, %v", got, err)
	}
	_, err := d.drafts.Put(t.Context(), d.maria, d.id, drafts.Writing{Text: "there"})
	wantCode(t, err, conversation.CodeConflict)
}
