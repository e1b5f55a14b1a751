package notes_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/internal/testkit/office"
	"guichet.dev/guichet/notes"
)

var ana = office.Person{WhatsAppID: "40712345678", UserID: "RO.1234567890", Name: "Ana"}

type desk struct {
	*office.Office
	notes             *notes.Store
	maria, paul, vera conversation.Caller
	id                string
}

func open(t *testing.T) *desk {
	t.Helper()
	t.Parallel()
	o := office.Open(t)
	o.Freeze()
	return &desk{
		Office: o, notes: notes.NewStore(o.Desk()), id: o.Meet(t, ana),
		maria: o.Agent(t, "maria"), paul: o.Agent(t, "paul"), vera: o.Agent(t, "vera"),
	}
}

func wantCode(t *testing.T, err error, code conversation.Code, field string) {
	t.Helper()
	e, ok := errors.AsType[*conversation.Error](err)
	if !ok || e.Code != code || e.Field != field {
		t.Errorf("error %v, want %s of %q", err, code, field)
	}
}

func (d *desk) add(t *testing.T, by conversation.Caller, text string, agents ...string) notes.Note {
	t.Helper()
	n, err := d.notes.Add(t.Context(), by, d.id, notes.Draft{Text: text, Calls: notes.Calls{Agents: agents}})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (d *desk) following(t *testing.T) string {
	t.Helper()
	return d.Text(t, `SELECT coalesce(string_agg(a.name, ' ' ORDER BY a.name), '') FROM followers f JOIN agents a ON a.id = f.agent_id WHERE f.conversation_id = $1::uuid`, d.id)
}

func TestNoteIsForColleagues(t *testing.T) {
	d := open(t)
	before := d.Only(t)
	d.Forward(time.Minute)
	n := d.add(t, d.maria, "  She wants *pasta*.  ", d.paul.ID, d.paul.ID, d.maria.ID)
	if n.Text != "She wants *pasta*." || n.Author != d.maria.Actor || !n.CreatedAt.Equal(d.Now()) {
		t.Errorf("%+v", n)
	}
	after := d.Only(t)
	if after.WaitingSince == nil || !after.WaitingSince.Equal(*before.WaitingSince) || after.FirstReplyAt != nil || !after.LastActivityAt.Equal(before.LastActivityAt) {
		t.Errorf("the note counts as an answer: %+v", after)
	}
	if n := d.Count(t, "SELECT count(*) FROM dispatches d JOIN conversations c ON c.id = d.conversation_id WHERE c.wake_seq > c.applied_seq"); n != 0 {
		t.Error("the note wakes the workflow")
	}
	data := d.Text(t, "SELECT data::text FROM events WHERE conversation_id = $1::uuid AND kind = 'note_added' AND seq = $2", d.id, n.Seq)
	if !strings.Contains(data, n.ID) || !strings.Contains(data, d.paul.ID) || strings.Contains(data, d.maria.ID) || strings.Contains(data, "pasta") {
		t.Errorf("event %s", data)
	}
	if got := d.following(t); got != "maria paul" {
		t.Errorf("followed by %q", got)
	}
	if broken := d.Broken(t); broken != nil {
		t.Error(broken)
	}
}

func TestTimelineShowsNotesInTheirPlace(t *testing.T) {
	d := open(t)
	for range 3 {
		d.Forward(time.Minute)
		d.add(t, d.maria, "note")
		d.Forward(time.Minute)
		d.Deliver(t, ana.Text(uuid.NewString(), d.Now(), "word"))
	}
	d.Forward(time.Minute)
	newer := d.Meet(t, office.Person{UserID: "RO.777", Name: "Ana"})
	d.Deliver(t, office.Person{WhatsAppID: ana.WhatsAppID, UserID: "RO.777", Name: "Ana"}.Text("wamid.both", d.Now(), "it is me"))
	var types []string
	for cursor := (inbox.Cursor{}); ; {
		items, next, err := d.Inbox.Timeline(t.Context(), d.maria, newer, cursor, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range items {
			if i.Type != "event" {
				types = append(types, i.Type)
			}
			if i.Type == "note" && (i.Note == nil || i.Note.Text != "note") {
				t.Errorf("%+v", i)
			}
		}
		if cursor = next; next.Zero() {
			break
		}
	}
	if got := strings.Join(types, " "); got != "message message message note message note message note message" {
		t.Errorf("timeline %s", got)
	}
	found, next, err := d.notes.List(t.Context(), d.maria, newer, notes.Place{}, 2)
	if err != nil || len(found) != 2 {
		t.Fatal(found, err)
	}
	rest, next, err := d.notes.List(t.Context(), d.maria, newer, next, 2)
	if err != nil || len(rest) != 1 || next.ID != "" || rest[0].ID == found[1].ID {
		t.Error(rest, next, err)
	}
	if _, err := d.notes.Add(t.Context(), d.maria, d.id, notes.Draft{Text: "late"}); conversation.CodeOf(err) != conversation.CodeConflict {
		t.Errorf("a note on what goes on elsewhere: %v", err)
	}
	d.id = newer
	if got := d.following(t); got != "maria" {
		t.Errorf("the merged conversation is followed by %q", got)
	}
	if _, err := d.notes.Edit(t.Context(), d.maria, newer, rest[0].ID, notes.Draft{Text: "better"}, false); err != nil {
		t.Errorf("edit of a note from before: %v", err)
	}
}

func TestMentionsMustBeAllowedToSee(t *testing.T) {
	d := open(t)
	team := d.Team(t, "sales")
	d.Exec(t, "INSERT INTO team_members (team_id, agent_id) VALUES ($1::uuid, $2::uuid), ($1::uuid, $3::uuid)", team, d.paul.ID, d.vera.ID)
	add := func(c notes.Calls) (notes.Note, error) {
		return d.notes.Add(t.Context(), d.maria, d.id, notes.Draft{Text: "look", Calls: c})
	}
	n, err := add(notes.Calls{Teams: []string{team}})
	if err != nil || len(n.Mentions) != 2 || !slices.Equal(n.TeamMentions, []string{team}) {
		t.Errorf("%+v, %v", n, err)
	}
	d.Exec(t, "UPDATE accounts SET restricted = true")
	d.Exec(t, "INSERT INTO account_viewers (account_id, agent_id) VALUES ($1::uuid, $2::uuid)", d.Account.ID, d.paul.ID)
	if n, err = add(notes.Calls{Teams: []string{team}, Agents: []string{d.paul.ID}}); err != nil || !slices.Equal(n.Mentions, []string{d.paul.ID}) {
		t.Errorf("%+v, %v", n, err)
	}
	for name, c := range map[string]struct {
		notes.Calls
		field string
	}{
		"one who may not see": {notes.Calls{Agents: []string{d.vera.ID}}, "mentions"},
		"nobody":              {notes.Calls{Agents: []string{uuid.NewString()}}, "mentions"},
		"no id":               {notes.Calls{Agents: []string{"paul"}}, "mentions"},
		"no team":             {notes.Calls{Teams: []string{uuid.NewString()}}, "team_mentions"},
	} {
		_, err := add(c.Calls)
		if wantCode(t, err, conversation.CodeInvalid, c.field); t.Failed() {
			t.Fatal(name)
		}
	}
	d.Exec(t, "INSERT INTO account_viewers (account_id, team_id) VALUES ($1::uuid, $2::uuid)", d.Account.ID, team)
	if _, err = add(notes.Calls{Agents: []string{d.vera.ID}}); err != nil {
		t.Errorf("a member of a team that may see: %v", err)
	}
	d.Exec(t, "UPDATE agents SET state = 'deactivated' WHERE id = $1::uuid", d.vera.ID)
	_, err = add(notes.Calls{Agents: []string{d.vera.ID}})
	wantCode(t, err, conversation.CodeInvalid, "mentions")
}

func TestEditAndDelete(t *testing.T) {
	d := open(t)
	ctx := t.Context()
	n := d.add(t, d.maria, "first", d.paul.ID)
	_, err := d.notes.Edit(ctx, d.paul, d.id, n.ID, notes.Draft{Text: "mine now"}, false)
	wantCode(t, err, conversation.CodeForbidden, "")
	wantCode(t, d.notes.Delete(ctx, d.paul, d.id, n.ID, false), conversation.CodeForbidden, "")
	d.Forward(time.Minute)
	n, err = d.notes.Edit(ctx, d.maria, d.id, n.ID, notes.Draft{Text: "second", Calls: notes.Calls{Agents: []string{d.paul.ID, d.vera.ID}}}, false)
	if err != nil || n.Text != "second" || n.EditedAt == nil || !n.EditedAt.Equal(d.Now()) {
		t.Errorf("%+v, %v", n, err)
	}
	if called := d.Text(t, "SELECT data->>'mentions' FROM events WHERE kind = 'note_edited'"); called != `["`+d.vera.ID+`"]` {
		t.Errorf("called again: %s", called)
	}
	if err := d.notes.Delete(ctx, d.paul, d.id, n.ID, true); err != nil {
		t.Fatal(err)
	}
	found, _, err := d.notes.List(ctx, d.vera, d.id, notes.Place{}, 10)
	if err != nil || len(found) != 1 || found[0].Text != "" || found[0].DeletedAt == nil || len(found[0].Mentions) > 0 {
		t.Errorf("%+v, %v", found, err)
	}
	if left := d.Count(t, "SELECT count(*) FROM notes WHERE text <> ''"); left != 0 {
		t.Error("a deleted note's text is still there")
	}
	wantCode(t, d.notes.Delete(ctx, d.maria, d.id, n.ID, false), conversation.CodeNotFound, "")
	for _, text := range []string{"", "  \n ", strings.Repeat("é", notes.MaxText+1), "a\x00b"} {
		_, err := d.notes.Add(ctx, d.maria, d.id, notes.Draft{Text: text})
		wantCode(t, err, conversation.CodeInvalid, "text")
	}
	d.add(t, d.maria, strings.Repeat("é", notes.MaxText))
}

func TestNotesOfUnseenConversations(t *testing.T) {
	d := open(t)
	n := d.add(t, d.maria, "secret")
	blind := conversation.Caller{Actor: d.maria.Actor, Sight: conversation.SeesOnly(uuid.NewString())}
	_, _, list := d.notes.List(t.Context(), blind, d.id, notes.Place{}, 10)
	_, add := d.notes.Add(t.Context(), blind, d.id, notes.Draft{Text: "x"})
	_, edit := d.notes.Edit(t.Context(), blind, d.id, n.ID, notes.Draft{Text: "x"}, true)
	for name, err := range map[string]error{"list": list, "add": add, "edit": edit, "delete": d.notes.Delete(t.Context(), blind, d.id, n.ID, true)} {
		if conversation.CodeOf(err) != conversation.CodeNotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
	other := d.Meet(t, office.Person{WhatsAppID: "40712345679", Name: "Ion"})
	if err := d.notes.Delete(t.Context(), d.maria, other, n.ID, true); conversation.CodeOf(err) != conversation.CodeNotFound {
		t.Errorf("a note of another conversation: %v", err)
	}
}
