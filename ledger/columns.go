package ledger

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

// column is one of the columns of conversations and its place in a Row.
type column struct {
	name, kind string
	fixed      bool                  // set when the conversation begins, never changed
	scan       func(*Row) any        // where its value is scanned to
	one        func(*Row) any        // its value, which later changes of the Row leave alone: the statement may wait
	all        func(rows []*Row) any // its values likewise, as one array
}

// table is all of them. The id is the first: statements find it there.
var table = []column{
	fixed(uuids("id", func(r *Row) *string { return &r.ID })),
	fixed(uuids("account_id", func(r *Row) *string { return &r.AccountID })),
	fixed(texts("channel", func(r *Row) *conversation.Channel { return &r.Channel })),
	uuids("contact_id", func(r *Row) *string { return &r.ContactID }),
	fixed(texts("thread_key", func(r *Row) *string { return &r.ThreadKey })),
	texts("status", func(r *Row) *conversation.Status { return &r.Status }),
	optTimes("snoozed_until", func(r *Row) *time.Time { return &r.SnoozedUntil }),
	optUUIDs("assignee_id", func(r *Row) *string { return &r.AssigneeID }),
	optUUIDs("team_id", func(r *Row) *string { return &r.TeamID }),
	optUUIDs("merged_into", func(r *Row) *string { return &r.MergedInto }),
	seqs("priority", func(r *Row) *int64 { return &r.Priority }),
	optTimes("blocked_at", func(r *Row) *time.Time { return &r.BlockedAt }),
	optTimes("offer_until", func(r *Row) *time.Time { return &r.OfferUntil }),
	optTimes("queued_at", func(r *Row) *time.Time { return &r.QueuedAt }),

	seqs("last_seq", func(r *Row) *int64 { return &r.LastSeq }),
	seqs("wake_seq", func(r *Row) *int64 { return &r.WakeSeq }),
	seqs("inbound_seq", func(r *Row) *int64 { return &r.InboundSeq }),
	seqs("applied_seq", func(r *Row) *int64 { return &r.AppliedSeq }),
	seqs("agent_seq", func(r *Row) *int64 { return &r.AgentSeq }),
	seqs("read_seq", func(r *Row) *int64 { return &r.ReadSeq }),

	optTimes("window_from", func(r *Row) *time.Time { return &r.WindowFrom }),
	optTimes("window_refused_at", func(r *Row) *time.Time { return &r.WindowRefusedAt }),
	deadlines("deadlines", func(r *Row) *[]conversation.Deadline { return &r.Deadlines }),
	optTimes("next_deadline_at", func(r *Row) *time.Time { return &r.NextDeadlineAt }),
	optTimes("closing_told", func(r *Row) *time.Time { return &r.ClosingTold }),
	optTimes("closed_told", func(r *Row) *time.Time { return &r.ClosedTold }),

	times("last_activity_at", func(r *Row) *time.Time { return &r.LastActivityAt }),
	optUUIDs("last_message_id", func(r *Row) *string { return &r.LastMessageID }),
	optTimes("last_message_at", func(r *Row) *time.Time { return &r.LastMessageAt }),
	texts("summary", func(r *Row) *string { return &r.Summary }),
	optTimes("last_inbound_at", func(r *Row) *time.Time { return &r.LastInboundAt }),
	optTimes("waiting_since", func(r *Row) *time.Time { return &r.WaitingSince }),
	optTimes("first_reply_at", func(r *Row) *time.Time { return &r.FirstReplyAt }),
	times("opened_at", func(r *Row) *time.Time { return &r.OpenedAt }),
	optTimes("done_at", func(r *Row) *time.Time { return &r.DoneAt }),
	fixed(times("created_at", func(r *Row) *time.Time { return &r.CreatedAt })),

	seqs("tries", func(r *Row) *int64 { return &r.Tries }),
	texts("stuck_code", func(r *Row) *string { return &r.StuckCode }),
	optTimes("failing_since", func(r *Row) *time.Time { return &r.FailingSince }),
}

// changing are the id and the columns that are not fixed.
var changing = func() []column {
	some := table[:1:1]
	for _, c := range table[1:] {
		if !c.fixed {
			some = append(some, c)
		}
	}
	return some
}()

var (
	columns = strings.Join(names(table, ""), ", ")

	insertRows = "INSERT INTO conversations (" + columns + ") SELECT * FROM unnest(" + parameters(table, 1, "[]") + ")"

	// updateRow is updateRows for one, which is most of them, in a fraction of the time.
	updateRow = "UPDATE conversations SET (" + strings.Join(names(changing[1:], ""), ", ") + ") = ROW (" +
		parameters(changing[1:], 2, "") + ") WHERE id = $1::uuid"

	// ANY($1) keeps the planner from reading the whole table while it believes that it is small.
	updateRows = "UPDATE conversations AS c SET (" + strings.Join(names(changing[1:], ""), ", ") + ") = ROW (" +
		strings.Join(names(changing[1:], "v."), ", ") + ") FROM unnest(" + parameters(changing, 1, "[]") + ") AS v (" +
		strings.Join(names(changing, ""), ", ") + ") WHERE c.id = v.id AND c.id = ANY($1::uuid[])"
)

func names(of []column, prefix string) []string {
	list := make([]string, len(of))
	for i, c := range of {
		list[i] = prefix + c.name
	}
	return list
}

// parameters returns $1, $2, … with their types, from the given number on.
func parameters(of []column, from int, suffix string) string {
	list := make([]string, len(of))
	for i, c := range of {
		list[i] = "$" + strconv.Itoa(from+i) + "::" + c.kind + suffix
	}
	return strings.Join(list, ", ")
}

// arguments returns the values of the columns, each an array.
func arguments(of []column, rows []*Row) []any {
	list := make([]any, len(of))
	for i, c := range of {
		list[i] = c.all(rows)
	}
	return list
}

// values returns the values of the columns of one row.
func values(of []column, r *Row) []any {
	list := make([]any, len(of))
	for i, c := range of {
		list[i] = c.one(r)
	}
	return list
}

// scan reads the columns of the table.
func scan(found postgres.Row) (*Row, error) {
	var r Row
	into := make([]any, len(table))
	for i, c := range table {
		into[i] = c.scan(&r)
	}
	if err := found.Scan(into...); err != nil {
		return nil, err
	}
	return &r, nil
}

func fixed(c column) column {
	c.fixed = true
	return c
}

func seqs(name string, field func(*Row) *int64) column {
	return newColumn(name, "bigint", func(r *Row) any { return field(r) }, func(r *Row) int64 { return *field(r) })
}

func uuids(name string, field func(*Row) *string) column {
	return newColumn(name, "uuid", func(r *Row) any { return field(r) }, func(r *Row) string { return *field(r) })
}

func texts[T ~string](name string, field func(*Row) *T) column {
	return newColumn(name, "text", func(r *Row) any { return field(r) }, func(r *Row) string { return string(*field(r)) })
}

func times(name string, field func(*Row) *time.Time) column {
	return newColumn(name, "timestamptz", func(r *Row) any { return field(r) }, func(r *Row) time.Time { return *field(r) })
}

// optUUIDs are NULL where the field is empty, as optTimes are where it is zero.
func optUUIDs(name string, field func(*Row) *string) column {
	return newColumn(name, "uuid", func(r *Row) any { return postgres.OptText(field(r)) },
		func(r *Row) *string { return postgres.NullText(*field(r)) })
}

func optTimes(name string, field func(*Row) *time.Time) column {
	return newColumn(name, "timestamptz", func(r *Row) any { return postgres.OptTime(field(r)) },
		func(r *Row) *time.Time { return postgres.NullTime(*field(r)) })
}

func deadlines(name string, field func(*Row) *[]conversation.Deadline) column {
	return newColumn(name, "jsonb", func(r *Row) any { return (*deadlineList)(field(r)) }, func(r *Row) deadlineList { return slices.Clone(*field(r)) })
}

// deadlineList is kept as JSON.
type deadlineList []conversation.Deadline

// Value implements driver.Valuer.
func (l deadlineList) Value() (driver.Value, error) {
	if len(l) == 0 {
		return "[]", nil
	}
	body, err := json.Marshal([]conversation.Deadline(l))
	if err != nil {
		return nil, fmt.Errorf("deadlines: %w", err)
	}
	return string(body), nil
}

// Scan implements sql.Scanner.
func (l *deadlineList) Scan(value any) error {
	var err error
	switch body := value.(type) {
	case []byte:
		err = json.Unmarshal(body, (*[]conversation.Deadline)(l))
	case string:
		err = json.Unmarshal([]byte(body), (*[]conversation.Deadline)(l))
	default:
		err = fmt.Errorf("%T instead of JSON", value)
	}
	if err != nil {
		return fmt.Errorf("deadlines: %w", err)
	}
	return nil
}

func newColumn[T any](name, kind string, scan func(*Row) any, value func(*Row) T) column {
	return column{
		name: name, kind: kind, scan: scan,
		one: func(r *Row) any { return value(r) },
		all: func(rows []*Row) any {
			list := make([]T, len(rows))
			for i, r := range rows {
				list[i] = value(r)
			}
			return list
		},
	}
}
