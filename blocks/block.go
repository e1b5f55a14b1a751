package blocks

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/accounts"
	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/contacts"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
)

// ProviderState is how far a block, or its end, came at the provider.
type ProviderState string

// The states.
const (
	Pending     ProviderState = "pending" // asked, or about to be; if it stays so, ask again
	Done        ProviderState = "done"
	Failed      ProviderState = "failed"      // ProviderError says why; ask again
	Unsupported ProviderState = "unsupported" // the channel knows no blocks: it counts on our side alone
)

// ProviderStates lists the states.
func ProviderStates() []ProviderState { return []ProviderState{Pending, Done, Failed, Unsupported} }

// Block is whether a contact is blocked on an account, and what the provider made of it.
type Block struct {
	AccountID     string         `json:"account_id"`
	Blocked       bool           `json:"blocked"`
	ChangedAt     time.Time      `json:"changed_at"`
	ProviderState ProviderState  `json:"provider_state"`
	ProviderError *ProviderError `json:"provider_error,omitempty"`
}

// ProviderError is why the provider did not do it.
type ProviderError struct {
	Code    string `json:"code"` // the provider's, or one of ours
	Meaning string `json:"meaning,omitempty"`
}

// Failure returns the error with a code, nil without one.
func Failure(code, meaning string) *ProviderError {
	if code == "" {
		return nil
	}
	return &ProviderError{Code: code, Meaning: meaning}
}

// Accounts finds the account of a conversation.
type Accounts interface {
	Cached(ctx context.Context, id string) (accounts.Account, error)
}

// Options are what a store works with.
type Options struct {
	Desk     ledger.Desk
	Accounts Accounts
	Adapters map[conversation.Channel]channel.Adapter
	// Meaning explains a provider's error code in a sentence.
	Meaning func(on conversation.Channel, code string) string
}

// Store is the blocks in the database.
type Store struct{ Options }

// NewStore returns the blocks that are kept in the desk's database.
func NewStore(o Options) *Store { return &Store{o} }

// Of returns the blocks of a contact, also ended ones, on the accounts that the caller may see; not_found for a contact of
// whom they see no conversation.
func (s *Store) Of(ctx context.Context, by conversation.Caller, contactID string) ([]Block, error) {
	contactID, err := contacts.Visible(ctx, s.Desk.DB, by, contactID)
	if err != nil {
		return nil, err
	}
	found := []Block{}
	visible, all := by.Accounts()
	err = postgres.Rows(ctx, s.Desk.DB, func(row *sql.Rows) error {
		var (
			b    Block
			on   conversation.Channel
			code string
		)
		if err := row.Scan(&b.AccountID, &on, &b.Blocked, &b.ChangedAt, &b.ProviderState, &code); err != nil {
			return err
		}
		b.ProviderError = Failure(code, s.Meaning(on, code))
		found = append(found, b)
		return nil
	}, `SELECT b.account_id, a.channel, b.blocked, b.changed_at, b.provider_state, b.provider_code FROM blocks b JOIN accounts a ON a.id = b.account_id
		WHERE b.contact_id = $1::uuid AND ($2 OR b.account_id = ANY($3::uuid[])) ORDER BY b.account_id`, contactID, all, visible)
	if err != nil {
		return nil, fmt.Errorf("read blocks: %w", err)
	}
	return found, nil
}

// Merge gives a contact the blocks of one that proved to be the same person: blocked stays blocked.
func Merge(ctx context.Context, tx bun.Tx, survivor, loser string) error {
	for _, statement := range []string{
		`INSERT INTO blocks (account_id, contact_id, blocked, changed_at, actor_kind, actor_id, provider_state, provider_code, version)
			SELECT account_id, $1::uuid, blocked, changed_at, actor_kind, actor_id, provider_state, provider_code, version + 1 FROM blocks WHERE contact_id = $2::uuid
			ON CONFLICT (account_id, contact_id) DO UPDATE SET version = greatest(blocks.version, excluded.version) + 1, blocked = true,
				changed_at = excluded.changed_at, actor_kind = excluded.actor_kind, actor_id = excluded.actor_id,
				provider_state = excluded.provider_state, provider_code = excluded.provider_code
			WHERE excluded.blocked AND NOT blocks.blocked`,
		"DELETE FROM blocks WHERE contact_id = $2::uuid AND $1::uuid IS NOT NULL",
	} {
		if _, err := tx.Tx.ExecContext(ctx, statement, survivor, loser); err != nil {
			return fmt.Errorf("merge blocks: %w", err)
		}
	}
	return nil
}
