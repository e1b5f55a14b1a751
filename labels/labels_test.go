package labels_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/uuid"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/internal/testkit/office"
	"guichet.dev/guichet/labels"
)

var ana = office.Person{WhatsAppID: "40712345678", Name: "Ana"}

type desk struct {
	*office.Office
	labels *labels.Store
	maria  conversation.Caller
	id     string
}

func open(t *testing.T) *desk {
	t.Helper()
	t.Parallel()
	o := office.Open(t)
	return &desk{Office: o, labels: labels.NewStore(o.Desk()), maria: o.Agent(t, "maria"), id: o.Meet(t, ana)}
}

func wantCode(t *testing.T, err error, code conversation.Code, field string) {
	t.Helper()
	e, ok := errors.AsType[*conversation.Error](err)
	if !ok || e.Code != code || e.Field != field {
		t.Errorf("error %v, want %s of %q", err, code, field)
	}
}

func (d *desk) must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func ptr[T any](v T) *T { return &v }

func TestDefinitions(t *testing.T) {
	d := open(t)
	ctx, by := t.Context(), d.maria.Actor
	vip, err := d.labels.Create(ctx, by, labels.New{Name: "  Très   VIP ", Colour: "#A1B2C3"})
	if err != nil || vip.Name != "Très VIP" || vip.Colour != "#a1b2c3" {
		t.Fatalf("%+v, %v", vip, err)
	}
	for _, c := range []struct {
		in    labels.New
		code  conversation.Code
		field string
	}{
		{labels.New{Name: "TRÈS vip"}, conversation.CodeConflict, "name"},
		{labels.New{Name: " "}, conversation.CodeInvalid, "name"},
		{labels.New{Name: fmt.Sprintf("%051d", 0)}, conversation.CodeInvalid, "name"},
		{labels.New{Name: "a", Colour: "octarine"}, conversation.CodeInvalid, "colour"},
		{labels.New{Name: "a", Colour: "#12345"}, conversation.CodeInvalid, "colour"},
		{labels.New{Name: "a", Description: fmt.Sprintf("%0501d", 0)}, conversation.CodeInvalid, "description"},
	} {
		_, err := d.labels.Create(ctx, by, c.in)
		wantCode(t, err, c.code, c.field)
	}
	vip, err = d.labels.Update(ctx, by, vip.ID, labels.Change{Name: ptr("VIP"), Colour: ptr("red")})
	if err != nil || vip.Name != "VIP" || vip.Colour != "red" {
		t.Errorf("%+v, %v", vip, err)
	}
	d.must(t, d.labels.Delete(ctx, by, vip.ID))
	wantCode(t, d.labels.Delete(ctx, by, vip.ID), conversation.CodeConflict, "")
	if again, err := d.labels.Create(ctx, by, labels.New{Name: "vip"}); err != nil || again.Colour == "" {
		t.Errorf("a name that is free again: %v", err)
	}
	offered, err := d.labels.List(ctx, false)
	all, err2 := d.labels.List(ctx, true)
	if err != nil || err2 != nil || len(offered) != 1 || len(all) != 2 {
		t.Errorf("%d offered of %d: %v %v", len(offered), len(all), err, err2)
	}
	if n := d.Count(t, "SELECT count(*) FROM audit_entries WHERE subject_kind = 'label' AND actor_id = $1", by.ID); n != 4 {
		t.Errorf("%d entries of the audit, want 4", n)
	}
}

func TestLabelStaysReadableAfterItsEnd(t *testing.T) {
	d := open(t)
	ctx := t.Context()
	l, err := d.labels.Create(ctx, d.maria.Actor, labels.New{Name: "Refund", Colour: "teal"})
	d.must(t, err)
	for range 2 {
		d.must(t, d.labels.Add(ctx, d.maria, d.id, labels.Choice{ID: l.ID}))
	}
	d.must(t, d.labels.Add(ctx, d.maria, d.id, labels.Choice{Name: " REFUND "}))
	d.must(t, d.labels.Add(ctx, d.maria, d.id, labels.Choice{Name: "Angry"}))
	d.must(t, d.labels.Delete(ctx, d.maria.Actor, l.ID))
	shown := func() string {
		list, _, err := d.Inbox.List(ctx, d.maria, inbox.Filter{Criteria: inbox.Criteria{View: inbox.ViewAll}, Limit: 10})
		d.must(t, err)
		out := ""
		for _, tag := range list[0].Labels {
			out += fmt.Sprintf("%s %t, ", tag.Name, tag.Deleted)
		}
		return out
	}
	if got := shown(); got != "Angry false, Refund true, " {
		t.Errorf("labels %s", got)
	}
	other := d.Meet(t, office.Person{WhatsAppID: "40712345679", Name: "Ion"})
	wantCode(t, d.labels.Add(ctx, d.maria, other, labels.Choice{ID: l.ID}), conversation.CodeInvalid, "label_id")
	for range 2 {
		d.must(t, d.labels.Remove(ctx, d.maria, d.id, l.ID))
	}
	if got := d.Text(t, "SELECT string_agg(kind, ' ' ORDER BY seq) FROM events WHERE conversation_id = $1::uuid AND data ? 'label_id'", d.id); got != "label_added label_added label_removed" {
		t.Errorf("events %s", got)
	}
	wantCode(t, d.labels.Add(ctx, d.maria, d.id, labels.Choice{}), conversation.CodeInvalid, "label_id")
	wantCode(t, d.labels.Add(ctx, d.maria, d.id, labels.Choice{Name: "\t"}), conversation.CodeInvalid, "name")
	blind := conversation.Caller{Actor: d.maria.Actor, Sight: conversation.SeesOnly(uuid.NewString())}
	wantCode(t, d.labels.Add(ctx, blind, d.id, labels.Choice{Name: "x"}), conversation.CodeNotFound, "")
	wantCode(t, d.labels.Remove(ctx, blind, d.id, l.ID), conversation.CodeNotFound, "")
	if n := d.Count(t, "SELECT count(*) FROM labels WHERE name = 'x'"); n != 0 {
		t.Error("a label was defined by somebody who sees nothing")
	}
}

func TestOneNameDefinedByManyAtOnce(t *testing.T) {
	d := open(t)
	ids := []string{d.id}
	for i := range 5 {
		ids = append(ids, d.Meet(t, office.Person{WhatsAppID: fmt.Sprintf("4071234600%d", i), Name: "Ion"}))
	}
	var wg sync.WaitGroup
	for i, id := range ids {
		wg.Go(func() {
			if err := d.labels.Add(t.Context(), d.maria, id, labels.Choice{Name: []string{"Urgent", "urgent"}[i%2]}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := d.Count(t, "SELECT count(*) FROM labels"); n != 1 {
		t.Errorf("%d labels", n)
	}
	if n := d.Count(t, "SELECT count(*) FROM conversation_labels"); n != len(ids) {
		t.Errorf("%d of %d conversations have it", n, len(ids))
	}
}

func TestLabelsOfMergedConversations(t *testing.T) {
	d := open(t)
	d.must(t, d.labels.Add(t.Context(), d.maria, d.id, labels.Choice{Name: "old"}))
	newer := d.Meet(t, office.Person{UserID: "RO.777", Name: "Ana"})
	d.must(t, d.labels.Add(t.Context(), d.maria, newer, labels.Choice{Name: "new"}))
	d.Deliver(t, office.Person{WhatsAppID: ana.WhatsAppID, UserID: "RO.777", Name: "Ana"}.Text("wamid.both", d.Now(), "it is me"))
	found, err := labels.Of(t.Context(), d.DB, []string{newer})
	if err != nil || len(found[newer]) != 2 {
		t.Errorf("%v, %v", found, err)
	}
}
