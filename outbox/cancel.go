package outbox

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
)

// Renew lets the automatic answers that wait in a locked conversation assume the customer's newest message: whoever decides has
// looked at it. One that an agent overtook stays overtaken.
func Renew(ctx context.Context, tx bun.Tx, row *ledger.Row) error {
	return postgres.Later(ctx, tx, "renew answers", `UPDATE messages SET assumed_seq = $2
		WHERE conversation_id = $1::uuid AND state = 'queued' AND purpose = $3 AND assumed_seq >= $4`,
		row.ID, row.InboundSeq, string(PurposeAnswer), row.AgentSeq)
}

// CancelOptedOut cancels what waits to be sent to a contact who does not want it any more, in all conversations of the channel
// kind. The contact must be locked for a change, and the conversation after it; the caller saves that one.
func CancelOptedOut(ctx context.Context, tx bun.Tx, row *ledger.Row, scope conversation.ConsentScope, now time.Time) error {
	cancelled := make(map[string][]string)
	err := postgres.Rows(ctx, tx, func(found *sql.Rows) error {
		var message, in string
		err := found.Scan(&message, &in)
		cancelled[in] = append(cancelled[in], message)
		return err
	}, `UPDATE messages m SET state = 'cancelled', error_code = $4 FROM conversations c
		WHERE c.contact_id = $1::uuid AND c.channel = $2 AND m.conversation_id = c.id AND m.state IN ('scheduled', 'queued')
			AND m.purpose <> $5 AND ($3 = 'all' OR m.purpose = $6)
		RETURNING m.id, m.conversation_id`,
		row.ContactID, string(row.Channel), string(scope), string(conversation.CodeOptedOut), string(PurposeConfirmation), string(PurposeMarketing))
	if err != nil {
		return fmt.Errorf("cancel messages: %w", err)
	}
	others, err := ledger.LockAll(ctx, tx, slices.Sorted(maps.Keys(without(cancelled, row.ID))))
	if err != nil {
		return err
	}
	noteCancelled(row, cancelled[row.ID], now)
	for id, other := range others {
		noteCancelled(other, cancelled[id], now)
	}
	return ledger.Save(ctx, tx, now, slices.Collect(maps.Values(others))...)
}

func noteCancelled(row *ledger.Row, messages []string, now time.Time) {
	for _, id := range messages {
		row.Append(conversation.Event{
			Kind: conversation.EventMessageFailed, Actor: conversation.Actor{Kind: conversation.ActorSystem}, At: now,
			Data: conversation.EventData{MessageID: id, State: conversation.StateCancelled, Code: string(conversation.CodeOptedOut)},
		})
	}
}

func without(all map[string][]string, id string) map[string][]string {
	rest := maps.Clone(all)
	delete(rest, id)
	return rest
}
