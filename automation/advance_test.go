package automation_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/accounts"
	"guichet.dev/guichet/automation"
	"guichet.dev/guichet/contacts"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/internal/testkit"
	"guichet.dev/guichet/internal/testkit/office"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/rules"
)

// record is everything about conversations that Advance may write.
func (d *desk) record(t *testing.T) string {
	t.Helper()
	return d.Text(t, `SELECT (SELECT string_agg(c::text, ';' ORDER BY id) FROM conversations c) || (SELECT string_agg(e::text, ';' ORDER BY conversation_id, seq) FROM events e)
		|| (SELECT coalesce(string_agg(h::text, ';' ORDER BY id), '') FROM consent_changes h) || (SELECT count(*) FROM decisions)`)
}

func TestWordsChangeTheConsentOnce(t *testing.T) {
	d := open(t)
	for i, c := range []struct {
		text           string
		all, marketing conversation.ConsentState
		entries        int
	}{
		{"please do not stop", "unknown", "unknown", 0},
		{"  STOP!! ", "opted_out", "unknown", 1},
		{"start", "opted_in", "unknown", 2},
		{"Arrêtez", "opted_out", "unknown", 3},
		{"stop promotions", "opted_out", "opted_out", 4},
	} {
		d.Forward(time.Second)
		d.Deliver(t, ana.Text(fmt.Sprint("wamid.w", i), d.Now(), c.text))
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				if _, err := d.Automation.Advance(t.Context(), d.id); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		got := d.Only(t).Consent
		if got.All != c.all || got.Marketing != c.marketing {
			t.Errorf("%q: %+v", c.text, got)
		}
		if n := d.Count(t, "SELECT count(*) FROM consent_changes"); n != c.entries {
			t.Errorf("%q: %d entries in the ledger, want %d", c.text, n, c.entries)
		}
		if n := d.Count(t, "SELECT count(*) FROM events WHERE kind = 'consent_changed' AND cause->>'trigger' = 'message_received'"); n != c.entries {
			t.Errorf("%q: %d events, want %d", c.text, n, c.entries)
		}
	}
	if n := d.Count(t, "SELECT count(*) FROM decisions WHERE outcomes::text LIKE '%please%' OR effects::text LIKE '%!!%'"); n != 0 {
		t.Error("a decision holds the customer's words")
	}
	d.wantWhole(t)
}

// TestWordWaitsForTheSendGate examines a STOP while a send gate, which has seen no opt-out, holds the contact.
func TestWordWaitsForTheSendGate(t *testing.T) {
	d := open(t)
	d.Deliver(t, ana.Text("wamid.stop", d.Now(), "stop"))
	gate, err := d.DB.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := contacts.LockShared(t.Context(), gate, d.Text(t, "SELECT contact_id::text FROM conversations")); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := d.Automation.Advance(t.Context(), d.id)
		done <- err
	}()
	testkit.Eventually(t, 10*time.Second, func() error {
		if len(done) > 0 {
			t.Fatal("the consent changed while a send gate held the contact")
		}
		return d.Blocked(t, 1)
	})
	if err := gate.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if c := d.Only(t).Consent; c.All != conversation.ConsentOptedOut {
		t.Errorf("%+v", c)
	}
}

func TestDecisionIsKept(t *testing.T) {
	d := open(t)
	d.Deliver(t, ana.Text("wamid.a", d.Now(), "hello"), ana.Text("wamid.b", d.Now(), "STOP"))
	got := d.advance(t)
	if len(got.Steps) != 2 || !strings.HasPrefix(got.Steps[0], "opt_out#") || !strings.HasSuffix(got.Steps[0], "=none") || !strings.HasSuffix(got.Steps[1], "=opted_out") {
		t.Errorf("steps %v", got.Steps)
	}
	var outcomes, effects, next string
	err := d.DB.DB.QueryRowContext(t.Context(), "SELECT outcomes, effects, next FROM decisions ORDER BY seq DESC LIMIT 1").Scan(&outcomes, &effects, &next)
	if err != nil {
		t.Fatal(err)
	}
	var o []conversation.Outcome
	var e []conversation.Effect
	var n []conversation.Deadline
	if err := errors.Join(json.Unmarshal([]byte(outcomes), &o), json.Unmarshal([]byte(effects), &e), json.Unmarshal([]byte(next), &n)); err != nil {
		t.Fatal(err)
	}
	if len(o) != 1 || len(e) != 1 || e[0].Outcome != conversation.OutcomeDone || e[0].Consent.State != conversation.ConsentOptedOut || len(n) != 2 {
		t.Errorf("outcomes %v, effects %v, next %v", o, e, n)
	}
	before := d.record(t)
	again := d.advance(t)
	if after := d.record(t); after != before {
		t.Errorf("a repeat changed\n%s\ninto\n%s", before, after)
	}
	if len(again.Steps) != 0 || again.AppliedSeq != got.AppliedSeq || !again.NextDeadline.Equal(got.NextDeadline) {
		t.Errorf("%+v, then %+v", got, again)
	}
}

func TestAdvancedSaysWhatWaits(t *testing.T) {
	d := open(t)
	if got := d.advance(t); got.Unsettled || got.AssigneeID != "" || got.AccountID != d.Account.ID || got.Channel != conversation.WhatsApp || got.Status != "open" || !got.Now.Equal(d.Now()) {
		t.Errorf("%+v", got)
	}
	if _, err := d.Inbox.Attend(t.Context(), d.maria, d.id); err != nil {
		t.Fatal(err)
	}
	d.Write(t, d.maria, d.id, "hello")
	if got := d.advance(t); !got.Unsettled || got.AssigneeID != d.maria.ID {
		t.Errorf("%+v", got)
	}
	d.SendNext(t, d.id)
	if got := d.advance(t); got.Unsettled {
		t.Errorf("%+v", got)
	}
}

// TestWindowDeadlines goes through the life of a window, asking often, and counts what is told.
func TestWindowDeadlines(t *testing.T) {
	d := open(t)
	end := d.Now().Truncate(time.Second).Add(24*time.Hour - time.Minute)
	told := func(kind conversation.EventKind) int {
		return d.Count(t, "SELECT count(*) FROM events WHERE kind = $1 AND conversation_id = $2::uuid", string(kind), d.id)
	}
	for _, c := range []struct {
		at              time.Time
		next            conversation.DeadlineKind
		nextAt          time.Time
		closing, closed int
	}{
		{d.Now(), "window_closing", end.Add(-time.Hour), 0, 0},
		{end.Add(-time.Hour - time.Microsecond), "window_closing", end.Add(-time.Hour), 0, 0},
		{end.Add(-time.Hour), "window_closed", end, 1, 0},
		{end.Add(-time.Microsecond), "window_closed", end, 1, 0},
		{end, "", time.Time{}, 1, 1},
		{end.Add(72 * time.Hour), "", time.Time{}, 1, 1},
	} {
		d.At(c.at)
		for range 3 {
			got := d.advance(t)
			if got.NextKind != string(c.next) || !got.NextDeadline.Equal(c.nextAt) {
				t.Errorf("at %v: %s at %v, want %s at %v", c.at, got.NextKind, got.NextDeadline, c.next, c.nextAt)
			}
		}
		if told("window_closing") != c.closing || told("window_closed") != c.closed {
			t.Errorf("at %v: told %d closing, %d closed", c.at, told("window_closing"), told("window_closed"))
		}
	}
	d.Deliver(t, ana.Text("wamid.back", d.Now(), "back again"))
	d.advance(t)
	d.Forward(48 * time.Hour) // nobody looked in time: that it was closing is of no use any more
	d.advance(t)
	if told("window_closing") != 1 || told("window_closed") != 2 {
		t.Errorf("told %d closing, %d closed", told("window_closing"), told("window_closed"))
	}
	d.wantWhole(t)
}

func TestSnoozeWakes(t *testing.T) {
	d := open(t)
	until := d.Now().Add(2 * time.Hour)
	if _, err := d.Inbox.Snooze(t.Context(), d.maria, d.id, until); err != nil {
		t.Fatal(err)
	}
	if got := d.advance(t); got.NextKind != "snooze" || !got.NextDeadline.Equal(until) {
		t.Errorf("%+v", got)
	}
	d.At(until)
	for range 2 {
		if got := d.advance(t); got.Status != conversation.StatusOpen {
			t.Errorf("%+v", got)
		}
	}
	if n := d.Count(t, "SELECT count(*) FROM events WHERE kind = 'woken' AND actor_kind = 'timer'"); n != 1 {
		t.Errorf("%d events", n)
	}
	if c := d.Only(t); c.SnoozedUntil != nil || c.Status != conversation.StatusOpen || len(c.Next) == 0 {
		t.Errorf("%+v", c)
	}
	d.wantWhole(t)
}

func TestAutoClose(t *testing.T) {
	d := open(t)
	d.Tune(t, accounts.SettingsChange{AutoCloseAfterSeconds: ptr(3600)})
	d.Deliver(t, ana.Text("wamid.1", d.Now(), "hello"))
	if got := d.advance(t); got.NextKind != "auto_close" {
		t.Errorf("%+v", got)
	}
	d.Forward(30 * time.Minute)
	d.Write(t, d.maria, d.id, "one moment")
	d.advance(t)
	d.Forward(59 * time.Minute)
	if got := d.advance(t); got.Status != conversation.StatusOpen {
		t.Error("closed while it was in use")
	}
	d.Forward(time.Minute)
	for range 2 {
		if got := d.advance(t); got.Status != conversation.StatusDone {
			t.Errorf("%+v", got)
		}
	}
	if c := d.Only(t); c.DoneAt == nil || !c.DoneAt.Equal(d.Now()) {
		t.Errorf("%+v", c)
	}
	if n := d.Count(t, "SELECT count(*) FROM events WHERE kind = 'done'"); n != 1 {
		t.Errorf("%d events", n)
	}
	d.wantWhole(t)
}

// TestSameMomentAgain leads to deadlines that were told before: by a message so late that it moves nothing, and by a
// setting that is changed and changed back. The conversation must not be stuck.
func TestSameMomentAgain(t *testing.T) {
	d := open(t)
	d.Tune(t, accounts.SettingsChange{AutoCloseAfterSeconds: ptr(3600)})
	d.Forward(2 * time.Hour)
	if got := d.advance(t); got.Status != conversation.StatusDone {
		t.Fatalf("%+v", got)
	}
	d.Deliver(t, ana.Text("wamid.late", office.Start.Add(-time.Hour), "late"))
	d.advance(t)
	d.Forward(24 * time.Hour)
	for _, margin := range []int{60, 120, 60, 120} {
		d.Tune(t, accounts.SettingsChange{WindowMarginSeconds: &margin})
		d.Forward(time.Second)
		d.advance(t)
	}
	if n := d.Count(t, "SELECT count(*) FROM events WHERE kind = 'window_closed'"); n != 2 {
		t.Errorf("%d windows closed, want one for each end", n)
	}
	last := d.Text(t, "SELECT kind FROM events WHERE kind IN ('done', 'reopened') ORDER BY seq DESC LIMIT 1")
	if c := d.Only(t); (c.Status == conversation.StatusDone) != (last == "done") {
		t.Errorf("status %s after event %s", c.Status, last)
	}
	d.wantWhole(t)
}

// broken is a rulebook that fails as a test wants it.
type broken struct{ panics, fails bool }

func (broken) Compile(context.Context, bun.IDB, rules.Edition) (*rules.Set, error) {
	return nil, errors.New("no rules")
}

func (b broken) Set(context.Context, bun.IDB, int) (*rules.Set, error) {
	if b.panics {
		panic("a rule panics")
	}
	if b.fails {
		return nil, errors.New("no rules")
	}
	return rules.Compile(rules.Published{Version: 7}, nil, nil)
}

func TestTriesAreCounted(t *testing.T) {
	d := open(t)
	d.Deliver(t, ana.Text("wamid.1", d.Now(), "hello"))
	with := func(b broken) *automation.Automation {
		options := d.Automation.Options
		options.Rulebook = b
		return automation.New(options)
	}
	tries := func() int { return d.Count(t, "SELECT tries FROM conversations") }
	for i := range 3 {
		if _, err := with(broken{fails: true}).Advance(t.Context(), d.id); err == nil {
			t.Fatal("no error")
		}
		if tries() != i+1 {
			t.Errorf("%d tries, want %d", tries(), i+1)
		}
	}
	since := d.Text(t, "SELECT failing_since::text FROM conversations WHERE stuck_code = 'internal'")
	d.Forward(time.Minute)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic did not reach the caller")
			}
		}()
		_, _ = with(broken{panics: true}).Advance(t.Context(), d.id)
	}()
	if tries() != 4 || d.Text(t, "SELECT failing_since::text FROM conversations") != since {
		t.Errorf("%d tries", tries())
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Automation.Advance(cancelled, d.id); err == nil || tries() != 4 {
		t.Errorf("%d tries after a cancelled one, %v", tries(), err)
	}
	if n := d.Count(t, "SELECT count(*) FROM conversations WHERE applied_seq < last_seq"); n != 1 {
		t.Error("a failed try applied something")
	}
	if _, err := with(broken{}).Advance(t.Context(), d.id); err != nil {
		t.Fatal(err)
	}
	if n := d.Count(t, "SELECT count(*) FROM conversations WHERE tries = 0 AND stuck_code = '' AND failing_since IS NULL"); n != 1 {
		t.Error("success does not forget the tries")
	}
	if n := d.Count(t, "SELECT version FROM decisions ORDER BY at DESC LIMIT 1"); n != 7 {
		t.Errorf("version %d", n)
	}
	d.wantWhole(t)
}

// A conversation that never gets its locks in time cannot proceed either.
func TestTriesThatTimeOutAreCounted(t *testing.T) {
	d := open(t)
	d.Deliver(t, ana.Text("wamid.stop", d.Now(), "stop"))
	try := func(held string) {
		t.Helper()
		holder, err := d.DB.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := holder.ExecContext(t.Context(), "SELECT 1 FROM "+held+" FOR UPDATE"); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		done := make(chan error, 1)
		go func() {
			_, err := d.Automation.Advance(ctx, d.id)
			done <- err
		}()
		select {
		case err := <-done:
			if err == nil {
				t.Errorf("%s: no error", held)
			}
		case <-time.After(20 * time.Second):
			t.Errorf("%s: the failure was never counted", held)
		}
		if err := holder.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	try("contacts")
	if n := d.Count(t, "SELECT tries FROM conversations WHERE stuck_code = 'unavailable'"); n != 1 {
		t.Errorf("%d tries", n)
	}
	try("conversations") // which cannot be counted, and waits for nobody
	d.advance(t)
	d.wantWhole(t)
}

func TestMergedConversationHasNoDeadlines(t *testing.T) {
	d := open(t)
	d.Tune(t, accounts.SettingsChange{AutoCloseAfterSeconds: ptr(7200)})
	d.Deliver(t, ana.Text("wamid.1", d.Now(), "stop")) // not examined before the merge
	into := d.merge(t)
	got := d.advance(t)
	if !got.NextDeadline.IsZero() || got.Status != conversation.StatusDone {
		t.Errorf("%+v", got)
	}
	if c, err := d.Inbox.Get(t.Context(), d.maria, into); err != nil || c.Consent.All != conversation.ConsentOptedOut {
		t.Errorf("what the older said: %+v, %v", c.Consent, err)
	}
	before := d.Count(t, "SELECT last_seq FROM conversations WHERE id = $1::uuid", d.id)
	d.Forward(72 * time.Hour)
	if got := d.advance(t); !got.NextDeadline.IsZero() {
		t.Errorf("%+v", got)
	}
	if after := d.Count(t, "SELECT last_seq FROM conversations WHERE id = $1::uuid", d.id); after != before {
		t.Error("a merged conversation still tells of deadlines")
	}
	d.wantWhole(t)
}

// TestAdvanceCatchesUp finds many events of a long outage at once.
func TestAdvanceCatchesUp(t *testing.T) {
	d := open(t)
	for i := range 50 {
		d.Deliver(t, ana.Text(fmt.Sprint("wamid.c", i), d.Now(), "text"))
	}
	d.Edit(t, d.id, func(_ context.Context, _ bun.Tx, r *ledger.Row) error {
		r.Append(conversation.Event{Kind: conversation.EventReaction, Actor: office.Token.Actor, At: d.Now()})
		return nil
	})
	got := d.advance(t)
	if len(got.Steps) != 50 || !slices.IsSorted(got.Steps) && got.Steps[0] != "opt_out#3=none" || got.AppliedSeq != int64(d.Count(t, "SELECT last_seq FROM conversations")) {
		t.Errorf("%d steps from %s, applied %d", len(got.Steps), got.Steps[0], got.AppliedSeq)
	}
	d.wantWhole(t)
}
