package accounts

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
)

// MaxBehind is up to where conversations that are behind are counted, in all accounts together: the oldest ones, so that
// the lag is right. A long outage of Temporal leaves more.
const MaxBehind = 5000

// ErrorKind says of what the last error of an account was.
type ErrorKind string

// The kinds of errors.
const (
	ErrorAccount      ErrorKind = "account"      // the provider refuses the account: it must be reconnected
	ErrorUpdate       ErrorKind = "update"       // an update of the provider could not be applied and is parked
	ErrorConversation ErrorKind = "conversation" // a conversation's process fails again and again
)

// LastError is the newest of what is wrong with an account now.
type LastError struct {
	Kind ErrorKind `json:"kind" enum:"account,update,conversation"`
	Code string    `json:"code" doc:"The provider's, or ours; never a text"`
	At   time.Time `json:"at"`
}

// Health is how far an account's incoming events have come.
type Health struct {
	AccountID      string                    `json:"account_id"`
	Channel        conversation.Channel      `json:"channel"`
	State          conversation.AccountState `json:"state"`
	LastReceivedAt *time.Time                `json:"last_received_at,omitempty" doc:"When the provider posted last"`
	LastAppliedAt  *time.Time                `json:"last_applied_at,omitempty" doc:"All that was received up to here is applied by its conversations' processes"`
	LagSeconds     float64                   `json:"lag_seconds" doc:"Age of the oldest event that is not applied yet; 0 if all are"`
	Behind         int                       `json:"behind" doc:"Conversations with such events; counted up to 5000 in all accounts together"`
	Parked         int                       `json:"parked" doc:"Updates of the provider that could not be applied"`
	LastError      *LastError                `json:"last_error,omitempty" doc:"The newest of what is wrong now"`
}

type healthRow struct {
	ID             string
	Channel        conversation.Channel
	State          conversation.AccountState
	LastReceivedAt *time.Time
	Oldest         *time.Time
	Behind         int
	Parked         int
	ErrorKind      *ErrorKind
	ErrorCode      *string
	ErrorAt        *time.Time
}

// healthQuery looks at no conversation that sleeps: one that is behind has a deadline within [ledger.SweepAfter], and one that
// fails is in an index of its own.
const healthQuery = `
	WITH behind AS MATERIALIZED (
		SELECT c.account_id, (SELECT e.recorded_at FROM events AS e WHERE e.conversation_id = c.id AND e.seq > c.applied_seq ORDER BY e.seq LIMIT 1) AS since
		FROM conversations AS c WHERE c.next_deadline_at <= ?0 AND c.applied_seq < c.wake_seq ORDER BY c.next_deadline_at LIMIT ?1
	), late AS (
		SELECT account_id, count(*) AS behind, min(since) AS oldest FROM behind GROUP BY account_id
	), parked AS (
		SELECT account_id, count(*) AS parked FROM parked_updates WHERE state = 'parked' GROUP BY account_id
	), wrong AS (
		SELECT id AS account_id, 'account' AS kind, state_code AS code, updated_at AS at FROM accounts WHERE state = 'error'
		UNION ALL
		SELECT p.account_id, 'update', p.reason, p.parked_at FROM accounts AS a CROSS JOIN LATERAL (
			SELECT * FROM parked_updates WHERE account_id = a.id AND state = 'parked' ORDER BY id DESC LIMIT 1) AS p
		UNION ALL
		SELECT account_id, 'conversation', stuck_code, failing_since FROM conversations WHERE tries >= 10 AND failing_since IS NOT NULL
	)
	SELECT a.id::text, a.channel, a.state, a.last_received_at, l.oldest, coalesce(l.behind, 0) AS behind, coalesce(p.parked, 0) AS parked,
		w.kind AS error_kind, w.code AS error_code, w.at AS error_at
	FROM accounts AS a LEFT JOIN late AS l ON l.account_id = a.id LEFT JOIN parked AS p ON p.account_id = a.id
	LEFT JOIN LATERAL (SELECT * FROM wrong WHERE wrong.account_id = a.id ORDER BY wrong.at DESC LIMIT 1) AS w ON true
	WHERE ?2 ORDER BY a.created_at, a.id`

// Health returns how one account is. One that the caller may not see is not found.
func (s *Store) Health(ctx context.Context, by conversation.Caller, id string) (Health, error) {
	if !postgres.IsID(id) || !by.Sees(id) {
		return Health{}, NotFound()
	}
	all, err := s.health(ctx, bun.SafeQuery("a.id = ?", id))
	if err != nil {
		return Health{}, err
	}
	if len(all) == 0 {
		return Health{}, NotFound()
	}
	return all[0], nil
}

// Healths returns how the accounts are that the caller may see, the oldest account first.
func (s *Store) Healths(ctx context.Context, by conversation.Caller) ([]Health, error) {
	ids, all := by.Accounts()
	switch {
	case all:
		return s.health(ctx, bun.SafeQuery("true"))
	case len(ids) == 0:
		return []Health{}, nil
	default:
		return s.health(ctx, bun.SafeQuery("a.id IN ?", bun.Tuple(ids)))
	}
}

func (s *Store) health(ctx context.Context, which schema.QueryWithArgs) ([]Health, error) {
	var rows []healthRow
	now := s.clock.Now()
	if err := s.db.NewRaw(healthQuery, now.Add(ledger.SweepAfter), MaxBehind, which).Scan(ctx, &rows); err != nil {
		return nil, fmt.Errorf("read the accounts' health: %w", err)
	}
	all := make([]Health, len(rows))
	for i, r := range rows {
		all[i] = r.health(now)
	}
	return all, nil
}

func (r healthRow) health(now time.Time) Health {
	h := Health{AccountID: r.ID, Channel: r.Channel, State: r.State, LastReceivedAt: r.LastReceivedAt, LastAppliedAt: r.LastReceivedAt, Behind: r.Behind, Parked: r.Parked}
	if r.Oldest != nil {
		h.LastAppliedAt, h.LagSeconds = r.Oldest, max(0, now.Sub(*r.Oldest).Seconds())
	}
	if r.ErrorKind != nil && r.ErrorCode != nil && r.ErrorAt != nil {
		h.LastError = &LastError{Kind: *r.ErrorKind, Code: *r.ErrorCode, At: *r.ErrorAt}
	}
	return h
}
