package main

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	guichetdb "guichet.dev/guichet/postgres"
)

// quietWithin bounds the wait for everything to be settled: a send that died with its worker is given up after a minute,
// and the next message waits a minute for one whose outcome is unknown.
const quietWithin = 4 * time.Minute

// unfinished are the things that must come to an end by themselves.
var unfinished = []string{
	"SELECT count(*) FROM dispatches",
	"SELECT count(*) FROM conversations WHERE applied_seq < wake_seq",
	"SELECT count(*) FROM messages WHERE direction = 'out' AND state IN ('scheduled', 'queued', 'sending')",
	"SELECT count(*) FROM conversations WHERE status = 'snoozed'",
}

// numbers returns the one number of each query.
func (s *crashSite) numbers(ctx context.Context, queries ...string) ([]int, error) {
	found := make([]int, len(queries))
	for i, query := range queries {
		if err := s.db.DB.QueryRowContext(ctx, query).Scan(&found[i]); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// awaitQuiet waits until nothing is owed any more, by the provider or by us, and notes what is left otherwise.
func (s *crashSite) awaitQuiet(ctx context.Context, r *crashResult) error {
	began := time.Now()
	var left []int
	quiet, err := crashWait(ctx, quietWithin, func(ctx context.Context) (_ bool, err error) {
		if left, err = s.numbers(ctx, unfinished...); err != nil {
			return false, err
		}
		posts, err := s.sim.Webhooks(ctx)
		if err != nil {
			return false, err
		}
		r.Undelivered = int(posts.Counts["pending"] + posts.Counts["held"] + posts.Counts["expired"])
		for _, n := range left {
			if n > 0 {
				return false, nil
			}
		}
		unknown, err := s.unknown(ctx)
		return r.Undelivered == 0 && len(unknown) == len(s.neverLeft(unknown)), err
	})
	if err != nil {
		return err
	}
	r.Quiet, r.Undispatched, r.Behind, r.Unsettled = figure(time.Since(began).Seconds()), left[0], left[1], left[2]
	return s.say("quiet", map[string]any{"after": r.Quiet, "reached": quiet})
}

// unknown returns the ids of the messages whose outcome is unknown. It also looks up what the simulator has accepted.
func (s *crashSite) unknown(ctx context.Context) ([]string, error) {
	ids, err := s.texts(ctx, "SELECT id::text FROM messages WHERE state = 'unknown'")
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	accepted, err := s.sim.Accepted(ctx)
	for _, one := range accepted {
		s.load.accepted.add(one.Opaque)
	}
	return ids, err
}

// neverLeft returns those that the provider has not accepted.
func (s *crashSite) neverLeft(ids []string) []string {
	var never []string
	for _, id := range ids {
		if !s.load.accepted.has(id) {
			never = append(never, id)
		}
	}
	return never
}

// The counts that must be 0, in the order of the result's fields.
const (
	sameTextTwice = `SELECT count(*) FROM (SELECT 1 FROM messages GROUP BY content->>'text' HAVING count(*) > 1) AS twice`
	sameIDTwice   = `SELECT (SELECT count(*) FROM (SELECT 1 FROM messages WHERE provider_id IS NOT NULL GROUP BY account_id, provider_id HAVING count(*) > 1) AS p)
		+ (SELECT count(*) FROM (SELECT 1 FROM messages WHERE client_id IS NOT NULL GROUP BY client_id HAVING count(*) > 1) AS c)`
	gaps = `SELECT count(*) FROM (SELECT 1 FROM conversations c LEFT JOIN events e ON e.conversation_id = c.id
		GROUP BY c.id, c.last_seq HAVING count(e.seq) <> c.last_seq OR max(e.seq) <> c.last_seq OR min(e.seq) <> 1) AS gaps`
	withoutEvent = `SELECT count(*) FROM messages m LEFT JOIN events e ON e.conversation_id = m.conversation_id AND e.seq = m.seq
		AND e.data->>'message_id' = m.id::text WHERE e.seq IS NULL`
	parked = `SELECT count(*) FROM parked_updates`
	stuck  = `SELECT count(*) FROM conversations WHERE tries > 0`
	snooze = `SELECT count(*) FROM (SELECT 1 FROM events WHERE kind IN ('snoozed', 'woken') GROUP BY conversation_id
		HAVING count(*) FILTER (WHERE kind = 'woken') <> 1) AS wrong`
)

// check counts what went wrong.
func (s *crashSite) check(ctx context.Context, r *crashResult) error {
	counts, err := s.numbers(ctx, sameTextTwice, sameIDTwice, gaps, withoutEvent, parked, stuck, snooze)
	if err != nil {
		return err
	}
	r.Duplicates, r.Gaps, r.Parked, r.Stuck, r.SnoozesWrong = counts[0]+counts[1], counts[2]+counts[3], counts[4], counts[5], counts[6]
	err = s.db.DB.QueryRowContext(ctx, `SELECT coalesce(max(extract(epoch FROM w.at - (s.data->>'until')::timestamptz)), 0)::float8
		FROM events w JOIN events s ON s.conversation_id = w.conversation_id AND s.kind = 'snoozed' WHERE w.kind = 'woken'`).Scan(&r.SnoozeLate)
	if err != nil {
		return err
	}
	if err := s.checkReceived(ctx, r); err != nil {
		return err
	}
	return s.checkSent(ctx, r)
}

// checkReceived compares what people wrote with what is in the database.
func (s *crashSite) checkReceived(ctx context.Context, r *crashResult) error {
	stored, err := s.texts(ctx, "SELECT provider_id FROM messages WHERE direction = 'in'")
	if err != nil {
		return err
	}
	queued, err := s.texts(ctx, "SELECT client_id FROM messages WHERE direction = 'out'")
	if err != nil {
		return err
	}
	r.Written, r.Replies, r.Refused, r.Repeated = s.load.said.len(), s.load.replies.len(), int(s.load.refused.Load()), int(s.load.repeated.Load())
	r.Missing, r.RepliesLost = s.load.said.without(stored), s.load.replies.without(queued)
	return nil
}

// reply is one message of ours as the database has it.
type crashReply struct {
	conversation, state string
	seq                 int64
}

// checkSent compares what the simulator accepted with what the database says of it.
func (s *crashSite) checkSent(ctx context.Context, r *crashResult) error {
	accepted, err := s.sim.Accepted(ctx)
	if err != nil {
		return err
	}
	ours := map[string]crashReply{}
	err = guichetdb.Rows(ctx, s.db, func(row *sql.Rows) error {
		var (
			id string
			m  crashReply
		)
		err := row.Scan(&id, &m.conversation, &m.state, &m.seq)
		ours[id] = m
		return err
	}, "SELECT id::text, conversation_id::text, state, seq FROM messages WHERE direction = 'out'")
	if err != nil {
		return err
	}
	seen, last := map[string]bool{}, map[string]int64{}
	for _, one := range accepted {
		m, known := ours[one.Opaque]
		switch {
		case !known:
			return fmt.Errorf("the simulator has a message that is not in the database: %s", one.Opaque)
		case seen[one.Opaque]:
			r.SentTwice++
		case m.seq < last[m.conversation]:
			r.OutOfOrder++
		}
		seen[one.Opaque], last[m.conversation] = true, max(last[m.conversation], m.seq)
		switch m.state {
		case "unknown":
			r.UnknownThoughAccepted++
		case "failed", "cancelled":
			r.FailedThoughAccepted++
		}
	}
	r.Accepted = len(seen)
	for id, m := range ours {
		switch {
		case seen[id]:
		case m.state == "unknown":
			r.UnknownNeverLeft++
			if !s.inFlight.has(id) {
				r.UnknownUnexplained++
			}
		case m.state == "failed":
			r.Failed++
		default:
			r.SentThoughNot++
		}
	}
	r.InFlight = s.inFlight.len()
	return nil
}

// without returns how many of the set are not in the list.
func (s crashSet) without(list []string) int {
	found := 0
	seen := map[string]bool{}
	for _, one := range list {
		if s.has(one) && !seen[one] {
			seen[one] = true
			found++
		}
	}
	return s.len() - found
}

// closeWindows moves the clock until the windows are closing, and on until they are closed, and counts what was told.
func (s *crashSite) closeWindows(ctx context.Context, r *crashResult) error {
	for _, step := range []struct {
		by   time.Duration
		kind string
		not  *int
	}{
		{23*time.Hour + 15*time.Minute, "window_closing", &r.ClosingWrong},
		{time.Hour, "window_closed", &r.ClosedWrong},
	} {
		if _, err := s.sim.AdvanceClock(ctx, step.by); err != nil {
			return err
		}
		told := fmt.Sprintf(`SELECT count(*) FROM (SELECT 1 FROM conversations c LEFT JOIN events e ON e.conversation_id = c.id AND e.kind = '%s'
			GROUP BY c.id HAVING count(e.seq) <> 1) AS wrong`, step.kind)
		_, err := crashWait(ctx, 90*time.Second, func(ctx context.Context) (bool, error) {
			left, err := s.numbers(ctx, told)
			if err == nil {
				*step.not = left[0]
			}
			return err == nil && left[0] == 0, err
		})
		if err != nil {
			return err
		}
		if err := s.say(step.kind, map[string]any{"not exactly once": *step.not}); err != nil {
			return err
		}
	}
	left, err := s.numbers(ctx, gaps)
	r.Gaps = max(r.Gaps, left[0])
	return err
}
