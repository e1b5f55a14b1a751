package server_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestIfSeqIsPartOfEveryCommandOnAConversation(t *testing.T) {
	f := newFixture(t)
	commands := 0
	for path, operations := range f.document().Paths {
		for method := range operations {
			if method == "get" || !strings.HasPrefix(path, "/api/v1/conversations/{conversation_id}") {
				continue
			}
			commands++
			method, path := strings.ToUpper(method), fill(path)
			for _, bad := range []string{"0", "-1", "x", "1.5", "9223372036854775808"} {
				w := f.request(method, path+"?if_seq="+bad, f.admin, strings.NewReader("{}"), "Content-Type", "application/json")
				if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), `"field":"if_seq"`) {
					t.Errorf("%s %s with if_seq %s: %d %s", method, path, bad, w.Code, w.Body)
				}
			}
		}
	}
	if commands < 8 {
		t.Errorf("only %d commands", commands)
	}
	f.call("POST", "/conversations/"+someID+"/done?if_seq=17", "", http.StatusOK, nil)
	if f.inbox.by.Seen != 17 {
		t.Errorf("the command heard of %d, want 17", f.inbox.by.Seen)
	}
	f.call("POST", "/conversations/"+someID+"/done", "", http.StatusOK, nil)
	if f.inbox.by.Seen != 0 {
		t.Errorf("the command heard of %d, want nothing", f.inbox.by.Seen)
	}
}
