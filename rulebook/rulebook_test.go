package rulebook_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/internal/testkit/office"
	"guichet.dev/guichet/rulebook"
	"guichet.dev/guichet/rules"
)

var (
	ana = conversation.Actor{Kind: conversation.ActorAgent, ID: "00000000-0000-7000-8000-000000000001"}
	bob = conversation.Actor{Kind: conversation.ActorAgent, ID: "00000000-0000-7000-8000-000000000002"}
)

// book is a rulebook on a database of its own.
type book struct {
	*office.Office
	*rulebook.Store
	t *testing.T
}

func open(t *testing.T) *book {
	t.Helper()
	t.Parallel()
	o := office.Open(t)
	o.Freeze()
	return &book{o, o.Rulebook, t}
}

func (b *book) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func says(id, text string) rules.Rule {
	return rules.Rule{ID: id, Name: "rule " + id, When: rules.OnMessage, Then: []conversation.RuleAction{{Do: conversation.ActReply, Text: text}}}
}

// save saves a draft of these rules over the newest revision.
func (b *book) save(list ...rules.Rule) rulebook.Draft {
	b.t.Helper()
	d, err := b.Draft(b.t.Context())
	b.must(err)
	d, err = b.SaveDraft(b.t.Context(), ana, rules.Edition{Rules: list}, d.Revision)
	b.must(err)
	return d
}

func (b *book) publish(list ...rules.Rule) rulebook.Version {
	b.t.Helper()
	v, err := b.Publish(b.t.Context(), ana, rulebook.Publication{Comment: "because", Revision: b.save(list...).Revision})
	b.must(err)
	return v
}

func TestDraftsAreNotOverwritten(t *testing.T) {
	b := open(t)
	empty, err := b.Draft(t.Context())
	if err != nil || empty.Revision != 0 || empty.EditedAt != nil || len(empty.Definition.Rules) != 0 || len(empty.Flaws) != 0 {
		t.Fatalf("at first: %+v, %v", empty, err)
	}
	var wg sync.WaitGroup
	results := make([]error, 5)
	for i := range results {
		wg.Go(func() {
			_, results[i] = b.SaveDraft(t.Context(), bob, rules.Edition{Rules: []rules.Rule{says("a", "x")}}, 0)
		})
	}
	wg.Wait()
	saved := 0
	for _, err := range results {
		if err == nil {
			saved++
		} else if conversation.CodeOf(err) != conversation.CodeStale {
			t.Error(err)
		}
	}
	if saved != 1 {
		t.Errorf("%d of five who began with the same draft saved theirs", saved)
	}
	d, err := b.Draft(t.Context())
	if err != nil || d.Revision != 1 || d.EditedBy != bob {
		t.Errorf("%+v, %v", d, err)
	}
	if d, err = b.DropDraft(t.Context(), ana, 1); err != nil || len(d.Definition.Rules) != 0 || d.Revision != 2 {
		t.Errorf("dropped: %+v, %v", d, err)
	}
}

func TestFlawsKeepADraftFromBeingPublished(t *testing.T) {
	b := open(t)
	wrong := says("a", "Hello {{contact.name}}")
	wrong.If = `mentions(mesage.text, "x")`
	wrong.AccountIDs = []string{"00000000-0000-7000-8000-000000000009"}
	d := b.save(wrong, rules.Rule{ID: "a", Name: " ", When: "full_moon", AfterSeconds: 5, Then: []conversation.RuleAction{{Do: "dance"}, {Do: conversation.ActNotify, Assignee: true, Text: "look"}}})
	fields := []string{}
	for _, f := range d.Flaws {
		fields = append(fields, f.Field)
	}
	want := "rules[0].if rules[0].account_ids[0] rules[0].then[0].text rules[1].name rules[1].when rules[1].then[0].do rules[1].then[1].text rules[1].id"
	if got := strings.Join(fields, " "); got != want {
		t.Errorf("flaws in\n%s, want\n%s", got, want)
	}
	if f := d.Flaws[0]; f.Line != 1 || f.Column != 10 || !strings.Contains(f.Hint, "message.text") {
		t.Errorf("%+v", f)
	}
	_, err := b.Publish(t.Context(), ana, rulebook.Publication{Comment: "because", Revision: d.Revision})
	var refused *conversation.Error
	if !errors.As(err, &refused) || refused.Code != conversation.CodeInvalid || refused.Field != "definition.rules[0].if" || refused.Details["flaws"] == nil {
		t.Errorf("published: %v", err)
	}
	if _, err := b.Publish(t.Context(), ana, rulebook.Publication{Comment: " ", Revision: b.save(says("a", "x")).Revision}); conversation.CodeOf(err) != conversation.CodeInvalid {
		t.Errorf("without a comment: %v", err)
	}
}

func TestVersions(t *testing.T) {
	b := open(t)
	first := b.publish(says("a", "one"), says("b", "two"))
	second := b.publish(says("b", "two"), says("a", "other"), says("c", "three"))
	if first.Version != 1 || second.Version != 2 || second.Rules != 3 || second.Author != ana || second.Comment != "because" {
		t.Errorf("%+v, %+v", first, second)
	}
	changes, err := b.Differences(t.Context(), 1, 2)
	b.must(err)
	told := []string{}
	for _, c := range changes {
		told = append(told, c.What+" "+c.ID+" "+c.Change+" "+strings.Join(c.Fields, ","))
	}
	if got := strings.Join(told, "; "); got != "rule a changed then; rule c added ; order  changed " {
		t.Errorf("differences: %s", got)
	}
	draft, err := b.Draft(t.Context())
	b.must(err)
	back, err := b.RollBack(t.Context(), bob, 1, rulebook.Publication{Comment: "back", Revision: draft.Revision})
	if err != nil || back.Version != 3 || back.Author != bob {
		t.Fatalf("%+v, %v", back, err)
	}
	if changes, err := b.Differences(t.Context(), 1, 3); err != nil || len(changes) != 0 {
		t.Errorf("rolled back, it differs: %+v, %v", changes, err)
	}
	if changes, err := b.Differences(t.Context(), 3, 0); err != nil || len(changes) != 0 {
		t.Errorf("the draft after going back: %+v, %v", changes, err)
	}
	list, err := b.Versions(t.Context(), 3, 10)
	if err != nil || len(list) != 2 || list[0].Version != 2 {
		t.Errorf("%+v, %v", list, err)
	}
	if _, _, err := b.Get(t.Context(), 9); conversation.CodeOf(err) != conversation.CodeNotFound {
		t.Errorf("version 9: %v", err)
	}
	if n := b.Count(t, "SELECT count(*) FROM audit_entries WHERE subject_kind = 'rules' AND action IN ('rules.publish', 'rules.roll_back')"); n != 3 {
		t.Errorf("%d entries in the audit", n)
	}
}

// The form publishes at once, and leaves what somebody drafts alone.
func TestRepliesArePublishedAtOnce(t *testing.T) {
	b := open(t)
	b.publish(says("a", "one"))
	b.save(says("a", "one"), says("draft", "not yet"))
	v, err := b.SetReplies(t.Context(), bob, b.Account.ID, &rules.Replies{Always: &rules.Reply{Text: "thanks"}}, "new form")
	b.must(err)
	_, published, err := b.Get(t.Context(), v.Version)
	if err != nil || len(published.Rules) != 1 || published.Replies[b.Account.ID].Always.Text != "thanks" {
		t.Errorf("published %+v, %v", published, err)
	}
	d, err := b.Draft(t.Context())
	if err != nil || len(d.Definition.Rules) != 2 || d.Definition.Replies[b.Account.ID].Always == nil || d.BasedOn != v.Version {
		t.Errorf("draft %+v, %v", d, err)
	}
	if _, err = b.SetReplies(t.Context(), bob, b.Account.ID, nil, "none"); err != nil {
		t.Fatal(err)
	}
	if _, published, err = b.Get(t.Context(), 0); err != nil || len(published.Replies) != 0 || len(published.Rules) != 1 {
		t.Errorf("dropped: %+v, %v", published, err)
	}
}
