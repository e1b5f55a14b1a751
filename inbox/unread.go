package inbox

import (
	"context"
	"database/sql"
	"math"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/feed"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
)

// marks are up to where somebody has read. An agent has marks of their own; without one, what came after the agent was
// created is unread. For a program that counts which any agent has read.
type marks struct {
	own   bool
	since time.Time
	seqs  map[string]int64
}

func (m marks) unread(r *ledger.Row) bool {
	if !m.own {
		return r.InboundSeq > r.ReadSeq
	}
	if seq, marked := m.seqs[r.ID]; marked {
		return r.InboundSeq > seq
	}
	return !r.LastInboundAt.Before(m.since.Truncate(time.Second)) // the provider has whole seconds
}

func (in *Inbox) readBy(ctx context.Context, by conversation.Actor, rows []*ledger.Row) (marks, error) {
	if by.Kind != conversation.ActorAgent {
		return marks{}, nil
	}
	ids := make([]string, len(rows))
	for i, r := range rows {
		ids[i] = r.ID
	}
	m := marks{own: true, seqs: map[string]int64{}}
	err := postgres.Rows(ctx, in.DB, func(row *sql.Rows) error {
		var (
			id  sql.NullString
			seq sql.NullInt64
		)
		err := row.Scan(&m.since, &id, &seq)
		if id.Valid {
			m.seqs[id.String] = seq.Int64
		}
		return err
	}, `SELECT a.created_at, r.conversation_id, r.read_seq FROM agents a LEFT JOIN agent_reads r ON r.agent_id = a.id AND r.conversation_id = ANY($2::uuid[])
		WHERE a.id = $1::uuid`, by.ID, ids)
	return m, wrap("read marks", err)
}

// unread adds the condition for what the caller has not read: the same as marks.unread, without those whose
// contact is blocked.
func (s *selection) unread(by conversation.Actor) {
	s.add("c.blocked_at IS NULL")
	if by.Kind != conversation.ActorAgent {
		s.add("c.inbound_seq > c.read_seq")
		return
	}
	me := s.arg(by.ID) + "::uuid"
	s.add("coalesce((SELECT c.inbound_seq > r.read_seq FROM agent_reads r WHERE r.agent_id = " + me + " AND r.conversation_id = c.id), " +
		"c.last_inbound_at >= (SELECT date_trunc('second', created_at) FROM agents WHERE id = " + me + "), false)")
}

// Everything is the seq up to which somebody has read who has read all that there is.
const Everything = math.MaxInt64

// Read notes up to where the caller has read and returns the conversation. Telling the customer is the server's business:
// see LastInbound.
func (in *Inbox) Read(ctx context.Context, by conversation.Caller, id string, upToSeq int64) (Conversation, error) {
	return in.mark(ctx, by, id, forward, func(row *ledger.Row) (int64, error) {
		if upToSeq == Everything {
			upToSeq = row.LastSeq
		}
		if upToSeq < 0 || upToSeq > row.LastSeq {
			return 0, conversation.Invalid("up_to_seq", "must be 0 to %d", row.LastSeq)
		}
		row.ReadSeq = max(row.ReadSeq, upToSeq)
		return upToSeq, nil
	})
}

// Unread marks a conversation as unread by the caller, who is an agent: from its newest message received on.
func (in *Inbox) Unread(ctx context.Context, by conversation.Caller, id string) (Conversation, error) {
	if _, err := agentID(by.Actor); err != nil {
		return Conversation{}, err
	}
	return in.mark(ctx, by, id, anywhere, func(row *ledger.Row) (int64, error) {
		if row.InboundSeq == 0 {
			return 0, conversation.Errorf(conversation.CodeConflict, "the customer has written nothing yet")
		}
		return row.InboundSeq - 1, nil
	})
}

// Where a mark may move: a request that comes late does not take back what was read since.
const (
	forward  = "greatest(r.read_seq, excluded.read_seq)"
	anywhere = "excluded.read_seq"
)

// mark moves the caller's mark to what the function returns.
func (in *Inbox) mark(ctx context.Context, by conversation.Caller, id, move string, to func(*ledger.Row) (int64, error)) (Conversation, error) {
	err := in.command(ctx, by, id, lockNone, func(ctx context.Context, tx bun.Tx, row *ledger.Row) error {
		if err := row.Active(); err != nil {
			return err
		}
		seq, err := to(row)
		if err != nil {
			return err
		}
		if by.Kind != conversation.ActorAgent {
			return nil
		}
		return writeMark(ctx, tx, by.ID, row, move, seq)
	})
	if err != nil {
		return Conversation{}, err
	}
	return in.Get(ctx, by, id)
}

func writeMark(ctx context.Context, tx bun.Tx, agent string, row *ledger.Row, move string, seq int64) error {
	err := postgres.Later(ctx, tx, "write read mark", `INSERT INTO agent_reads AS r (agent_id, conversation_id, read_seq) VALUES ($1::uuid, $2::uuid, $3)
		ON CONFLICT (agent_id, conversation_id) DO UPDATE SET read_seq = `+move, agent, row.ID, seq)
	if err != nil {
		return err
	}
	return feed.Note(ctx, tx, feed.Change{Kind: feed.ChangeRead, SubjectID: row.ID, AgentID: agent, AccountID: row.AccountID})
}
