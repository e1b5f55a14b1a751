package server_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/feed"
	"guichet.dev/guichet/internal/testkit"
	"guichet.dev/guichet/presence"
	"guichet.dev/guichet/server"
	"guichet.dev/guichet/team"
)

// newPresence is that of a process which hears itself at once.
func newPresence(db *bun.DB, hub *feed.Hub) server.Presence {
	store := &presence.Store{DB: db}
	board := &presence.Board{Show: func(v presence.Visit) { hub.Signal(server.RenderVisit(v)) }}
	board.Send = board.Heard
	return server.Presence{Store: store, Keeper: &presence.Keeper{Store: store, Announce: hub.Bell.Ring}, Board: board}
}

func (f *fixture) colleague(name string) (team.Agent, string) {
	f.t.Helper()
	by := team.System()
	a, err := f.team.CreateAgent(f.t.Context(), by, team.NewAgent{Name: name, Email: name + "@example.com", Role: team.RoleAgent})
	if err != nil {
		f.t.Fatal(err)
	}
	_, token, err := f.team.CreateToken(f.t.Context(), by, team.NewToken{Name: name, AgentID: a.ID})
	if err != nil {
		f.t.Fatal(err)
	}
	return a, token
}

func TestColleaguesSeeWhoIsThere(t *testing.T) {
	f := newFixture(t)
	f.inbox.account = f.account()
	at := f.serve()
	ana, hers := f.colleague("ana")
	_, his := f.colleague("ion")
	own, other := f.listen(at, hers, ""), f.listen(at, his, "")
	own.want("hello")
	other.want("hello")
	path := "/conversations/" + someID + "/presence"
	type visits struct {
		Items []presence.Visit
	}
	for _, state := range []string{"viewing", "typing"} {
		var others visits
		f.callAs(hers, "POST", path, fmt.Sprintf(`{"state":%q}`, state), http.StatusOK, &others)
		if len(others.Items) != 0 {
			t.Errorf("she is told of %+v", others.Items)
		}
		one := other.want("presence")
		if one.Data.AgentID != ana.ID || one.Data.ConversationID != someID || one.Data.AccountID != f.inbox.account || one.Data.State != state || one.ID != "" {
			t.Errorf("he hears %+v", one)
		}
		var there visits
		f.callAs(his, "GET", path, "", http.StatusOK, &there)
		if len(there.Items) != 1 || there.Items[0].AgentID != ana.ID || string(there.Items[0].State) != state {
			t.Errorf("there are %+v", there.Items)
		}
	}
	f.callAs(hers, "POST", path, `{"state":"left"}`, http.StatusOK, nil)
	other.want("presence")
	var there visits
	if f.callAs(his, "GET", path, "", http.StatusOK, &there); len(there.Items) != 0 {
		t.Errorf("she left, and there are %+v", there.Items)
	}
	f.note(feed.Change{SubjectID: "end"})
	if got := own.subjects("end"); !slices.Equal(got, []string{"end"}) {
		t.Errorf("she hears of herself: %v", got)
	}
	f.callAs(hers, "POST", path, `{"state":"dancing"}`, http.StatusUnprocessableEntity, nil)
	f.callAs(f.admin, "POST", path, `{"state":"viewing"}`, http.StatusUnprocessableEntity, nil) // a program
	f.inbox.err = conversation.Errorf(conversation.CodeNotFound, "no")
	f.callAs(hers, "POST", path, `{"state":"viewing"}`, http.StatusNotFound, nil)
	f.callAs(hers, "GET", path, "", http.StatusNotFound, nil)
}

func (f *fixture) presenceOf(id string) (found presence.Attendance) {
	f.t.Helper()
	var all struct{ Items []presence.Attendance }
	f.call("GET", "/presence", "", http.StatusOK, &all)
	for _, a := range all.Items {
		if a.AgentID == id {
			found = a
		}
	}
	return found
}

func TestPresenceOfAgents(t *testing.T) {
	f := newFixture(t)
	at := f.serve()
	ana, hers := f.colleague("ana")
	if got := f.presenceOf(ana.ID); got.State != presence.Offline || got.Since != nil {
		t.Errorf("at first %+v", got)
	}
	program := f.listen(at, f.admin, "")
	program.want("hello")
	changed := func(state presence.State) {
		t.Helper()
		if one := program.want("change"); one.Data.Kind != "presence_changed" || one.Data.SubjectID != ana.ID {
			t.Errorf("heard %+v", one)
		}
		if got := f.presenceOf(ana.ID); got.State != state || got.Since == nil {
			t.Errorf("%+v, want %s", got, state)
		}
	}
	f.callAs(hers, "POST", "/me/presence", `{"state":"online"}`, http.StatusOK, nil)
	changed(presence.Online)
	f.callAs(hers, "POST", "/me/presence", `{"state":"online"}`, http.StatusOK, nil) // says nothing new
	f.callAs(hers, "POST", "/me/presence", `{"state":"away"}`, http.StatusOK, nil)
	changed(presence.Away)
	db, store := testkit.Database(t), &presence.Store{DB: testkit.Database(t)}
	if _, err := db.ExecContext(t.Context(), "UPDATE agent_presence SET seen_at = seen_at - interval '2 minutes'"); err != nil {
		t.Fatal(err)
	}
	if got := f.presenceOf(ana.ID); got.State != presence.Offline {
		t.Errorf("unheard of for two minutes: %+v", got)
	}
	if err := store.Expire(t.Context()); err != nil {
		t.Fatal(err)
	}
	changed(presence.Offline)
	for range 2 {
		if err := store.Touch(t.Context(), []string{ana.ID, someID}); err != nil {
			t.Fatal(err)
		}
	}
	changed(presence.Away) // as she chose
	f.callAs(f.admin, "POST", "/me/presence", `{"state":"online"}`, http.StatusUnprocessableEntity, nil)
	f.callAs(hers, "POST", "/me/presence", `{"state":"offline"}`, http.StatusUnprocessableEntity, nil)
}

func TestOpenStreamIsASignOfLife(t *testing.T) {
	f := newFixture(t)
	ana, _ := f.colleague("ana")
	db := testkit.Database(t)
	keeper := &presence.Keeper{Store: &presence.Store{DB: db}, Announce: func() {}, Logger: testkit.Logger(t)}
	done := make(chan error, 1)
	ctx := t.Context()
	go func() { done <- keeper.Run(ctx) }()
	defer keeper.Enter(ana.ID)()
	testkit.Eventually(t, patience, func() error {
		if got := f.presenceOf(ana.ID); got.State != presence.Online {
			return errors.New(string(got.State))
		}
		return nil
	})
}

func TestWorkingTeams(t *testing.T) {
	f := newFixture(t)
	ana, hers := f.colleague("ana")
	by := team.System()
	var ids []string
	for _, name := range []string{"sales", "support", "other"} {
		made, err := f.team.CreateTeam(t.Context(), by.Actor(), name)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, made.ID)
		if name != "other" {
			if _, err := f.team.AddMember(t.Context(), by, made.ID, ana.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := f.presenceOf(ana.ID).WorkingTeamIDs; len(got) != 2 {
		t.Errorf("at first she works for %v", got)
	}
	body := func(ids ...string) string { return fmt.Sprintf(`{"team_ids":[%s]}`, quoted(ids)) }
	f.callAs(hers, "PUT", "/me/working-teams", body(ids[1], ids[1]), http.StatusOK, nil)
	if got := f.presenceOf(ana.ID).WorkingTeamIDs; !slices.Equal(got, ids[1:2]) {
		t.Errorf("she works for %v", got)
	}
	f.callAs(hers, "PUT", "/me/working-teams", body(ids[0], ids[2]), http.StatusUnprocessableEntity, nil)
	if got := f.presenceOf(ana.ID).WorkingTeamIDs; !slices.Equal(got, ids[1:2]) {
		t.Errorf("after the refusal she works for %v", got)
	}
	f.callAs(hers, "PUT", "/me/working-teams", body(), http.StatusOK, nil)
	if got := f.presenceOf(ana.ID).WorkingTeamIDs; len(got) != 0 {
		t.Errorf("she works for %v", got)
	}
}

func quoted(list []string) (text string) {
	for i, one := range list {
		if i > 0 {
			text += ","
		}
		text += fmt.Sprintf("%q", one)
	}
	return text
}
