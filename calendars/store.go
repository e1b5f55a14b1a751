package calendars

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/hours"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/team"
)

// Named is business hours with a name.
type Named struct {
	ID         string         `json:"id"`
	Name       string         `json:"name"`
	Hours      hours.Calendar `json:"hours"`
	AccountIDs []string       `json:"account_ids" nullable:"false" doc:"The accounts that use it"`
	TeamIDs    []string       `json:"team_ids" nullable:"false" doc:"The teams that use it"`
	CreatedAt  time.Time      `json:"created_at"`
	UpdatedAt  time.Time      `json:"updated_at"`
}

// Content is what a calendar says.
type Content struct {
	Name  string         `json:"name" yaml:"name"`
	Hours hours.Calendar `json:"hours" yaml:"hours"`
}

// maxName bounds a name, in characters.
const maxName = 100

// Store is the calendars in the database. It may be used concurrently.
type Store struct {
	db  *bun.DB
	now func() time.Time

	mu    sync.Mutex
	ready map[string]compiled
}

// compiled is a calendar that can be asked, as it was changed last.
type compiled struct {
	changed time.Time
	hours   *hours.Hours
}

// NewStore returns a Store.
func NewStore(db *bun.DB, now func() time.Time) *Store {
	return &Store{db: db, now: now, ready: make(map[string]compiled)}
}

const selectCalendars = `SELECT k.id, k.name, k.definition, k.created_at, k.updated_at,
	coalesce((SELECT string_agg(id::text, ' ' ORDER BY id) FROM accounts WHERE calendar_id = k.id), ''),
	coalesce((SELECT string_agg(id::text, ' ' ORDER BY id) FROM teams WHERE calendar_id = k.id), '') FROM calendars k `

// List returns all calendars by name.
func (s *Store) List(ctx context.Context) ([]Named, error) { return s.ListIn(ctx, s.db) }

// ListIn is List within the caller's transaction.
func (s *Store) ListIn(ctx context.Context, db bun.IDB) ([]Named, error) {
	return read(ctx, db, selectCalendars+"ORDER BY lower(k.name), k.id")
}

// Get returns one calendar.
func (s *Store) Get(ctx context.Context, id string) (Named, error) { return one(ctx, s.db, id, "") }

func one(ctx context.Context, db bun.IDB, id, lock string) (Named, error) {
	if !postgres.IsID(id) {
		return Named{}, notFound()
	}
	list, err := read(ctx, db, selectCalendars+"WHERE k.id = $1::uuid "+lock, id)
	if err == nil && len(list) == 0 {
		err = notFound()
	}
	if err != nil {
		return Named{}, err
	}
	return list[0], nil
}

func read(ctx context.Context, db bun.IDB, query string, args ...any) ([]Named, error) {
	list := []Named{}
	err := postgres.Rows(ctx, db, func(row *sql.Rows) error {
		var (
			c               Named
			body            []byte
			accounts, teams string
		)
		if err := row.Scan(&c.ID, &c.Name, &body, &c.CreatedAt, &c.UpdatedAt, &accounts, &teams); err != nil {
			return err
		}
		c.AccountIDs, c.TeamIDs = append([]string{}, strings.Fields(accounts)...), append([]string{}, strings.Fields(teams)...)
		list = append(list, c)
		return json.Unmarshal(body, &list[len(list)-1].Hours)
	}, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read calendars: %w", err)
	}
	return list, nil
}

func notFound() error {
	return conversation.Errorf(conversation.CodeNotFound, "there is no such calendar")
}

// Create makes a calendar. Its name must be new, whatever its case: conflict.
func (s *Store) Create(ctx context.Context, by conversation.Actor, c Content) (after Named, err error) {
	err = postgres.InTx(ctx, s.db, func(ctx context.Context, tx bun.Tx) (err error) {
		after, err = s.CreateIn(ctx, tx, by, c)
		return err
	})
	return after, err
}

// CreateIn is Create within the caller's transaction.
func (s *Store) CreateIn(ctx context.Context, tx bun.Tx, by conversation.Actor, c Content) (Named, error) {
	change := team.Change{By: by, Action: "calendars.create", SubjectKind: "calendar", SubjectID: postgres.NewID()}
	return s.write(ctx, tx, change, c, `INSERT INTO calendars (id, name, definition, created_at, updated_at) VALUES ($1::uuid, $2, $3::jsonb, $4, $4)`)
}

// Replace changes a calendar, for all that use it. What was armed by its hours stays as it is.
func (s *Store) Replace(ctx context.Context, by conversation.Actor, id string, c Content) (after Named, err error) {
	err = postgres.InTx(ctx, s.db, func(ctx context.Context, tx bun.Tx) (err error) {
		after, err = s.ReplaceIn(ctx, tx, by, id, c)
		return err
	})
	return after, err
}

// ReplaceIn is Replace within the caller's transaction.
func (s *Store) ReplaceIn(ctx context.Context, tx bun.Tx, by conversation.Actor, id string, c Content) (Named, error) {
	if err := c.Clean().First(); err != nil {
		return Named{}, err
	}
	before, err := one(ctx, tx, id, "FOR UPDATE")
	if err != nil {
		return Named{}, err
	}
	change := team.Change{By: by, Action: "calendars.update", SubjectKind: "calendar", SubjectID: id, Before: before}
	return s.write(ctx, tx, change, c, `UPDATE calendars SET name = $2, definition = $3::jsonb, updated_at = $4 WHERE id = $1::uuid`)
}

func (s *Store) write(ctx context.Context, tx bun.Tx, change team.Change, c Content, statement string) (Named, error) {
	if err := c.Clean().First(); err != nil {
		return Named{}, err
	}
	body, err := json.Marshal(c.Hours)
	if err != nil {
		return Named{}, fmt.Errorf("hours: %w", err)
	}
	if _, err := tx.Tx.ExecContext(ctx, statement, change.SubjectID, c.Name, string(body), s.now().UTC().Truncate(time.Microsecond)); err != nil {
		return Named{}, nameError(err)
	}
	after, err := one(ctx, tx, change.SubjectID, "")
	if err != nil {
		return Named{}, err
	}
	change.After = after
	return after, team.Audit(ctx, tx, change)
}

// Clean trims the name and returns everything that is wrong.
func (c *Content) Clean() conversation.Faults {
	var faults conversation.Faults
	c.Name = strings.TrimSpace(c.Name)
	if n := utf8.RuneCountInString(c.Name); n == 0 || n > maxName || !utf8.ValidString(c.Name) || strings.ContainsRune(c.Name, 0) {
		faults.Add("name", "must have 1 to %d characters", maxName)
	}
	faults.Below("hours", hours.Faults(c.Hours))
	return faults
}

// Delete removes a calendar that nobody uses: conflict otherwise.
func (s *Store) Delete(ctx context.Context, by conversation.Actor, id string) error {
	return postgres.InTx(ctx, s.db, func(ctx context.Context, tx bun.Tx) error { return s.DeleteIn(ctx, tx, by, id) })
}

// DeleteIn is Delete within the caller's transaction.
func (s *Store) DeleteIn(ctx context.Context, tx bun.Tx, by conversation.Actor, id string) error {
	before, err := one(ctx, tx, id, "FOR UPDATE")
	if err != nil {
		return err
	}
	if len(before.AccountIDs)+len(before.TeamIDs) > 0 {
		conflict := conversation.Errorf(conversation.CodeConflict, "accounts or teams use this calendar")
		conflict.Details = map[string]any{"account_ids": before.AccountIDs, "team_ids": before.TeamIDs}
		return conflict
	}
	if _, err := tx.Tx.ExecContext(ctx, "DELETE FROM calendars WHERE id = $1::uuid", id); err != nil {
		return fmt.Errorf("delete calendar: %w", err)
	}
	return team.Audit(ctx, tx, team.Change{By: by, Action: "calendars.delete", SubjectKind: "calendar", SubjectID: id, Before: before})
}

func nameError(err error) error {
	if postgres.IsUniqueViolation(err, "calendars_name") {
		return conversation.Errorf(conversation.CodeConflict, "a calendar has this name already")
	}
	return fmt.Errorf("write calendar: %w", err)
}

// Hours returns a calendar that can be asked, as it was changed last at the given time.
func (s *Store) Hours(ctx context.Context, db bun.IDB, id string, changed time.Time) (*hours.Hours, error) {
	s.mu.Lock()
	known, ok := s.ready[id]
	s.mu.Unlock()
	if ok && known.changed.Equal(changed) {
		return known.hours, nil
	}
	c, err := one(ctx, db, id, "")
	if err != nil {
		return nil, err
	}
	ready, err := hours.Compile(c.Hours)
	if err != nil {
		return nil, fmt.Errorf("hours of calendar: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready[id] = compiled{c.UpdatedAt, ready}
	return ready, nil
}

// OfAccount returns the hours of an account, nil if it has none.
func (s *Store) OfAccount(ctx context.Context, db bun.IDB, accountID string) (*hours.Hours, error) {
	var (
		id      string
		changed time.Time
	)
	err := postgres.Raw(db).QueryRowContext(ctx, "SELECT k.id, k.updated_at FROM accounts a JOIN calendars k ON k.id = a.calendar_id WHERE a.id = $1::uuid", accountID).
		Scan(&id, &changed)
	if postgres.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find business hours: %w", err)
	}
	return s.Hours(ctx, db, id, changed)
}
