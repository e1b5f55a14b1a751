package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"guichet.dev/guichet/team"
)

// schema is the part of a JSON schema in which ids are looked for.
type schema struct {
	Ref        string `json:"$ref"`
	Format     string
	Properties map[string]*schema
	Items      *schema
	AnyOf      []*schema
}

// route is an operation of the OpenAPI document.
type route struct {
	method, path string
	ID           string          `json:"operationId"`
	Permission   team.Permission `json:"x-permission"`
	Parameters   []struct {
		Name, In string
		Required bool
		Schema   schema
	}
	RequestBody *struct {
		Content map[string]struct{ Schema *schema }
	} `json:"requestBody"`
	Responses map[string]struct{ Content map[string]any }
}

// routes reads the document: all operations, and the schemas to which they refer.
func (w *walked) routes() ([]route, map[string]*schema) {
	var d struct {
		Paths      map[string]map[string]*route
		Components struct{ Schemas map[string]*schema }
	}
	answer := w.fixture.request(http.MethodGet, "/api/openapi.json", "", nil)
	if err := json.Unmarshal(answer.Body.Bytes(), &d); err != nil || answer.Code != http.StatusOK {
		w.t.Fatal(answer.Code, err)
	}
	var all []route
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(d.Paths[path])) {
			r := *d.Paths[path][method]
			r.method, r.path = strings.ToUpper(method), path
			all = append(all, r)
		}
	}
	return all, d.Components.Schemas
}

func looksLikeID(name string, s *schema) bool {
	return !notIDs[name] && (kinds[name] != "" || s.Format == "uuid" || s.Items != nil && s.Items.Format == "uuid" ||
		name == "id" || strings.HasSuffix(name, "_id") || strings.HasSuffix(name, "_ids"))
}

// ids returns the names of the ids that a body may have.
func ids(s *schema, all map[string]*schema, seen map[string]bool) []string {
	if s == nil || seen[s.Ref] {
		return nil
	}
	if s.Ref != "" {
		seen[s.Ref] = true
		return ids(all[s.Ref[strings.LastIndex(s.Ref, "/")+1:]], all, seen)
	}
	names := ids(s.Items, all, seen)
	for _, option := range s.AnyOf {
		names = append(names, ids(option, all, seen)...)
	}
	for name, p := range s.Properties {
		if looksLikeID(name, p) {
			names = append(names, name)
		}
		names = append(names, ids(p, all, seen)...)
	}
	return names
}

// attempt is a request whose ids are still to be filled in.
type attempt struct{ path, query, body string }

// attempts returns what to send to a route so that each id is used at least once. It fails for ids that nobody can fill.
func (w *walked) attempts(r route, schemas map[string]*schema) []attempt {
	help := walks[r.ID]
	path, queries := r.path, []string{""}
	for _, p := range r.Parameters {
		kind := kinds[p.Name]
		covered := slices.ContainsFunc(help.queries, func(q string) bool { return strings.Contains("&"+q, "&"+p.Name+"=") })
		switch {
		case p.In == "path" && kind == "":
			w.t.Fatalf("%s: nobody knows what {%s} is: add it to kinds in walk_table_test.go", r.ID, p.Name)
		case p.In == "path":
			path = strings.ReplaceAll(path, "{"+p.Name+"}", "<"+kind+">")
		case p.In != "query" || covered || !looksLikeID(p.Name, &p.Schema) && !p.Required:
		case kind == "":
			w.t.Fatalf("%s: nobody knows what the query's %s is: add it to kinds, or a query to walks, in walk_table_test.go", r.ID, p.Name)
		default:
			queries = append(queries, p.Name+"=<"+kind+">")
		}
	}
	queries = append(queries, help.queries...)
	if r.RequestBody == nil {
		help.bodies = []string{""}
	}
	if len(help.bodies) == 0 {
		w.t.Fatalf("%s has a body: say how to fill it in walks in walk_table_test.go", r.ID)
	}
	if r.RequestBody != nil {
		for _, name := range ids(r.RequestBody.Content["application/json"].Schema, schemas, map[string]bool{}) {
			if !strings.Contains(strings.Join(help.bodies, ""), `"`+name+`"`) {
				w.t.Fatalf("%s: no body in walks in walk_table_test.go fills %s", r.ID, name)
			}
		}
	}
	var all []attempt
	for _, query := range queries {
		for _, body := range help.bodies {
			all = append(all, attempt{path, query, body})
		}
	}
	return all
}

var placeholder = regexp.MustCompile(`<[a-z]+>`)

var anID = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`)

// filled is an attempt with its ids.
type filled struct {
	path, body       string
	inPath, anywhere bool // whether an id of the foreign account is in the path, or anywhere
}

// fill puts ids in. The places of ids that belong to an account are numbered; foreign says which get the foreign one's.
// Objects that belong together, such as a message and its conversation, do.
func (w *walked) fill(a attempt, foreign func(place int) bool, fresh bool) filled {
	var f filled
	place, message := 0, map[bool]string{}
	replace := func(text string, inPath bool) string {
		return placeholder.ReplaceAllStringFunc(text, func(token string) string {
			kind := strings.Trim(token, "<>")
			other := ofAccount[kind] && foreign(place)
			if ofAccount[kind] {
				place++
			}
			f.anywhere, f.inPath = f.anywhere || other, f.inPath || inPath && other
			if !belongs[kind] {
				return w.object(kind, other, fresh)
			}
			if message[other] == "" {
				message[other] = w.object("message", other, fresh)
			}
			return w.of(kind, message[other])
		})
	}
	f.path = replace(a.path, true)
	if a.query != "" {
		f.path += "?" + replace(a.query, false)
	}
	f.body = replace(a.body, false)
	return f
}

// send makes the request; a stream is listened to for a moment.
func (w *walked) send(r route, token string, f filled) *httptest.ResponseRecorder {
	timeout := 30 * time.Second
	if _, stream := r.Responses["200"].Content["text/event-stream"]; stream {
		timeout = 300 * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), timeout)
	defer cancel()
	request := httptest.NewRequestWithContext(ctx, r.method, f.path, strings.NewReader(f.body))
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	answer := httptest.NewRecorder()
	w.server.Handler().ServeHTTP(answer, request)
	return answer
}

// TestWalk makes every request of the API as everybody, with the ids of an account that most may not see: for them it and
// what belongs to it do not exist. Everything is real. It also sees to it that what admins change is audited.
func TestWalk(t *testing.T) {
	w := newWalked(t)
	routes, schemas := w.routes()
	routes = slices.DeleteFunc(routes, func(r route) bool { return public[r.ID] })
	shownToAdmin := false
	for _, r := range routes {
		succeeded := false
		for _, a := range w.attempts(r, schemas) {
			places := 0
			w.fill(a, func(int) bool { places++; return false }, false)
			variants := []func(int) bool{func(int) bool { return false }}
			if places > 0 {
				variants = append(variants, func(int) bool { return true })
			}
			for i := range places {
				if places > 1 {
					variants = append(variants, func(place int) bool { return place == i })
				}
			}
			for v, foreign := range variants {
				if f := w.fill(a, foreign, false); w.send(r, "", f).Code != http.StatusUnauthorized {
					t.Errorf("%s %s without a token is let in", r.method, f.path)
				}
				for _, c := range w.callers {
					w.current = c
					fresh := r.method != http.MethodGet && c.Can(r.Permission)
					f := w.fill(a, foreign, fresh)
					before := w.office.Count(t, "SELECT count(*) FROM audit_entries")
					answer := w.send(r, c.token, f)
					if after := walks[r.ID].after; after != nil {
						after(w)
					}
					consistent := v < 2 // all ids of one account
					for _, wrong := range w.judge(r, c, f, consistent, answer) {
						t.Errorf("%s %s %s as %s: %d %s\n%s", r.method, f.path, f.body, c.name, answer.Code, wrong, answer.Body)
					}
					good := answer.Code < 300
					succeeded = succeeded || good && c.name == "admin"
					shownToAdmin = shownToAdmin || c.name == "admin" && w.tells(answer.Body.String(), "") != ""
					changes := r.method != http.MethodGet && !team.RoleAgent.Can(r.Permission) && walks[r.ID].unaudited == ""
					if good && changes && w.office.Count(t, "SELECT count(*) FROM audit_entries") == before {
						t.Errorf("%s as %s is not audited", r.ID, c.name)
					}
				}
			}
		}
		if !succeeded && !walks[r.ID].lacks {
			t.Errorf("%s: the admin never succeeded, so nothing was tested; see walks", r.ID)
		}
	}
	if !shownToAdmin {
		t.Error("not even the admin was shown anything of the foreign account: the walk cannot find leaks")
	}
}

// judge returns what is wrong with an answer.
func (w *walked) judge(r route, c walker, f filled, consistent bool, answer *httptest.ResponseRecorder) []string {
	var wrong []string
	add := func(bad bool, format string, args ...any) {
		if bad {
			wrong = append(wrong, fmt.Sprintf(format, args...))
		}
	}
	add(answer.Code >= 500, "is our fault: %s", w.log.String())
	if !c.Can(r.Permission) {
		add(answer.Code != http.StatusForbidden, "lacks %s and is not forbidden", r.Permission)
		return wrong
	}
	sees := c.Sight.Sees(w.foreign.ID)
	settings := walks[r.ID].settings && c.Administers(w.foreign.ID)
	switch {
	case !f.anywhere || consistent && (sees || settings):
		add(answer.Code == http.StatusNotFound && !walks[r.ID].lacks || answer.Code == http.StatusUnauthorized, "cannot get at what it may see")
	case sees: // ids of two accounts that do not belong together: any refusal will do
	case f.inPath:
		// A program is told that only agents can do something, whatever the id.
		same := c.AgentID == "" && w.send(r, c.token, filled{path: anID.ReplaceAllString(f.path, someID), body: f.body}).Code == answer.Code
		add(answer.Code != http.StatusNotFound && (!same || answer.Code < 400), "tells that it exists")
	case f.body != "" && !walks[r.ID].selects:
		add(answer.Code < 300, "takes what the caller cannot know of")
	}
	if !sees {
		told := w.tells(answer.Body.String(), f.path+f.body)
		add(told != "", "tells of %s", told)
		add(!c.Administers(w.foreign.ID) && strings.Contains(answer.Body.String(), w.foreign.Name), "names the account")
	}
	return wrong
}

// tells returns what an answer tells of the foreign account's conversations, other than what the request said itself.
func (w *walked) tells(answer, request string) string {
	for _, part := range w.shown {
		if strings.Contains(answer, part) && !strings.Contains(request, part) {
			return part
		}
	}
	return ""
}
