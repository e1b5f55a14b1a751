package topology_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"guichet.dev/guichet/internal/testkit"
)

// build makes the product's binary with a version, as the Dockerfile does.
func build(t *testing.T, folder, version string) string {
	t.Helper()
	path := filepath.Join(folder, "guichet-"+version)
	cmd := exec.CommandContext(t.Context(), "go", "build", "-ldflags", "-X guichet.dev/guichet/internal/app.Version="+version, "-o", path, "guichet.dev/guichet/cmd/guichet")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v: %s", err, out)
	}
	return path
}

// process is one running process of the product.
type process struct {
	name, address, log string
	cmd                *exec.Cmd
	ended              chan struct{}
	err                error // of its end, after ended
}

// start runs a binary's serve or work and waits until it is ready.
func (s *site) start(binary, mode string) *process {
	s.t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	s.started++
	p := &process{name: fmt.Sprintf("%s-%d", mode, s.started), address: free.Addr().String(), ended: make(chan struct{})}
	if err := free.Close(); err != nil {
		s.t.Fatal(err)
	}
	p.log = filepath.Join(s.folder, p.name+".log")
	out, err := os.Create(p.log)
	if err != nil {
		s.t.Fatal(err)
	}
	p.cmd = exec.Command(binary, mode)
	p.cmd.Env = append(s.environment(), "GUICHET_LISTEN="+p.address)
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	if err := out.Close(); err != nil { // the child has its own
		s.t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	s.t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it may have ended
		<-p.ended
	})
	testkit.Eventually(s.t, 60*time.Second, func() error {
		select {
		case <-p.ended:
			s.t.Fatalf("%s ended: %v: %s", p.name, p.err, p.tail())
		default:
		}
		response, err := http.Get("http://" + p.address + "/readyz")
		if err != nil {
			return err
		}
		if err := response.Body.Close(); err != nil {
			return err
		}
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("%s: /readyz answers %s", p.name, response.Status)
		}
		return nil
	})
	return p
}

// kill ends the process as kill -9 does.
func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-p.ended
}

// stop ends the process as an orchestrator does, and wants it to end by itself and well.
func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.ended:
	case <-time.After(30 * time.Second):
		t.Fatalf("%s does not stop: %s", p.name, p.tail())
	}
	if p.err != nil {
		t.Errorf("%s: %v: %s", p.name, p.err, p.tail())
	}
}

func (p *process) tail() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(string(bytes.TrimSpace(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-12):], "\n")
}

// command runs the product's program once and returns what it printed.
func (s *site) command(binary string, args ...string) string {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), binary, args...)
	cmd.Env = s.environment()
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("guichet %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}
