package inbox

import (
	"context"
	"errors"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/assignment"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/notes"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/team"
)

// Attend gives the conversation to the caller, unless a colleague has it: then it is a conflict that names the colleague.
// Attending what one has already changes nothing, but that an offer is taken up.
func (in *Inbox) Attend(ctx context.Context, by conversation.Caller, id string) (Conversation, error) {
	agent, err := agentID(by.Actor)
	if err != nil {
		return Conversation{}, err
	}
	return in.run(ctx, by, id, func(row *ledger.Row, now time.Time) error {
		switch row.AssigneeID {
		case agent:
			assignment.TakeUp(row, by.Actor, now)
			return nil
		case "":
			assign(row, by.Actor, Assignment{AgentID: &agent}, now)
			return nil
		default:
			err := conversation.Errorf(conversation.CodeConflict, "a colleague was faster")
			err.Details = map[string]any{"assignee_id": row.AssigneeID}
			return err
		}
	})
}

// Assign gives the conversation to an agent, a team, both or nobody, with a note for them if one is given. Both are written
// or neither.
func (in *Inbox) Assign(ctx context.Context, by conversation.Caller, id string, to Assignment) (Conversation, error) {
	err := in.command(ctx, by, id, lockNone, func(ctx context.Context, tx bun.Tx, row *ledger.Row) error {
		if err := row.Active(); err != nil {
			return err
		}
		if err := checkAssignment(ctx, tx, row.AccountID, to); err != nil {
			return err
		}
		if to.Note == nil {
			assign(row, by.Actor, to, in.Now())
			return nil
		}
		note, err := notes.Append(ctx, tx, row, by.Actor, *to.Note, in.Now())
		if conversation.CodeOf(err) == conversation.CodeInvalid {
			return noteField(err)
		}
		to.after = &note
		assign(row, by.Actor, to, in.Now())
		return err
	})
	if err != nil {
		return Conversation{}, err
	}
	return in.Get(ctx, by, id)
}

func assign(row *ledger.Row, by conversation.Actor, to Assignment, now time.Time) {
	agent, group := row.AssigneeID, row.TeamID
	if to.AgentID != nil {
		agent = *to.AgentID
	}
	if to.TeamID != nil {
		group = *to.TeamID
	}
	if agent == row.AssigneeID && group == row.TeamID {
		return
	}
	row.AssigneeID, row.TeamID = agent, group
	e := conversation.Event{
		Kind: conversation.EventAssigned, Actor: by, At: now, Data: conversation.EventData{AgentID: agent, TeamID: group},
	}
	if to.after != nil {
		e.Data.NoteID, e.Cause = to.after.ID, &conversation.Cause{Seq: to.after.Seq, Trigger: conversation.TriggerNote}
	}
	row.Append(e)
}

// noteField says of a note's wrong field where it stands in an assignment.
func noteField(err error) error {
	e, ok := errors.AsType[*conversation.Error](err)
	if !ok {
		return err
	}
	return conversation.Invalid("note."+e.Field, "%s", e.Message)
}

// checkAssignment refuses agents and teams that are no more, and agents who may not see the conversation's account: for
// them it would be lost.
func checkAssignment(ctx context.Context, tx bun.Tx, accountID string, to Assignment) error {
	if to.AgentID == nil && to.TeamID == nil {
		return conversation.Invalid("agent_id", "give agent_id, team_id or both; an empty string means nobody")
	}
	if to.AgentID != nil && *to.AgentID != "" {
		sees, err := team.Sees(ctx, tx, *to.AgentID, accountID)
		if err != nil {
			return wrap("check assignment", err)
		}
		if !sees {
			return conversation.Invalid("agent_id", "must be the id of an active agent who may see this account, or empty for nobody")
		}
	}
	if to.TeamID == nil || *to.TeamID == "" {
		return nil
	}
	exists := false
	if postgres.IsID(*to.TeamID) {
		err := postgres.Raw(tx).QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM teams WHERE id = $1::uuid AND archived_at IS NULL)", *to.TeamID).Scan(&exists)
		if err != nil {
			return wrap("check assignment", err)
		}
	}
	if !exists {
		return conversation.Invalid("team_id", "must be the id of a team that is not archived, or empty for none")
	}
	return nil
}
