package accounts_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"guichet.dev/guichet/accounts"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/internal/testkit"
	"guichet.dev/guichet/internal/testkit/office"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/team"
)

// house is a team with two accounts, a and b.
type house struct {
	*office.Office
	team *team.Store
	a, b string
}

func openHouse(t *testing.T) *house {
	t.Helper()
	t.Parallel()
	o := office.Open(t)
	return &house{Office: o, team: team.NewStore(o.DB), a: o.Account.ID, b: o.Connect(t, "777", office.Secret).ID}
}

func (h *house) principal(t *testing.T, name string, role team.Role) team.Principal {
	t.Helper()
	a, err := h.team.CreateAgent(t.Context(), team.System(), team.NewAgent{Name: name, Email: strings.ToLower(name) + "@example.com", Role: role})
	if err != nil {
		t.Fatal(err)
	}
	return h.again(t, team.Principal{AgentID: a.ID})
}

// again reads anew what somebody may do and see.
func (h *house) again(t *testing.T, p team.Principal) team.Principal {
	t.Helper()
	h.team.Forget()
	p, err := h.team.AgentPrincipal(t.Context(), p.AgentID)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (h *house) restrict(t *testing.T, id string, agents, teams []string) accounts.Viewers {
	t.Helper()
	v, err := h.Store.SetViewers(t.Context(), team.System(), id, accounts.Viewers{Restricted: true, AgentIDs: agents, TeamIDs: teams})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// sees describes which of the two accounts somebody sees.
func (h *house) sees(p team.Principal) string {
	seen := ""
	for name, id := range map[string]string{"a": h.a, "b": h.b} {
		if p.Sight.Sees(id) {
			seen += name
		}
	}
	letters := []byte(seen)
	slices.Sort(letters)
	return string(letters)
}

func TestWhoSeesARestrictedAccount(t *testing.T) {
	h := openHouse(t)
	ctx := t.Context()
	if _, err := h.team.CreateRole(ctx, team.System(), team.NewRole{Key: "auditor", Name: "Auditor", Permissions: []team.Permission{team.AllAccounts}}); err != nil {
		t.Fatal(err)
	}
	watchers, err := h.team.CreateTeam(ctx, team.System().Actor(), "Watchers")
	if err != nil {
		t.Fatal(err)
	}
	people := map[string]team.Principal{}
	for name, role := range map[string]team.Role{
		"Admin": team.RoleAdmin, "Auditor": "auditor", "Supervisor": team.RoleSupervisor, "Listed": team.RoleAgent, "Member": team.RoleAgent, "Agent": team.RoleAgent,
	} {
		people[name] = h.principal(t, name, role)
	}
	if _, err := h.team.AddMember(ctx, team.System(), watchers.ID, people["Member"].AgentID); err != nil {
		t.Fatal(err)
	}
	v := h.restrict(t, h.b, []string{people["Listed"].AgentID, people["Listed"].AgentID}, []string{watchers.ID})
	if !v.Restricted || len(v.AgentIDs) != 1 || len(v.TeamIDs) != 1 {
		t.Errorf("%+v", v)
	}
	seers, err := h.team.AgentsSeeing(ctx, h.b)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"Admin": "ab", "Auditor": "ab", "Supervisor": "a", "Listed": "ab", "Member": "ab", "Agent": "a"} {
		p := h.again(t, people[name])
		if got := h.sees(p); got != want {
			t.Errorf("%s sees %q, want %q", name, got, want)
		}
		_, all := p.Sight.Accounts()
		if all != (name == "Admin" || name == "Auditor") {
			t.Errorf("%s sees also what is to come: %v", name, all)
		}
		offered := slices.ContainsFunc(seers, func(a team.Agent) bool { return a.ID == p.AgentID })
		sees, err := team.Sees(ctx, h.DB, p.AgentID, h.b)
		if err != nil || offered != (want == "ab") || sees != offered {
			t.Errorf("%s is offered: %v, and sees it: %v (%v)", name, offered, sees, err)
		}
	}
	if _, err := h.team.ArchiveTeam(ctx, team.System().Actor(), watchers.ID); err != nil {
		t.Fatal(err)
	}
	if got := h.sees(h.again(t, people["Member"])); got != "a" {
		t.Errorf("a member of an archived team sees %q", got)
	}
	c := h.Connect(t, "888", office.Secret)
	if !h.again(t, people["Agent"]).Sight.Sees(c.ID) {
		t.Error("a new account that is not restricted is not seen")
	}
	for _, wrong := range []accounts.Viewers{{AgentIDs: []string{"x"}}, {AgentIDs: []string{watchers.ID}}, {TeamIDs: []string{watchers.ID}}} {
		_, err := h.Store.SetViewers(ctx, team.System(), h.b, wrong)
		wantCode(t, err, conversation.CodeInvalid)
	}
	entries, err := h.team.AuditEntries(ctx, team.System(), team.AuditFilter{Action: "accounts.viewers", Limit: 10})
	if err != nil || len(entries) != 1 || !strings.Contains(string(entries[0].Before), `"restricted": false`) || !strings.Contains(string(entries[0].After), watchers.ID) {
		t.Errorf("%+v %v", entries, err)
	}
	for name, want := range map[string]int{"Admin": 1, "Supervisor": 0, "Listed": 1} {
		entries, err := h.team.AuditEntries(ctx, h.again(t, people[name]), team.AuditFilter{Action: "accounts.viewers", SubjectKind: team.SubjectAccount, SubjectID: h.b, Limit: 10})
		if err != nil || len(entries) != want {
			t.Errorf("%s reads %d entries, want %d (%v)", name, len(entries), want, err)
		}
	}
}

// TestNobodyShowsMoreThanTheySee tries everything by which somebody could get at more conversations.
func TestNobodyShowsMoreThanTheySee(t *testing.T) {
	h := openHouse(t)
	ctx := t.Context()
	most := []team.Permission{}
	for _, p := range team.Permissions() {
		if p != team.AllAccounts {
			most = append(most, p)
		}
	}
	if _, err := h.team.CreateRole(ctx, team.System(), team.NewRole{Key: "most", Name: "Most", Permissions: most}); err != nil {
		t.Fatal(err)
	}
	viewer, blind := h.principal(t, "Viewer", team.RoleAgent), h.principal(t, "Blind", "most")
	watchers, err := h.team.CreateTeam(ctx, team.System().Actor(), "Watchers")
	if err != nil {
		t.Fatal(err)
	}
	h.restrict(t, h.b, []string{viewer.AgentID}, []string{watchers.ID})
	blind, mail := h.again(t, blind), "other@example.com"
	limited := func(by team.Principal, ids ...string) (team.Principal, error) {
		_, value, err := h.team.CreateToken(ctx, by, team.NewToken{Name: "t", AgentID: by.AgentID, AccountIDs: ids})
		if err != nil {
			return team.Principal{}, err
		}
		return h.team.Authenticate(ctx, value)
	}
	admin := h.principal(t, "Admin", team.RoleAdmin)
	narrow, err := limited(admin, h.a)
	if err != nil || h.sees(narrow) != "a" || narrow.Can(team.AllAccounts) || !narrow.Can(team.WriteAgents) {
		t.Fatalf("%+v %v", narrow, err)
	}
	for what, do := range map[string]func() error{
		"viewers": func() error {
			_, err := h.Store.SetViewers(ctx, blind, h.b, accounts.Viewers{Restricted: true, AgentIDs: []string{blind.AgentID}})
			return err
		},
		"an open account": func() error { _, err := h.Store.SetViewers(ctx, blind, h.b, accounts.Viewers{}); return err },
		"a membership":    func() error { _, err := h.team.AddMember(ctx, blind, watchers.ID, blind.AgentID); return err },
		"a viewer's token": func() error {
			_, _, err := h.team.CreateToken(ctx, blind, team.NewToken{Name: "t", AgentID: viewer.AgentID})
			return err
		},
		"a viewer's e-mail": func() error {
			_, err := h.team.UpdateAgent(ctx, blind, viewer.AgentID, team.AgentChange{Email: &mail})
			return err
		},
		"a role": func() error {
			_, err := h.team.CreateRole(ctx, blind, team.NewRole{Key: "all", Name: "All", Permissions: []team.Permission{team.AllAccounts}})
			return err
		},
		"an agent, with a limited token": func() error {
			_, err := h.team.CreateAgent(ctx, narrow, team.NewAgent{Name: "N", Email: "n@example.com", Role: team.RoleAgent})
			return err
		},
		"another account, with a limited token": func() error { _, err := limited(narrow, h.a, h.b); return err },
	} {
		if err := do(); conversation.CodeOf(err) != conversation.CodeForbidden {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err = limited(narrow)
	wantCode(t, err, conversation.CodeInvalid)
	_, err = limited(blind, h.b)
	wantCode(t, err, conversation.CodeInvalid)
	_, err = limited(blind, "019ab000-0000-7000-8000-000000000000")
	wantCode(t, err, conversation.CodeInvalid)
	if narrower, err := limited(narrow, h.a); err != nil || h.sees(narrower) != "a" {
		t.Error(narrower, err)
	}
	if _, _, err := h.team.CreateToken(ctx, blind, team.NewToken{Name: "t", AgentID: viewer.AgentID, AccountIDs: []string{h.a}}); err != nil {
		t.Errorf("a viewer's token for what one sees oneself: %v", err)
	}
}

// TestOtherProcessesHearOfChanges plays a second process, which remembers who somebody is and hears of changes.
func TestOtherProcessesHearOfChanges(t *testing.T) {
	h := openHouse(t)
	ctx, stop := context.WithCancel(t.Context())
	other := team.NewStore(h.DB)
	ready, heard := make(chan struct{}), atomic.Int64{}
	done := make(chan error, 1)
	go func() {
		done <- postgres.Listen(ctx, testkit.DatabaseURL(t), postgres.Subscription{
			Channels: []string{team.AccessChannel}, OnConnect: func() { close(ready) },
			OnNotify: func(string, string) { other.Forget(); heard.Add(1) },
		})
	}()
	defer func() {
		stop()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}()
	<-ready
	ana := h.principal(t, "Ana", team.RoleAgent)
	token, value, err := h.team.CreateToken(ctx, team.System(), team.NewToken{Name: "t", AgentID: ana.AgentID})
	if err != nil {
		t.Fatal(err)
	}
	crew, err := h.team.CreateTeam(ctx, team.System().Actor(), "Crew")
	if err != nil {
		t.Fatal(err)
	}
	supervisor := team.RoleSupervisor
	for _, change := range []struct {
		name string
		do   func() error
		want func(p team.Principal) bool
	}{
		{"a role", func() error {
			_, err := h.team.UpdateAgent(ctx, team.System(), ana.AgentID, team.AgentChange{Role: &supervisor})
			return err
		}, func(p team.Principal) bool { return p.Can(team.ReadAudit) }},
		{"viewers", func() error { h.restrict(t, h.b, nil, []string{crew.ID}); return nil }, func(p team.Principal) bool { return h.sees(p) == "a" }},
		{"a membership", func() error { _, err := h.team.AddMember(ctx, team.System(), crew.ID, ana.AgentID); return err },
			func(p team.Principal) bool { return h.sees(p) == "ab" }},
		{"a new account", func() error { h.Connect(t, "999", office.Secret); return nil },
			func(p team.Principal) bool { ids, _ := p.Sight.Accounts(); return len(ids) == 3 }},
		{"the end of a token", func() error { _, err := h.team.RevokeToken(ctx, team.System().Actor(), token.ID); return err }, nil},
	} {
		if _, err := other.Authenticate(ctx, value); err != nil { // now it is remembered
			t.Fatal(err)
		}
		before := heard.Load()
		if err := change.do(); err != nil {
			t.Fatalf("%s: %v", change.name, err)
		}
		testkit.Eventually(t, 4*time.Second, func() error { // sooner than it would be forgotten
			if heard.Load() == before {
				return conversation.Errorf(conversation.CodeUnavailable, "%s was not announced", change.name)
			}
			return nil
		})
		p, err := other.Authenticate(ctx, value)
		if change.want == nil {
			wantCode(t, err, conversation.CodeUnauthorised)
		} else if err != nil || !change.want(p) {
			t.Errorf("%s does not count: %+v %v", change.name, p, err)
		}
	}
}
