package contacts_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"guichet.dev/guichet/contacts"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/internal/testkit/office"
)

// panel is an office with a customer of whom agents write something down.
type panel struct {
	*office.Office
	store   *contacts.Store
	maria   conversation.Caller
	id      string // of the conversation
	contact string
}

var lia = office.Person{WhatsAppID: "40712345678", UserID: "RO.1234567890", Name: "Lia"}

func openPanel(t *testing.T) *panel {
	t.Helper()
	t.Parallel()
	o := office.Open(t)
	o.Freeze()
	p := &panel{Office: o, store: contacts.NewStore(o.Desk()), maria: o.Agent(t, "maria"), id: o.Meet(t, lia)}
	p.contact = p.Only(t).Contact.ID
	return p
}

func (p *panel) edit(t *testing.T, e contacts.Edit) contacts.Panel {
	t.Helper()
	got, err := p.store.Edit(t.Context(), p.maria, p.contact, e)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func (p *panel) define(t *testing.T, d contacts.Definition) {
	t.Helper()
	if _, err := p.store.Define(t.Context(), p.maria.Actor, d); err != nil {
		t.Fatal(err)
	}
}

func given[T any](v T) *T { return &v }

func wantField(t *testing.T, err error, code conversation.Code, field string) {
	t.Helper()
	e, ok := errors.AsType[*conversation.Error](err)
	if !ok || e.Code != code || e.Field != field {
		t.Errorf("error %v, want %s of %q", err, code, field)
	}
}

func TestGivenNameWins(t *testing.T) {
	p := openPanel(t)
	got := p.edit(t, contacts.Edit{Name: given(" Lia Pop ")})
	if got.Name != "Lia Pop" || got.ProfileName != "Lia" || !got.NameGiven {
		t.Errorf("%+v", got)
	}
	p.Forward(time.Minute)
	p.Deliver(t, office.Person{WhatsAppID: lia.WhatsAppID, Name: "🌸"}.Text("wamid.new", p.Now(), "hi"))
	got, err := p.store.Get(t.Context(), p.maria, p.contact)
	if err != nil || got.Name != "Lia Pop" || got.ProfileName != "🌸" {
		t.Errorf("%+v, %v", got, err)
	}
	if shown := p.Only(t).Contact.Name; shown != "Lia Pop" {
		t.Errorf("the list shows %s", shown)
	}
	if got = p.edit(t, contacts.Edit{Name: given("")}); got.Name != "🌸" || got.NameGiven {
		t.Errorf("%+v", got)
	}
}

func TestPanel(t *testing.T) {
	p := openPanel(t)
	last := p.Only(t).LastSeq
	got := p.edit(t, contacts.Edit{
		Phones: given([]string{"+40 21 123 45 67", "+40211234567"}), Email: given("Lia@Example.ORG"), Language: given("PT-br"),
		Tags: given([]string{" VIP ", "vip", "loves  tea"}), Note: given("Met at the fair."),
	})
	if !slices.Equal(got.Phones, []string{"+40211234567"}) || got.Email != "Lia@example.org" || got.Language != "pt-BR" ||
		!slices.Equal(got.Tags, []string{"VIP", "loves tea"}) || got.Note != "Met at the fair." || got.Phone != "+40712345678" {
		t.Errorf("%+v", got)
	}
	if len(got.Identities) != 2 || len(got.Consents) != 1 || got.Consents[0].All != conversation.ConsentUnknown {
		t.Errorf("%+v", got)
	}
	event := p.Text(t, "SELECT data::text FROM events WHERE conversation_id = $1::uuid AND seq > $2 AND kind = 'contact_changed'", p.id, last)
	if !strings.Contains(event, `"fields": ["email", "language", "note", "phones", "tags"]`) {
		t.Errorf("event %s", event)
	}
	if n := p.Count(t, "SELECT count(*) FROM changes WHERE kind = 'contact_changed' AND subject_id = $1 AND account_id = $2::uuid", p.contact, p.Account.ID); n != 1 {
		t.Errorf("told %d times", n)
	}
	p.edit(t, contacts.Edit{Note: given("Met at the fair. ")}) // nothing new
	entries, err := p.store.Changes(t.Context(), p.maria, p.contact, "", 10)
	if err != nil || len(entries) != 1 || entries[0].Actor != p.maria.Actor || entries[0].Changes["email"].After != "Lia@example.org" {
		t.Errorf("%+v, %v", entries, err)
	}
	for field, e := range map[string]contacts.Edit{
		"name":     {Name: given(strings.Repeat("x", 201))},
		"phones":   {Phones: given([]string{"0712345678"})},
		"email":    {Email: given("Lia <lia@example.org>")},
		"language": {Language: given("klingonese")},
		"tags":     {Tags: given([]string{""})},
		"note":     {Note: given("a\x00")},
	} {
		_, err := p.store.Edit(t.Context(), p.maria, p.contact, e)
		wantField(t, err, conversation.CodeInvalid, field)
	}
	if broken := p.Broken(t); broken != nil {
		t.Error(broken)
	}
}

func TestTypedAttributes(t *testing.T) {
	p := openPanel(t)
	for _, d := range []contacts.Definition{
		{Key: "city", Label: "City", Type: contacts.TextAttribute}, {Key: "age", Label: "Age", Type: contacts.NumberAttribute},
		{Key: "member", Label: "Member", Type: contacts.BooleanAttribute}, {Key: "born", Label: "Born", Type: contacts.DateAttribute},
		{Key: "plan", Label: "Plan", Type: contacts.ListAttribute, Options: []string{"basic", "pro"}}, {Key: "site", Label: "Site", Type: contacts.URLAttribute},
	} {
		p.define(t, d)
	}
	for _, c := range []struct {
		key       string
		good, bad string // JSON
	}{
		{"city", `"Iași"`, `5`}, {"city", `"x"`, `""`}, {"age", `41.5`, `"41"`}, {"member", `true`, `"yes"`}, {"born", `"1985-02-28"`, `"1985-02-29"`},
		{"plan", `"pro"`, `"gold"`}, {"site", `"https://example.org/a?b"`, `"javascript:alert(1)"`}, {"site", `null`, `"https://"`},
	} {
		var good, bad any
		if err := errors.Join(json.Unmarshal([]byte(c.good), &good), json.Unmarshal([]byte(c.bad), &bad)); err != nil {
			t.Fatal(err)
		}
		if got := p.edit(t, contacts.Edit{Attributes: map[string]any{c.key: good}}); fmt.Sprint(got.Attributes[c.key]) != fmt.Sprint(good) {
			t.Errorf("%s: %v", c.key, got.Attributes)
		}
		_, err := p.store.Edit(t.Context(), p.maria, p.contact, contacts.Edit{Attributes: map[string]any{c.key: bad}})
		wantField(t, err, conversation.CodeInvalid, "attributes."+c.key)
	}
	_, err := p.store.Edit(t.Context(), p.maria, p.contact, contacts.Edit{Attributes: map[string]any{"shoe": "41"}})
	wantField(t, err, conversation.CodeInvalid, "attributes.shoe")
	if err := p.store.Undefine(t.Context(), p.maria.Actor, "plan"); err != nil {
		t.Fatal(err)
	}
	got := p.edit(t, contacts.Edit{Attributes: map[string]any{"age": nil}})
	if _, has := got.Attributes["plan"]; has || len(got.Attributes) != 3 {
		t.Errorf("%v", got.Attributes)
	}
	_, err = p.store.Define(t.Context(), p.maria.Actor, contacts.Definition{Key: "plan", Label: "Plan", Type: contacts.TextAttribute})
	wantField(t, err, conversation.CodeConflict, "key")
	p.define(t, contacts.Definition{Key: "plan", Label: "Plan", Type: contacts.ListAttribute, Options: []string{"pro"}})
	if got, err = p.store.Get(t.Context(), p.maria, p.contact); err != nil || got.Attributes["plan"] != "pro" {
		t.Errorf("%v, %v", got.Attributes, err)
	}
}

func TestDefinitions(t *testing.T) {
	p := openPanel(t)
	ctx, by := t.Context(), p.maria.Actor
	p.define(t, contacts.Definition{Key: "plan", Label: "Plan", Type: contacts.ListAttribute, Options: []string{"a", "b"}})
	for _, c := range []struct {
		contacts.Definition
		code  conversation.Code
		field string
	}{
		{contacts.Definition{Key: "plan", Label: "x", Type: contacts.TextAttribute}, conversation.CodeConflict, "key"},
		{contacts.Definition{Key: "Plan", Label: "x", Type: contacts.TextAttribute}, conversation.CodeInvalid, "key"},
		{contacts.Definition{Key: "x", Label: " ", Type: contacts.TextAttribute}, conversation.CodeInvalid, "label"},
		{contacts.Definition{Key: "x", Label: "x", Type: "colour"}, conversation.CodeInvalid, "type"},
		{contacts.Definition{Key: "x", Label: "x", Type: contacts.ListAttribute}, conversation.CodeInvalid, "options"},
		{contacts.Definition{Key: "x", Label: "x", Type: contacts.ListAttribute, Options: []string{"a", " a"}}, conversation.CodeInvalid, "options"},
		{contacts.Definition{Key: "x", Label: "x", Type: contacts.TextAttribute, Options: []string{"a"}}, conversation.CodeInvalid, "options"},
	} {
		_, err := p.store.Define(ctx, by, c.Definition)
		wantField(t, err, c.code, c.field)
	}
	d, err := p.store.Redefine(ctx, by, "plan", contacts.DefinitionChange{Label: given("Tariff"), Options: given([]string{"b", "c"})})
	if err != nil || d.Label != "Tariff" || !slices.Equal(d.Options, []string{"b", "c"}) {
		t.Errorf("%+v, %v", d, err)
	}
	_, err = p.store.Redefine(ctx, by, "none", contacts.DefinitionChange{})
	wantField(t, err, conversation.CodeNotFound, "")
	if n := p.Count(t, "SELECT count(*) FROM audit_entries WHERE subject_kind = 'attribute' AND subject_id = 'plan'"); n != 2 {
		t.Errorf("%d entries of the audit, want 2", n)
	}
}

func TestPanelsOfOnePersonComeTogether(t *testing.T) {
	p := openPanel(t)
	p.define(t, contacts.Definition{Key: "city", Label: "City", Type: contacts.TextAttribute})
	p.define(t, contacts.Definition{Key: "age", Label: "Age", Type: contacts.NumberAttribute})
	older := p.contact
	p.edit(t, contacts.Edit{Tags: given([]string{"VIP"}), Attributes: map[string]any{"city": "Iași"}, Note: given("one")})
	p.Forward(time.Minute)
	newer := p.Meet(t, office.Person{UserID: "RO.777", Name: "Lia"})
	c, err := p.Inbox.Get(t.Context(), p.maria, newer)
	if err != nil {
		t.Fatal(err)
	}
	p.contact = c.Contact.ID
	p.edit(t, contacts.Edit{Name: given("Lia Pop"), Email: given("lia@example.org"), Tags: given([]string{"vip", "tea"}), Attributes: map[string]any{"city": "Cluj", "age": 41.0}, Note: given("two")})
	p.Deliver(t, office.Person{WhatsAppID: lia.WhatsAppID, UserID: "RO.777", Name: "Lia"}.Text("wamid.both", p.Now(), "it is me"))
	got, err := p.store.Get(t.Context(), p.maria, p.contact) // of the one that was merged
	if err != nil || got.ID != older || got.Name != "Lia Pop" || got.Email != "lia@example.org" || got.Note != "one\n\ntwo" || len(got.Tags) != 2 ||
		got.Attributes["city"] != "Iași" || got.Attributes["age"] != 41.0 {
		t.Errorf("%+v, %v", got, err)
	}
	if entries, err := p.store.Changes(t.Context(), p.maria, older, "", 10); err != nil || len(entries) != 2 {
		t.Errorf("%d changes, %v", len(entries), err)
	}
	found, _, err := p.Inbox.OfContact(t.Context(), p.maria, older, inbox.Cursor{}, 10)
	if err != nil || len(found) != 1 || found[0].ID != newer {
		t.Errorf("%d conversations, %v", len(found), err)
	}
}

func TestContactOfWhomOneSeesNothing(t *testing.T) {
	p := openPanel(t)
	if _, err := p.Inbox.SetConsent(t.Context(), p.maria, p.id, inbox.ConsentWish{Scope: conversation.ScopeMarketing, State: conversation.ConsentOptedIn, Note: "at the fair"}); err != nil {
		t.Fatal(err)
	}
	second := p.Connect(t, "106540352242999", office.Secret)
	sees := func(id string) conversation.Caller {
		return conversation.Caller{Actor: p.maria.Actor, Sight: conversation.SeesOnly(id)}
	}
	blind := sees(second.ID)
	_, get := p.store.Get(t.Context(), blind, p.contact)
	_, edit := p.store.Edit(t.Context(), blind, p.contact, contacts.Edit{Note: given("x")})
	_, consents := p.store.ConsentEntries(t.Context(), blind, p.contact, "", 10)
	_, changes := p.store.Changes(t.Context(), blind, p.contact, "", 10)
	_, _, list := p.Inbox.OfContact(t.Context(), blind, p.contact, inbox.Cursor{}, 10)
	_, none := p.store.Get(t.Context(), p.maria, uuid.NewString())
	for name, err := range map[string]error{"get": get, "edit": edit, "consents": consents, "changes": changes, "conversations": list, "nobody": none} {
		wantField(t, err, conversation.CodeNotFound, "")
		if t.Failed() {
			t.Fatal(name)
		}
	}
	// Of one who wrote to both numbers, each sees what happened on theirs.
	body := strings.ReplaceAll(lia.Text("wamid.second", p.Now(), "hello"), office.Number, "106540352242999")
	if err := p.Intake.Receive(t.Context(), second, []byte(body)); err != nil {
		t.Fatal(err)
	}
	entries, err := p.store.ConsentEntries(t.Context(), blind, p.contact, "", 10)
	if err != nil || len(entries) != 1 || entries[0].Note != "" || entries[0].ConversationID != "" || entries[0].State != conversation.ConsentOptedIn {
		t.Errorf("%+v, %v", entries, err)
	}
	entries, err = p.store.ConsentEntries(t.Context(), sees(p.Account.ID), p.contact, "", 10)
	if err != nil || len(entries) != 1 || entries[0].Note != "at the fair" || entries[0].ConversationID != p.id {
		t.Errorf("%+v, %v", entries, err)
	}
	if found, _, err := p.Inbox.OfContact(t.Context(), blind, p.contact, inbox.Cursor{}, 10); err != nil || len(found) != 1 || found[0].AccountID != second.ID {
		t.Errorf("%d conversations, %v", len(found), err)
	}
}
