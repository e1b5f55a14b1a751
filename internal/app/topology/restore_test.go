package topology_test

import (
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"guichet.dev/guichet/internal/devstack"
	"guichet.dev/guichet/internal/testkit"
)

// The procedure of docs/ops.md: a dump is restored after the database and Temporal's data are lost. What came after the
// dump is gone; everything else goes on, under workflow ids that nothing has used before.
func TestARestoredBackupGoesOn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	binary := build(t, s.folder, "1.0.0")
	s.command(binary, "migrate")
	server, worker := s.start(binary, "serve"), s.start(binary, "work")
	s.proxy.to(server)
	s.connect()
	p := s.gather()
	p.reply(t.Context(), p.conversations[0])
	s.snooze(p.conversations[1], time.Now().Add(15*time.Second))
	s.settle()

	dump := filepath.Join(s.folder, "guichet.dump")
	s.postgres("pg_dump", "--format=custom", "--no-owner", "--file="+dump, s.database)
	p.say(t.Context(), phone(2)) // is in no backup
	s.settle()
	server.kill(t)
	worker.kill(t)

	s.use(testkit.EmptyDatabaseURL(t))
	s.postgres("pg_restore", "--no-owner", "--exit-on-error", "--dbname="+s.database, dump)
	s.namespace = "restored"
	if err := s.temporal.EnsureNamespace(t.Context(), s.namespace); err != nil {
		t.Fatal(err)
	}
	s.command(binary, "migrate")
	t.Log(s.command(binary, "repair", "--new-epoch"))
	if epoch := s.number("SELECT epoch FROM installation"); epoch != 2 {
		t.Errorf("the epoch is %d", epoch)
	}
	server, worker = s.start(binary, "serve"), s.start(binary, "work")
	s.proxy.to(server)

	testkit.Eventually(t, 60*time.Second, func() error {
		if n := s.number(fmt.Sprintf("SELECT count(*) FROM conversations WHERE id = '%s' AND status = 'open'", p.conversations[1])); n != 1 {
			return fmt.Errorf("the snoozed conversation does not wake")
		}
		return nil
	})
	before := s.number("SELECT count(*) FROM messages WHERE direction = 'in'")
	p.say(t.Context(), phone(0))
	p.reply(t.Context(), p.conversations[0])
	p.reply(t.Context(), p.conversations[2])
	for _, err := range p.errs {
		t.Error(err)
	}
	s.settle()
	if after := s.number("SELECT count(*) FROM messages WHERE direction = 'in'"); after != before+1 {
		t.Errorf("%d messages came after the restore, one was written", after-before)
	}
	s.checkSent()
	server.stop(t)
	worker.stop(t)
}

func (s *site) snooze(conversation string, until time.Time) {
	s.t.Helper()
	status, err := s.call(s.t.Context(), http.MethodPost, "/api/v1/conversations/"+conversation+"/snooze", map[string]any{"until": until}, nil)
	if err != nil || status != http.StatusOK {
		s.t.Fatal(status, err)
	}
}

// postgres runs one of the programs that come with the server.
func (s *site) postgres(program string, args ...string) {
	s.t.Helper()
	folder, err := devstack.FindPostgres()
	if err != nil {
		s.t.Fatal(err)
	}
	if out, err := exec.CommandContext(s.t.Context(), filepath.Join(folder, program), args...).CombinedOutput(); err != nil {
		s.t.Fatalf("%s: %v: %s", program, err, out)
	}
}
