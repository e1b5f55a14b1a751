package feed

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

// ErrResync says that a cursor is of another epoch or of a time whose events retention has deleted: whoever holds it must
// load afresh what they show, and begin at the head.
var ErrResync = errors.New("the cursor's place in the feed is gone")

// Page is a part of the feed.
type Page struct {
	Events []Event
	// End is where the next page begins. Without More, that is as far as can be read now.
	End  Cursor
	More bool
	// Pending says that something is committed which cannot be served yet, because an older transaction still runs: nobody
	// may tell when that one ends, so look again soon.
	Pending bool
}

// Reader reads the feed.
type Reader struct {
	DB          bun.IDB
	WithChanges bool // otherwise there are events of conversations only
}

// Head returns the cursor behind everything that can be read now.
func (r Reader) Head(ctx context.Context) (Cursor, error) {
	var e edge
	err := postgres.Raw(r.DB).QueryRowContext(ctx, "SELECT epoch, pg_snapshot_xmin(pg_current_snapshot())::text, feed_floor_xid::text FROM installation").
		Scan(&e.epoch, (*xid)(&e.xmin), (*xid)(&e.floor))
	if err != nil {
		return Cursor{}, fmt.Errorf("find the head of the feed: %w", err)
	}
	return e.head(), nil
}

// After returns what follows a cursor, at most limit entries, or ErrResync.
func (r Reader) After(ctx context.Context, from Cursor, limit int) (Page, error) {
	page, e, err := r.read(ctx, from, limit)
	switch {
	case err != nil:
		return Page{}, err
	case from.Epoch != e.epoch || from.XID < e.floor || from.XID > e.xmin:
		return Page{}, ErrResync
	default:
		return page, nil
	}
}

// edge is how far the feed can be read, and from where.
type edge struct {
	epoch       int64
	xmin, floor uint64
}

// head is behind all transactions below the oldest that runs.
func (e edge) head() Cursor { return Cursor{Epoch: e.epoch, XID: e.xmin} }

// query returns a row for the edge and, beside it or with NULL, one for each entry. Both halves are walks along an index
// that end at the limit, and so are the looks for what is pending: as conditions, a planner without statistics reads the
// whole table for them. All of it is one snapshot.
const query = `SELECT i.epoch, pg_snapshot_xmin(pg_current_snapshot())::text, i.feed_floor_xid::text,
		coalesce((SELECT xid FROM events ORDER BY xid DESC, id DESC LIMIT 1) >= pg_snapshot_xmin(pg_current_snapshot()), false)
			OR $4 AND coalesce((SELECT xid FROM changes ORDER BY xid DESC, id DESC LIMIT 1) >= pg_snapshot_xmin(pg_current_snapshot()), false),
		f.xid::text, f.id, f.kind, f.at, f.conversation_id, f.seq, f.actor_kind, f.actor_id, f.cause, f.data, f.subject_id, f.agent_id,
		coalesce(f.account_id, (SELECT account_id FROM conversations WHERE id = f.conversation_id)) -- events of before have none
	FROM installation i LEFT JOIN LATERAL (
		(SELECT xid, id, kind, at, conversation_id, seq, actor_kind, actor_id, cause, data, NULL AS subject_id, NULL::uuid AS agent_id, account_id
			FROM events WHERE (xid, id) > ($1::text::xid8, $2::bigint) AND xid < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY xid, id LIMIT $3)
		UNION ALL
		(SELECT xid, id, kind, at, NULL, NULL, NULL, NULL, NULL, NULL, subject_id, agent_id, account_id
			FROM changes WHERE $4 AND (xid, id) > ($1::text::xid8, $2::bigint) AND xid < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY xid, id LIMIT $3)
		ORDER BY xid, id LIMIT $3) AS f ON true
	ORDER BY f.xid, f.id`

func (r Reader) read(ctx context.Context, from Cursor, limit int) (Page, edge, error) {
	var (
		page Page
		e    edge
		n    int
	)
	err := postgres.Rows(ctx, r.DB, func(found *sql.Rows) error {
		var s scanned
		if err := found.Scan(append([]any{&e.epoch, (*xid)(&e.xmin), (*xid)(&e.floor), &page.Pending}, s.targets()...)...); err != nil {
			return err
		}
		if s.id == nil { // there is nothing but the edge
			return nil
		}
		n++
		page.End = Cursor{e.epoch, uint64(s.xid), *s.id}
		if s.subject == nil && s.account == "" { // its conversation was erased
			return nil
		}
		event, err := s.event(page.End)
		page.Events = append(page.Events, event)
		return err
	}, query, strconv.FormatUint(from.XID, 10), from.ID, limit, r.WithChanges)
	if err != nil {
		return page, e, fmt.Errorf("read the feed: %w", err)
	}
	if page.More = n == limit; !page.More {
		page.End = e.head()
	}
	return page, e, nil
}

// scanned is one row of the query.
type scanned struct {
	xid                xid
	id                 *int64
	kind, conversation string
	at                 time.Time
	seq                sql.NullInt64
	actorKind, actorID string
	cause, data        []byte
	subject            *string
	agent, account     string
}

func (s *scanned) targets() []any {
	return []any{
		&s.xid, &s.id, postgres.OptText(&s.kind), postgres.OptTime(&s.at), postgres.OptText(&s.conversation), &s.seq,
		postgres.OptText(&s.actorKind), postgres.OptText(&s.actorID), &s.cause, &s.data, &s.subject,
		postgres.OptText(&s.agent), postgres.OptText(&s.account),
	}
}

func (s *scanned) event(at Cursor) (Event, error) {
	e := Event{Cursor: at}
	if s.subject != nil {
		e.Change = &Change{Kind: ChangeKind(s.kind), SubjectID: *s.subject, AgentID: s.agent, AccountID: s.account, At: s.at}
		return e, nil
	}
	e.ConversationID, e.AccountID = s.conversation, s.account
	e.Seq, e.Kind, e.At = s.seq.Int64, conversation.EventKind(s.kind), s.at
	e.Actor.Kind, e.Actor.ID = conversation.ActorKind(s.actorKind), s.actorID
	if s.cause != nil {
		if err := json.Unmarshal(s.cause, &e.Cause); err != nil {
			return e, fmt.Errorf("event cause: %w", err)
		}
	}
	if err := json.Unmarshal(s.data, &e.Data); err != nil {
		return e, fmt.Errorf("event data: %w", err)
	}
	return e, nil
}

// xid scans a transaction's number, NULL as 0.
type xid uint64

// Scan implements sql.Scanner.
func (x *xid) Scan(value any) error {
	var text sql.NullString
	if err := text.Scan(value); err != nil || !text.Valid {
		return err
	}
	n, err := strconv.ParseUint(text.String, 10, 64)
	*x = xid(n)
	return err
}
