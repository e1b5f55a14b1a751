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
		pid, err := c.recordedPID()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if !c.serves(pid) {
			return os.Remove(path)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("process %d already serves %s: stop it first, it may be another make run", pid, c.dir())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// PostgresRunning tells whether a server, of whatever parent, runs on the data folder.
func PostgresRunning(dataDir string) (bool, error) {
	folder, err := filepath.Abs(dataDir)
	if err != nil {
		return false, err
	}
	c := cluster{folder: folder}
	pid, err := c.recordedPID()
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && c.serves(pid), err
}

// recordedPID reads the pid file. A file without a number, which a crash of the machine can leave, counts as 0.
func (c cluster) recordedPID() (int, error) {
	text, err := os.ReadFile(filepath.Join(c.dir(), pidFile))
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil {
		return 0, nil //nolint:nilerr // see above
	}
	return max(0, pid), nil
}

// serves tells whether the process is a server on this cluster: a server's working folder is its cluster. A process
// that we may not look at is another user's. Where there is no /proc any living process counts. A wrong no does no harm:
// PostgreSQL also guards its shared memory.
func (c cluster) serves(pid int) bool {
	if pid == 0 {
		return false
	}
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
