package ledger

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/postgres"
)

// DispatchChannel is the channel on which dispatchers are told that there is something to do.
const DispatchChannel = "guichet_dispatch"

// WakeHolding tells the workflows of an account's conversations that hold messages to look again, after the account can be
// used again. A message that is being sent counts: its refusal may be about to queue it. It returns how many there are.
func WakeHolding(ctx context.Context, db bun.IDB, accountID string) (int, error) {
	return wake(ctx, db, `SELECT DISTINCT c.id, c.wake_seq FROM conversations c JOIN messages m ON m.conversation_id = c.id
		WHERE m.account_id = $1::uuid AND m.state IN ('queued', 'sending')`, accountID)
}

// WakeContact tells the workflows of a contact's other conversations that hold queued messages to look again, after a
// message of the contact was examined: automatic sends wait for that wherever it was written.
func WakeContact(ctx context.Context, tx bun.Tx, examined *Row) error {
	return postgres.Later(ctx, tx, "wake the contact's conversations", insertWakes(`SELECT DISTINCT c.id, c.wake_seq FROM conversations c JOIN messages m ON m.conversation_id = c.id
		WHERE c.contact_id = $1::uuid AND c.channel = $2 AND c.id <> $3::uuid AND m.state = 'queued'`), examined.ContactID, string(examined.Channel), examined.ID)
}

// WakeArmed tells the workflows of all conversations with a deadline to look again, after the clock was shifted.
func WakeArmed(ctx context.Context, db bun.IDB) (int, error) {
	return wake(ctx, db, `SELECT id, wake_seq FROM conversations WHERE next_deadline_at IS NOT NULL`)
}

// Wake tells the workflows of conversations to look again. It locks none of them: what follows in the transaction must lock
// neither conversations nor the queue of assignment.
func Wake(ctx context.Context, tx bun.Tx, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	return postgres.Later(ctx, tx, "wake conversations", insertWakes("SELECT id, wake_seq FROM conversations WHERE id = ANY($1::uuid[])"), ids)
}

// wakeBatch is how many conversations are woken in one statement, so that none is held up for long.
const wakeBatch = 500

// WakeRules tells the workflows of all conversations with a deadline of a rule to look again, a batch at a time.
func WakeRules(ctx context.Context, db bun.IDB) error {
	const armed = `SELECT id, wake_seq FROM conversations WHERE next_deadline_at IS NOT NULL AND deadlines @? '$[*].rule_id' AND id > $1::uuid ORDER BY id LIMIT %d`
	for last := "00000000-0000-0000-0000-000000000000"; ; {
		var next sql.NullString
		err := postgres.Raw(db).QueryRowContext(ctx, `WITH w AS MATERIALIZED (`+fmt.Sprintf(armed, wakeBatch)+`), told AS (`+insertWakes("SELECT id, wake_seq FROM w")+`)
			SELECT max(id::text) FROM w`, last).Scan(&next)
		if err != nil {
			return fmt.Errorf("wake conversations: %w", err)
		}
		if !next.Valid {
			return nil
		}
		last = next.String
	}
}

// insertWakes returns the statement that wakes the conversations which a query names.
func insertWakes(which string) string {
	return `INSERT INTO dispatches (conversation_id, up_to_seq, since, due_at)
		SELECT w.id, w.wake_seq, clock_timestamp(), clock_timestamp() FROM (` + which + ` ORDER BY 1) AS w
		ON CONFLICT (conversation_id) DO UPDATE SET version = dispatches.version + 1`
}

func wake(ctx context.Context, db bun.IDB, which string, args ...any) (int, error) {
	res, err := postgres.Raw(db).ExecContext(ctx, insertWakes(which), args...)
	if err != nil {
		return 0, fmt.Errorf("wake conversations: %w", err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return 0, fmt.Errorf("wake conversations: %w", err)
	}
	return int(n), nil
}
