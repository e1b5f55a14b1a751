package automation

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

// carryOut writes a decision's effects and notes what became of each. One that was written before under the same key does
// nothing: a setting that was changed back leads to the same end of a window again, and a message that comes late to the same
// moment of closing. A status that changes again is written again all the same, because people must see it.
func (v *visit) carryOut(ctx context.Context, d *conversation.Decision) error {
	written, err := v.writtenKeys(ctx, *d)
	if err != nil {
		return err
	}
	taken := make(marks)
	for i := range d.Effects {
		e := &d.Effects[i]
		if e.Outcome != "" { // left out by the decision itself
			continue
		}
		place := v.row.Pending()
		e.Outcome = conversation.OutcomeDone
		switch e.Kind {
		case conversation.EffectEvent:
			err = v.writeEvent(ctx, e, written[e.Key])
		case conversation.EffectSetStatus:
			v.setStatus(e, written[e.Key])
		case conversation.EffectSetConsent:
			err = v.setConsent(ctx, e)
		case conversation.EffectAct:
			if written[e.Key] {
				e.Outcome = conversation.OutcomeAlready
				continue
			}
			err = v.actOnce(ctx, e, taken)
			v.row.Attribute(place, *e.Cause, e.Key)
		default:
			err = fmt.Errorf("no way to carry out effect %q", e.Kind)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// actOnce carries out an action unless its rule has used up its limit. What an admin wrote may not be possible any more, as an
// agent who left; that is noted, and stops nothing else.
func (v *visit) actOnce(ctx context.Context, e *conversation.Effect, taken marks) error {
	if free, err := v.takeMark(ctx, e, taken); err != nil || !free {
		e.Outcome = outcomeLimited
		return err
	}
	err := v.act(ctx, e)
	var refused *conversation.Error
	if errors.As(err, &refused) && refused.Code != conversation.CodeInternal && refused.Code != conversation.CodeUnavailable {
		e.Outcome = string(refused.Code)
		return nil
	}
	if err != nil {
		return err
	}
	return v.noteMessage(ctx, e)
}

// outcomeLimited is the outcome of an action whose rule has used up its limit, in another conversation at the same time.
const outcomeLimited = "limited"

func (v *visit) writeEvent(ctx context.Context, e *conversation.Effect, written bool) error {
	if written {
		e.Outcome = conversation.OutcomeAlready
		return nil
	}
	v.row.AppendEffect(e.Event, e.Key)
	if e.Event.Kind == conversation.EventConsentAsked {
		return v.ask(ctx, e.Event)
	}
	return nil
}

func (v *visit) setStatus(e *conversation.Effect, written bool) {
	key := e.Key
	if written {
		key = fmt.Sprintf("%s#%d", e.Key, v.row.LastSeq)
	}
	v.row.AppendEffect(e.Event, key)
	if e.Status == conversation.StatusDone {
		v.row.DoneAt, v.row.WaitingSince = v.now, time.Time{}
	}
}

// writtenKeys returns which of a decision's effects were written before.
func (v *visit) writtenKeys(ctx context.Context, d conversation.Decision) (map[string]bool, error) {
	if len(d.Effects) == 0 {
		return nil, nil
	}
	keys := make([]string, 0, len(d.Effects))
	for _, e := range d.Effects {
		keys = append(keys, e.Key)
	}
	written := map[string]bool{}
	err := postgres.Rows(ctx, v.tx, func(found *sql.Rows) error {
		var key string
		err := found.Scan(&key)
		written[key] = true
		return err
	}, "SELECT effect_key FROM events WHERE conversation_id = $1::uuid AND effect_key = ANY($2::text[])", v.row.ID, keys)
	if err != nil {
		return nil, fmt.Errorf("find effects: %w", err)
	}
	return written, nil
}
