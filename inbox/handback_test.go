package inbox_test

import (
	"strings"
	"testing"

	"guichet.dev/guichet/accounts"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/internal/testkit/office"
	"guichet.dev/guichet/team"
)

// given makes a conversation that an agent and a team have.
func (d *desk) given(t *testing.T, p office.Person, agent, group string) string {
	t.Helper()
	id := d.Meet(t, p)
	if _, err := d.Inbox.Assign(t.Context(), d.maria, id, inbox.Assignment{AgentID: &agent, TeamID: &group}); err != nil {
		t.Fatal(err)
	}
	return id
}

// has describes who has a conversation, by letters: the agent m, the team t.
func (d *desk) has(t *testing.T, id string) string {
	t.Helper()
	return d.Text(t, "SELECT concat(CASE WHEN assignee_id IS NOT NULL THEN 'm' END, CASE WHEN team_id IS NOT NULL THEN 't' END) FROM conversations WHERE id = $1::uuid", id)
}

func (d *desk) handBack(t *testing.T, want int) {
	t.Helper()
	if n, err := d.Inbox.HandBack(t.Context()); err != nil || n != want {
		t.Fatalf("handed %d back, want %d (%v)", n, want, err)
	}
}

func (d *desk) cause(t *testing.T, id string) string {
	t.Helper()
	return d.Text(t, `SELECT concat_ws(' ', kind, actor_kind, cause->>'trigger', data->>'code', data->>'team_id')
		FROM events WHERE conversation_id = $1::uuid ORDER BY seq DESC LIMIT 1`, id)
}

func TestConversationsOfADeactivatedAgentGoBack(t *testing.T) {
	d := open(t)
	group := d.Team(t, "Sales")
	with := d.given(t, ana, d.maria.ID, group)
	alone := d.given(t, ion, d.maria.ID, "")
	done := d.given(t, office.Person{WhatsAppID: "40712345680", Name: "Done"}, d.maria.ID, group)
	if _, err := d.Inbox.Done(t.Context(), d.maria, done); err != nil {
		t.Fatal(err)
	}
	d.handBack(t, 0)
	d.Exec(t, "UPDATE agents SET state = 'deactivated' WHERE id = $1::uuid", d.maria.ID)
	d.handBack(t, 2)
	d.handBack(t, 0)
	for id, want := range map[string]string{with: "t", alone: "", done: "mt"} {
		if got := d.has(t, id); got != want {
			t.Errorf("%q has it, want %q", got, want)
		}
	}
	if got, want := d.cause(t, with), "assigned system agent_deactivated agent_deactivated "+group; got != want {
		t.Errorf("event %q, want %q", got, want)
	}
	if _, err := d.Inbox.Reopen(t.Context(), office.Token, done); err != nil {
		t.Fatal(err)
	}
	d.handBack(t, 1)
	if got := d.has(t, done); got != "t" {
		t.Errorf("what reopened is with %q", got)
	}
	_, err := d.Inbox.Assign(t.Context(), office.Token, alone, inbox.Assignment{AgentID: &d.maria.ID})
	wantCode(t, err, conversation.CodeInvalid, "agent_id")
	d.wantWhole(t)
}

func TestConversationsOfAnArchivedTeamGoBack(t *testing.T) {
	d := open(t)
	crew := team.NewStore(d.DB)
	sales, err := crew.CreateTeam(t.Context(), team.System().Actor(), "Sales")
	if err != nil {
		t.Fatal(err)
	}
	id := d.given(t, ana, d.maria.ID, sales.ID)
	if _, err := crew.ArchiveTeam(t.Context(), team.System().Actor(), sales.ID); err != nil {
		t.Fatal(err)
	}
	d.handBack(t, 1)
	if got := d.has(t, id); got != "m" {
		t.Errorf("it is with %q", got)
	}
	if got := d.cause(t, id); !strings.Contains(got, "team_archived") {
		t.Errorf("event %q", got)
	}
	_, err = d.Inbox.Assign(t.Context(), d.maria, id, inbox.Assignment{TeamID: &sales.ID})
	wantCode(t, err, conversation.CodeInvalid, "team_id")
	if _, err := crew.RenameTeam(t.Context(), team.System().Actor(), sales.ID, "Other"); conversation.CodeOf(err) != conversation.CodeConflict {
		t.Errorf("an archived team can be changed: %v", err)
	}
	if _, err := crew.CreateTeam(t.Context(), team.System().Actor(), "Sales"); err != nil {
		t.Errorf("the name is not free: %v", err)
	}
	d.wantWhole(t)
}

func TestConversationsAreGivenToThoseWhoSeeThem(t *testing.T) {
	d := open(t)
	ilie := d.Agent(t, "ilie")
	mine, his := d.given(t, ana, d.maria.ID, ""), d.given(t, ion, ilie.ID, "")
	_, err := d.Store.SetViewers(t.Context(), team.System(), d.Account.ID, accounts.Viewers{Restricted: true, AgentIDs: []string{d.maria.ID}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.Inbox.Assign(t.Context(), d.maria, mine, inbox.Assignment{AgentID: &ilie.ID})
	wantCode(t, err, conversation.CodeInvalid, "agent_id")
	d.handBack(t, 1)
	if d.has(t, mine) != "m" || d.has(t, his) != "" {
		t.Errorf("they are with %q and %q", d.has(t, mine), d.has(t, his))
	}
	if got := d.cause(t, his); !strings.Contains(got, "account_restricted") {
		t.Errorf("event %q", got)
	}
	d.wantWhole(t)
}
