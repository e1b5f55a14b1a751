package server_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/assignment"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/ledger"
)

// assigned decides on the conversation as its workflow does.
func (d *insideDesk) assigned(t *testing.T, key string) assignment.Outcome {
	t.Helper()
	store := assignment.NewStore(assignment.Options{DB: d.db, Now: time.Now})
	var out assignment.Outcome
	err := ledger.InTx(t.Context(), d.db, func(ctx context.Context, tx bun.Tx) error {
		row, err := ledger.Lock(ctx, tx, d.id)
		if err != nil {
			return err
		}
		if out, err = store.Assign(ctx, tx, row, assignment.Request{Now: time.Now(), Key: key}); err != nil {
			return err
		}
		return ledger.Save(ctx, tx, time.Now(), row)
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestAssignmentPlanAndOffers(t *testing.T) {
	d := openInside(t)
	path := "/accounts/" + d.account + "/assignment-plan"
	var plan assignment.Plan
	d.call("GET", path, "", http.StatusOK, &plan)
	if len(plan.Policies) != 0 || plan.UpdatedAt != nil || plan.Presence != assignment.Online || plan.Weight != 1 {
		t.Errorf("%+v", plan)
	}
	d.callAs(d.token, "PUT", path, `{"policies":[]}`, http.StatusForbidden, nil)
	d.call("PUT", path, `{"policies":[{"kind":"magic"}]}`, http.StatusUnprocessableEntity, nil)
	d.call("PUT", path, fmt.Sprintf(`{"policies":[{"kind":"agent","agent_id":%q,"nobody":"queue"}],"presence":"any","offer":{"take_up_seconds":60}}`, d.agent), http.StatusOK, &plan)
	if plan.UpdatedAt == nil || plan.Policies[0].Nobody != assignment.Queue || len(plan.Offer.Chain) != 3 {
		t.Errorf("%+v", plan)
	}
	if out := d.assigned(t, "1"); out.Result != assignment.Offered || out.AgentID != d.agent {
		t.Fatalf("%+v", out)
	}
	var c inbox.Conversation
	d.do("GET", "", "", http.StatusOK, &c)
	if c.Offer == nil || c.Offer.AgentID != d.agent || c.AssigneeID != d.agent || c.Queue != nil {
		t.Errorf("%+v", c.Offer)
	}
	d.callAs(d.admin, "POST", d.path("/offer/accept"), "", http.StatusConflict, nil)
	d.do("POST", "/offer/accept", "", http.StatusOK, &c)
	c = inbox.Conversation{}
	if d.do("GET", "", "", http.StatusOK, &c); c.Offer != nil || c.AssigneeID != d.agent {
		t.Errorf("%+v", c)
	}
	d.do("POST", "/offer/decline", "", http.StatusConflict, nil)
}

func TestCapacityAndQueue(t *testing.T) {
	d := openInside(t)
	d.call("PUT", "/accounts/"+d.account+"/assignment-plan", `{"policies":[{"kind":"least_loaded","nobody":"queue"}],"presence":"any","weight":2}`, http.StatusOK, nil)
	d.callAs(d.token, "PUT", "/agents/"+d.agent+"/capacity", `{"capacity":1}`, http.StatusForbidden, nil)
	d.call("PUT", "/agents/"+d.agent+"/capacity", `{"capacity":501}`, http.StatusUnprocessableEntity, nil)
	d.call("PUT", "/agents/"+someID+"/capacity", `{"capacity":1}`, http.StatusNotFound, nil)
	d.call("PUT", "/agents/"+d.agent+"/capacity", `{"capacity":1}`, http.StatusOK, nil)
	if out := d.assigned(t, "1"); out.Result != assignment.Queued {
		t.Fatalf("%+v", out)
	}
	var queue struct{ Items []assignment.Place }
	d.callAs(d.token, "GET", "/assignment-queue?account_id="+d.account, "", http.StatusOK, &queue)
	if len(queue.Items) != 1 || queue.Items[0].ConversationID != d.id || queue.Items[0].Position != 1 || queue.Items[0].Priority != conversation.PriorityNormal {
		t.Errorf("%+v", queue)
	}
	var c inbox.Conversation
	if d.do("GET", "", "", http.StatusOK, &c); c.Queue == nil || c.Queue.Position != 1 {
		t.Errorf("%+v", c.Queue)
	}
	var has assignment.Capacity
	d.call("PUT", "/agents/"+d.agent+"/capacity", `{"capacity":2}`, http.StatusOK, &has)
	if has != (assignment.Capacity{AgentID: d.agent, Capacity: 2, Load: 2}) {
		t.Errorf("%+v", has)
	}
	var all struct{ Items []assignment.Capacity }
	d.callAs(d.token, "GET", "/agent-capacities", "", http.StatusOK, &all)
	if len(all.Items) != 1 || all.Items[0] != has {
		t.Errorf("%+v", all)
	}
	d.callAs(d.token, "GET", "/assignment-queue", "", http.StatusOK, &queue)
	if len(queue.Items) != 0 {
		t.Errorf("%+v", queue)
	}
}
