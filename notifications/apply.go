package notifications

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/feed"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/team"
)

// Consumer is the name under which the feed remembers how far notifications have been derived.
const Consumer = "notifications"

// Apply derives notifications from events. A repeat writes nothing.
func (s *Store) Apply(ctx context.Context, tx bun.Tx, events []feed.Event) error {
	var b batch
	for _, e := range events {
		b.add(e)
	}
	if len(b.seqs) == 0 {
		return nil
	}
	facts, err := b.facts(ctx, tx)
	if err != nil || len(facts) == 0 {
		return err
	}
	now := s.Now()
	if err := write(ctx, tx, facts, now); err != nil {
		return err
	}
	s.Notify() // a little before the commit; readers who come too early find it when they poll
	return nil
}

// batch is the events that may concern somebody, column by column.
type batch struct {
	conversations, accounts, kinds, actorKinds, actors []string
	seqs                                               []int64
	agents, teams                                      []*string // to whom it is given now
	follows                                            []bool    // whether followers hear of it

	mentionIn []string // conversations
	mentionAt []int64  // seqs
	mentioned []string // agents

	callIn []string // conversations
	callAt []int64  // seqs
	called []string // teams
}

// add notes an event.
func (b *batch) add(e feed.Event) {
	if e.Change != nil || e.Data.Blocked {
		return
	}
	follows := true
	switch e.Kind {
	case conversation.EventMessageReceived, conversation.EventDone, conversation.EventAssigned:
	case conversation.EventReopened:
		follows = e.Actor.Kind != conversation.ActorContact // the message that did it is news already
	case conversation.EventNoteAdded, conversation.EventConsentAsked:
	case conversation.EventNotified: // by a rule: those whom it names
		follows = false
	case conversation.EventNoteEdited: // news only to those whom it mentions now
		follows = false
	default:
		return
	}
	var agent, team *string
	if e.Kind == conversation.EventAssigned {
		agent, team = postgres.NullText(e.Data.AgentID), postgres.NullText(e.Data.TeamID)
	}
	b.conversations, b.accounts, b.seqs = append(b.conversations, e.ConversationID), append(b.accounts, e.AccountID), append(b.seqs, e.Seq)
	b.kinds, b.actorKinds, b.actors = append(b.kinds, string(e.Kind)), append(b.actorKinds, string(e.Actor.Kind)), append(b.actors, e.Actor.ID)
	b.agents, b.teams, b.follows = append(b.agents, agent), append(b.teams, team), append(b.follows, follows)
	for _, id := range e.Data.Mentions {
		if postgres.IsID(id) {
			b.mentionIn, b.mentionAt, b.mentioned = append(b.mentionIn, e.ConversationID), append(b.mentionAt, e.Seq), append(b.mentioned, id)
		}
	}
	for _, id := range e.Data.Teams {
		if postgres.IsID(id) {
			b.callIn, b.callAt, b.called = append(b.callIn, e.ConversationID), append(b.callAt, e.Seq), append(b.called, id)
		}
	}
}

// fact is one thing that one agent is to hear of.
type fact struct {
	agent, conversation, account string
	seq                          int64
	kind                         Kind
	event, actorKind, actor      string
	settings                     Settings
}

// whom finds who is to hear of the events, and why. An assignment is one only if it changed: giving a conversation to a team
// while its agent stays is no news to that agent. The members of a team hear of what no agent of theirs has.
const whom = `WITH e AS (
		SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::uuid[], $8::uuid[], $9::bool[])
			AS e (conversation, account, seq, kind, actor_kind, actor, agent, team, follows)),
	given AS (
		SELECT e.*, before.agent AS agent_before, before.team AS team_before FROM e LEFT JOIN LATERAL (
			SELECT p.data->>'agent_id' AS agent, p.data->>'team_id' AS team FROM events p
			WHERE p.conversation_id = e.conversation AND p.seq < e.seq AND p.kind = 'assigned' ORDER BY p.seq DESC LIMIT 1) AS before ON true
		WHERE e.kind = 'assigned'),
	told AS (
		SELECT m.agent AS whom, m.conversation, m.seq, 1 AS rank, 'mention' AS why
			FROM unnest($10::uuid[], $11::bigint[], $12::uuid[]) AS m (conversation, seq, agent)
		UNION ALL
		SELECT t.agent_id, m.conversation, m.seq, 1, 'mention' FROM unnest($13::uuid[], $14::bigint[], $15::uuid[]) AS m (conversation, seq, team)
			JOIN team_members t ON t.team_id = m.team
		UNION ALL
		SELECT coalesce(c.assignee_id, t.agent_id), e.conversation, e.seq, 2, 'assignment' FROM e JOIN conversations c ON c.id = e.conversation
			LEFT JOIN team_members t ON c.assignee_id IS NULL AND t.team_id = c.team_id
			WHERE e.kind = 'consent_asked' AND coalesce(c.assignee_id, t.agent_id) IS NOT NULL
		UNION ALL
		SELECT agent, conversation, seq, 2, 'assignment' FROM given WHERE agent IS NOT NULL AND agent::text IS DISTINCT FROM agent_before
		UNION ALL
		SELECT t.agent_id, g.conversation, g.seq, 2, 'assignment' FROM given g JOIN team_members t ON t.team_id = g.team
			WHERE g.agent IS NULL AND (g.team::text IS DISTINCT FROM g.team_before OR g.agent_before IS NOT NULL)
		UNION ALL
		SELECT f.agent_id, e.conversation, e.seq, 3, 'follow' FROM e JOIN followers f ON f.conversation_id = e.conversation WHERE e.follows)
	SELECT DISTINCT ON (e.conversation, e.seq, told.whom) told.whom, e.conversation, e.account, e.seq, told.why, e.kind, e.actor_kind, e.actor,
		s.kinds, s.hour, s.time_zone
	FROM told JOIN e ON (e.conversation, e.seq) = (told.conversation, told.seq)
		LEFT JOIN notification_settings s ON s.agent_id = told.whom
	WHERE NOT (e.actor_kind = 'agent' AND e.actor = told.whom::text)
		AND coalesce((s.kinds->told.why->>'in_app')::bool, true)
		AND NOT EXISTS (SELECT 1 FROM notification_facts n WHERE n.agent_id = told.whom AND n.conversation_id = e.conversation AND n.event_seq = e.seq)
	ORDER BY e.conversation, e.seq, told.whom, told.rank`

func (b *batch) facts(ctx context.Context, tx bun.Tx) ([]fact, error) {
	var facts []fact
	err := postgres.Rows(ctx, tx, func(found *sql.Rows) error {
		var (
			f     fact
			kinds []byte
			hour  sql.NullInt64
			zone  sql.NullString
		)
		err := found.Scan(&f.agent, &f.conversation, &f.account, &f.seq, &f.kind, &f.event, &f.actorKind, &f.actor, &kinds, &hour, &zone)
		if err != nil {
			return err
		}
		f.settings = Defaults()
		if kinds != nil {
			if f.settings, err = (row{kinds, int(hour.Int64), zone.String}).settings(); err != nil {
				return err
			}
		}
		facts = append(facts, f)
		return nil
	}, whom, b.conversations, b.accounts, b.seqs, b.kinds, b.actorKinds, b.actors, b.agents, b.teams, b.follows, b.mentionIn, b.mentionAt, b.mentioned,
		b.callIn, b.callAt, b.called)
	if err != nil {
		return nil, fmt.Errorf("find whom events concern: %w", err)
	}
	return seen(ctx, tx, facts)
}

// seen returns those facts whose agents are active and may see the account.
func seen(ctx context.Context, tx bun.Tx, facts []fact) ([]fact, error) {
	agents := map[string][]string{} // by account
	for _, f := range facts {
		agents[f.account] = append(agents[f.account], f.agent)
	}
	type pair struct{ account, agent string }
	sees := map[pair]bool{}
	for account, some := range agents {
		found, err := team.Seeing(ctx, tx, account, some, nil)
		if err != nil {
			return nil, err
		}
		for _, agent := range found {
			sees[pair{account, agent}] = true
		}
	}
	return slices.DeleteFunc(facts, func(f fact) bool { return !sees[pair{f.account, f.agent}] }), nil
}

// place is an agent's entry about a conversation.
type place struct{ agent, conversation string }

// write adds facts to the unread entries of their conversations, or to new ones, and tells the agents' clients.
func write(ctx context.Context, tx bun.Tx, facts []fact, now time.Time) error {
	entries, err := openEntries(ctx, tx, facts, now)
	if err != nil {
		return err
	}
	var (
		agents, conversations, kinds, ids, events, actorKinds, actors []string
		seqs                                                          []int64
		dues                                                          []*time.Time
	)
	for _, f := range facts {
		due, err := f.settings.due(f.kind, now)
		if err != nil {
			return err
		}
		agents, conversations, seqs = append(agents, f.agent), append(conversations, f.conversation), append(seqs, f.seq)
		kinds, ids = append(kinds, string(f.kind)), append(ids, entries[place{f.agent, f.conversation}])
		events, actorKinds, actors = append(events, f.event), append(actorKinds, f.actorKind), append(actors, f.actor)
		dues = append(dues, postgres.NullTime(due))
	}
	_, err = tx.Tx.ExecContext(ctx, `INSERT INTO notification_facts (agent_id, conversation_id, event_seq, kind, notification_id, event, actor_kind, actor_id, mail_due_at, created_at)
		SELECT *, $10::timestamptz FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::uuid[], $6::text[], $7::text[], $8::text[], $9::timestamptz[])`,
		agents, conversations, seqs, kinds, ids, events, actorKinds, actors, dues, now)
	if err != nil {
		return fmt.Errorf("write notifications: %w", err)
	}
	for at, id := range entries {
		if err := feed.Note(ctx, tx, feed.Change{Kind: feed.ChangeNotification, SubjectID: id, AgentID: at.agent}); err != nil {
			return err
		}
	}
	return nil
}

// openEntries returns the id of the unread entry for each agent and conversation.
func openEntries(ctx context.Context, tx bun.Tx, facts []fact, now time.Time) (map[place]string, error) {
	entries := map[place]string{}
	var ids, agents, conversations, accounts []string
	for _, f := range facts {
		at := place{f.agent, f.conversation}
		if _, known := entries[at]; known {
			continue
		}
		entries[at] = ""
		ids, agents = append(ids, postgres.NewID()), append(agents, f.agent)
		conversations, accounts = append(conversations, f.conversation), append(accounts, f.account)
	}
	err := postgres.Rows(ctx, tx, func(found *sql.Rows) error {
		var (
			at place
			id string
		)
		err := found.Scan(&id, &at.agent, &at.conversation)
		entries[at] = id
		return err
	}, `INSERT INTO notifications (id, agent_id, conversation_id, account_id, created_at, changed_at)
		SELECT *, $5::timestamptz, $5::timestamptz FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[])
		ON CONFLICT (agent_id, conversation_id) WHERE read_at IS NULL DO UPDATE SET changed_at = greatest(notifications.changed_at, excluded.changed_at)
		RETURNING id::text, agent_id::text, conversation_id::text`, ids, agents, conversations, accounts, now)
	if err != nil {
		return nil, fmt.Errorf("open entries of notifications: %w", err)
	}
	return entries, nil
}
