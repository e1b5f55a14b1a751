package topology_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"guichet.dev/guichet/internal/testkit"
)

// The installation that docker-compose.yml describes lives through what happens to installations, while people write: a
// server and a worker die, then all processes are replaced by those of a new version, one after the other.
func TestProductionLivesThroughDeathsAndAnUpgrade(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	old, next := build(t, s.folder, "1.0.0"), build(t, s.folder, "1.1.0")
	s.command(old, "migrate")
	server1, server2 := s.start(old, "serve"), s.start(old, "serve")
	s.proxy.to(server1, server2)
	s.connect()
	worker1, worker2 := s.start(old, "work"), s.start(old, "work")
	if out := s.command(old, "doctor"); strings.Contains(out, "WRONG") {
		t.Error(out)
	}
	p := s.gather()
	p.begin()
	p.more(40)

	server1.kill(t)
	worker1.kill(t)
	p.more(60)
	server1, worker1 = s.start(old, "serve"), s.start(old, "work")
	s.proxy.to(server1, server2)
	p.more(40)

	s.command(next, "migrate") // as the procedure says: the schema first, then servers, then workers
	for _, one := range []**process{&server1, &server2} {
		s.replace(one, next, &server1, &server2)
		p.more(20)
	}
	for _, one := range []**process{&worker1, &worker2} {
		fresh := s.start(next, "work") // both versions work beside each other
		p.more(30)
		(*one).stop(t)
		*one = fresh
	}
	p.more(30)
	p.end()
	s.settle()
	s.check(p)
	if n := s.proxy.refused.Load(); n > 0 {
		t.Errorf("no server took %d requests", n)
	}
	t.Logf("customers wrote %d messages, agents %d; %d requests were taken by the second server that was asked", len(p.said), len(p.replied), s.proxy.moved.Load())

	for _, one := range []*process{server1, server2, worker1, worker2} {
		one.stop(t)
	}
	testkit.Eventually(t, 10*time.Second, func() error { // the server notices a moment later
		if n := s.number("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'guichet%'"); n > 0 {
			return fmt.Errorf("%d sessions are left", n)
		}
		return nil
	})
	if n := s.number("SELECT count(*) FROM dispatches"); n > 0 {
		t.Errorf("%d conversations wait to be dispatched", n)
	}
}

// replace replaces one serving process: the proxy leaves it out when it says that it stops, the other takes everything.
func (s *site) replace(one **process, binary string, all ...**process) {
	s.t.Helper()
	(*one).stop(s.t)
	*one = s.start(binary, "serve")
	var now []*process
	for _, p := range all {
		now = append(now, *p)
	}
	s.proxy.to(now...)
}

// settle waits until nothing is owed any more. A message whose outcome is unknown delays the next for a minute.
func (s *site) settle() {
	s.t.Helper()
	testkit.Eventually(s.t, 3*time.Minute, func() error {
		for _, query := range []string{
			"SELECT count(*) FROM dispatches", "SELECT count(*) FROM conversations WHERE applied_seq < wake_seq",
			"SELECT count(*) FROM messages WHERE direction = 'out' AND state IN ('scheduled', 'queued', 'sending')",
		} {
			if n := s.number(query); n > 0 {
				return fmt.Errorf("%d: %s", n, query)
			}
		}
		posts, err := s.sim.Webhooks(s.t.Context())
		if err != nil {
			return err
		}
		if n := posts.Counts["pending"] + posts.Counts["held"]; n > 0 {
			return fmt.Errorf("%d webhooks are not delivered", n)
		}
		return nil
	})
}

// reply is one message of ours as the database has it.
type reply struct {
	ID, ConversationID, State string
	Seq                       int64
}

// check compares what people wrote with the database, and what the provider accepted with both.
func (s *site) check(p *people) {
	s.t.Helper()
	for what, lost := range map[string][]string{
		"customers' messages": without(p.said, s.texts("SELECT provider_id FROM messages WHERE direction = 'in'")),
		"agents' replies":     without(p.replied, s.texts("SELECT client_id FROM messages WHERE direction = 'out'")),
	} {
		if len(lost) > 0 {
			s.t.Errorf("%d %s are lost", len(lost), what)
		}
	}
	for what, query := range map[string]string{
		"texts came twice":        "SELECT count(*) FROM (SELECT 1 FROM messages GROUP BY content->>'text' HAVING count(*) > 1) AS twice",
		"conversations have gaps": "SELECT count(*) FROM (SELECT 1 FROM conversations c LEFT JOIN events e ON e.conversation_id = c.id GROUP BY c.id, c.last_seq HAVING count(e.seq) <> c.last_seq) AS gaps",
		"updates were parked":     "SELECT count(*) FROM parked_updates",
		"conversations fail":      "SELECT count(*) FROM conversations WHERE tries > 0",
		"messages failed":         "SELECT count(*) FROM messages WHERE state = 'failed'",
	} {
		if n := s.number(query); n > 0 {
			s.t.Errorf("%d %s", n, what)
		}
	}
	s.checkSent()
}

// checkSent wants every message of ours with the provider at most once, in order; only one that was being sent when its
// worker died may not have left, and is said to be unknown.
func (s *site) checkSent() {
	s.t.Helper()
	accepted, err := s.sim.Accepted(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	var rows []reply
	if err := s.db.NewRaw("SELECT id::text, conversation_id::text, state, seq FROM messages WHERE direction = 'out'").Scan(s.t.Context(), &rows); err != nil {
		s.t.Fatal(err)
	}
	ours := map[string]reply{}
	for _, r := range rows {
		ours[r.ID] = r
	}
	seen, last := map[string]bool{}, map[string]int64{}
	for _, one := range accepted {
		r, known := ours[one.Opaque]
		switch {
		case !known:
			s.t.Errorf("the provider has a message that is not ours: %s", one.Opaque)
		case seen[one.Opaque]:
			s.t.Errorf("%s was sent twice", one.Opaque)
		case r.Seq < last[r.ConversationID]:
			s.t.Errorf("%s was sent out of order", one.Opaque)
		}
		seen[one.Opaque], last[r.ConversationID] = true, r.Seq
	}
	for _, r := range rows {
		if seen[r.ID] == (r.State == "unknown") {
			s.t.Errorf("%s is %s; sent: %t", r.ID, r.State, seen[r.ID])
		}
	}
}

// without returns those of the wanted that are not there.
func without(wanted, there []string) []string {
	return slices.DeleteFunc(slices.Clone(wanted), func(one string) bool { return slices.Contains(there, one) })
}
