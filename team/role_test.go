package team_test

import (
	"slices"
	"strings"
	"testing"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/team"
)

func role(t *testing.T, s *team.Store, key team.Role, permissions ...team.Permission) {
	t.Helper()
	if _, err := s.CreateRole(t.Context(), root, team.NewRole{Key: key, Name: "The " + string(key), Permissions: permissions}); err != nil {
		t.Fatal(err)
	}
}

// principal makes an agent and logs it in.
func principal(t *testing.T, s *team.Store, name string, role team.Role) team.Principal {
	t.Helper()
	p, err := s.AgentPrincipal(t.Context(), agent(t, s, name, role).ID)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestEveryPermissionSaysWhatItMeans(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range team.Permissions() {
		sentence := p.Sentence()
		if !strings.HasSuffix(sentence, ".") || seen[sentence] {
			t.Errorf("%s: %q is no sentence of its own: see sentences.go", p, sentence)
		}
		seen[sentence] = true
	}
}

func TestOwnRoles(t *testing.T) {
	s := store(t)
	ctx := t.Context()
	r, err := s.CreateRole(ctx, root, team.NewRole{
		Key: "night_shift", Name: " Night shift ", Description: "At night", Permissions: []team.Permission{team.SendMessages, team.ReadSelf, team.SendMessages},
	})
	if err != nil || r.Name != "Night shift" || !slices.Equal(r.Permissions, []team.Permission{team.ReadSelf, team.SendMessages}) || r.BuiltIn {
		t.Fatalf("%+v %v", r, err)
	}
	for _, bad := range []struct {
		role team.NewRole
		code conversation.Code
	}{
		{team.NewRole{Key: "night_shift", Name: "Other"}, conversation.CodeConflict},
		{team.NewRole{Key: "other", Name: "NIGHT SHIFT"}, conversation.CodeConflict},
		{team.NewRole{Key: "admin", Name: "Boss"}, conversation.CodeConflict},
		{team.NewRole{Key: "Boss", Name: "Boss"}, conversation.CodeInvalid},
		{team.NewRole{Key: "boss", Name: " "}, conversation.CodeInvalid},
		{team.NewRole{Key: "boss", Name: "Boss", Description: strings.Repeat("x", 501)}, conversation.CodeInvalid},
		{team.NewRole{Key: "boss", Name: "Boss", Permissions: []team.Permission{"everything"}}, conversation.CodeInvalid},
	} {
		_, err := s.CreateRole(ctx, root, bad.role)
		wantCode(t, err, bad.code)
	}
	ana := principal(t, s, "Ana", "night_shift")
	if !ana.Can(team.SendMessages) || ana.Can(team.ReadConversations) || ana.Role != "night_shift" {
		t.Fatalf("%+v", ana)
	}
	_, value, err := s.CreateToken(ctx, root, team.NewToken{Name: "program", Role: "night_shift"})
	if err != nil {
		t.Fatal(err)
	}
	more := []team.Permission{team.ReadConversations}
	if r, err = s.UpdateRole(ctx, root, "night_shift", team.RoleChange{Permissions: &more}); err != nil || !slices.Equal(r.Permissions, more) || r.Name != "Night shift" {
		t.Fatalf("%+v %v", r, err)
	}
	for _, p := range []func() (team.Principal, error){
		func() (team.Principal, error) { return s.AgentPrincipal(ctx, ana.AgentID) },
		func() (team.Principal, error) { return s.Authenticate(ctx, value) },
	} {
		if p, err := p(); err != nil || p.Can(team.SendMessages) || !p.Can(team.ReadConversations) {
			t.Fatalf("a changed role does not count at once: %+v %v", p, err)
		}
	}
	err = s.DeleteRole(ctx, root, "night_shift")
	wantCode(t, err, conversation.CodeConflict)
	if !strings.Contains(err.Error(), "1 agents and 1 tokens") {
		t.Errorf("does not say who has it: %v", err)
	}
	free := team.RoleAgent
	if _, err := s.UpdateAgent(ctx, root, ana.AgentID, team.AgentChange{Role: &free}); err != nil {
		t.Fatal(err)
	}
	p, _ := s.Authenticate(ctx, value)
	if _, err := s.RevokeToken(ctx, root.Actor(), p.TokenID); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteRole(ctx, root, "night_shift"); err != nil {
		t.Fatal(err)
	}
	wantCode(t, s.DeleteRole(ctx, root, "night_shift"), conversation.CodeNotFound)
	roles, err := s.Roles(ctx)
	if err != nil || len(roles) != 3 || roles[0].Key != team.RoleAdmin || !roles[0].BuiltIn || len(roles[0].Permissions) != len(team.Permissions()) {
		t.Fatalf("%+v %v", roles, err)
	}
}

func TestBuiltInRolesCannotBeChanged(t *testing.T) {
	s := store(t)
	for _, key := range team.Roles() {
		_, err := s.UpdateRole(t.Context(), root, key, team.RoleChange{})
		wantCode(t, err, conversation.CodeConflict)
		wantCode(t, s.DeleteRole(t.Context(), root, key), conversation.CodeConflict)
		if r, err := s.Role(t.Context(), key); err != nil || !r.BuiltIn || !slices.Equal(r.Permissions, key.Permissions()) {
			t.Errorf("%+v %v", r, err)
		}
	}
}

// TestNobodyGivesMoreThanTheyHave tries everything by which somebody could get at more permissions.
func TestNobodyGivesMoreThanTheyHave(t *testing.T) {
	s := store(t)
	ctx := t.Context()
	agent(t, s, "Root", team.RoleAdmin)
	role(t, s, "hr", team.ReadSelf, team.WriteAgents, team.WriteTokens, team.WriteRoles, team.OwnTokens)
	role(t, s, "strong", team.ReadSelf, team.WriteAccounts)
	role(t, s, "weak", team.ReadSelf)
	hr := principal(t, s, "Hana", "hr")
	boss, weak := agent(t, s, "Boss", team.RoleAdmin), agent(t, s, "Wim", "weak")
	name, mail, gone, admin, strong, none := "X", "x@example.com", team.AgentDeactivated, team.RoleAdmin, team.Role("strong"), []team.Permission{}
	send := []team.Permission{team.SendMessages}
	for what, do := range map[string]func() error{
		"an agent with a stronger role": func() error {
			_, err := s.CreateAgent(ctx, hr, team.NewAgent{Name: "N", Email: "n@example.com", Role: "strong"})
			return err
		},
		"an admin":          func() error { _, err := s.UpdateAgent(ctx, hr, weak.ID, team.AgentChange{Role: &admin}); return err },
		"a stronger role":   func() error { _, err := s.UpdateAgent(ctx, hr, weak.ID, team.AgentChange{Role: &strong}); return err },
		"oneself an admin":  func() error { _, err := s.UpdateAgent(ctx, hr, hr.AgentID, team.AgentChange{Role: &admin}); return err },
		"an admin's name":   func() error { _, err := s.UpdateAgent(ctx, hr, boss.ID, team.AgentChange{Name: &name}); return err },
		"an admin's e-mail": func() error { _, err := s.UpdateAgent(ctx, hr, boss.ID, team.AgentChange{Email: &mail}); return err },
		"an admin's state":  func() error { _, err := s.UpdateAgent(ctx, hr, boss.ID, team.AgentChange{State: &gone}); return err },
		"a role": func() error {
			_, err := s.CreateRole(ctx, hr, team.NewRole{Key: "new", Name: "New", Permissions: send})
			return err
		},
		"one's own role": func() error { _, err := s.UpdateRole(ctx, hr, "hr", team.RoleChange{Permissions: &send}); return err },
		"less for a strong one": func() error {
			_, err := s.UpdateRole(ctx, hr, "strong", team.RoleChange{Permissions: &none})
			return err
		},
		"a program's token": func() error {
			_, _, err := s.CreateToken(ctx, hr, team.NewToken{Name: "t", Role: "strong"})
			return err
		},
		"an admin's token": func() error {
			_, _, err := s.CreateToken(ctx, hr, team.NewToken{Name: "t", AgentID: boss.ID})
			return err
		},
		"the end of a role": func() error { return s.DeleteRole(ctx, hr, "strong") },
	} {
		if err := do(); conversation.CodeOf(err) != conversation.CodeForbidden {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, do := range map[string]func() error{
		"an equal": func() error {
			_, err := s.CreateAgent(ctx, hr, team.NewAgent{Name: "N", Email: "n@example.com", Role: "hr"})
			return err
		},
		"a weaker one's name": func() error { _, err := s.UpdateAgent(ctx, hr, weak.ID, team.AgentChange{Name: &name}); return err },
		"a token of a weaker one": func() error {
			_, _, err := s.CreateToken(ctx, hr, team.NewToken{Name: "t", AgentID: weak.ID})
			return err
		},
		"a token for oneself": func() error {
			_, _, err := s.CreateToken(ctx, hr, team.NewToken{Name: "t", AgentID: hr.AgentID})
			return err
		},
		"a scoped token of an admin": func() error {
			_, _, err := s.CreateToken(ctx, hr, team.NewToken{Name: "t", AgentID: boss.ID, Scopes: []team.Permission{team.ReadSelf}})
			return err
		},
	} {
		if err := do(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestScopedTokens(t *testing.T) {
	s := store(t)
	ctx := t.Context()
	ana := principal(t, s, "Ana", team.RoleAgent)
	_, _, err := s.CreateToken(ctx, root, team.NewToken{Name: "t", AgentID: ana.AgentID, Scopes: []team.Permission{team.WriteAgents}})
	wantCode(t, err, conversation.CodeInvalid)
	_, _, err = s.CreateToken(ctx, root, team.NewToken{Name: "t", AgentID: ana.AgentID, Scopes: []team.Permission{"everything"}})
	wantCode(t, err, conversation.CodeInvalid)
	scopes := []team.Permission{team.ReadSelf, team.OwnTokens, team.ReadConversations}
	token, value, err := s.CreateToken(ctx, ana, team.NewToken{Name: "t", AgentID: ana.AgentID, Scopes: scopes})
	if err != nil || len(token.Scopes) != 3 {
		t.Fatal(token, err)
	}
	p, err := s.Authenticate(ctx, value)
	if err != nil || len(p.Permissions.List()) != 3 || p.Can(team.SendMessages) || p.AgentID != ana.AgentID {
		t.Fatalf("%+v %v", p, err)
	}
	// What a scoped token makes is scoped too.
	_, _, err = s.CreateToken(ctx, p, team.NewToken{Name: "t", AgentID: ana.AgentID})
	wantCode(t, err, conversation.CodeForbidden)
	if _, _, err = s.CreateToken(ctx, p, team.NewToken{Name: "t", AgentID: ana.AgentID, Scopes: scopes[:1]}); err != nil {
		t.Error(err)
	}
	// It never has more than its agent has by now.
	role(t, s, "weak", team.ReadSelf)
	weak := team.Role("weak")
	if _, err := s.UpdateAgent(ctx, root, ana.AgentID, team.AgentChange{Role: &weak}); err != nil {
		t.Fatal(err)
	}
	if p, err = s.Authenticate(ctx, value); err != nil || len(p.Permissions.List()) != 1 {
		t.Fatalf("%+v %v", p, err)
	}
	_, err = s.RevokeOwnToken(ctx, root.Actor(), agent(t, s, "Bo", team.RoleAgent).ID, token.ID)
	wantCode(t, err, conversation.CodeNotFound)
	if mine, err := s.AgentTokens(ctx, ana.AgentID); err != nil || len(mine) != 2 {
		t.Error(mine, err)
	}
	if _, err = s.RevokeOwnToken(ctx, root.Actor(), ana.AgentID, token.ID); err != nil {
		t.Error(err)
	}
	_, err = s.Authenticate(ctx, value)
	wantCode(t, err, conversation.CodeUnauthorised)
}

func TestNobodyIsLoggedInWhoIsGone(t *testing.T) {
	s := store(t)
	ana, gone := principal(t, s, "Ana", team.RoleAgent), team.AgentDeactivated
	if _, err := s.UpdateAgent(t.Context(), root, ana.AgentID, team.AgentChange{State: &gone}); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{ana.AgentID, "", "x", "019ab000-0000-7000-8000-000000000000"} {
		_, err := s.AgentPrincipal(t.Context(), id)
		wantCode(t, err, conversation.CodeUnauthorised)
	}
}
