package accounts

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/internal/clock"
	"guichet.dev/guichet/keyring"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/team"
)

// Options are what a store needs.
type Options struct {
	DB      *bun.DB
	Keyring *keyring.Keyring
	Clock   *clock.Clock
	// AllowPrivate allows API addresses in private networks and without TLS.
	AllowPrivate bool
	// OnResume is called after an account became usable again, to wake the conversations that hold something for it. It
	// must be repeatable. Nil for none.
	OnResume func(ctx context.Context, accountID string) error
}

// Store is the accounts in the database.
type Store struct {
	db           *bun.DB
	keyring      *keyring.Keyring
	clock        *clock.Clock
	allowPrivate bool
	onResume     func(ctx context.Context, accountID string) error
	cache        cache
}

// NewStore returns the accounts that are kept in the database.
func NewStore(o Options) *Store {
	return &Store{
		db: o.DB, keyring: o.Keyring, clock: o.Clock, allowPrivate: o.AllowPrivate, onResume: o.OnResume,
		cache: cache{entries: map[string]cached{}},
	}
}

// Create connects an account. Its provider id must be new on its channel: conflict.
func (s *Store) Create(ctx context.Context, by conversation.Actor, in New) (Account, error) {
	id := postgres.NewID()
	now := s.clock.Now()
	a := Account{
		ID: id, Channel: in.Channel, Name: in.Name, State: conversation.AccountActive,
		ProviderID: in.ProviderID, BusinessID: in.BusinessID, DisplayAddress: in.DisplayAddress,
		APIBaseURL: in.APIBaseURL, APIVersion: in.APIVersion, Secrets: in.Secrets,
		Settings: in.Settings.Apply(DefaultSettings()), CreatedAt: now, UpdatedAt: now,
	}
	if err := s.clean(&a); err != nil {
		return Account{}, err
	}
	r, err := s.toRow(a)
	if err != nil {
		return Account{}, err
	}
	err = postgres.InTx(ctx, s.db, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.NewInsert().Model(r).Exec(ctx); err != nil {
			return writeError(err, "create account")
		}
		if err := audit(ctx, tx, by, "accounts.create", nil, &a); err != nil {
			return err
		}
		return team.Announce(ctx, tx) // to those who see what is not restricted
	})
	return a, err
}

// Update changes an account.
func (s *Store) Update(ctx context.Context, by conversation.Actor, id string, change Change) (Account, error) {
	return s.change(ctx, by, id, "accounts.update", func(a *Account) error {
		change.apply(a)
		return s.clean(a)
	})
}

// change changes the locked account, audits it and returns it as it is then.
func (s *Store) change(ctx context.Context, by conversation.Actor, id, action string, change func(*Account) error) (Account, error) {
	var after Account
	err := postgres.InTx(ctx, s.db, func(ctx context.Context, tx bun.Tx) error {
		before, err := s.read(ctx, tx, id, "UPDATE")
		if err != nil {
			return err
		}
		after = before
		if err := change(&after); err != nil {
			return err
		}
		after.UpdatedAt = s.clock.Now()
		r, err := s.toRow(after)
		if err != nil {
			return err
		}
		// Receiving does not lock the account, so its column is left alone.
		if _, err := tx.NewUpdate().Model(r).ExcludeColumn("last_received_at").WherePK().Exec(ctx); err != nil {
			return writeError(err, "update account")
		}
		return audit(ctx, tx, by, action, &before, &after)
	})
	s.cache.forget(id)
	return after, err
}

// Get returns one account.
func (s *Store) Get(ctx context.Context, id string) (Account, error) {
	return s.read(ctx, s.db, id, "")
}

func (s *Store) read(ctx context.Context, db bun.IDB, id, lock string) (Account, error) {
	if !postgres.IsID(id) {
		return Account{}, NotFound()
	}
	var r row
	q := db.NewSelect().Model(&r).Where("id = ?", id)
	if lock != "" {
		q = q.For(lock)
	}
	return s.one(&r, q.Scan(ctx))
}

// ByProviderID returns the account that the provider knows under this id.
func (s *Store) ByProviderID(ctx context.Context, ch conversation.Channel, providerID string) (Account, error) {
	var r row
	return s.one(&r, s.db.NewSelect().Model(&r).Where("channel = ? AND provider_id = ?", ch, providerID).Scan(ctx))
}

func (s *Store) one(r *row, err error) (Account, error) {
	if postgres.IsNotFound(err) {
		return Account{}, NotFound()
	}
	if err != nil {
		return Account{}, fmt.Errorf("read account: %w", err)
	}
	return s.fromRow(r)
}

// List returns all accounts by name.
func (s *Store) List(ctx context.Context) ([]Account, error) {
	var rows []row
	if err := s.db.NewSelect().Model(&rows).OrderExpr("lower(name), id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	list := make([]Account, 0, len(rows))
	for i := range rows {
		a, err := s.fromRow(&rows[i])
		if err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	return list, nil
}

// NotFound is the error for an account that does not exist, or that the caller may not know of.
func NotFound() error { return conversation.Errorf(conversation.CodeNotFound, "no such account") }

func writeError(err error, doing string) error {
	if postgres.IsUniqueViolation(err, "") {
		return &conversation.Error{Code: conversation.CodeConflict, Field: "provider_id", Message: "another account has this provider id"}
	}
	return fmt.Errorf("%s: %w", doing, err)
}

func audit(ctx context.Context, tx bun.IDB, by conversation.Actor, action string, before, after *Account) error {
	c := team.Change{By: by, Action: action, SubjectKind: team.SubjectAccount, SubjectID: after.ID, After: audited{*after, after.SecretsSet()}}
	if before != nil {
		c.Before = audited{*before, before.SecretsSet()}
	}
	return team.Audit(ctx, tx, c)
}
