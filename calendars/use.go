package calendars

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/team"
)

// User is a kind of thing that has business hours.
type User string

// The users.
const (
	Account User = "account"
	Team    User = "team"
)

// Use lets an account or a team have a calendar, or none if the id is empty.
func (s *Store) Use(ctx context.Context, by conversation.Actor, user User, id, calendarID string) error {
	return postgres.InTx(ctx, s.db, func(ctx context.Context, tx bun.Tx) error { return s.UseIn(ctx, tx, by, user, id, calendarID) })
}

// UseIn is Use within the caller's transaction. The lock lets others refer to the account or team meanwhile, as each new
// conversation does.
func (*Store) UseIn(ctx context.Context, tx bun.Tx, by conversation.Actor, user User, id, calendarID string) error {
	if calendarID != "" && !postgres.IsID(calendarID) {
		return noCalendar()
	}
	var before sql.NullString
	err := tx.Tx.QueryRowContext(ctx, `WITH old AS (SELECT id, calendar_id FROM `+string(user)+`s WHERE id = $1::uuid FOR NO KEY UPDATE)
		UPDATE `+string(user)+`s u SET calendar_id = $2::uuid FROM old WHERE u.id = old.id RETURNING old.calendar_id`, id, postgres.NullText(calendarID)).Scan(&before)
	switch {
	case postgres.IsNotFound(err):
		return conversation.Errorf(conversation.CodeNotFound, "there is no such %s", user)
	case postgres.IsForeignKeyViolation(err):
		return noCalendar()
	case err != nil:
		return fmt.Errorf("use calendar: %w", err)
	}
	return team.Audit(ctx, tx, team.Change{
		By: by, Action: string(user) + "s.set_calendar", SubjectKind: string(user), SubjectID: id,
		Before: map[string]string{"calendar_id": before.String}, After: map[string]string{"calendar_id": calendarID},
	})
}

func noCalendar() error {
	return conversation.Invalid("calendar_id", "must be the id of a calendar, or empty for none")
}
