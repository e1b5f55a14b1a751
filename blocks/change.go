package blocks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/contacts"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/internal/failpoint"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
)

// callTimeout is how long the provider may take.
const callTimeout = 10 * time.Second

// wish is what the provider is to be asked.
type wish struct {
	accountID, contactID string
	channel              conversation.Channel
	block                bool
	version              int64
	person               []conversation.Identity
}

// Set blocks the contact of a conversation on its account, or ends that, and asks the provider to do the same. Repeated, it
// asks the provider again unless that is done. The provider's refusal is no error: Block says what came of it.
func (s *Store) Set(ctx context.Context, by conversation.Caller, conversationID string, block bool) error {
	var w *wish
	err := s.Desk.Command(ctx, by, conversationID, contacts.LockOne, func(ctx context.Context, tx bun.Tx, row *ledger.Row) error {
		if err := row.Active(); err != nil {
			return err
		}
		var err error
		w, err = s.write(ctx, tx, row, by.Actor, block)
		return err
	})
	if err != nil || w == nil {
		return err
	}
	failpoint.Hit("blocks.written")
	return s.tell(context.WithoutCancel(ctx), by, conversationID, *w)
}

// write changes our side. It returns what to ask the provider, nil for nothing.
func (s *Store) write(ctx context.Context, tx bun.Tx, row *ledger.Row, by conversation.Actor, block bool) (*wish, error) {
	now := s.Desk.Now()
	w := &wish{accountID: row.AccountID, contactID: row.ContactID, channel: row.Channel, block: block}
	changed := row.Blocked() != block
	if changed {
		row.BlockedAt = time.Time{}
		kind := conversation.EventContactUnblocked
		if block {
			row.BlockedAt, row.WaitingSince, kind = now.UTC().Truncate(time.Microsecond), time.Time{}, conversation.EventContactBlocked
		}
		row.Append(conversation.Event{Kind: kind, Actor: by, At: now})
	}
	state := Pending
	if _, able := s.Adapters[row.Channel].(channel.Blocker); !able {
		state = Unsupported
	}
	// Without a change, only what has not come about at the provider is asked again; who was never blocked has no row.
	query := `UPDATE blocks SET version = version + 1, provider_state = 'pending', provider_code = ''
		WHERE account_id = $1::uuid AND contact_id = $2::uuid AND blocked = $3 AND provider_state IN ('pending', 'failed') RETURNING version`
	args := []any{row.AccountID, row.ContactID, block}
	if changed {
		query = `INSERT INTO blocks (account_id, contact_id, blocked, changed_at, actor_kind, actor_id, provider_state) VALUES ($1::uuid, $2::uuid, $3, $4, $5, $6, $7)
			ON CONFLICT (account_id, contact_id) DO UPDATE SET blocked = excluded.blocked, changed_at = excluded.changed_at, actor_kind = excluded.actor_kind,
				actor_id = excluded.actor_id, provider_state = excluded.provider_state, provider_code = '', version = blocks.version + 1 RETURNING version`
		args = append(args, now, string(by.Kind), by.ID, string(state))
	}
	err := postgres.Raw(tx).QueryRowContext(ctx, query, args...).Scan(&w.version)
	if postgres.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("write block: %w", err)
	}
	if state == Unsupported {
		return nil, nil
	}
	w.person, err = contacts.Identities(ctx, tx, row.ContactID, row.Channel)
	return w, err
}

// tell asks the provider and writes down what came of it, unless something else was wished in the meantime.
func (s *Store) tell(ctx context.Context, by conversation.Caller, conversationID string, w wish) error {
	code, err := s.ask(ctx, w)
	if err != nil {
		return err
	}
	state := Done
	if code != "" {
		state = Failed
	}
	return s.Desk.Command(ctx, by, conversationID, nil, func(ctx context.Context, tx bun.Tx, row *ledger.Row) error {
		res, err := postgres.Raw(tx).ExecContext(ctx, `UPDATE blocks SET provider_state = $4, provider_code = $5
			WHERE account_id = $1::uuid AND contact_id = $2::uuid AND version = $3`, w.accountID, w.contactID, w.version, string(state), code)
		if err != nil {
			return fmt.Errorf("note the provider's answer: %w", err)
		}
		n, err := res.RowsAffected()
		if err != nil {
			return fmt.Errorf("note the provider's answer: %w", err)
		}
		if n > 0 && code != "" && row.Active() == nil {
			row.Append(conversation.Event{
				Kind: conversation.EventBlockRefused, Actor: conversation.Actor{Kind: conversation.ActorProvider}, At: s.Desk.Now(),
				Data: conversation.EventData{Code: code},
			})
		}
		return nil
	})
}

// ask makes the call and returns the code of its failure, empty if it was done.
func (s *Store) ask(ctx context.Context, w wish) (string, error) {
	account, err := s.Accounts.Cached(ctx, w.accountID)
	if err != nil {
		return "", err
	}
	blocker, ok := s.Adapters[w.channel].(channel.Blocker)
	if !ok {
		return string(conversation.CodeUnsupported), nil
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	call := blocker.Unblock
	if w.block {
		call = blocker.Block
	}
	err = call(ctx, account.ForAdapter(), w.person)
	if err == nil {
		return "", nil
	}
	if refused, ok := errors.AsType[*channel.SendError](err); ok {
		return refused.Code, nil
	}
	return string(conversation.CodeInternal), nil
}
