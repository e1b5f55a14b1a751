package automation

import (
	"context"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/team"
)

// assign gives the conversation to whom a rule says.
func (v *visit) assign(ctx context.Context, e *conversation.Effect, by conversation.Actor) (bool, error) {
	switch a := e.Action; a.To {
	case conversation.AssignToNobody:
		return v.row.Give("", "", by, v.now), nil
	case conversation.AssignToAgent:
		sees, err := team.Sees(ctx, v.tx, a.AgentID, v.row.AccountID)
		if err != nil {
			return false, err
		}
		if !sees {
			return false, conversation.Errorf(conversation.CodeForbidden, "the agent may not see this account")
		}
		return v.row.Give(a.AgentID, v.row.TeamID, by, v.now), nil
	case conversation.AssignToTeam:
		return v.row.Give("", a.TeamID, by, v.now), nil
	default:
		return false, conversation.Errorf(conversation.CodeInvalid, "no way to assign")
	}
}
