package server_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"guichet.dev/guichet/team"
)

// document is the part of the OpenAPI document that the tests look at.
type document struct {
	OpenAPI string
	Paths   map[string]map[string]struct {
		OperationID string `json:"operationId"`
		Permission  string `json:"x-permission"`
		Security    []map[string][]string
	}
	Components struct {
		SecuritySchemes map[string]struct{ Type, Scheme string }
		Schemas         map[string]struct {
			Properties map[string]struct{ Enum []string }
		}
	}
}

func (f *fixture) document() document {
	f.t.Helper()
	w := f.request(http.MethodGet, "/api/openapi.json", "", nil)
	var d document
	if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil || w.Code != http.StatusOK {
		f.t.Fatal(w.Code, err)
	}
	return d
}

// fill puts an id in place of each parameter of a path.
func fill(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if strings.HasPrefix(p, "{") {
			parts[i] = someID
		}
	}
	return strings.Join(parts, "/")
}

func TestEveryOperationNeedsItsPermission(t *testing.T) {
	f := newFixture(t)
	d := f.document()
	tokens := map[team.Role]string{}
	for _, role := range team.Roles() {
		tokens[role] = f.token(role)
	}
	operations, used := 0, map[string]bool{}
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		for method, op := range d.Paths[path] {
			operations++
			if public[op.OperationID] {
				if op.Permission != "" || len(op.Security) != 0 {
					t.Errorf("%s %s is public and needs something", method, path)
				}
				continue
			}
			used[op.Permission] = true
			if !slices.Contains(team.Permissions(), team.Permission(op.Permission)) {
				t.Errorf("%s %s has no permission", method, path)
			}
			if len(op.Security) != 2 || d.Components.SecuritySchemes["token"].Scheme != "bearer" {
				t.Errorf("%s %s does not say how callers prove who they are", method, path)
			}
			method, path := strings.ToUpper(method), fill(path)
			for _, token := range []string{"", "guichet_wrong"} {
				if w := f.request(method, path, token, nil); w.Code != http.StatusUnauthorized || w.Header().Get("WWW-Authenticate") == "" {
					t.Errorf("%s %s without a good token: %d", method, path, w.Code)
				}
			}
			for role, token := range tokens {
				w := f.request(method, path, token, strings.NewReader("{}"), "Content-Type", "application/json")
				forbidden := w.Code == http.StatusForbidden
				if forbidden == role.Can(team.Permission(op.Permission)) || w.Code == http.StatusUnauthorized || w.Code >= 500 {
					t.Errorf("%s %s as %s: %d %s", method, path, role, w.Code, w.Body)
				}
			}
		}
	}
	if operations < 30 {
		t.Errorf("only %d operations in the document", operations)
	}
	for _, p := range team.Permissions() {
		if !used[string(p)] && p != team.AllAccounts && p != team.ModerateNotes { // a sight, and what is asked for within operations
			t.Errorf("no operation needs %s", p)
		}
	}
}

func TestDocumentKnowsClosedSets(t *testing.T) {
	f := newFixture(t)
	d := f.document()
	if !strings.HasPrefix(d.OpenAPI, "3.1") {
		t.Errorf("OpenAPI %s", d.OpenAPI)
	}
	if got := d.Components.Schemas["Conversation"].Properties["status"].Enum; !slices.Equal(got, []string{"open", "snoozed", "done"}) {
		t.Errorf("statuses %v", got)
	}
	if got := d.Components.Schemas["SetConsentBody"].Properties["state"].Enum; !slices.Equal(got, []string{"opted_in", "opted_out"}) {
		t.Errorf("consents that can be written down: %v", got)
	}
	for name, schema := range d.Components.Schemas {
		for _, secret := range []string{"access_token", "app_secret", "verify_token"} {
			if _, has := schema.Properties[secret]; has && name != "SecretsInput" && name != "SecretsSet" {
				t.Errorf("%s has %s", name, secret)
			}
		}
	}
}
