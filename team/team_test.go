package team_test

import (
	"strings"
	"testing"
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/internal/testkit"
	"guichet.dev/guichet/team"
)

var root = team.System()

func store(t *testing.T) *team.Store {
	t.Parallel()
	return team.NewStore(testkit.Database(t))
}

func agent(t *testing.T, s *team.Store, name string, role team.Role) team.Agent {
	t.Helper()
	a, err := s.CreateAgent(t.Context(), root, team.NewAgent{Name: name, Email: strings.ToLower(name) + "@example.com", Role: role})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func wantCode(t *testing.T, err error, code conversation.Code) {
	t.Helper()
	if got := conversation.CodeOf(err); got != code {
		t.Fatalf("code %q, want %q (%v)", got, code, err)
	}
}

func TestEachRoleHasWhatTheOneBelowHas(t *testing.T) {
	for _, p := range team.RoleAgent.Permissions() {
		if !team.RoleSupervisor.Can(p) {
			t.Errorf("supervisors lack %s", p)
		}
	}
	for _, p := range team.RoleSupervisor.Permissions() {
		if !team.RoleAdmin.Can(p) {
			t.Errorf("admins lack %s", p)
		}
	}
	if team.RoleAgent.Can(team.WriteAccounts) || team.RoleSupervisor.Can(team.WriteTokens) || team.Role("boss").Can(team.ReadSelf) {
		t.Error("a role can do too much")
	}
	if len(team.Permissions()) != len(team.RoleAdmin.Permissions()) {
		t.Error("a permission is listed twice, or admins lack one")
	}
}

func TestAgents(t *testing.T) {
	s := store(t)
	ana := agent(t, s, "Ana", team.RoleAdmin)
	_, err := s.CreateAgent(t.Context(), root, team.NewAgent{Name: "Other", Email: "ANA@example.com", Role: team.RoleAgent})
	wantCode(t, err, conversation.CodeConflict)
	for _, bad := range []team.NewAgent{
		{Name: " ", Email: "x@example.com", Role: team.RoleAgent},
		{Name: "X", Email: "nobody", Role: team.RoleAgent},
		{Name: "X", Email: "X <x@example.com>", Role: team.RoleAgent},
		{Name: "X", Email: "x@example.com", Role: "boss"},
	} {
		_, err := s.CreateAgent(t.Context(), root, bad)
		wantCode(t, err, conversation.CodeInvalid)
	}
	gone, demoted := team.AgentDeactivated, team.RoleAgent
	_, err = s.UpdateAgent(t.Context(), root, ana.ID, team.AgentChange{State: &gone})
	wantCode(t, err, conversation.CodeConflict)
	_, err = s.UpdateAgent(t.Context(), root, ana.ID, team.AgentChange{Role: &demoted})
	wantCode(t, err, conversation.CodeConflict)
	agent(t, s, "Bo", team.RoleAdmin)
	if a, err := s.UpdateAgent(t.Context(), root, ana.ID, team.AgentChange{State: &gone}); err != nil || a.State != gone {
		t.Fatal(a, err)
	}
	for _, id := range []string{"", "x", "019ab000-0000-7000-8000-000000000000"} {
		_, err := s.Agent(t.Context(), id)
		wantCode(t, err, conversation.CodeNotFound)
	}
}

func TestTeamsAndMembers(t *testing.T) {
	s := store(t)
	bo, ana := agent(t, s, "Bo", team.RoleAgent), agent(t, s, "Ana", team.RoleAgent)
	sales, err := s.CreateTeam(t.Context(), root.Actor(), " Sales ")
	if err != nil || sales.Name != "Sales" {
		t.Fatal(sales, err)
	}
	_, err = s.CreateTeam(t.Context(), root.Actor(), "Sales")
	wantCode(t, err, conversation.CodeConflict)
	for _, id := range []string{bo.ID, ana.ID, bo.ID} {
		if sales, err = s.AddMember(t.Context(), root, sales.ID, id); err != nil {
			t.Fatal(err)
		}
	}
	if len(sales.MemberIDs) != 2 || sales.MemberIDs[0] != ana.ID {
		t.Fatalf("members %v", sales.MemberIDs)
	}
	_, err = s.AddMember(t.Context(), root, sales.ID, sales.ID)
	wantCode(t, err, conversation.CodeNotFound)
	if sales, err = s.RemoveMember(t.Context(), root.Actor(), sales.ID, bo.ID); err != nil || len(sales.MemberIDs) != 1 {
		t.Fatal(sales, err)
	}
	if sales, err = s.RenameTeam(t.Context(), root.Actor(), sales.ID, "Sales EU"); err != nil || sales.Name != "Sales EU" {
		t.Fatal(sales, err)
	}
	if all, err := s.Teams(t.Context()); err != nil || len(all) != 1 || len(all[0].MemberIDs) != 1 {
		t.Fatal(all, err)
	}
}

func TestTokensActAsTheirAgent(t *testing.T) {
	s := store(t)
	ctx := t.Context()
	agent(t, s, "Root", team.RoleAdmin)
	ana := agent(t, s, "Ana", team.RoleSupervisor)
	token, value, err := s.CreateToken(ctx, root, team.NewToken{Name: "laptop", AgentID: ana.ID})
	if err != nil || !strings.HasPrefix(value, team.TokenPrefix) || len(value) < 50 {
		t.Fatal(err, len(value))
	}
	p, err := s.Authenticate(ctx, value)
	if err != nil || p.AgentID != ana.ID || p.Role != team.RoleSupervisor || p.Actor().Kind != conversation.ActorAgent {
		t.Fatalf("%+v %v", p, err)
	}
	_, err = s.Authenticate(ctx, value+"x")
	wantCode(t, err, conversation.CodeUnauthorised)

	lower := team.RoleAgent
	if _, err := s.UpdateAgent(ctx, root, ana.ID, team.AgentChange{Role: &lower}); err != nil {
		t.Fatal(err)
	}
	if p, err = s.Authenticate(ctx, value); err != nil || p.Role != team.RoleAgent {
		t.Fatalf("a demoted agent's token still has %s (%v)", p.Role, err)
	}
	if _, err := s.RevokeToken(ctx, root.Actor(), token.ID); err != nil {
		t.Fatal(err)
	}
	_, err = s.Authenticate(ctx, value)
	wantCode(t, err, conversation.CodeUnauthorised)
	list, err := s.Tokens(ctx)
	if err != nil || len(list) != 1 || list[0].LastUsedAt == nil || list[0].RevokedAt == nil {
		t.Fatalf("%+v %v", list, err)
	}
}

func TestTokensEnd(t *testing.T) {
	s := store(t)
	ctx := t.Context()
	soon, past := time.Now().Add(300*time.Millisecond), time.Now().Add(-time.Second)
	_, _, err := s.CreateToken(ctx, root, team.NewToken{Name: "old", Role: team.RoleAgent, ExpiresAt: &past})
	wantCode(t, err, conversation.CodeInvalid)
	_, _, err = s.CreateToken(ctx, root, team.NewToken{Name: "no role"})
	wantCode(t, err, conversation.CodeInvalid)
	if !strings.Contains(err.Error(), "agent_id") {
		t.Errorf("does not say what else there is: %v", err)
	}
	_, value, err := s.CreateToken(ctx, root, team.NewToken{Name: "short", Role: team.RoleAgent, ExpiresAt: &soon})
	if err != nil {
		t.Fatal(err)
	}
	if p, err := s.Authenticate(ctx, value); err != nil || p.Actor().Kind != conversation.ActorToken {
		t.Fatal(p, err)
	}
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if _, err := s.Authenticate(ctx, value); conversation.CodeOf(err) == conversation.CodeUnauthorised {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the token did not expire")
		}
	}
}

func TestDeactivatedAgentIsOut(t *testing.T) {
	s := store(t)
	ana := agent(t, s, "Ana", team.RoleAgent)
	_, value, err := s.CreateToken(t.Context(), root, team.NewToken{Name: "laptop", AgentID: ana.ID})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Authenticate(t.Context(), value); err != nil {
		t.Fatal(err)
	}
	gone := team.AgentDeactivated
	if _, err := s.UpdateAgent(t.Context(), root, ana.ID, team.AgentChange{State: &gone}); err != nil {
		t.Fatal(err)
	}
	_, err = s.Authenticate(t.Context(), value)
	wantCode(t, err, conversation.CodeUnauthorised)
	_, _, err = s.CreateToken(t.Context(), root, team.NewToken{Name: "again", AgentID: ana.ID})
	wantCode(t, err, conversation.CodeInvalid)
}

func TestBootstrapToken(t *testing.T) {
	s := store(t)
	ctx := t.Context()
	const value = "a-bootstrap-token-for-tests"
	for _, useless := range []string{"", "two words", strings.Repeat("x", 513)} {
		wantCode(t, s.EnsureBootstrapToken(ctx, useless), conversation.CodeInvalid)
	}
	made := make(chan error)
	for range 8 { // processes that start at the same time
		go func() { made <- s.EnsureBootstrapToken(ctx, value) }()
	}
	for range 8 {
		if err := <-made; err != nil {
			t.Error(err)
		}
	}
	if p, err := s.Authenticate(ctx, value); err != nil || p.Role != team.RoleAdmin || p.AgentID != "" {
		t.Fatalf("%+v %v", p, err)
	}
	ana := agent(t, s, "Ana", team.RoleAdmin)
	if err := s.EnsureBootstrapToken(ctx, value); err != nil {
		t.Fatal(err)
	}
	if p, err := s.Authenticate(ctx, value); err != nil || p.AgentID != ana.ID {
		t.Fatalf("%+v %v", p, err)
	}
	if tokens, err := s.Tokens(ctx); err != nil || len(tokens) != 1 {
		t.Fatal(tokens, err)
	}
}

func TestAuditFollowsTheChange(t *testing.T) {
	s := store(t)
	ctx := t.Context()
	by := team.System()
	by.AgentID = "me"
	a, err := s.CreateAgent(ctx, by, team.NewAgent{Name: "Ana", Email: "ana@example.com", Role: team.RoleAgent})
	if err != nil {
		t.Fatal(err)
	}
	name := "Ana B"
	if _, err := s.UpdateAgent(ctx, by, a.ID, team.AgentChange{Name: &name}); err != nil {
		t.Fatal(err)
	}
	bad := "no address"
	_, err = s.UpdateAgent(ctx, by, a.ID, team.AgentChange{Email: &bad})
	wantCode(t, err, conversation.CodeInvalid)
	_, value, err := s.CreateToken(ctx, by, team.NewToken{Name: "t", Role: team.RoleAgent})
	if err != nil {
		t.Fatal(err)
	}
	all, err := s.AuditEntries(ctx, root, team.AuditFilter{Limit: 10})
	if err != nil || len(all) != 3 {
		t.Fatalf("%d entries (%v)", len(all), err)
	}
	if all[0].Action != "tokens.create" || strings.Contains(string(all[0].After), value) || all[0].Before != nil {
		t.Errorf("%+v", all[0])
	}
	if all[1].Action != "agents.update" || all[1].Actor != by.Actor() || !strings.Contains(string(all[1].After), name) || strings.Contains(string(all[1].Before), name) {
		t.Errorf("%+v", all[1])
	}
	page, err := s.AuditEntries(ctx, root, team.AuditFilter{SubjectKind: "agent", SubjectID: a.ID, Before: all[1].ID, Limit: 10})
	if err != nil || len(page) != 1 || page[0].Action != "agents.create" {
		t.Fatalf("%+v %v", page, err)
	}
}

func TestAuditIsFiltered(t *testing.T) {
	s := store(t)
	ctx := t.Context()
	by := func(id string) team.Principal {
		p := team.System()
		p.AgentID = id
		return p
	}
	start := time.Now().Add(-time.Second)
	ana := principal(t, s, "Ana", team.RoleAdmin)
	bo, err := s.CreateAgent(ctx, ana, team.NewAgent{Name: "Bo", Email: "bo@example.com", Role: team.RoleAgent})
	if err != nil {
		t.Fatal(err)
	}
	name := "Bob"
	if _, err := s.UpdateAgent(ctx, ana, bo.ID, team.AgentChange{Name: &name}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.CreateTeam(ctx, by("x").Actor(), "Sales"); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		filter team.AuditFilter
		want   int
	}{
		"all":            {team.AuditFilter{}, 4},
		"by an agent":    {team.AuditFilter{ActorKind: conversation.ActorAgent, ActorID: ana.AgentID}, 2},
		"by the system":  {team.AuditFilter{ActorKind: conversation.ActorSystem}, 2},
		"one action":     {team.AuditFilter{Action: "agents.update"}, 1},
		"kind of action": {team.AuditFilter{Action: "agents."}, 3},
		"no such action": {team.AuditFilter{Action: "agents"}, 0},
		"one subject":    {team.AuditFilter{SubjectKind: "agent", SubjectID: bo.ID}, 2},
		"from":           {team.AuditFilter{From: start}, 4},
		"to":             {team.AuditFilter{To: start}, 0},
		"together":       {team.AuditFilter{From: start, ActorID: ana.AgentID, Action: "agents.create"}, 1},
	} {
		c.filter.Limit = 10
		if entries, err := s.AuditEntries(ctx, root, c.filter); err != nil || len(entries) != c.want {
			t.Errorf("%s: %d entries, want %d (%v)", what, len(entries), c.want, err)
		}
	}
}
