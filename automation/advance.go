package automation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/accounts"
	"guichet.dev/guichet/contacts"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/hours"
	"guichet.dev/guichet/internal/failpoint"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/rules"
)

// Advance brings a conversation up to date: it applies the events that were not applied yet and the deadlines that have
// come, and writes the decisions with their effects, all in one transaction. Repeating it changes nothing.
func (a *Automation) Advance(ctx context.Context, id string) (conversation.Advanced, error) {
	returned := false
	defer func() {
		if !returned { // a panic goes on to the caller, and counts like any failure
			a.noteFailure(ctx, id, errPanic)
		}
	}()
	result, err := a.advance(ctx, id, false)
	if errors.Is(err, errNeedsContact) {
		result, err = a.advance(ctx, id, true)
	}
	returned = true
	if err != nil {
		a.noteFailure(ctx, id, err)
		return result, fmt.Errorf("advance: %w", err)
	}
	failpoint.Hit("inbox.advanced")
	if len(result.Steps) > 0 { // something was decided
		a.Announce()
	}
	return result, nil
}

// errNeedsContact says that something of the contact will change, so it must be locked before the conversation.
var errNeedsContact = errors.New("the contact must be locked first")

func (a *Automation) advance(ctx context.Context, id string, holdContact bool) (conversation.Advanced, error) {
	var (
		result conversation.Advanced
		v      *visit
	)
	err := ledger.InTx(ctx, a.Advances, func(ctx context.Context, tx bun.Tx) (err error) {
		if v, err = a.visit(ctx, tx, id, holdContact); err != nil {
			return err
		}
		before, examining := *v.row, v.row.Unexamined()
		if err := v.run(ctx); err != nil {
			return err
		}
		others, err := ledger.Freed(a.Assigner.Freed).Follow(ctx, tx, ledger.Changed{Before: before, Row: v.row})
		if err != nil {
			return err
		}
		if err := ledger.Save(ctx, tx, v.now, append(others, v.row)...); err != nil {
			return err
		}
		if err := v.writeDecisions(ctx); err != nil {
			return err
		}
		if examining {
			if err := ledger.WakeContact(ctx, tx, v.row); err != nil {
				return err
			}
		}
		result = v.advanced()
		return ledger.Waiting(ctx, tx, v.row.ID, &result.Unsettled)
	})
	if err == nil {
		v.observe()
	}
	return result, err
}

// visit is one conversation being brought up to date, within its transaction.
type visit struct {
	*Automation
	tx          bun.Tx
	holdContact bool // whether the contact is locked for a change
	row         *ledger.Row
	account     accounts.Account
	events      []conversation.InputEvent
	now         time.Time
	settings    conversation.Settings
	set         *rules.Set
	calendar    *hours.Hours // nil: always open
	policy      conversation.Policy
	decisions   []conversation.Decision
	assigned    bool // by a rule
}

// visit locks a conversation and reads what is decided on.
func (a *Automation) visit(ctx context.Context, tx bun.Tx, id string, holdContact bool) (*visit, error) {
	v := &visit{Automation: a, tx: tx, holdContact: holdContact}
	version, err := v.lock(ctx, id)
	if err != nil {
		return nil, err
	}
	if v.account, err = a.Accounts.Cached(ctx, v.row.AccountID); err != nil {
		return nil, err
	}
	if v.set, err = a.Rulebook.Set(ctx, tx, version); err != nil {
		return nil, err
	}
	v.now = a.Now()
	v.settings = v.account.Settings.Process()
	v.settings.Examine = v.set.Examine
	v.policy, err = v.policyOf(ctx)
	return v, err
}

// lock locks the conversation and reads its new events and the number of the published rules, in one round trip unless the
// contact must be locked before.
func (v *visit) lock(ctx context.Context, id string) (version int, err error) {
	if v.holdContact {
		if v.row, err = ledger.LockWith(ctx, v.tx, id, contacts.LockOne); err != nil {
			return 0, err
		}
		if err := currentVersion(ctx, v.tx, &version); err != nil {
			return 0, err
		}
		v.events, err = unapplied(ctx, v.tx, id)
		return version, err
	}
	locked, err := ledger.LockAhead(ctx, v.tx, id)
	if err != nil {
		return 0, err
	}
	if err := currentVersion(ctx, v.tx, &version); err != nil {
		return 0, err
	}
	// Its snapshot is taken when the lock is held, so it sees what was applied and written until then.
	if v.events, err = unapplied(ctx, v.tx, id); err != nil {
		return 0, err
	}
	v.row, err = locked()
	return version, err
}

// run steps until nothing follows any more. What is done are events on which rules decide again: causes are counted and cut,
// so this ends.
func (v *visit) run(ctx context.Context) error {
	place := v.row.Pending()
	if err := v.passOffer(ctx); err != nil {
		return err
	}
	if err := v.cancelUnwanted(ctx); err != nil {
		return err
	}
	if err := v.follow(ctx, append(slices.Clone(v.events), v.appended(place)...)); err != nil {
		return err
	}
	place = v.row.Pending()
	if err := v.assignByPlan(ctx); err != nil {
		return err
	}
	if events := v.appended(place); len(events) > 0 {
		if err := v.follow(ctx, events); err != nil {
			return err
		}
	}
	v.row.AppliedSeq = v.row.LastSeq
	v.row.Settle()
	v.row.Tries, v.row.StuckCode, v.row.FailingSince = 0, "", time.Time{}
	return v.renewReplies(ctx)
}

// appended returns the events that were written since a place.
func (v *visit) appended(place int) (events []conversation.InputEvent) {
	for _, e := range v.row.PendingFrom(place) {
		events = append(events, conversation.InputEvent{Event: e})
	}
	return events
}

// follow decides on events and the time, carries out what follows, and decides on that.
func (v *visit) follow(ctx context.Context, events []conversation.InputEvent) error {
	for first := true; first || len(events) > 0; first = false {
		place := v.row.Pending()
		state, decisions := conversation.Step(v.state(), conversation.Input{Now: v.now, Events: events}, v.settings, v.policy)
		v.adopt(state)
		for i := range decisions {
			if err := v.carryOut(ctx, &decisions[i]); err != nil {
				return err
			}
		}
		v.decisions = append(v.decisions, decisions...)
		events = v.appended(place)
	}
	return nil
}

// state is what Step knows of the row.
func (v *visit) state() conversation.State {
	row := v.row
	return conversation.State{
		Status: row.Status, SnoozedUntil: row.SnoozedUntil, Window: row.Window(v.account.Settings.WindowMargin()), WaitingSince: row.WaitingSince,
		LastActivityAt: row.LastActivityAt, AppliedSeq: row.AppliedSeq, Merged: row.MergedInto != "", OfferedUntil: row.OfferUntil,
		Deadlines: row.Deadlines, ClosingTold: row.ClosingTold, ClosedTold: row.ClosedTold,
	}
}

// adopt takes over what Step returned.
func (v *visit) adopt(s conversation.State) {
	row := v.row
	row.Status, row.SnoozedUntil, row.LastActivityAt, row.AppliedSeq = s.Status, s.SnoozedUntil, s.LastActivityAt, s.AppliedSeq
	row.Deadlines, row.ClosingTold, row.ClosedTold = s.Deadlines, s.ClosingTold, s.ClosedTold
	row.NextDeadlineAt = time.Time{}
	if next, ok := s.Next(); ok {
		row.NextDeadlineAt = next.At
	}
}

// advanced says where the conversation stands; whether messages wait is found out by Advance as it commits.
func (v *visit) advanced() conversation.Advanced {
	row := v.row
	r := conversation.Advanced{
		Now: v.now, AppliedSeq: row.AppliedSeq, Status: row.Status, Channel: row.Channel, AccountID: row.AccountID, AssigneeID: row.AssigneeID,
	}
	if next, ok := (conversation.State{Deadlines: row.Deadlines}).Next(); ok {
		r.NextDeadline, r.NextKind = next.At, string(next.Kind)
	}
	for _, d := range v.decisions {
		r.Steps = append(r.Steps, steps(d)...)
	}
	return r
}

// maxSteps bounds what one decision tells a history.
const maxSteps = 20

// steps are a decision in codes and ids, for people who look at a workflow's history.
func steps(d conversation.Decision) []string {
	var list []string
	for _, o := range d.Outcomes {
		list = append(list, fmt.Sprintf("%s#%d=%s", o.Step, o.Seq, o.Result))
	}
	for _, e := range d.Effects {
		if e.Action != nil && len(list) < maxSteps {
			list = append(list, fmt.Sprintf("%s#%d=%s", e.Action.Do, d.EventSeq, e.Outcome))
		}
	}
	return list
}
