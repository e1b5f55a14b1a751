package server_test

import (
	"net/http"
	"strings"
	"testing"

	"guichet.dev/guichet/team"
	"guichet.dev/guichet/views"
)

func TestSavedViews(t *testing.T) {
	d := openInside(t)
	var v views.View
	body := `{"name":" VIP ","icon":"star","colour":"#ff0000","filter":{"view":"open","label_ids":["` + someID + `"],"sort":"waiting"}}`
	d.callAs(d.token, "POST", "/views", body, http.StatusCreated, &v)
	if v.Name != "VIP" || v.Shared != views.Private || len(v.Missing) != 1 || v.Missing[0].ID != someID || v.Missing[0].Field != "label_ids" {
		t.Fatalf("%+v", v)
	}
	path := "/views/" + v.ID
	d.call("GET", path, "", http.StatusNotFound, nil) // it is private
	d.callAs(d.token, "GET", "/conversations?saved_view="+v.ID, "", http.StatusOK, nil)
	d.callAs(d.token, "GET", "/conversations?sort=newest&saved_view="+someID, "", http.StatusNotFound, nil)
	d.callAs(d.token, "GET", path+"/count", "", http.StatusOK, nil)
	d.callAs(d.token, "PATCH", path, `{"name":"Best"}`, http.StatusOK, &v)
	d.callAs(d.token, "PATCH", path, `{"colour":"#xyz"}`, http.StatusUnprocessableEntity, nil)
	d.callAs(d.token, "PUT", path+"/sharing", `{"with":"everybody"}`, http.StatusForbidden, nil)
	if _, err := d.db.ExecContext(t.Context(), "UPDATE saved_views SET shared = 'everybody'"); err != nil {
		t.Fatal(err)
	}
	d.call("GET", path, "", http.StatusOK, nil)
	d.callAs(d.token, "PATCH", path, `{"name":"Mine"}`, http.StatusForbidden, nil) // shared: not without the permission
	d.callAs(d.token, "DELETE", path, "", http.StatusForbidden, nil)
	d.callAs(d.token, "PUT", path+"/sharing", `{"with":"private"}`, http.StatusForbidden, nil)
	d.call("PUT", path+"/sharing", `{"with":"team","team_id":"`+someID+`"}`, http.StatusUnprocessableEntity, nil)
	supervisor := d.fixture.token(team.RoleSupervisor)
	d.callAs(supervisor, "PATCH", path, `{"name":"All of us"}`, http.StatusOK, &v)
	d.callAs(supervisor, "DELETE", path, "", http.StatusNoContent, nil)
	w := d.request("GET", "/api/v1/views", d.token, nil)
	if !strings.Contains(w.Body.String(), `"items":[]`) {
		t.Error(w.Body)
	}
}

func TestViewsOfATeam(t *testing.T) {
	d := openInside(t)
	lead, err := d.team.CreateAgent(t.Context(), team.System(), team.NewAgent{Name: "Lia", Email: "lia@example.com", Role: team.RoleSupervisor})
	if err != nil {
		t.Fatal(err)
	}
	_, supervisor, err := d.team.CreateToken(t.Context(), team.System(), team.NewToken{Name: "lia", AgentID: lead.ID})
	if err != nil {
		t.Fatal(err)
	}
	var sales struct{ ID string }
	d.call("POST", "/teams", `{"name":"Sales"}`, http.StatusCreated, &sales)
	var v views.View
	d.callAs(supervisor, "POST", "/views", `{"name":"Ours","filter":{"view":"open","team":"mine"}}`, http.StatusCreated, &v)
	path := "/views/" + v.ID
	d.callAs(supervisor, "PUT", path+"/sharing", `{"with":"team","team_id":"`+sales.ID+`"}`, http.StatusOK, &v)
	if v.Shared != views.Team || v.TeamID != sales.ID || len(v.Missing) != 0 {
		t.Errorf("%+v", v)
	}
	d.callAs(d.token, "GET", path, "", http.StatusNotFound, nil) // not in the team
	d.call("PUT", "/teams/"+sales.ID+"/members/"+d.agent, "", http.StatusOK, nil)
	d.callAs(d.token, "GET", path, "", http.StatusOK, nil)
	d.callAs(d.token, "GET", "/conversations?saved_view="+v.ID, "", http.StatusOK, nil)
	d.callAs(d.token, "PATCH", path, `{"name":"Mine"}`, http.StatusForbidden, nil)
	d.call("DELETE", "/teams/"+sales.ID+"/members/"+d.agent, "", http.StatusOK, nil)
	d.callAs(d.token, "GET", path, "", http.StatusNotFound, nil)
	d.callAs(supervisor, "GET", path, "", http.StatusOK, nil) // the owner is in no team
}
