package whatsapp_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"testing"

	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/conversation"
)

func TestBlockUsers(t *testing.T) {
	t.Parallel()
	const added = `{"messaging_product":"whatsapp","block_users":{"added_users":[{"input":"+33639980142","wa_id":"33639980142"}]}}`
	const removed = `{"messaging_product":"whatsapp","block_users":{"removed_users":[{"input":"+33639980142","wa_id":"33639980142"}]}}`
	const failed = `{"messaging_product":"whatsapp","block_users":{"added_users":[],"failed_users":[{"input":"+33639980142","wa_id":"33639980142","errors":[{"message":"m","code":139100,"error_data":{"details":"d"}}]}]}}`
	for name, c := range map[string]struct {
		block  bool
		person []conversation.Identity
		status int
		answer string
		user   string // asked for
		want   *channel.SendError
	}{
		"block":        {true, toNumber(), 200, added, "+33639980142", nil},
		"unblock":      {false, toNumber(), 200, removed, "+33639980142", nil},
		"user id only": {true, toNumber()[:1], 200, added, "FR.13491208655302741918", nil},
		"not within a day": {true, toNumber(), 200, failed, "+33639980142",
			&channel.SendError{Behaviour: channel.Permanent, Code: "139100", HTTP: 200}},
		"refused": {true, toNumber(), 400, `{"error":{"code":139102,"message":"m"}}`, "+33639980142",
			&channel.SendError{Behaviour: channel.Permanent, Code: "139102", HTTP: 400}},
		"nobody was blocked": {true, toNumber(), 200, `{"messaging_product":"whatsapp","block_users":{}}`, "+33639980142",
			&channel.SendError{Behaviour: channel.Unknown, Code: "answer", HTTP: 200}},
		"no address": {true, nil, 200, added, "", &channel.SendError{Behaviour: channel.Permanent, Code: "no_address"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := ""
			base := serve(t, func(w http.ResponseWriter, r *http.Request) {
				var body struct {
					Product string `json:"messaging_product"`
					Users   []struct{ User string }
					Block   []struct{ User string } `json:"block_users"`
				}
				content, err := io.ReadAll(r.Body)
				if err != nil || json.Unmarshal(content, &body) != nil || body.Product != "whatsapp" || len(body.Block) != 1 || r.URL.Path != "/v26.0/106540352242922/block_users" {
					t.Errorf("%s %s: %s", r.Method, r.URL, content)
				}
				if (r.Method == http.MethodPost) != c.block || r.Method != http.MethodPost && r.Method != http.MethodDelete {
					t.Errorf("method %s", r.Method)
				}
				asked = body.Block[0].User
				w.WriteHeader(c.status)
				if _, err := io.WriteString(w, c.answer); err != nil {
					t.Error(err)
				}
			})
			call := fenced().Unblock
			if c.block {
				call = fenced().Block
			}
			err := call(t.Context(), accountAt(base), c.person)
			got, _ := errors.AsType[*channel.SendError](err)
			if (got == nil) != (c.want == nil) || got != nil && *got != *c.want || asked != c.user {
				t.Errorf("asked for %q, error %+v, want %+v", asked, got, c.want)
			}
		})
	}
}
