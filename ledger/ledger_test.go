package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/internal/testkit/office"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
)

var (
	ana    = office.Person{WhatsAppID: "40712345678", Name: "Ana"}
	system = conversation.Actor{Kind: conversation.ActorSystem}
)

func event(kind conversation.EventKind) conversation.Event {
	return conversation.Event{Kind: kind, Actor: system, At: office.Start}
}

// fill gives each exported field of a row that may change a value of its own.
func fill(t *testing.T, r *ledger.Row, seed int, agent, team, other string) {
	t.Helper()
	at := func(n int) time.Time {
		return office.Start.Add(time.Duration(100*seed+n)*time.Hour + 123456*time.Microsecond)
	}
	created := r.CreatedAt
	v := reflect.ValueOf(r).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i); {
		case !v.Type().Field(i).IsExported():
		case f.Type() == reflect.TypeFor[time.Time]():
			f.Set(reflect.ValueOf(at(i)))
		case f.Kind() == reflect.Int64:
			f.SetInt(int64(1000*seed + i))
		}
	}
	r.Status, r.AssigneeID, r.TeamID, r.MergedInto = conversation.StatusSnoozed, agent, team, other
	r.LastMessageID, r.Summary, r.StuckCode = uuid.NewString(), fmt.Sprintf("a \"summary\", {%d}\n\\", seed), "internal"
	r.Deadlines = []conversation.Deadline{{Kind: conversation.DeadlineSnooze, At: at(50), Seq: int64(seed)}, {Kind: conversation.DeadlineAutoClose, At: at(51), Seq: 2}}
	r.CreatedAt = created
	for i := range v.NumField() {
		if v.Type().Field(i).IsExported() && v.Field(i).IsZero() {
			t.Fatalf("%s is not filled", v.Type().Field(i).Name)
		}
	}
}

// exported shows what a row holds without what it keeps for saving.
func exported(r *ledger.Row) string {
	var out strings.Builder
	v := reflect.ValueOf(r).Elem()
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.IsExported() {
			value := v.Field(i).Interface()
			if at, ok := value.(time.Time); ok {
				value = at.UTC()
			}
			fmt.Fprintf(&out, "%s %v\n", f.Name, value)
		}
	}
	return out.String()
}

// TestRowsAreReadAsTheyWereSaved saves known and new conversations, one and several at once, with and without a pipeline.
func TestRowsAreReadAsTheyWereSaved(t *testing.T) {
	t.Parallel()
	pipelines := map[string]func(context.Context, *bun.DB, func(context.Context, bun.Tx) error) error{"pipeline": postgres.InPipeline, "plain": postgres.InTx}
	for _, c := range []struct{ known, fresh int }{{1, 0}, {3, 0}, {0, 2}, {2, 1}} {
		for name, in := range pipelines {
			t.Run(fmt.Sprintf("%d known, %d new, %s", c.known, c.fresh, name), func(t *testing.T) {
				t.Parallel()
				o := office.Open(t)
				agent, team := o.Agent(t, "maria"), o.Team(t, "sales")
				other := o.Meet(t, office.Person{WhatsAppID: "40712345699", Name: "Ion"})
				var ids []string
				for i := range c.known {
					ids = append(ids, o.Meet(t, office.Person{WhatsAppID: fmt.Sprintf("4071234567%d", i), Name: "N"}))
				}
				contact := o.Text(t, "SELECT contact_id::text FROM conversations WHERE id = $1::uuid", other)
				want := map[string]string{}
				err := in(t.Context(), o.DB, func(ctx context.Context, tx bun.Tx) error {
					rows, err := ledger.LockAll(ctx, tx, ids)
					if err != nil {
						return err
					}
					var list []*ledger.Row
					for _, row := range rows {
						list = append(list, row)
					}
					for i := range c.fresh {
						list = append(list, ledger.New(uuid.NewString(), o.Account.ID, conversation.WhatsApp, contact, fmt.Sprint("thread ", i), office.Start))
					}
					for i, row := range list {
						row.Append(event(conversation.EventDone))
						fill(t, row, i+1, agent.ID, team, other)
						row.NextDeadlineAt = office.Start // earlier than the sweep
						want[row.ID] = exported(row)
					}
					return ledger.Save(ctx, tx, office.Start, list...)
				})
				if err != nil {
					t.Fatal(err)
				}
				for id, w := range want {
					got, err := ledger.Read(t.Context(), o.DB, id)
					if err != nil {
						t.Fatal(err)
					}
					if g := exported(got); g != w {
						t.Errorf("got\n%s\nwant\n%s", g, w)
					}
				}
				if n := o.Count(t, "SELECT count(*) FROM dispatches d JOIN conversations c ON c.id = d.conversation_id WHERE d.up_to_seq = c.wake_seq AND c.status = 'snoozed'"); n != len(want) {
					t.Errorf("%d workflows were told, want %d", n, len(want))
				}
			})
		}
	}
}

// TestEmptyColumns saves rows back to what they are without values: none is an empty text or a year 1.
func TestEmptyColumns(t *testing.T) {
	t.Parallel()
	o := office.Open(t)
	agent, team := o.Agent(t, "maria"), o.Team(t, "sales")
	other := o.Meet(t, office.Person{WhatsAppID: "40712345699", Name: "Ion"})
	ids := []string{o.Meet(t, ana), o.Meet(t, office.Person{WhatsAppID: "40712345679", Name: "N"})}
	for _, some := range [][]string{ids[:1], ids} {
		for _, full := range []bool{true, false} {
			var want []string
			err := postgres.InPipeline(t.Context(), o.DB, func(ctx context.Context, tx bun.Tx) error {
				rows, err := ledger.LockAll(ctx, tx, some)
				if err != nil {
					return err
				}
				want = nil
				var list []*ledger.Row
				for _, id := range some {
					row := rows[id]
					fill(t, row, 1, agent.ID, team, other)
					if !full {
						row.SnoozedUntil, row.WindowFrom, row.WindowRefusedAt, row.NextDeadlineAt, row.ClosingTold, row.ClosedTold = time.Time{}, time.Time{}, time.Time{}, time.Time{}, time.Time{}, time.Time{}
						row.LastMessageAt, row.LastInboundAt, row.WaitingSince, row.FirstReplyAt, row.DoneAt, row.FailingSince = time.Time{}, time.Time{}, time.Time{}, time.Time{}, time.Time{}, time.Time{}
						row.AssigneeID, row.TeamID, row.MergedInto, row.LastMessageID, row.Summary, row.StuckCode = "", "", "", "", "", ""
						row.Deadlines = []conversation.Deadline{}
					}
					want, list = append(want, exported(row)), append(list, row)
				}
				return ledger.Save(ctx, tx, office.Start, list...)
			})
			if err != nil {
				t.Fatal(err)
			}
			for i, id := range some {
				got, err := ledger.Read(t.Context(), o.DB, id)
				if err != nil {
					t.Fatal(err)
				}
				if g := exported(got); g != want[i] {
					t.Errorf("got\n%s\nwant\n%s", g, want[i])
				}
			}
		}
	}
	if n := o.Count(t, "SELECT count(*) FROM conversations WHERE deadlines = '[]' AND num_nulls(snoozed_until, assignee_id, window_from, last_message_id, done_at, failing_since) = 6"); n < 2 {
		t.Errorf("%d rows are empty", n)
	}
}

// TestFixedColumnsStay changes what a conversation began with: saving leaves it as it was.
func TestFixedColumnsStay(t *testing.T) {
	t.Parallel()
	o := office.Open(t)
	ids := []string{o.Meet(t, ana), o.Meet(t, office.Person{WhatsAppID: "40712345679", Name: "Ion"})}
	fixed := "SELECT string_agg(account_id || ' ' || channel || ' ' || thread_key || ' ' || created_at, ', ' ORDER BY id) FROM conversations"
	before := o.Text(t, fixed)
	for _, some := range [][]string{ids[:1], ids} {
		err := postgres.InTx(t.Context(), o.DB, func(ctx context.Context, tx bun.Tx) error {
			rows, err := ledger.LockAll(ctx, tx, some)
			if err != nil {
				return err
			}
			var list []*ledger.Row
			for _, row := range rows {
				row.AccountID, row.Channel, row.ThreadKey, row.CreatedAt = uuid.NewString(), "email", "another", office.Start.Add(time.Hour)
				row.Summary = "saved"
				list = append(list, row)
			}
			return ledger.Save(ctx, tx, office.Start, list...)
		})
		if err != nil {
			t.Fatal(err)
		}
		if n := o.Count(t, "SELECT count(*) FROM conversations WHERE summary = 'saved'"); n != len(some) {
			t.Errorf("%d rows were saved, want %d", n, len(some))
		}
		if after := o.Text(t, fixed); after != before {
			t.Errorf("was %s, is %s", before, after)
		}
	}
}

// TestSavedIsSaved changes a row after it was saved, before the statement has left: what was saved counts.
func TestSavedIsSaved(t *testing.T) {
	t.Parallel()
	o := office.Open(t)
	ids := []string{o.Meet(t, ana), o.Meet(t, office.Person{WhatsAppID: "40712345679", Name: "Ion"})}
	for _, some := range [][]string{ids[:1], ids} {
		var want string
		err := postgres.InPipeline(t.Context(), o.DB, func(ctx context.Context, tx bun.Tx) error {
			rows, err := ledger.LockAll(ctx, tx, some)
			if err != nil {
				return err
			}
			row := rows[ids[0]]
			row.Deadlines, row.Summary, row.DoneAt = []conversation.Deadline{{Kind: conversation.DeadlineSnooze, At: office.Start, Seq: 2}}, "saved", office.Start
			want = exported(row)
			var list []*ledger.Row
			for _, one := range rows {
				list = append(list, one)
			}
			if err := ledger.Save(ctx, tx, office.Start, list...); err != nil {
				return err
			}
			row.Deadlines, row.Summary, row.DoneAt = nil, "changed", time.Time{}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		got, err := ledger.Read(t.Context(), o.DB, ids[0])
		if err != nil {
			t.Fatal(err)
		}
		if g := exported(got); g != want {
			t.Errorf("got\n%s\nwant\n%s", g, want)
		}
	}
}

// TestColumnsAreTheTables compares what is saved with the table: no column is forgotten.
func TestColumnsAreTheTables(t *testing.T) {
	t.Parallel()
	o := office.Open(t)
	fields := 0
	for _, f := range reflect.VisibleFields(reflect.TypeFor[ledger.Row]()) {
		if f.IsExported() {
			fields++
		}
	}
	if n := o.Count(t, "SELECT count(*) FROM information_schema.columns WHERE table_name = 'conversations'"); n != fields {
		t.Errorf("%d columns, %d fields", n, fields)
	}
}

func TestIDsOfNothing(t *testing.T) {
	t.Parallel()
	o := office.Open(t)
	for _, id := range []string{"", "nothing", "0", uuid.NewString(), strings.Repeat("a", 36), "urn:uuid:" + uuid.NewString(), "{" + uuid.NewString() + "}"} {
		if _, err := ledger.Read(t.Context(), o.DB, id); conversation.CodeOf(err) != conversation.CodeNotFound {
			t.Errorf("read %q: %v", id, err)
		}
		err := postgres.InTx(t.Context(), o.DB, func(ctx context.Context, tx bun.Tx) error {
			_, err := ledger.Lock(ctx, tx, id)
			return err
		})
		if conversation.CodeOf(err) != conversation.CodeNotFound {
			t.Errorf("lock %q: %v", id, err)
		}
		err = ledger.InTx(t.Context(), o.DB, func(ctx context.Context, tx bun.Tx) error {
			_, err := ledger.LockWith(ctx, tx, id, func(context.Context, bun.Tx, string) error { return nil })
			return err
		})
		if conversation.CodeOf(err) != conversation.CodeNotFound {
			t.Errorf("lock %q with its contact: %v", id, err)
		}
	}
}

func TestLockExcludesWriters(t *testing.T) {
	t.Parallel()
	o := office.Open(t)
	id := o.Meet(t, ana)
	const n = 20
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			err := postgres.InTx(t.Context(), o.DB, func(ctx context.Context, tx bun.Tx) error {
				row, err := ledger.Lock(ctx, tx, id)
				if err != nil {
					return err
				}
				row.Append(event(conversation.EventReaction))
				return ledger.Save(ctx, tx, o.Clock.Now(), row)
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := o.Count(t, "SELECT count(*) FROM events WHERE kind = 'reaction'"); got != n {
		t.Errorf("%d events, want %d", got, n)
	}
	for _, b := range o.Broken(t) {
		t.Error(b)
	}
}

func TestKeysAreUniqueWithinTheirConversation(t *testing.T) {
	t.Parallel()
	o := office.Open(t)
	id, other := o.Meet(t, ana), o.Meet(t, office.Person{WhatsAppID: "40712345679", Name: "Ion"})
	write := func(id string, appends ...func(*ledger.Row)) error {
		return postgres.InTx(t.Context(), o.DB, func(ctx context.Context, tx bun.Tx) error {
			row, err := ledger.Lock(ctx, tx, id)
			if err != nil {
				return err
			}
			for _, f := range appends {
				f(row)
			}
			return ledger.Save(ctx, tx, o.Clock.Now(), row)
		})
	}
	effect := func(r *ledger.Row) { r.AppendEffect(event(conversation.EventWindowClosed), "k") }
	once := func(r *ledger.Row) { r.AppendOnce(event(conversation.EventCallReceived), "k") }
	for _, step := range []struct {
		name    string
		id      string
		appends []func(*ledger.Row)
		ok      bool
	}{
		{"first", id, []func(*ledger.Row){effect}, true},
		{"again", id, []func(*ledger.Row){effect}, false},
		{"again otherwise", id, []func(*ledger.Row){once}, false},
		{"elsewhere", other, []func(*ledger.Row){once}, true},
		{"without a key", id, []func(*ledger.Row){func(r *ledger.Row) { r.Append(event(conversation.EventDone)); r.Append(event(conversation.EventDone)) }}, true},
	} {
		err := write(step.id, step.appends...)
		if step.ok && err != nil || !step.ok && !postgres.IsUniqueViolation(err, "events_effect") {
			t.Errorf("%s: %v", step.name, err)
		}
	}
	for _, b := range o.Broken(t) {
		t.Error(b)
	}
}

func TestWhatTheWorkflowHearsOf(t *testing.T) {
	t.Parallel()
	type dispatch struct{ seq, version int }
	for _, c := range []struct {
		name   string
		change func(*ledger.Row)
		heard  bool
		news   bool // by an event
	}{
		{"waking event", func(r *ledger.Row) { r.Append(event(conversation.EventDone)) }, true, true},
		{"quiet event", func(r *ledger.Row) { r.Append(event(conversation.EventReaction)) }, false, false},
		{"quiet event that matters", func(r *ledger.Row) { r.AppendWaking(event(conversation.EventMessageStatus)) }, true, true},
		{"effect", func(r *ledger.Row) { r.AppendEffect(event(conversation.EventDone), "k") }, false, false},
		{"once, waking", func(r *ledger.Row) { r.AppendOnce(event(conversation.EventCallReceived), "k") }, true, true},
		{"once, quiet", func(r *ledger.Row) { r.AppendOnce(event(conversation.EventIdentityChanged), "k") }, false, false},
		{"wake", func(r *ledger.Row) { r.Wake() }, true, false},
		{"nothing", func(*ledger.Row) {}, false, false},
		{"waking, then quiet", func(r *ledger.Row) {
			r.Append(event(conversation.EventDone))
			r.AppendEffect(event(conversation.EventReopened), "k")
		}, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := office.Open(t)
			id := o.Meet(t, ana)
			read := func() (d dispatch) {
				err := o.DB.DB.QueryRowContext(t.Context(), "SELECT up_to_seq, version FROM dispatches WHERE conversation_id = $1::uuid", id).Scan(&d.seq, &d.version)
				if err != nil {
					t.Fatal(err)
				}
				return d
			}
			before := read()
			wake := o.Count(t, "SELECT wake_seq FROM conversations WHERE id = $1::uuid", id)
			o.Exec(t, "UPDATE conversations SET next_deadline_at = NULL")
			first := 0
			o.Edit(t, id, func(_ context.Context, _ bun.Tx, r *ledger.Row) error {
				first = int(r.LastSeq) + 1
				c.change(r)
				return nil
			})
			want := before
			if c.heard {
				want.version++
			}
			if c.news {
				want.seq, wake = first, first
			}
			if got := read(); got != want {
				t.Errorf("dispatch %+v, want %+v", got, want)
			}
			if got := o.Count(t, "SELECT wake_seq FROM conversations WHERE id = $1::uuid", id); got != wake {
				t.Errorf("wake_seq %d, want %d", got, wake)
			}
			sweep := o.Count(t, "SELECT count(*) FROM conversations WHERE next_deadline_at IS NOT NULL") == 1
			if sweep != c.heard {
				t.Errorf("the sweep will look: %t", sweep)
			}
		})
	}
}

func TestWakesOfMany(t *testing.T) {
	t.Parallel()
	o := office.Open(t)
	agent := o.Agent(t, "maria")
	var ids []string
	for i := range 4 {
		ids = append(ids, o.Meet(t, office.Person{WhatsAppID: fmt.Sprintf("4071234567%d", i), Name: "N"}))
	}
	o.Write(t, agent, ids[0], "one", "two")
	o.Exec(t, "UPDATE messages SET state = 'sending' WHERE id = $1::uuid", o.Write(t, agent, ids[1], "three")[0])
	o.Exec(t, "UPDATE conversations SET next_deadline_at = NULL WHERE id = $1::uuid", ids[3])
	o.Exec(t, "UPDATE messages SET state = 'unknown' WHERE id = $1::uuid", o.Write(t, agent, ids[2], "nobody knows")[0])
	o.Exec(t, "DELETE FROM dispatches WHERE conversation_id = $1::uuid", ids[0])
	woken := func() map[string]int {
		versions := map[string]int{}
		for i, id := range ids {
			if n := o.Count(t, "SELECT coalesce((SELECT version FROM dispatches WHERE conversation_id = $1::uuid), 0)", id); n > 0 {
				versions[fmt.Sprint(i)] = n
			}
		}
		return versions
	}
	before := woken()
	if n, err := ledger.WakeHolding(t.Context(), o.DB, o.Account.ID); n != 2 || err != nil {
		t.Errorf("holding: %d, %v", n, err)
	}
	after := woken()
	if after["0"] != 1 || after["1"] != before["1"]+1 || after["2"] != before["2"] || after["3"] != before["3"] {
		t.Errorf("before %v, after %v", before, after)
	}
	if got := o.Count(t, "SELECT count(*) FROM dispatches d JOIN conversations c ON c.id = d.conversation_id WHERE d.up_to_seq < c.wake_seq"); got != 0 {
		t.Errorf("%d dispatches behind", got)
	}
	if n, err := ledger.WakeHolding(t.Context(), o.DB, uuid.NewString()); n != 0 || err != nil {
		t.Errorf("of another account: %d, %v", n, err)
	}
	if n, err := ledger.WakeArmed(t.Context(), o.DB); n != 3 || err != nil {
		t.Errorf("armed: %d, %v", n, err)
	}
}

// TestWakesAndSavesTakeTurns has saves of many conversations and wakes of all of them at once: no order of theirs may be a deadlock.
func TestWakesAndSavesTakeTurns(t *testing.T) {
	t.Parallel()
	o := office.Open(t)
	agent := o.Agent(t, "maria")
	var ids []string
	for i := range 12 {
		id := o.Meet(t, office.Person{WhatsAppID: fmt.Sprintf("407123456%02d", i), Name: "N"})
		o.Write(t, agent, id, "waits")
		ids = append(ids, id)
	}
	reversed := slices.Clone(ids)
	slices.Reverse(reversed)
	deadlocks := "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for range 15 {
				if i%2 == 0 {
					if _, err := ledger.WakeHolding(t.Context(), o.DB, o.Account.ID); err != nil {
						t.Error(err)
					}
					continue
				}
				err := postgres.InTx(t.Context(), o.DB, func(ctx context.Context, tx bun.Tx) error {
					rows, err := ledger.LockAll(ctx, tx, ids)
					if err != nil {
						return err
					}
					var list []*ledger.Row
					for _, id := range reversed {
						rows[id].Wake()
						list = append(list, rows[id])
					}
					return ledger.Save(ctx, tx, o.Clock.Now(), list...)
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := o.Count(t, deadlocks); n != 0 {
		t.Errorf("%d deadlocks", n)
	}
}

// TestEarlyReceipts applies every set of reports in one go and expects what Advance leads to one by one, in every order.
func TestEarlyReceipts(t *testing.T) {
	t.Parallel()
	reports := []conversation.MessageState{
		conversation.StateSent, conversation.StateDelivered, conversation.StateRead, conversation.StatePlayed, conversation.StateFailed,
	}
	for _, from := range []conversation.MessageState{
		conversation.StateSent, conversation.StateDelivered, conversation.StateRead, conversation.StatePlayed, conversation.StateFailed, conversation.StateUnknown,
	} {
		t.Run(string(from), func(t *testing.T) {
			t.Parallel()
			o := office.Open(t)
			messageID := o.Write(t, o.Agent(t, "maria"), o.Meet(t, ana), "hello")[0]
			for set := range 1 << len(reports) {
				var told []conversation.MessageState
				for i, r := range reports {
					if set&(1<<i) != 0 {
						told = append(told, r)
					}
				}
				want, code := from, map[bool]string{true: "first", false: ""}[from == conversation.StateFailed]
				for i, order := range permutations(told) {
					end := from
					for _, r := range order {
						end = end.Advance(r)
					}
					if i > 0 && end != want {
						t.Fatalf("Advance depends on the order: %v", told)
					}
					want = end
				}
				if got := apply(t, o, messageID, from, code, told); want == conversation.StateFailed && code == "" && got.code != "131026" ||
					want == conversation.StateFailed && code != "" && got.code != code || want != conversation.StateFailed && got.code != "" || got.state != want {
					t.Errorf("%s and %v: %+v, want %s", from, told, got, want)
				}
			}
		})
	}
}

type end struct {
	state conversation.MessageState
	code  string
}

// apply brings a message into a state, lets reports wait for it and applies them.
func apply(t *testing.T, o *office.Office, messageID string, from conversation.MessageState, code string, told []conversation.MessageState) end {
	t.Helper()
	o.Exec(t, "DELETE FROM receipts")
	o.Exec(t, `UPDATE messages SET provider_id = 'wamid.x', state = $2, error_code = $3, sent_at = $4, delivered_at = $5, read_at = NULL, played_at = NULL, failed_at = NULL WHERE id = $1::uuid`,
		messageID, string(from), code, office.Start.Add(time.Minute), office.Start.Add(2*time.Minute))
	for i, s := range told {
		errorCode := ""
		if s == conversation.StateFailed {
			errorCode = "131026"
		}
		o.Exec(t, `INSERT INTO receipts (account_id, provider_id, state, at, received_at, error_code) VALUES ($1::uuid, 'wamid.x', $2, $3, $3, $4)`,
			o.Account.ID, string(s), office.Start.Add(time.Duration(10+i)*time.Minute), errorCode)
	}
	var state conversation.MessageState
	err := postgres.InTx(t.Context(), o.DB, func(ctx context.Context, tx bun.Tx) (err error) {
		state, err = ledger.ApplyEarlyReceipts(ctx, tx, messageID)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	e := end{o.State(t, messageID), o.Text(t, "SELECT error_code FROM messages WHERE id = $1::uuid", messageID)}
	if len(told) == 0 && state != "" || len(told) > 0 && state != e.state {
		t.Errorf("%v: returned %q, stored %q", told, state, e.state)
	}
	// The earliest time of each state stays.
	if o.Count(t, "SELECT count(*) FROM messages WHERE id = $1::uuid AND sent_at = $2 AND delivered_at = $3", messageID, office.Start.Add(time.Minute), office.Start.Add(2*time.Minute)) != 1 {
		t.Errorf("%v: a time was lost", told)
	}
	if n := o.Count(t, "SELECT count(*) FROM receipts WHERE message_id IS NULL"); n != 0 {
		t.Errorf("%v: %d receipts still wait", told, n)
	}
	return e
}

func permutations[T any](list []T) [][]T {
	if len(list) < 2 {
		return [][]T{list}
	}
	var all [][]T
	for i := range list {
		rest := append(slices.Clone(list[:i]), list[i+1:]...)
		for _, p := range permutations(rest) {
			all = append(all, append([]T{list[i]}, p...))
		}
	}
	return all
}

func TestWaitingMessages(t *testing.T) {
	t.Parallel()
	o := office.Open(t)
	id := o.Meet(t, ana)
	message := o.Write(t, o.Agent(t, "maria"), id, "a")[0]
	for state, want := range map[string]bool{"queued": true, "sending": true, "unknown": false, "sent": false, "failed": false} {
		o.Exec(t, "UPDATE messages SET state = $2 WHERE id = $1::uuid", message, state)
		got := !want
		err := ledger.InTx(t.Context(), o.DB, func(ctx context.Context, tx bun.Tx) error { return ledger.Waiting(ctx, tx, id, &got) })
		if err != nil || got != want {
			t.Errorf("%s: waiting %v, %v", state, got, err)
		}
	}
}

func TestFailedSaveLeavesNothing(t *testing.T) {
	t.Parallel()
	o := office.Open(t)
	id := o.Meet(t, ana)
	before := o.Count(t, "SELECT last_seq FROM conversations WHERE id = $1::uuid", id)
	stop := errors.New("stop")
	err := postgres.InTx(t.Context(), o.DB, func(ctx context.Context, tx bun.Tx) error {
		row, err := ledger.Lock(ctx, tx, id)
		if err != nil {
			return err
		}
		row.Append(event(conversation.EventDone))
		return errors.Join(ledger.Save(ctx, tx, o.Clock.Now(), row), stop)
	})
	if !errors.Is(err, stop) {
		t.Fatal(err)
	}
	if got := o.Count(t, "SELECT last_seq FROM conversations WHERE id = $1::uuid", id); got != before {
		t.Errorf("last_seq %d, want %d", got, before)
	}
	for _, b := range o.Broken(t) {
		t.Error(b)
	}
}
