package outbox

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/accounts"
	"guichet.dev/guichet/postgres"
)

// Limits are token buckets in Postgres, shared by all workers, kept as theoretical arrival times (GCRA): a bucket's arrival
// moves on by one interval for each message, and a message may go as long as arrival is at most burst intervals ahead.

// accountKey is the key of the bucket of a whole account; other keys are contacts.
const accountKey = ""

// accountBurst is the burst of an account's bucket, as a share of a second's messages: small, so that the provider's own
// count of any second is never exceeded by much.
const accountBurst = time.Second / 8

// reserve takes one message from the bucket of the pair (our number and one contact) and of the account. If either is
// empty or blocked it takes nothing and returns how long to wait.
func reserve(ctx context.Context, db *bun.DB, account accounts.Account, pair string, now time.Time) (time.Duration, error) {
	s, interval := account.Settings, accountInterval(account)
	var pairWait, accountWait float64 // seconds
	err := postgres.InTx(ctx, db, func(ctx context.Context, tx bun.Tx) error {
		// The pair first: the account's row is the busy one and is held as briefly as possible.
		var err error
		if pairWait, err = take(ctx, tx, account.ID, pair, s.PairInterval(), s.PairInterval()*time.Duration(s.PairBurst-1), now); err != nil {
			return err
		}
		if accountWait, err = take(ctx, tx, account.ID, accountKey, interval, max(accountBurst, interval), now); err != nil {
			return err
		}
		if pairWait > 0 || accountWait > 0 {
			return errEmpty
		}
		return nil
	})
	if errors.Is(err, errEmpty) {
		return time.Duration(math.Round(max(pairWait, accountWait)*1e6)) * time.Microsecond, nil
	}
	if err != nil {
		return 0, fmt.Errorf("reserve: %w", err)
	}
	return 0, nil
}

func accountInterval(account accounts.Account) time.Duration {
	return time.Second / time.Duration(account.Settings.ThroughputPerSecond)
}

// giveBack returns what reserve took for a message that was not claimed. If it fails, or the process ends before, the next
// message waits a little longer than it must.
func (o *Outbox) giveBack(ctx context.Context, account accounts.Account, pair string) {
	const back = "UPDATE account_limits SET arrival = arrival - $3::interval WHERE account_id = $1::uuid AND key = $2"
	err := postgres.InPipeline(ctx, o.DB, func(ctx context.Context, tx bun.Tx) error {
		if err := postgres.Later(ctx, tx, "of the pair", back, account.ID, pair, account.Settings.PairInterval()); err != nil {
			return err
		}
		return postgres.Later(ctx, tx, "of the account", back, account.ID, accountKey, accountInterval(account))
	})
	if err != nil {
		o.Logger.WarnContext(ctx, "a message that was not sent counts for the limits", "account_id", account.ID, "error", err)
	}
}

// errEmpty rolls back a reservation of which one half failed.
var errEmpty = errors.New("bucket is empty")

// take moves a bucket on by one message and returns by how many seconds it is overdrawn. An arrival much further ahead than
// a bucket can be overdrawn comes from a clock that was set back, and the bucket begins anew; the minute is for clocks that
// differ a little.
func take(ctx context.Context, tx bun.Tx, accountID, key string, interval, burst time.Duration, now time.Time) (float64, error) {
	var wait float64
	err := tx.Tx.QueryRowContext(ctx, `INSERT INTO account_limits AS l (account_id, key, arrival) VALUES ($1::uuid, $2, $3::timestamptz + $4::interval)
		ON CONFLICT (account_id, key) DO UPDATE SET arrival = $4::interval
			+ CASE WHEN l.arrival > $3::timestamptz + $4::interval + $5::interval + interval '1 minute' THEN $3::timestamptz ELSE greatest(l.arrival, $3::timestamptz) END
		RETURNING greatest(extract(epoch FROM l.arrival - $4::interval - $5::interval - $3::timestamptz), extract(epoch FROM coalesce(l.blocked_until, $3::timestamptz) - $3::timestamptz), 0)::float8`,
		accountID, key, now, interval, burst).Scan(&wait)
	return wait, err
}

// CountInbound takes received messages from an account's bucket: the provider counts both directions. Nothing waits here,
// and however many came, sends are held up by a second at most.
func CountInbound(ctx context.Context, db bun.IDB, accountID string, messages int, now time.Time) error {
	if messages == 0 {
		return nil
	}
	_, err := postgres.Raw(db).ExecContext(ctx, `INSERT INTO account_limits AS l (account_id, key, arrival)
		SELECT a.id, '', least($3::timestamptz + $2 * (interval '1 second' / coalesce((settings->>'throughput_per_second')::int, $4::int)), $3::timestamptz + interval '1 second')
		FROM accounts a WHERE a.id = $1::uuid
		ON CONFLICT (account_id, key) DO UPDATE SET arrival = greatest(l.arrival, least(greatest(l.arrival, $3::timestamptz) + (excluded.arrival - $3::timestamptz), $3::timestamptz + interval '1 second'))`,
		accountID, messages, now, accounts.DefaultSettings().ThroughputPerSecond)
	if err != nil {
		return fmt.Errorf("count received messages: %w", err)
	}
	return nil
}

// block lets a bucket give nothing until the given time, because the provider said so.
func block(ctx context.Context, tx bun.Tx, accountID, key string, until, now time.Time) error {
	_, err := tx.Tx.ExecContext(ctx, `INSERT INTO account_limits AS l (account_id, key, arrival, blocked_until) VALUES ($1::uuid, $2, $4, $3)
		ON CONFLICT (account_id, key) DO UPDATE SET blocked_until = greatest(l.blocked_until, excluded.blocked_until)`, accountID, key, until, now)
	if err != nil {
		return fmt.Errorf("block: %w", err)
	}
	return nil
}

// blockApp blocks all accounts of the same business account, whose calls the provider counts together.
func blockApp(ctx context.Context, tx bun.Tx, account accounts.Account, until, now time.Time) error {
	_, err := tx.Tx.ExecContext(ctx, `INSERT INTO account_limits AS l (account_id, key, arrival, blocked_until)
		SELECT id, '', $3::timestamptz, $2::timestamptz FROM accounts WHERE channel = $1 AND (business_id = $4 AND business_id <> '' OR id = $5::uuid) ORDER BY id
		ON CONFLICT (account_id, key) DO UPDATE SET blocked_until = greatest(l.blocked_until, excluded.blocked_until)`,
		string(account.Channel), until, now, account.BusinessID, account.ID)
	if err != nil {
		return fmt.Errorf("block: %w", err)
	}
	return nil
}
