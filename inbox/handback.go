package inbox

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/team"
)

// handBackBatch is how many conversations one transaction takes back.
const handBackBatch = 100

// Why a conversation is taken back from whoever had it.
const (
	TriggerAgentDeactivated  = "agent_deactivated"
	TriggerAccountRestricted = "account_restricted" // the agent may not see the account any more
	TriggerTeamArchived      = "team_archived"
)

// HandBack takes open and snoozed conversations from agents who are deactivated or may not see the account any more, and
// from archived teams, so that nobody waits for somebody who never comes. A conversation that loses its agent stays with its
// team; one without a team is nobody's. Those that are done keep who had them, and lose them here when they reopen. It may
// be called at any time, by many processes at once, and returns how many it took back.
func (in *Inbox) HandBack(ctx context.Context) (int, error) {
	total := 0
	for _, lost := range []handBack{
		{TriggerAgentDeactivated, `SELECT c.id FROM agents AS a JOIN conversations AS c ON c.assignee_id = a.id
			WHERE a.state = 'deactivated' AND ` + goesOn, nil},
		{TriggerTeamArchived, `SELECT c.id FROM teams AS t JOIN conversations AS c ON c.team_id = t.id
			WHERE t.archived_at IS NOT NULL AND ` + goesOn, nil},
		{TriggerAccountRestricted, `SELECT c.id FROM unnest($1::uuid[], $2::uuid[]) AS b (agent, account)
			JOIN conversations AS c ON c.assignee_id = b.agent AND c.account_id = b.account WHERE ` + goesOn, blind},
	} {
		for {
			n, err := in.handBackSome(ctx, lost)
			if err != nil {
				return total, wrap("hand conversations back", err)
			}
			if total += n; n == 0 {
				break
			}
		}
	}
	return total, nil
}

// handBack finds conversations that must be taken back, and says why.
type handBack struct {
	trigger, query string
	args           func(ctx context.Context, tx bun.Tx) ([]any, error) // nil: none
}

// goesOn selects a batch of those that go on, and locks it. What another process took back meanwhile drops out.
var goesOn = fmt.Sprintf("c.status IN ('open', 'snoozed') AND c.merged_into IS NULL ORDER BY c.id LIMIT %d FOR NO KEY UPDATE OF c", handBackBatch)

func blind(ctx context.Context, tx bun.Tx) ([]any, error) {
	pairs, err := team.BlindTo(ctx, tx)
	agents, accounts := make([]string, len(pairs)), make([]string, len(pairs))
	for i, p := range pairs {
		agents[i], accounts[i] = p.AgentID, p.AccountID
	}
	return []any{agents, accounts}, err
}

func (in *Inbox) handBackSome(ctx context.Context, lost handBack) (int, error) {
	var ids []string
	err := ledger.InTx(ctx, in.DB, func(ctx context.Context, tx bun.Tx) (err error) {
		ids = nil
		var args []any
		if lost.args != nil {
			if args, err = lost.args(ctx, tx); err != nil {
				return err
			}
		}
		err = postgres.Rows(ctx, tx, func(row *sql.Rows) error {
			var id string
			err := row.Scan(&id)
			ids = append(ids, id)
			return err
		}, lost.query, args...)
		if err != nil || len(ids) == 0 {
			return err
		}
		rows, err := ledger.LockAll(ctx, tx, ids)
		if err != nil {
			return err
		}
		now, list, changed := in.Now(), make([]*ledger.Row, 0, len(rows)), make([]ledger.Changed, 0, len(rows))
		for _, row := range rows {
			before := *row
			takeBack(row, lost.trigger, now)
			list, changed = append(list, row), append(changed, ledger.Changed{Before: before, Row: row})
		}
		others, err := in.Freed.Follow(ctx, tx, changed...)
		if err != nil {
			return err
		}
		return ledger.Save(ctx, tx, now, append(list, others...)...)
	})
	if err == nil && len(ids) > 0 {
		in.Notify()
	}
	return len(ids), err
}

func takeBack(row *ledger.Row, trigger string, now time.Time) {
	cause := &conversation.Cause{Seq: row.LastSeq, Trigger: trigger}
	if trigger == TriggerTeamArchived {
		row.TeamID = ""
	} else {
		row.AssigneeID = ""
	}
	row.Append(conversation.Event{
		Kind: conversation.EventAssigned, Actor: conversation.Actor{Kind: conversation.ActorSystem}, Cause: cause, At: now,
		Data: conversation.EventData{AgentID: row.AssigneeID, TeamID: row.TeamID, Code: trigger},
	})
}
