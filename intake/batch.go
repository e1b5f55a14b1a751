package intake

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/contacts"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
)

// batch is one transaction's work: the updates of one or many webhooks, in their order. Rows are locked in the order
// contact → conversation → message, everything is worked out in memory, and then written by set-based statements.
type batch struct {
	in  *Intake
	ctx context.Context
	tx  bun.Tx
	now time.Time

	work     []work
	rows     map[string]*ledger.Row    // locked conversations, by id
	threads  map[threadKey]*ledger.Row // those that go on, by account and contact
	known    map[providerKey]*known    // messages that are there, by provider id
	byID     map[string]*known         // and by our id
	early    map[providerKey]bool      // messages for which edits or withdrawals came
	inserted []message
	receipts []receipt
	settled  map[string]*known // messages that receipts changed

	// Conversations in which a customer's message and one from the phone app came in another order than they were written.
	disordered map[string]bool
}

// work is one update with what was found out about it.
type work struct {
	routed
	webhook    string
	receivedAt time.Time
	contact    string
}

type threadKey struct{ account, contact string }

type providerKey struct{ account, provider string }

// errOvertaken says that another transaction stored or moved a message after this one had looked for it.
var errOvertaken = errors.New("a message was stored or moved by another transaction")

// raced reports whether another transaction made or moved the same contact, conversation or message first; the next attempt
// will see it.
func raced(err error) bool {
	return errors.Is(err, contacts.ErrRace) || errors.Is(err, errOvertaken) || postgres.IsUniqueViolation(err, "conversations_account_id_thread_key_key") ||
		postgres.IsUniqueViolation(err, "messages_provider")
}

// unavailable reports whether the failure says nothing about the data: the provider must post again.
func unavailable(err error) bool {
	return errors.Is(err, postgres.ErrCommitUnknown) || postgres.IsUnavailable(err) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// errorCode names an error without its text, which could hold values.
func errorCode(err error) string {
	if code := postgres.Code(err); code != "" {
		return "sqlstate " + code
	}
	return fmt.Sprintf("%T", err)
}

// writeOnce writes a group in one transaction. With careful set, each update stands behind a savepoint, and one that
// fails is parked.
func (in *Intake) writeOnce(ctx context.Context, group []*delivery, careful bool) error {
	return postgres.InPipeline(ctx, in.Commits, func(ctx context.Context, tx bun.Tx) error {
		if err := insertWebhooks(ctx, tx, group); err != nil {
			return err
		}
		var all []work
		for _, d := range group {
			for i := range d.updates {
				if d.updates[i].parked != ReasonFailed {
					all = append(all, work{routed: d.updates[i], webhook: d.id, receivedAt: d.receivedAt})
				}
			}
		}
		if careful {
			if err := in.applyCarefully(ctx, tx, group, all); err != nil {
				return err
			}
		} else if err := in.apply(ctx, tx, all); err != nil {
			return err
		}
		return insertParked(ctx, tx, group, in.Now())
	})
}

// applyCarefully applies update by update and marks those that fail as parked.
func (in *Intake) applyCarefully(ctx context.Context, tx bun.Tx, group []*delivery, all []work) error {
	for i := range all {
		if _, err := tx.ExecContext(ctx, "SAVEPOINT update"); err != nil {
			return fmt.Errorf("savepoint: %w", err)
		}
		err := in.apply(ctx, tx, all[i:i+1])
		if err == nil {
			err = postgres.Flush(ctx, tx)
		}
		if err == nil {
			continue
		}
		if unavailable(err) || raced(err) || postgres.IsRetryable(err) {
			return err
		}
		if _, err := tx.ExecContext(ctx, "ROLLBACK TO SAVEPOINT update"); err != nil {
			return fmt.Errorf("savepoint: %w", err)
		}
		for _, d := range group {
			for j := range d.updates {
				if d.id == all[i].webhook && d.updates[j].Path == all[i].Path {
					d.updates[j].parked, d.updates[j].detail = ReasonFailed, errorCode(err)
				}
			}
		}
	}
	return nil
}

// apply works out and writes what the updates say. Parked ones are passed over.
func (in *Intake) apply(ctx context.Context, tx bun.Tx, all []work) error {
	b := &batch{
		in: in, ctx: ctx, tx: tx, now: in.Now(), rows: map[string]*ledger.Row{}, threads: map[threadKey]*ledger.Row{},
		known: map[providerKey]*known{}, byID: map[string]*known{}, early: map[providerKey]bool{}, settled: map[string]*known{},
		disordered: map[string]bool{},
	}
	for _, w := range all {
		if w.parked == "" {
			b.work = append(b.work, w)
		}
	}
	if len(b.work) == 0 {
		return nil
	}
	if err := b.findReferenced(); err != nil {
		return err
	}
	merges, err := b.resolveContacts()
	if err != nil {
		return err
	}
	if err := b.lockConversations(merges); err != nil {
		return err
	}
	if err := b.findKnown(); err != nil {
		return err
	}
	b.findThreads()
	if err := b.mergeConversations(merges); err != nil {
		return err
	}
	for i := range b.work {
		if err := b.applyOne(&b.work[i]); err != nil {
			return fmt.Errorf("apply %s: %w", b.work[i].Kind, err)
		}
	}
	return b.write()
}

func (b *batch) write() error {
	// Conversations first: messages refer to them.
	rows := make([]*ledger.Row, 0, len(b.rows))
	for _, r := range b.rows {
		rows = append(rows, r)
	}
	if err := ledger.Save(b.ctx, b.tx, b.now, rows...); err != nil {
		return err
	}
	if err := b.insertMessages(); err != nil {
		return err
	}
	if err := b.waitAgain(); err != nil {
		return err
	}
	if err := b.applyEarly(); err != nil {
		return err
	}
	if err := b.insertReceipts(); err != nil {
		return err
	}
	if err := b.settleInserted(); err != nil {
		return err
	}
	return b.updateMessages()
}

// thread returns the conversation of a contact on an account that goes on; a new one if there is none.
func (b *batch) thread(w *work) *ledger.Row {
	key := threadKey{w.account.ID, w.contact}
	row := b.threads[key]
	if row == nil {
		row = ledger.New(postgres.NewID(), w.account.ID, w.account.Channel, w.contact, w.contact, b.now)
		row.Append(conversation.Event{Kind: conversation.EventOpened, Actor: conversation.Actor{Kind: conversation.ActorContact}, At: b.now})
		b.threads[key], b.rows[row.ID] = row, row
	}
	return row
}

// providerTime keeps a provider's clock that runs ahead from holding a window open: no message was written in the future.
func (b *batch) providerTime(t time.Time) time.Time {
	const tolerance = 5 * time.Minute
	if t.After(b.now.Add(tolerance)) {
		return b.now.Truncate(time.Second)
	}
	return t
}
