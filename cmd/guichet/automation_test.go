package main

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"guichet.dev/guichet/blueprint"
	"guichet.dev/guichet/internal/metrics"
	"guichet.dev/guichet/internal/testkit/office"
	"guichet.dev/guichet/server"
	"guichet.dev/guichet/team"
)

// serving is a server over an office of its own, and the flags by which commands reach it.
func serving(t *testing.T) serverFlags {
	t.Helper()
	o := office.Open(t)
	people := team.NewStore(o.DB)
	s := server.New(server.Options{
		Metrics: metrics.New(), Clock: o.Clock, Team: people, Accounts: o.Store,
		Blueprint: blueprint.NewStore(blueprint.Options{DB: o.DB, Calendars: o.Calendars, Rulebook: o.Rulebook, Assignment: o.Assignment}),
	})
	_, token, err := people.CreateToken(t.Context(), team.System(), team.NewToken{Name: "CI", Role: team.RoleAdmin})
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(s.Handler())
	t.Cleanup(h.Close)
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GUICHET_TOKEN", "")
	t.Setenv("GUICHET_TOKEN_FILE", file)
	return serverFlags{URL: h.URL + "/"}
}

func TestCheckPrintsWhereItIsWrong(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "a.yaml")
	if err := os.WriteFile(name, []byte("guichet: 1\nrulez: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	err := automationCheck{File: name}.check(nil, &out)
	if err == nil || err.Error() != "one problem in "+name || out.String() != name+":2:1: rulez: is not known here (did you mean rules?)\n" {
		t.Errorf("%v: %s", err, &out)
	}
	out.Reset()
	if err := (automationCheck{File: "-"}).check(strings.NewReader("guichet: 1\n\"\\e[31m\": 1\n"), &out); err == nil || strings.Contains(out.String(), "\x1b") {
		t.Errorf("%v: %q", err, out.String())
	}
	out.Reset()
	if err := (automationCheck{File: "-"}).check(strings.NewReader("guichet: 1\n"), &out); err != nil || out.String() != "" {
		t.Errorf("%v: %s", err, &out)
	}
	if err := (automationCheck{File: name + "x"}).check(nil, &out); err == nil {
		t.Error("checked a file that is not there")
	}
}

func TestApplyAndExport(t *testing.T) {
	flags := serving(t)
	apply := func(source string, c automationApply) (string, error) {
		var out strings.Builder
		c.Server, c.File = flags, "-"
		err := c.apply(t.Context(), strings.NewReader(source), &out)
		return out.String(), err
	}
	const source = "guichet: 1\ncalendars: [{name: Shop, hours: {time_zone: UTC}}]\nrules:\n  - {name: R, when: conversation_done, then: [{do: reopen}]}\n"
	lines := "created   calendar           Shop\ncreated   rule               R\n"
	if out, err := apply(source, automationApply{DryRun: true}); err != nil || out != lines+"0 unchanged; version 0 of the rules is in force, and would be followed by a new one\n" {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := apply(source, automationApply{Comment: "first & only"}); err != nil || out != lines+"0 unchanged; version 1 of the rules is in force, published now\n" {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := apply(source, automationApply{Prune: true}); err != nil || out != "2 unchanged; version 1 of the rules is in force\n" {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := apply(strings.Replace(source, "reopen", "add_label, label: Nope", 1), automationApply{}); err == nil || out != "-:4:70: rules[0].then[0].label: there is no label of this name (labels are named as they are called)\n" {
		t.Errorf("%v\n%s", err, out)
	}
	file, err := flags.export(t.Context())
	if err != nil || !strings.Contains(string(file), "Version 1 of the rules") || len(blueprint.Check(file)) != 0 {
		t.Errorf("%v\n%s", err, file)
	}
	t.Setenv("GUICHET_TOKEN", "guichet_wrong")
	if _, err := flags.export(t.Context()); err == nil || !strings.Contains(err.Error(), "unauthorised") {
		t.Errorf("with a wrong token: %v", err)
	}
	t.Setenv("GUICHET_TOKEN", "")
	t.Setenv("GUICHET_TOKEN_FILE", "")
	if _, err := flags.export(t.Context()); err == nil || !strings.Contains(err.Error(), "GUICHET_TOKEN") {
		t.Errorf("without a token: %v", err)
	}
}
