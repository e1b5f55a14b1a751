package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/feed"
	"guichet.dev/guichet/internal/testkit"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/server"
	"guichet.dev/guichet/team"
)

// patience is long: a transaction of any test on the shared server holds the feeds of all databases back.
const patience = 30 * time.Second

// newHub returns a hub that follows the test's database.
func newHub(t *testing.T, db *bun.DB) *feed.Hub {
	t.Helper()
	hub := &feed.Hub{Reader: feed.Reader{DB: db, WithChanges: true}, Bell: &feed.Bell{}, Render: server.RenderEvent, Poll: 20 * time.Millisecond, Keep: 20}
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := hub.Run(ctx); err != nil {
			t.Errorf("hub: %v", err)
		}
	})
	t.Cleanup(func() { stop(); wg.Wait() })
	testkit.Eventually(t, patience, func() error {
		if _, _, ready := hub.Now(); !ready {
			return errors.New("the hub is not ready")
		}
		return nil
	})
	return hub
}

// serve serves the fixture on a real connection and returns its address.
func (f *fixture) serve() string {
	f.t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(f.t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		f.t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- f.server.Serve(l) }()
	f.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := errors.Join(f.server.Shutdown(ctx), <-served); err != nil {
			f.t.Errorf("shutdown: %v", err)
		}
	})
	return "http://" + l.Addr().String()
}

// received is one event of a stream.
type received struct {
	ID, Event string
	Data      struct {
		Cursor         string
		Kind           string
		Seq            int64
		ConversationID string `json:"conversation_id"`
		AccountID      string `json:"account_id"`
		SubjectID      string `json:"subject_id"`
		AgentID        string `json:"agent_id"`
		State          string
	}
}

// ear listens to a stream.
type ear struct {
	t      *testing.T
	deaf   []string // kinds that it does not hear
	events chan received
	close  func()
}

// ofAdmins are the changes that a test itself makes as it prepares.
var ofAdmins = []string{"account_changed", "agent_changed", "team_changed"}

// listen listens to everything but admins' changes.
func (f *fixture) listen(at, token, cursor string) *ear {
	return f.listenTo(at, token, cursor, ofAdmins)
}

func (f *fixture) listenTo(at, token, cursor string, deaf []string) *ear {
	f.t.Helper()
	ctx, cancel := context.WithCancel(f.t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at+"/api/v1/events", nil)
	if err != nil {
		f.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if cursor != "" {
		r.Header.Set("Last-Event-ID", cursor)
	}
	answer, err := http.DefaultClient.Do(r) //nolint:bodyclose // the goroutine that reads it closes it
	if err != nil {
		f.t.Fatal(err)
	}
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "text/event-stream" {
		f.t.Fatalf("%d %s", answer.StatusCode, answer.Header)
	}
	e := &ear{t: f.t, deaf: deaf, events: make(chan received, 10_000), close: cancel}
	go func() {
		defer close(e.events)
		defer func() { _ = answer.Body.Close() }()
		e.read(bufio.NewScanner(answer.Body))
	}()
	f.t.Cleanup(cancel)
	return e
}

func (e *ear) read(lines *bufio.Scanner) {
	var one received
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "id":
			one.ID = value
		case "event":
			one.Event = value
		case "data":
			if err := json.Unmarshal([]byte(value), &one.Data); err != nil {
				e.t.Errorf("%v: %s", err, value)
			}
		case "":
			if one.Event != "heartbeat" && !slices.Contains(e.deaf, one.Data.Kind) {
				e.events <- one
			}
			one = received{}
		}
	}
}

// next returns the next event that is no heartbeat; ok is false at the end of the stream.
func (e *ear) next() (one received, ok bool) {
	e.t.Helper()
	select {
	case one, ok = <-e.events:
		return one, ok
	case <-time.After(patience):
		e.t.Fatal("nothing came")
		return one, false
	}
}

func (e *ear) want(name string) received {
	e.t.Helper()
	one, ok := e.next()
	if !ok || one.Event != name {
		e.t.Fatalf("got %+v (stream alive: %v), want %s", one, ok, name)
	}
	return one
}

// subjects reads changes until the one with the last subject.
func (e *ear) subjects(last string) (list []string) {
	e.t.Helper()
	for {
		one := e.want("change")
		list = append(list, one.Data.SubjectID)
		if one.Data.SubjectID == last {
			return list
		}
	}
}

func (f *fixture) note(c feed.Change) {
	f.t.Helper()
	if c.Kind == "" {
		c.Kind = feed.ChangeLabel
	}
	db := testkit.Database(f.t)
	err := postgres.InTx(f.t.Context(), db, func(ctx context.Context, tx bun.Tx) error { return feed.Note(ctx, tx, c) })
	if err != nil {
		f.t.Fatal(err)
	}
}

func TestStreamGoesOnAtEveryCursor(t *testing.T) {
	f := newFixture(t)
	at := f.serve()
	first := f.listen(at, f.admin, "")
	hello := first.want("hello")
	const n = 60 // the hub remembers fewer
	want := make([]string, n)
	for i := range want {
		want[i] = fmt.Sprint(i)
		f.note(feed.Change{SubjectID: want[i]})
	}
	var ids []string
	for range want {
		one := first.want("change")
		if one.ID == "" || one.ID != one.Data.Cursor {
			t.Fatalf("cursor %q, id %q", one.Data.Cursor, one.ID)
		}
		ids = append(ids, one.ID)
	}
	for i, cursor := range append([]string{hello.ID}, ids[:n-1]...) {
		again := f.listen(at, f.admin, cursor)
		again.want("hello")
		if got := again.subjects(want[n-1]); !slices.Equal(got, want[i:]) {
			t.Errorf("after %d: %v", i, got)
		}
		again.close()
	}
	f.note(feed.Change{SubjectID: "new"})
	if one := first.want("change"); one.Data.SubjectID != "new" {
		t.Errorf("got %+v", one)
	}
}

func TestStreamTellsWhoMaySee(t *testing.T) {
	f := newFixture(t)
	at := f.serve()
	ana, token := f.agentToken(team.RoleAgent)
	hers, program := f.listen(at, token, ""), f.listen(at, f.admin, "")
	hers.want("hello")
	program.want("hello")
	f.note(feed.Change{SubjectID: "hers", AgentID: ana.ID})
	f.note(feed.Change{SubjectID: "somebody's", AgentID: someID})
	f.note(feed.Change{SubjectID: "all"})
	if got := hers.subjects("all"); !slices.Equal(got, []string{"hers", "all"}) {
		t.Errorf("she hears %v", got)
	}
	if got := program.subjects("all"); !slices.Equal(got, []string{"all"}) {
		t.Errorf("a program hears %v", got)
	}
}

func TestStreamOfAPlaceThatIsGone(t *testing.T) {
	f := newFixture(t)
	at := f.serve()
	live := f.listen(at, f.admin, "")
	now := live.want("hello").ID
	place, err := feed.ParseCursor(now)
	if err != nil {
		t.Fatal(err)
	}
	other, future := place, place
	other.Epoch++
	future.XID += 1 << 40
	for _, cursor := range []feed.Cursor{other, future} {
		gone := f.listen(at, f.admin, cursor.String())
		gone.want("hello")
		gone.want("resync")
		f.note(feed.Change{SubjectID: "after"})
		gone.subjects("after")
		live.subjects("after")
	}
	db := testkit.Database(t)
	if _, err := db.ExecContext(t.Context(), "UPDATE installation SET feed_floor_xid = pg_current_xact_id()"); err != nil {
		t.Fatal(err)
	}
	old := place
	old.XID = 10 // long before the server began to listen: transactions of other databases count too
	past := f.listen(at, f.admin, old.String())
	past.want("hello")
	past.want("resync")
	if _, err := db.ExecContext(t.Context(), "UPDATE installation SET epoch = epoch + 1"); err != nil {
		t.Fatal(err)
	}
	if one := live.want("resync"); one.ID == now {
		t.Error("resync with the old cursor")
	}
	if w := f.request("GET", "/api/v1/events?cursor=abc", f.admin, nil); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("no cursor: %d", w.Code)
	}
}

func TestStreamEndsWithThePermission(t *testing.T) {
	f := newFixture(t)
	at := f.serve()
	by := team.System()
	token, value, err := f.team.CreateToken(t.Context(), by, team.NewToken{Name: "short", Role: team.RoleAgent})
	if err != nil {
		t.Fatal(err)
	}
	e := f.listen(at, value, "")
	e.want("hello")
	if _, err := f.team.RevokeToken(t.Context(), by.Actor(), token.ID); err != nil {
		t.Fatal(err)
	}
	e.want("forbidden")
	if one, ok := e.next(); ok {
		t.Errorf("after the end: %+v", one)
	}
}

func TestStreamHearsOfAnotherRole(t *testing.T) {
	f := newFixture(t)
	at := f.serve()
	ana, token := f.agentToken(team.RoleAgent)
	e := f.listen(at, token, "")
	e.want("hello")
	role := team.RoleSupervisor
	if _, err := f.team.UpdateAgent(t.Context(), team.System(), ana.ID, team.AgentChange{Role: &role}); err != nil {
		t.Fatal(err)
	}
	e.want("permissions")
}

func TestShutdownEndsStreams(t *testing.T) {
	f := newFixture(t)
	at := f.serve()
	e := f.listen(at, f.admin, "")
	e.want("hello")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := f.server.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	if one, ok := e.next(); ok {
		t.Errorf("after the shutdown: %+v", one)
	}
}

// A client that reads nothing holds nobody up and costs no memory: the others hear everything at once.
func TestSlowClientHoldsNobodyUp(t *testing.T) {
	f := newFixture(t)
	at := f.serve()
	var d net.Dialer
	slow, err := d.DialContext(t.Context(), "tcp", strings.TrimPrefix(at, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = slow.Close() }()
	if _, err := fmt.Fprintf(slow, "GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", f.admin); err != nil {
		t.Fatal(err)
	}
	quick := f.listen(at, f.admin, "")
	quick.want("hello")
	db := testkit.Database(t)
	_, err = db.ExecContext(t.Context(), "INSERT INTO changes (kind, subject_id) SELECT 'label_changed', repeat('x', 10000) FROM generate_series(1, 3000)")
	if err != nil {
		t.Fatal(err)
	}
	f.note(feed.Change{SubjectID: "last"})
	if got := quick.subjects("last"); len(got) != 3001 {
		t.Errorf("heard %d changes, want 3001", len(got))
	}
}

// What happens on an account that the caller may not see is never sent, neither live nor from the past; and when that
// changes, it counts at once and in both directions.
func TestStreamKeepsForeignAccountsAway(t *testing.T) {
	f := newFixture(t)
	at := f.serve()
	account := f.account()
	ana, token := f.agentToken(team.RoleAgent)
	restrict := func(agents string) {
		t.Helper()
		f.call("PUT", "/accounts/"+account+"/viewers", `{"restricted":true,"agent_ids":[`+agents+`],"team_ids":[]}`, http.StatusOK, nil)
		f.team.Forget()
		f.live.Recheck()
	}
	restrict("")
	hers, all := f.listen(at, token, ""), f.listen(at, f.admin, "")
	begin := hers.want("hello").ID
	all.want("hello")
	foreign := func(subject string) { f.note(feed.Change{SubjectID: subject, AccountID: account}) }
	foreign("foreign")
	f.note(feed.Change{SubjectID: "1"})
	if got := hers.subjects("1"); !slices.Equal(got, []string{"1"}) {
		t.Errorf("she hears %v", got)
	}
	if got := all.subjects("1"); !slices.Equal(got, []string{"foreign", "1"}) {
		t.Errorf("an admin hears %v", got)
	}
	past := f.listen(at, token, begin)
	past.want("hello")
	if got := past.subjects("1"); !slices.Equal(got, []string{"1"}) {
		t.Errorf("from the past she hears %v", got)
	}
	past.close()
	restrict(`"` + ana.ID + `"`)
	hers.want("permissions")
	foreign("hers now")
	hers.subjects("hers now")
	restrict("")
	hers.want("permissions")
	foreign("foreign again")
	f.note(feed.Change{SubjectID: "2"})
	if got := hers.subjects("2"); !slices.Equal(got, []string{"2"}) {
		t.Errorf("she hears %v", got)
	}
}

func TestAdminsChangesAreHeard(t *testing.T) {
	f := newFixture(t)
	e := f.listenTo(f.serve(), f.admin, "", nil)
	e.want("hello")
	account := f.account()
	made, err := f.team.CreateTeam(t.Context(), team.System().Actor(), "Sales")
	if err != nil {
		t.Fatal(err)
	}
	agent, _ := f.agentToken(team.RoleAgent)
	f.call("POST", "/accounts/"+account+"/pause", "", http.StatusOK, nil)
	for _, want := range []struct{ kind, subject, account string }{
		{"account_changed", account, account}, {"team_changed", made.ID, ""}, {"agent_changed", agent.ID, ""}, {"account_changed", account, account},
	} {
		if one := e.want("change").Data; one.Kind != want.kind || one.SubjectID != want.subject || one.AccountID != want.account {
			t.Errorf("heard %+v, want %+v", one, want)
		}
	}
}
