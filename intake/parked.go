package intake

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/accounts"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/team"
)

// insertParked writes down what could not be applied. The raw body is the webhook's.
func insertParked(ctx context.Context, tx bun.Tx, group []*delivery, now time.Time) error {
	for _, d := range group {
		if d.unparsable != "" {
			if err := park(ctx, tx, d.account.ID, d.id, "", "body", ReasonUnparsable, d.unparsable, now); err != nil {
				return err
			}
		}
		for _, u := range d.updates {
			if u.parked == "" {
				continue
			}
			if err := park(ctx, tx, d.account.ID, d.id, u.Path, u.Kind, u.parked, u.detail, now); err != nil {
				return err
			}
		}
	}
	return nil
}

func park(ctx context.Context, tx bun.Tx, accountID, webhookID, path, kind, reason, detail string, now time.Time) error {
	_, err := tx.Tx.ExecContext(ctx, `INSERT INTO parked_updates (id, account_id, webhook_id, path, kind, reason, detail, parked_at)
		VALUES ($1::uuid, $2::uuid, $3::uuid, $4, $5, $6, $7, $8) ON CONFLICT (webhook_id, path) DO NOTHING`,
		postgres.NewID(), accountID, webhookID, path, kind, reason, detail, now)
	if err != nil {
		return fmt.Errorf("park update: %w", err)
	}
	return nil
}

const parkedColumns = "id, account_id, webhook_id, path, kind, reason, detail, state, tries, parked_at, settled_at"

// Parked lists an account's parked updates, newest first. An empty state lists all.
func (in *Intake) Parked(ctx context.Context, accountID, state string, after inbox.Cursor, limit int) ([]inbox.ParkedUpdate, inbox.Cursor, error) {
	var list []inbox.ParkedUpdate
	err := postgres.Rows(ctx, in.DB, func(row *sql.Rows) error {
		p, err := scanParked(row)
		list = append(list, p)
		return err
	}, `SELECT `+parkedColumns+` FROM parked_updates WHERE account_id = $1::uuid AND ($2 = '' OR state = $2) AND ($3::uuid IS NULL OR id < $3::uuid)
		ORDER BY id DESC LIMIT $4`, accountID, state, postgres.NullText(after.ID), limit+1)
	if err != nil {
		return nil, inbox.Cursor{}, fmt.Errorf("list parked updates: %w", err)
	}
	if len(list) <= limit {
		return list, inbox.Cursor{}, nil
	}
	return list[:limit], inbox.Cursor{ID: list[limit-1].ID}, nil
}

func scanParked(row interface{ Scan(...any) error }) (inbox.ParkedUpdate, error) {
	var p inbox.ParkedUpdate
	err := row.Scan(&p.ID, &p.AccountID, &p.WebhookID, &p.Path, &p.Kind, &p.Reason, &p.Detail, &p.State, &p.Tries, &p.ParkedAt, &p.SettledAt)
	return p, err
}

// ApplyParked tries a parked update again, from the raw body: after a new version understands it, or after its number was
// connected. What is applied twice changes nothing.
func (in *Intake) ApplyParked(ctx context.Context, by conversation.Actor, posted accounts.Account, id string) (inbox.ParkedUpdate, error) {
	var (
		p    inbox.ParkedUpdate
		body []byte
	)
	p, err := scanParked(in.DB.DB.QueryRowContext(ctx, "SELECT "+parkedColumns+" FROM parked_updates WHERE id = $1::uuid AND account_id = $2::uuid", id, posted.ID))
	if postgres.IsNotFound(err) {
		return p, conversation.Errorf(conversation.CodeNotFound, "there is no such parked update")
	}
	if err != nil {
		return p, fmt.Errorf("read parked update: %w", err)
	}
	if p.State == "applied" {
		return p, nil
	}
	if err := in.DB.DB.QueryRowContext(ctx, "SELECT body FROM webhooks WHERE id = $1::uuid", p.WebhookID).Scan(&body); err != nil {
		return p, fmt.Errorf("read raw body: %w", err)
	}
	again := &delivery{id: p.WebhookID, account: posted, body: body, receivedAt: in.Now()}
	if err := in.parse(ctx, again); err != nil {
		return p, err
	}
	return in.applyAgain(ctx, by, p, again)
}

func (in *Intake) applyAgain(ctx context.Context, by conversation.Actor, p inbox.ParkedUpdate, d *delivery) (inbox.ParkedUpdate, error) {
	var todo []work
	reason, detail := p.Reason, p.Detail
	for _, u := range d.updates {
		if p.Path != "" && u.Path != p.Path {
			continue
		}
		if u.parked != "" {
			reason, detail = u.parked, u.detail
			continue
		}
		todo = append(todo, work{routed: u, webhook: d.id, receivedAt: d.receivedAt})
	}
	failure := error(nil)
	if d.unparsable == "" && len(todo) > 0 {
		failure = in.applyInTx(ctx, todo)
		if unavailable(failure) {
			return p, failure
		}
	}
	if failure != nil {
		reason, detail = ReasonFailed, errorCode(failure)
	}
	state := "applied"
	if d.unparsable != "" || len(todo) == 0 || failure != nil {
		state = "parked"
	}
	after, err := in.settleParked(ctx, by, p, state, reason, detail)
	if err != nil {
		return p, err
	}
	in.Notify()
	return after, nil
}

// settleParked writes down what came of trying again, and who did.
func (in *Intake) settleParked(ctx context.Context, by conversation.Actor, p inbox.ParkedUpdate, state, reason, detail string) (after inbox.ParkedUpdate, err error) {
	err = postgres.InTx(ctx, in.DB, func(ctx context.Context, tx bun.Tx) error {
		row := tx.Tx.QueryRowContext(ctx, `UPDATE parked_updates SET state = $2, tries = tries + 1, reason = $3, detail = $4,
			settled_at = CASE WHEN $2 = 'applied' THEN $5::timestamptz END WHERE id = $1::uuid RETURNING `+parkedColumns, p.ID, state, reason, detail, in.Now())
		if after, err = scanParked(row); err != nil {
			return fmt.Errorf("settle parked update: %w", err)
		}
		return team.Audit(ctx, tx, team.Change{
			By: by, Action: "parked.apply", SubjectKind: "parked_update", SubjectID: p.ID, AccountID: p.AccountID, Before: p, After: after,
		})
	})
	return after, err
}

func (in *Intake) applyInTx(ctx context.Context, todo []work) error {
	for attempt := 1; ; attempt++ {
		err := postgres.InTx(ctx, in.DB, func(ctx context.Context, tx bun.Tx) error { return in.apply(ctx, tx, todo) })
		if attempt == 6 || !raced(err) {
			return err
		}
	}
}
