package devstack_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"guichet.dev/guichet/internal/devstack"
)

// parentEnv makes this test binary the parent that gets killed: it starts a server and waits.
const parentEnv = "GUICHET_TEST_PARENT_DATA"

func TestServerDiesWithItsParent(t *testing.T) {
	if dir := os.Getenv(parentEnv); dir != "" {
		p, err := devstack.StartPostgres(t.Context(), devstack.PostgresConfig{DataDir: dir, Unsafe: true})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Printf("server %d\n", p.PID())
		<-p.Done()
		return
	}
	dir := t.TempDir()
	parent := exec.Command(os.Args[0], "-test.run=^TestServerDiesWithItsParent$")
	parent.Env = append(os.Environ(), parentEnv+"="+dir)
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	server := 0
	for lines := bufio.NewScanner(out); server == 0 && lines.Scan(); {
		if n, found := strings.CutPrefix(lines.Text(), "server "); found {
			if server, err = strconv.Atoi(n); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := parent.Wait(); err == nil {
		t.Fatal("the parent was not killed")
	}
	if server == 0 {
		t.Fatal("the parent started no server")
	}
	// Taking over at once must work too: the old server is still shutting down.
	startPostgres(t, devstack.PostgresConfig{DataDir: dir, Unsafe: true})
	for deadline := time.Now().Add(10 * time.Second); !errors.Is(syscall.Kill(server, 0), syscall.ESRCH); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("server %d outlived its parent", server)
		}
	}
}
