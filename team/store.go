package team

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

// Store is the team in the database.
type Store struct {
	db         *bun.DB
	principals cache
}

// NewStore returns the team that is kept in db.
func NewStore(db *bun.DB) *Store {
	return &Store{db: db, principals: cache{entries: map[string]cachedPrincipal{}}}
}

// changeAccess changes what somebody may do or see: all processes hear of it with the commit.
func (s *Store) changeAccess(ctx context.Context, change func(context.Context, bun.Tx) error) error {
	err := postgres.InTx(ctx, s.db, func(ctx context.Context, tx bun.Tx) error {
		if err := change(ctx, tx); err != nil {
			return err
		}
		return Announce(ctx, tx)
	})
	s.Forget() // also if the outcome is not known
	return err
}

// now is the machine's time to the microsecond that Postgres keeps.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// found turns "no rows" into not_found and names what was being done in every other error.
func found(err error, what, doing string) error {
	if postgres.IsNotFound(err) {
		return conversation.Errorf(conversation.CodeNotFound, "no such %s", what)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

// checkID refuses what cannot be an id before Postgres has to.
func checkID(id, what string) error {
	if !postgres.IsID(id) {
		return conversation.Errorf(conversation.CodeNotFound, "no such %s", what)
	}
	return nil
}

// maxName is the longest name, in characters.
const maxName = 100

// cleanName returns the name without surrounding space.
func cleanName(field, name string) (string, error) {
	name = strings.TrimSpace(name)
	if n := utf8.RuneCountInString(name); n < 1 || n > maxName || !utf8.ValidString(name) || strings.ContainsRune(name, 0) {
		return "", conversation.Invalid(field, "must have 1 to %d characters", maxName)
	}
	return name, nil
}

func set[T any](to, value *T) {
	if value != nil {
		*to = *value
	}
}
