package devstack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// pidFile is what a running server keeps in its cluster; after kill -9 or a power cut it stays there.
const pidFile = "postmaster.pid"

// clearStale makes way for a start. A server whose parent was killed is shutting down: it is waited for. A pid file
// whose process is gone, or is by now another program, is removed, because PostgreSQL refuses to start if any process
// of its user has that number.
func (c cluster) clearStale(ctx context.Context) error {
	path := filepath.Join(c.dir(), pidFile)
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	for {
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		first, _, _ := strings.Cut(string(text), "\n")
		pid, err := strconv.Atoi(strings.TrimSpace(first))
		if err != nil || pid <= 0 || !c.serves(pid) {
			return os.Remove(path)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("process %d already serves %s: stop it first, it may be another make run", pid, c.dir())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// serves tells whether the process is a server on this cluster: a server's working folder is its cluster. A process
// that we may not look at is another user's. Where there is no /proc any living process counts. A wrong no does no harm:
// PostgreSQL also guards its shared memory.
func (c cluster) serves(pid int) bool {
	if err := syscall.Kill(pid, 0); errors.Is(err, syscall.ESRCH) {
		return false
	}
	if _, err := os.Stat("/proc/self/cwd"); err != nil {
		return true
	}
	cwd, cwdErr := os.Stat(fmt.Sprintf("/proc/%d/cwd", pid))
	own, ownErr := os.Stat(c.dir())
	return cwdErr == nil && ownErr == nil && os.SameFile(cwd, own)
}
