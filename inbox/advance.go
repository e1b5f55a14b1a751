package inbox

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/accounts"
	"guichet.dev/guichet/contacts"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/internal/failpoint"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
)

// Advance brings a conversation up to date: it applies the events that were not applied yet and the deadlines that have
// come, and writes the decision with its effects, all in one transaction. Repeating it changes nothing.
func (in *Inbox) Advance(ctx context.Context, id string) (conversation.Advanced, error) {
	returned := false
	defer func() {
		if !returned { // a panic goes on to the caller, and counts like any failure
			in.noteFailure(ctx, id, errPanic)
		}
	}()
	result, err := in.advance(ctx, id, lockNone)
	if errors.Is(err, errNeedsContact) {
		result, err = in.advance(ctx, id, lockChange)
	}
	returned = true
	if err != nil {
		in.noteFailure(ctx, id, err)
		return result, fmt.Errorf("advance: %w", err)
	}
	failpoint.Hit("inbox.advanced")
	if len(result.Steps) > 0 { // something was decided
		in.Announce()
	}
	return result, nil
}

// errNeedsContact says that a consent will change, so the contact must be locked before the conversation.
var errNeedsContact = errors.New("the contact must be locked first")

// errPanic stands for a panic in whatever the decision is made by.
var errPanic = errors.New("panic")

func (in *Inbox) advance(ctx context.Context, id string, lock lockMode) (conversation.Advanced, error) {
	var result conversation.Advanced
	err := ledger.InTx(ctx, in.Advances, func(ctx context.Context, tx bun.Tx) error {
		row, events, err := lockWithEvents(ctx, tx, id, lock)
		if err != nil {
			return err
		}
		account, err := in.Accounts.Cached(ctx, row.AccountID)
		if err != nil {
			return err
		}
		now, examining := in.Now(), row.Unexamined()
		state, decision := conversation.Step(stateOf(row, account), conversation.Input{Now: now, Events: events}, account.Settings.Process(), in.Policy)
		if err := in.carryOut(ctx, tx, row, decision, lock, now); err != nil {
			return err
		}
		adopt(row, state)
		if err := ledger.Save(ctx, tx, now, row); err != nil {
			return err
		}
		if err := writeDecision(ctx, tx, row, decision, now); err != nil {
			return err
		}
		if examining {
			if err := ledger.WakeContact(ctx, tx, row); err != nil {
				return err
			}
		}
		result = advanced(row, decision, now)
		return ledger.Waiting(ctx, tx, row.ID, &result.Unsettled)
	})
	return result, err
}

// stateOf is what Step knows of a row.
func stateOf(row *ledger.Row, account accounts.Account) conversation.State {
	return conversation.State{
		Status: row.Status, SnoozedUntil: row.SnoozedUntil, Window: row.Window(account.Settings.WindowMargin()),
		LastActivityAt: row.LastActivityAt, AppliedSeq: row.AppliedSeq, Merged: row.MergedInto != "",
		Deadlines: row.Deadlines, ClosingTold: row.ClosingTold, ClosedTold: row.ClosedTold,
	}
}

// adopt takes over what Step returned. What it wrote itself needs no further look: the row has been locked throughout.
func adopt(row *ledger.Row, s conversation.State) {
	row.Status, row.SnoozedUntil, row.LastActivityAt = s.Status, s.SnoozedUntil, s.LastActivityAt
	row.AppliedSeq = row.LastSeq
	row.Deadlines, row.ClosingTold, row.ClosedTold = s.Deadlines, s.ClosingTold, s.ClosedTold
	row.NextDeadlineAt = time.Time{}
	if next, ok := s.Next(); ok {
		row.NextDeadlineAt = next.At
	}
	row.Tries, row.StuckCode, row.FailingSince = 0, "", time.Time{}
}

// lockWithEvents locks a conversation and reads its events that were not applied yet, in one round trip unless the contact
// must be locked before.
func lockWithEvents(ctx context.Context, tx bun.Tx, id string, lock lockMode) (*ledger.Row, []conversation.InputEvent, error) {
	if lock != lockNone {
		row, err := lockRow(ctx, tx, id, lock)
		if err != nil {
			return nil, nil, err
		}
		events, err := unapplied(ctx, tx, id)
		return row, events, err
	}
	locked, err := ledger.LockAhead(ctx, tx, id)
	if err != nil {
		return nil, nil, err
	}
	// Its snapshot is taken when the lock is held, so it sees what was applied and written until then.
	events, err := unapplied(ctx, tx, id)
	if err != nil {
		return nil, nil, err
	}
	row, err := locked()
	return row, events, err
}

// unapplied reads the events after applied_seq, with the content of received messages.
func unapplied(ctx context.Context, tx bun.Tx, id string) ([]conversation.InputEvent, error) {
	var events []conversation.InputEvent
	err := postgres.Rows(ctx, tx, func(found *sql.Rows) error {
		var (
			e             conversation.InputEvent
			data, content []byte
			cause         []byte
		)
		if err := found.Scan(&e.Seq, &e.Kind, &e.Actor.Kind, &e.Actor.ID, &cause, &data, &e.At, &content); err != nil {
			return err
		}
		if err := json.Unmarshal(data, &e.Data); err != nil {
			return fmt.Errorf("event data: %w", err)
		}
		if cause != nil {
			if err := json.Unmarshal(cause, &e.Cause); err != nil {
				return fmt.Errorf("event cause: %w", err)
			}
		}
		if content != nil {
			if err := json.Unmarshal(content, &e.Content); err != nil {
				return fmt.Errorf("message content: %w", err)
			}
		}
		events = append(events, e)
		return nil
	}, `SELECT e.seq, e.kind, e.actor_kind, e.actor_id, e.cause, e.data, e.at, m.content FROM events e
		LEFT JOIN messages m ON e.kind = 'message_received' AND m.id = (e.data->>'message_id')::uuid
		WHERE e.conversation_id = $1::uuid AND e.seq > (SELECT applied_seq FROM conversations WHERE id = $1::uuid) ORDER BY e.seq`, id)
	return events, wrap("read events", err)
}

// carryOut writes a decision's effects. One that was written before under the same key does nothing: a setting that was
// changed back leads to the same end of a window again, and a message that comes late to the same moment of closing. A
// status that changes again is written again all the same, because people must see it.
func (in *Inbox) carryOut(ctx context.Context, tx bun.Tx, row *ledger.Row, d conversation.Decision, lock lockMode, now time.Time) error {
	written, err := writtenKeys(ctx, tx, row.ID, d)
	if err != nil {
		return err
	}
	for _, e := range d.Effects {
		switch e.Kind {
		case conversation.EffectEvent:
			if !written[e.Key] {
				row.AppendEffect(e.Event, e.Key)
			}
		case conversation.EffectSetStatus:
			if written[e.Key] {
				e.Key = fmt.Sprintf("%s#%d", e.Key, row.LastSeq)
			}
			row.AppendEffect(e.Event, e.Key)
			if e.Status == conversation.StatusDone {
				row.DoneAt, row.WaitingSince = now, time.Time{}
			}
		case conversation.EffectSetConsent:
			if lock != lockChange {
				return errNeedsContact
			}
			changed, err := contacts.ChangeConsent(ctx, tx, contacts.Change{
				ConsentChange: *e.Consent, ContactID: row.ContactID, Channel: row.Channel, Actor: e.Event.Actor,
				ConversationID: row.ID, MessageID: e.Event.Data.MessageID, Key: row.ID + ":" + e.Key,
			}, now)
			if err != nil {
				return err
			}
			if changed {
				row.AppendEffect(e.Event, e.Key)
			}
		default:
			return fmt.Errorf("no way to carry out effect %q", e.Kind)
		}
	}
	return nil
}

// writtenKeys returns which of a decision's effects were written before.
func writtenKeys(ctx context.Context, tx bun.Tx, id string, d conversation.Decision) (map[string]bool, error) {
	if len(d.Effects) == 0 {
		return nil, nil
	}
	keys := make([]string, 0, len(d.Effects))
	for _, e := range d.Effects {
		keys = append(keys, e.Key)
	}
	written := map[string]bool{}
	err := postgres.Rows(ctx, tx, func(found *sql.Rows) error {
		var key string
		err := found.Scan(&key)
		written[key] = true
		return err
	}, "SELECT effect_key FROM events WHERE conversation_id = $1::uuid AND effect_key = ANY($2::text[])", id, keys)
	return written, wrap("find effects", err)
}

// writeDecision keeps what was decided, if anything was.
func writeDecision(ctx context.Context, tx bun.Tx, row *ledger.Row, d conversation.Decision, now time.Time) error {
	if len(d.Outcomes) == 0 && len(d.Effects) == 0 {
		return nil
	}
	parts := make([]string, 3)
	for i, v := range []any{d.Outcomes, d.Effects, row.Deadlines} {
		body, err := json.Marshal(v)
		if err != nil {
			return wrap("decision", err)
		}
		if string(body) == "null" {
			body = []byte("[]")
		}
		parts[i] = string(body)
	}
	return postgres.Later(ctx, tx, "write decision", `INSERT INTO decisions (conversation_id, seq, at, version, outcomes, effects, next)
		VALUES ($1::uuid, $2, $3, $4, $5::jsonb, $6::jsonb, $7::jsonb)`, row.ID, d.Seq, now, d.Version, parts[0], parts[1], parts[2])
}

// advanced says where the conversation stands; whether messages wait is found out by Advance as it commits.
func advanced(row *ledger.Row, d conversation.Decision, now time.Time) conversation.Advanced {
	a := conversation.Advanced{
		Now: now, AppliedSeq: row.AppliedSeq, Status: row.Status, Channel: row.Channel, AccountID: row.AccountID, AssigneeID: row.AssigneeID,
	}
	if next, ok := (conversation.State{Deadlines: row.Deadlines}).Next(); ok {
		a.NextDeadline, a.NextKind = next.At, string(next.Kind)
	}
	for _, o := range d.Outcomes {
		a.Steps = append(a.Steps, fmt.Sprintf("%s#%d=%s", o.Step, o.Seq, o.Result))
	}
	return a
}

// noteTimeout is how long counting a failed attempt may take: what the attempt waited for may still be locked.
const noteTimeout = 2 * time.Second

// noteFailure counts failed attempts in a row, so that a conversation which cannot proceed is listed as stuck. It does
// nothing if the database itself is away, or if the worker was told to stop.
func (in *Inbox) noteFailure(ctx context.Context, id string, failure error) {
	code := postgres.Code(failure)
	switch {
	case postgres.IsTimeout(failure):
		code = string(conversation.CodeUnavailable)
	case postgres.IsUnavailable(failure) || errors.Is(failure, context.Canceled) || conversation.CodeOf(failure) == conversation.CodeNotFound:
		return
	case code == "":
		code = string(conversation.CodeOf(failure))
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTimeout)
	defer cancel()
	_, err := in.DB.DB.ExecContext(ctx, `UPDATE conversations SET tries = tries + 1, stuck_code = $2, failing_since = coalesce(failing_since, $3) WHERE id = $1::uuid`,
		id, code, in.Now())
	if err != nil {
		in.Logger.WarnContext(ctx, "failed attempt not counted", "conversation_id", id, "error", postgres.Code(err))
	}
}
