package accounts

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/feed"
)

// Pause stops an account's sends, which wait in order until Resume. Messages are received all the same.
func (s *Store) Pause(ctx context.Context, by conversation.Actor, id string) (Account, error) {
	return s.change(ctx, by, id, "accounts.pause", func(a *Account) error {
		a.State, a.StateCode = conversation.AccountPaused, ""
		return nil
	})
}

// Resume makes an account usable again after a pause or an error, and wakes what waited for it. If that fails the account
// is active and Resume may be repeated.
func (s *Store) Resume(ctx context.Context, by conversation.Actor, id string) (Account, error) {
	a, err := s.change(ctx, by, id, "accounts.resume", func(a *Account) error {
		a.State, a.StateCode = conversation.AccountActive, ""
		return nil
	})
	if err != nil || s.onResume == nil {
		return a, err
	}
	if err := s.onResume(ctx, id); err != nil {
		return Account{}, fmt.Errorf("wake what waited for account %s: %w", id, err)
	}
	return a, nil
}

// SetState writes down what happened to an account without an admin, in the caller's transaction: code is the provider's.
// A pause is an admin's word and stays. Whoever sets an account active must wake what waited for it.
func (s *Store) SetState(ctx context.Context, db bun.IDB, id string, state conversation.AccountState, code string) error {
	result, err := db.NewUpdate().Model((*row)(nil)).
		Set("state = ?", state).Set("state_code = ?", code).Set("updated_at = ?", s.clock.Now()).
		Where("id = ? AND state <> ? AND (state, state_code) <> (?, ?)", id, conversation.AccountPaused, state, code).Exec(ctx)
	if err != nil {
		return fmt.Errorf("set the state of account %s: %w", id, err)
	}
	s.cache.forget(id) // it stays forgotten until the caller's transaction lets go of the row, see Cached
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return err // it is paused, or in this state already
	}
	return feed.Note(ctx, db, feed.Change{Kind: feed.ChangeAccount, SubjectID: id, AccountID: id})
}
