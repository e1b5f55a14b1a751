package app_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/internal/testkit"
)

// What somebody may do and see changes in all processes at once, sooner than they would forget it by themselves, and nothing
// stays with somebody who cannot answer it.
func TestAccessChangesEverywhere(t *testing.T) {
	t.Parallel()
	d := open(t, setup{})
	other := *d
	other.cfg.Listen = "127.0.0.1:0"
	other.start()
	d.say("33612345678", "Bonjour")
	id := d.find("33612345678")
	path := "/api/v1/conversations/" + id

	var made struct{ ID, Token string }
	d.must(http.MethodPost, "/api/v1/agents", map[string]any{"name": "Bo", "email": "bo@example.com", "role": "agent"}, &made)
	bo := made.ID
	d.must(http.MethodPost, "/api/v1/tokens", map[string]any{"name": "bo", "agent_id": bo}, &made)
	there := other // Bo works with the other process
	there.token = made.Token
	answers := func(want int) {
		t.Helper()
		testkit.Eventually(t, 4*time.Second, func() error {
			if got, _ := there.call(http.MethodGet, path, nil, nil); got != want {
				return fmt.Errorf("status %d, want %d", got, want)
			}
			return nil
		})
	}
	nobodys := func(c inbox.Conversation) bool { return c.AssigneeID == "" }
	viewers := func(restricted bool) {
		t.Helper()
		d.must(http.MethodPut, "/api/v1/accounts/"+d.account+"/viewers", map[string]any{"restricted": restricted, "agent_ids": []string{}, "team_ids": []string{}}, nil)
	}

	d.must(http.MethodPost, path+"/assign", map[string]any{"agent_id": bo}, nil)
	answers(http.StatusOK)
	viewers(true)
	answers(http.StatusNotFound)
	d.until(id, "nobody's", nobodys)
	d.refused(path+"/assign", map[string]any{"agent_id": bo}, "invalid")

	viewers(false)
	answers(http.StatusOK)
	d.must(http.MethodPost, path+"/assign", map[string]any{"agent_id": bo}, nil)
	d.must(http.MethodPatch, "/api/v1/agents/"+bo, map[string]any{"state": "deactivated"}, nil)
	answers(http.StatusUnauthorized)
	d.until(id, "nobody's", nobodys)
}
