package server_test

import (
	"net/http"
	"strings"
	"testing"

	"guichet.dev/guichet/blueprint"
	"guichet.dev/guichet/server"
	"guichet.dev/guichet/team"
)

func TestTheAutomationIsAFile(t *testing.T) {
	f := newFixture(t)
	account := f.account()
	const source = "guichet: 1\ncalendars:\n  - {name: Shop, hours: {time_zone: UTC}}\nlimits: {per_day: 3}\n"
	var r blueprint.Result
	f.call("PUT", "/automation?dry_run=true", source, http.StatusOK, &r)
	if !r.DryRun || !r.Published || len(r.Changes) != 2 {
		t.Errorf("%+v", r)
	}
	f.call("PUT", "/automation?comment=fewer%20replies", source, http.StatusOK, &r)
	if r.Version != 1 || !r.Published || r.DryRun {
		t.Errorf("%+v", r)
	}
	exported := f.request("GET", "/api/v1/automation", f.admin, nil)
	file := exported.Body.String()
	if exported.Code != http.StatusOK || exported.Header().Get("Content-Type") != "application/yaml" || !strings.Contains(file, "per_day: 3") {
		t.Errorf("%d %v %s", exported.Code, exported.Header(), file)
	}
	f.call("PUT", "/automation", file, http.StatusOK, &r)
	if r.Published || r.Changed() {
		t.Errorf("%+v", r)
	}

	const wrong = "guichet: 1\nrules:\n  - name: A\n    when: message_received\n    if: foo\n    then: [{do: add_label, label: Nope}]\n"
	var found struct{ Items []blueprint.Problem }
	f.call("POST", "/automation/check", wrong, http.StatusOK, &found)
	if len(found.Items) != 2 || found.Items[0].Line != 5 || found.Items[1].Column != 35 {
		t.Errorf("%+v", found)
	}
	var refused server.Problem
	f.call("PUT", "/automation", wrong, http.StatusUnprocessableEntity, &refused)
	if len(refused.Fields) != 2 || refused.Code != "invalid" || refused.Fields[1].In != "body" || !strings.HasPrefix(refused.Fields[1].Detail, "line 6, column 35: ") || refused.Details["problems"] == nil {
		t.Errorf("%+v", refused)
	}
	f.call("PUT", "/automation", "x"+strings.Repeat(" ", 1<<20), http.StatusRequestEntityTooLarge, nil)

	supervisor := f.token(team.RoleSupervisor)
	f.callAs(supervisor, "PUT", "/automation", source, http.StatusForbidden, nil)
	f.callAs(supervisor, "POST", "/automation/check", "guichet: 1\naccounts: {}\n", http.StatusOK, nil)
	f.callAs(f.token(team.RoleAgent), "GET", "/automation", "", http.StatusForbidden, nil)
	_, limited, err := f.team.CreateToken(t.Context(), team.System(), team.NewToken{Name: "one", Role: team.RoleAdmin, AccountIDs: []string{account}})
	if err != nil {
		t.Fatal(err)
	}
	f.callAs(limited, "PUT", "/automation", source, http.StatusForbidden, nil)
}
