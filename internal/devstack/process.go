package devstack

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// maxLogBytes is the size at which a child's log is put aside as <name>.1 when the child starts again.
const maxLogBytes = 10 << 20

// command says how a child process is started.
type command struct {
	name    string   // for errors
	path    string   // the binary
	args    []string // without the binary
	env     []string
	logFile string
	as      *identity      // nil: as ourselves
	death   syscall.Signal // what the child gets when this process dies (Linux)
	detach  bool           // the child outlives this process, in a session of its own
}

// process is a running child.
type process struct {
	name    string
	logFile string
	cmd     *exec.Cmd
	done    chan struct{} // closed once the child has been reaped
	err     error         // the child's end; read after done
}

// start runs the command. The operating system ties the death signal to the thread that forked, not to the process, so
// that thread is kept until the child has ended.
func (c command) start() (*process, error) {
	log, err := openLog(c.logFile)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", c.name, err)
	}
	defer func() { _ = log.Close() }() // the child has its own descriptor
	cmd := exec.Command(c.path, c.args...)
	cmd.Env = c.env
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = c.attributes()
	p := &process{name: c.name, logFile: c.logFile, cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", c.name, err)
	}
	return p, nil
}

// attributes puts the child into its own process group, or its own session when it is to outlive us.
func (c command) attributes() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: !c.detach, Setsid: c.detach}
	if c.as != nil {
		attr.Credential = &syscall.Credential{Uid: c.as.uid, Gid: c.as.gid}
	}
	platformAttributes(attr, c)
	return attr
}

// ended reports whether the child is gone.
func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// stop sends each signal in turn, and waits the given time after each, until the child has ended.
func (p *process) stop(patience time.Duration, signals ...syscall.Signal) error {
	for _, s := range signals {
		if err := p.signal(s); err != nil {
			return err
		}
		select {
		case <-p.done:
			return nil
		case <-time.After(patience):
		}
	}
	return fmt.Errorf("stop %s: process %d is still there", p.name, p.cmd.Process.Pid)
}

func (p *process) signal(s syscall.Signal) error {
	err := p.cmd.Process.Signal(s)
	if err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal %s: %w", p.name, err)
	}
	return nil
}

// exitError tells that the child ended by itself, with the last lines that it wrote.
func (p *process) exitError() error {
	end := "exit status 0"
	if p.err != nil {
		end = p.err.Error()
	}
	return fmt.Errorf("%s ended: %s; the end of %s:\n%s", p.name, end, p.logFile, tail(p.logFile, 15))
}

func openLog(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	if info, err := os.Stat(path); err == nil && info.Size() > maxLogBytes {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, err
		}
	}
	return os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
}

// tail returns the last lines of a log, for an error message.
func tail(path string, lines int) string {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Sprintf("(cannot be read: %v)", err)
	}
	defer func() { _ = f.Close() }()
	const most = 8 << 10
	if info, err := f.Stat(); err == nil && info.Size() > most {
		if _, err := f.Seek(-most, io.SeekEnd); err != nil {
			return fmt.Sprintf("(cannot be read: %v)", err)
		}
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return fmt.Sprintf("(cannot be read: %v)", err)
	}
	all := strings.Split(string(bytes.TrimSpace(text)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
