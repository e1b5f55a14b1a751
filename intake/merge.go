package intake

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/assignment"
	"guichet.dev/guichet/blocks"
	"guichet.dev/guichet/contacts"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/drafts"
	"guichet.dev/guichet/followers"
	"guichet.dev/guichet/labels"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
)

// mergeConversations follows merged contacts: their conversations get the surviving contact, and where both had one on an
// account the newer goes on and the older is done.
func (b *batch) mergeConversations(merges []contacts.Merge) error {
	survivor := map[string]string{}
	for _, m := range merges {
		survivor[m.Loser] = m.Survivor
	}
	if len(survivor) == 0 {
		return nil
	}
	rows := make([]*ledger.Row, 0, len(b.rows))
	for _, r := range b.rows {
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(x, y *ledger.Row) int {
		if d := x.CreatedAt.Compare(y.CreatedAt); d != 0 {
			return d
		}
		return strings.Compare(x.ID, y.ID)
	})
	b.threads = map[threadKey]*ledger.Row{}
	for _, r := range rows {
		for next, ok := survivor[r.ContactID]; ok; next, ok = survivor[r.ContactID] {
			r.ContactID = next
		}
		if r.MergedInto != "" {
			continue
		}
		key := threadKey{r.AccountID, r.ContactID}
		if older := b.threads[key]; older != nil {
			if err := b.mergeInto(older, r); err != nil {
				return err
			}
		}
		b.threads[key] = r
	}
	for _, m := range merges {
		if err := blocks.Merge(b.ctx, b.tx, m.Survivor, m.Loser); err != nil {
			return err
		}
	}
	return nil
}

// mergeInto ends the older conversation; what it held goes on in the newer, which is opened if the older was not done.
func (b *batch) mergeInto(older, newer *ledger.Row) error {
	before := *older
	bothSnoozed := older.Status == conversation.StatusSnoozed && newer.Status == conversation.StatusSnoozed
	if older.Status != conversation.StatusDone && !bothSnoozed {
		b.reopen(newer, conversation.ActorProvider, b.now)
	}
	older.MergedInto, older.Status, older.DoneAt = newer.ID, conversation.StatusDone, b.now
	if older.LastMessageAt.After(newer.LastMessageAt) {
		newer.LastMessageID, newer.LastMessageAt, newer.Summary = older.LastMessageID, older.LastMessageAt, older.Summary
	}
	if older.LastActivityAt.After(newer.LastActivityAt) {
		newer.LastActivityAt = older.LastActivityAt
	}
	if older.LastInboundAt.After(newer.LastInboundAt) {
		newer.LastInboundAt = older.LastInboundAt
	}
	extendWindow(newer, older.WindowFrom)
	if older.WindowRefusedAt.After(newer.WindowRefusedAt) {
		newer.WindowRefusedAt = older.WindowRefusedAt
	}
	if newer.AssigneeID == "" && newer.TeamID == "" {
		newer.AssigneeID, newer.TeamID = older.AssigneeID, older.TeamID
	}
	if !older.WaitingSince.IsZero() && (newer.WaitingSince.IsZero() || older.WaitingSince.Before(newer.WaitingSince)) {
		newer.WaitingSince = older.WaitingSince
	}
	if newer.BlockedAt.IsZero() {
		newer.BlockedAt = older.BlockedAt
	}
	newer.Priority = max(newer.Priority, older.Priority)
	if older.Unexamined() {
		older.Wake()
	}
	older.WaitingSince = time.Time{}
	event := conversation.Event{
		Kind: conversation.EventMerged, Actor: conversation.Actor{Kind: conversation.ActorProvider}, At: b.now,
		Data: conversation.EventData{Into: newer.ID},
	}
	older.Append(event)
	newer.Append(event)
	for _, carry := range []func(ctx context.Context, tx bun.Tx, from, into string) error{labels.Merge, followers.Merge, drafts.Merge, moveQuestions} {
		if err := carry(b.ctx, b.tx, older.ID, newer.ID); err != nil {
			return err
		}
	}
	if err := assignment.Merge(b.ctx, b.tx, ledger.Changed{Before: before, Row: older}, newer); err != nil {
		return err
	}
	return b.moveQueued(older, newer)
}

// moveQuestions lets what nobody has answered about consent be answered where the conversation goes on.
func moveQuestions(ctx context.Context, tx bun.Tx, from, into string) error {
	return postgres.Later(ctx, tx, "move questions about consent", `UPDATE consent_questions q SET conversation_id = c.id, contact_id = c.contact_id
		FROM conversations c WHERE q.conversation_id = $1::uuid AND q.answered_at IS NULL AND c.id = $2::uuid`, from, into)
}

// moveQueued lets messages that wait in the older conversation leave from the newer, after those that wait there. One that
// is on its way settles where it is. The caller's id is unique within a conversation; where both used the same one, the moved
// message loses it.
func (b *batch) moveQueued(older, newer *ledger.Row) error {
	err := postgres.Rows(b.ctx, b.tx, func(row *sql.Rows) error {
		var id string
		err := row.Scan(&id)
		newer.Append(conversation.Event{
			Kind: conversation.EventMessageQueued, Actor: conversation.Actor{Kind: conversation.ActorSystem}, At: b.now,
			Data: conversation.EventData{MessageID: id},
		})
		return err
	}, `WITH moved AS (
			UPDATE messages m SET conversation_id = $2::uuid, seq = $3 + q.place,
				client_id = CASE WHEN EXISTS (SELECT 1 FROM messages o WHERE o.conversation_id = $2::uuid AND o.client_id = m.client_id) THEN NULL ELSE client_id END,
				effect_key = CASE WHEN effect_key IS NOT NULL THEN m.conversation_id || ':' || effect_key END
			FROM (SELECT id, row_number() OVER (ORDER BY seq) AS place FROM messages WHERE conversation_id = $1::uuid AND state = 'queued') AS q
			WHERE m.id = q.id RETURNING m.id, m.seq
		) SELECT id FROM moved ORDER BY seq`, older.ID, newer.ID, newer.LastSeq)
	if err != nil {
		return fmt.Errorf("move queued messages: %w", err)
	}
	return nil
}
