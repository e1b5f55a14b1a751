package office

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"guichet.dev/guichet/accounts"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/outbox"
	"guichet.dev/guichet/postgres"
)

// Tune changes settings of the office's account.
func (o *Office) Tune(t testing.TB, change accounts.SettingsChange) {
	t.Helper()
	a, err := o.Store.Update(t.Context(), conversation.Actor{Kind: conversation.ActorSystem}, o.Account.ID, accounts.Change{Settings: change})
	fatal(t, err)
	o.Account = a
}

// Team makes a team and returns its id.
func (o *Office) Team(t testing.TB, name string) string {
	t.Helper()
	return o.Text(t, "INSERT INTO teams (id, name, created_at) VALUES (gen_random_uuid(), $1, now()) RETURNING id::text", name)
}

// Arrive lets a customer write a first message, which nobody has looked at yet, and returns the conversation's id.
func (o *Office) Arrive(t testing.TB, p Person) string {
	t.Helper()
	message := "wamid.meet." + p.WhatsAppID + p.UserID
	o.Deliver(t, p.Text(message, o.Now(), "hello"))
	return o.Text(t, "SELECT conversation_id::text FROM messages WHERE provider_id = $1", message)
}

// Meet lets a customer write a first message, examines it and returns the conversation's id.
func (o *Office) Meet(t testing.TB, p Person) string {
	t.Helper()
	id := o.Arrive(t, p)
	_, err := o.Automation.Advance(t.Context(), id)
	fatal(t, err)
	return id
}

// Write lets an agent write texts and returns their ids.
func (o *Office) Write(t testing.TB, by conversation.Caller, id string, texts ...string) []string {
	t.Helper()
	ids := make([]string, len(texts))
	for i, text := range texts {
		m, err := o.Inbox.Send(t.Context(), by, id, inbox.NewMessage{ClientID: uuid.NewString(), Content: Text(text)})
		fatal(t, err)
		ids[i] = m.ID
	}
	return ids
}

// Automate queues a message of a rule and returns its id.
func (o *Office) Automate(t testing.TB, id, key string, assumedSeq int64) string {
	t.Helper()
	var messageID string
	o.Edit(t, id, func(ctx context.Context, tx bun.Tx, row *ledger.Row) (err error) {
		messageID, err = outbox.Queue(ctx, tx, row, outbox.Message{
			Content: Text("automatic"), Author: conversation.Actor{Kind: conversation.ActorRule, ID: "1"}, Key: key, AssumedSeq: assumedSeq,
		}, o.Now())
		return err
	})
	return messageID
}

// Edit changes a locked conversation and saves it.
func (o *Office) Edit(t testing.TB, id string, change func(ctx context.Context, tx bun.Tx, row *ledger.Row) error) {
	t.Helper()
	fatal(t, postgres.InTx(t.Context(), o.DB, func(ctx context.Context, tx bun.Tx) error {
		row, err := ledger.Lock(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := change(ctx, tx, row); err != nil {
			return err
		}
		return ledger.Save(ctx, tx, o.Now(), row)
	}))
}

// SendNext does one step on a conversation's next message.
func (o *Office) SendNext(t testing.TB, id string) conversation.SendResult {
	t.Helper()
	result, err := o.Outbox.SendNext(t.Context(), id)
	fatal(t, err)
	return result
}

// State returns the state of a message.
func (o *Office) State(t testing.TB, messageID string) conversation.MessageState {
	t.Helper()
	return conversation.MessageState(o.Text(t, "SELECT state FROM messages WHERE id = $1::uuid", messageID))
}

// Text returns the result of a query for one text.
func (o *Office) Text(t testing.TB, query string, args ...any) string {
	t.Helper()
	var s string
	if err := o.DB.DB.QueryRowContext(t.Context(), query, args...).Scan(&s); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return s
}

// Exec runs a statement, to bring about what only a crash or a race would.
func (o *Office) Exec(t testing.TB, statement string, args ...any) {
	t.Helper()
	if _, err := o.DB.DB.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// Blocked returns nil once so many sessions of the database wait for a lock.
func (o *Office) Blocked(t testing.TB, sessions int) error {
	t.Helper()
	n := o.Count(t, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
	if n < sessions {
		return fmt.Errorf("%d sessions wait for a lock, want %d", n, sessions)
	}
	return nil
}

// Broken returns what contradicts itself in the database: each line is a rule that does not hold.
func (o *Office) Broken(t testing.TB) []string {
	t.Helper()
	var broken []string
	for rule, query := range rulesOfTheRecord {
		if n := o.Count(t, query); n > 0 {
			broken = append(broken, fmt.Sprintf("%s: %d", rule, n))
		}
	}
	return broken
}

// rulesOfTheRecord count what must never be.
var rulesOfTheRecord = map[string]string{
	"events are not 1 to last_seq": `SELECT count(*) FROM conversations c WHERE last_seq <> (SELECT count(*) FROM events e WHERE e.conversation_id = c.id)
		OR last_seq <> (SELECT coalesce(max(seq), 0) FROM events e WHERE e.conversation_id = c.id)`,
	"seqs beyond last_seq":             "SELECT count(*) FROM conversations WHERE greatest(applied_seq, wake_seq, inbound_seq, agent_seq, read_seq) > last_seq",
	"messages with one provider id":    "SELECT count(*) FROM (SELECT 1 FROM messages WHERE provider_id IS NOT NULL GROUP BY account_id, provider_id HAVING count(*) > 1) AS twice",
	"messages without their event":     "SELECT count(*) FROM messages m WHERE NOT EXISTS (SELECT 1 FROM events e WHERE e.conversation_id = m.conversation_id AND e.seq = m.seq)",
	"wakes without dispatch":           "SELECT count(*) FROM conversations c WHERE applied_seq < wake_seq AND NOT EXISTS (SELECT 1 FROM dispatches d WHERE d.conversation_id = c.id AND d.up_to_seq >= c.wake_seq)",
	"conversations of merged contacts": "SELECT count(*) FROM conversations c JOIN contacts p ON p.id = c.contact_id WHERE p.merged_into IS NOT NULL",
	"blocks that conversations do not know": `SELECT count(*) FROM conversations c WHERE merged_into IS NULL AND (blocked_at IS NOT NULL) <>
		EXISTS (SELECT 1 FROM blocks b WHERE b.account_id = c.account_id AND b.contact_id = c.contact_id AND b.blocked)`,
	"notes without their event": "SELECT count(*) FROM notes n WHERE NOT EXISTS (SELECT 1 FROM events e WHERE e.conversation_id = n.conversation_id AND e.seq = n.seq AND e.kind = 'note_added')",
	"offers that conversations do not know": `SELECT count(*) FROM assignment_offers o FULL JOIN (SELECT * FROM conversations WHERE offer_until IS NOT NULL) c ON c.id = o.conversation_id
		WHERE (c.offer_until = o.until AND c.assignee_id = o.agent_id AND c.status = 'open' AND c.merged_into IS NULL) IS NOT TRUE`,
	"places in a queue that conversations do not know": `SELECT count(*) FROM assignment_queue q FULL JOIN (SELECT * FROM conversations WHERE queued_at IS NOT NULL) c ON c.id = q.conversation_id
		WHERE (c.queued_at = q.queued_at AND c.assignee_id IS NULL AND c.status = 'open' AND c.merged_into IS NULL AND c.priority = q.priority) IS NOT TRUE`,
	"threads that two go on": "SELECT count(*) FROM (SELECT 1 FROM conversations WHERE merged_into IS NULL GROUP BY account_id, contact_id HAVING count(*) > 1) AS twice",
	"standing consents that the ledger does not give": `SELECT count(*) FROM consents s WHERE s.change_id <> (SELECT id FROM consent_changes h
		WHERE h.contact_id = s.contact_id AND h.channel = s.channel AND h.scope = s.scope ORDER BY at DESC, (state = 'opted_out') DESC, recorded_at DESC, id DESC LIMIT 1)`,
}

// Text is the content of a text message.
func Text(text string) conversation.Content {
	return conversation.Content{Kind: conversation.KindText, Text: text}
}

// Token is a program that acts for people.
var Token = conversation.Actor{Kind: conversation.ActorToken, ID: "test"}.Everywhere()
