package testkit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"guichet.dev/guichet/internal/devstack"
	"guichet.dev/guichet/postgres"
)

// DatabaseEnv names a server to use instead of the shared one: the URL of a database of it, with a role that may
// create databases.
const DatabaseEnv = "GUICHET_TEST_DATABASE_URL"

// idleMinutes is how long after its last use the shared server ends.
const idleMinutes = 15

// serverURL returns the address of the server's maintenance database.
var serverURL = sync.OnceValues(func() (string, error) {
	if url := os.Getenv(DatabaseEnv); url != "" {
		return url, nil
	}
	ctx, cancel := setupContext()
	defer cancel()
	return openSharedServer(ctx, sharedFolder{filepath.Join(os.TempDir(), fmt.Sprintf("guichet-test-%d", os.Getuid()))})
})

// sharedFolder is where the test binaries of one user meet. It is thrown away with each start of the server, which runs
// without waiting for the disk: what a crash leaves is worth nothing.
type sharedFolder struct{ path string }

func (f sharedFolder) data() string     { return filepath.Join(f.path, "postgres") }
func (f sharedFolder) urlFile() string  { return filepath.Join(f.path, "url") }
func (f sharedFolder) usedFile() string { return filepath.Join(f.path, "used") }

// openSharedServer finds the running server or starts one, while other test binaries wait.
func openSharedServer(ctx context.Context, f sharedFolder) (string, error) {
	if err := f.claim(); err != nil {
		return "", err
	}
	unlock, err := lock(filepath.Join(f.path, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	if err := f.touch(); err != nil {
		return "", err
	}
	running, err := devstack.PostgresRunning(f.data())
	if err != nil {
		return "", err
	}
	if running {
		return f.reuse(ctx)
	}
	return f.start(ctx)
}

// claim makes the folder, and refuses one that somebody else has put there.
func (f sharedFolder) claim() error {
	if err := os.MkdirAll(f.path, 0o755); err != nil {
		return err
	}
	info, err := os.Lstat(f.path)
	if err != nil {
		return err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); !ok || !info.IsDir() || int(st.Uid) != os.Getuid() {
		return fmt.Errorf("%s is not a folder of yours: remove it", f.path)
	}
	return nil
}

func (f sharedFolder) touch() error { return os.WriteFile(f.usedFile(), nil, 0o600) }

func (f sharedFolder) reuse(ctx context.Context) (string, error) {
	text, err := os.ReadFile(f.urlFile())
	if err != nil {
		return "", fmt.Errorf("a test database server runs on %s, but its address is lost (make stop ends it): %w", f.path, err)
	}
	url := strings.TrimSpace(string(text))
	for {
		db, err := postgres.Open(ctx, url, postgres.Options{ApplicationName: "testkit", MaxOpenConns: 1})
		if err == nil {
			return url, db.Close()
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("the test database server does not answer (make stop ends it): %w", err)
		case <-time.After(100 * time.Millisecond): // it may be starting, or have no connection free
		}
	}
}

func (f sharedFolder) start(ctx context.Context) (string, error) {
	if err := os.RemoveAll(f.data()); err != nil {
		return "", err
	}
	server, err := devstack.StartPostgres(ctx, devstack.PostgresConfig{
		DataDir: f.data(), Database: "postgres", MaxConnections: 400, Unsafe: true, Detached: true,
	})
	if err != nil {
		return "", err
	}
	url := server.URL("postgres")
	if err := os.WriteFile(f.urlFile(), []byte(url+"\n"), 0o600); err != nil {
		return "", errors.Join(err, server.Stop())
	}
	if err := f.guard(server.PID()); err != nil {
		return "", errors.Join(err, server.Stop())
	}
	return url, nil
}

// guard leaves a process behind that stops the server when the used file has grown old.
func (f sharedFolder) guard(pid int) error {
	const script = `
		while sleep 10; do
			kill -0 "$1" 2>/dev/null || exit 0
			[ -n "$(find "$2" -mmin "-$3" 2>/dev/null)" ] || { kill -INT "$1"; exit 0; }
		done`
	cmd := exec.Command("sh", "-c", script, "guichet-test-guard", strconv.Itoa(pid), f.usedFile(), strconv.Itoa(idleMinutes))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	return cmd.Process.Release()
}

// lock waits for the file's lock, which the operating system gives back if the process dies.
func lock(path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
	}
	return func() { _ = file.Close() }, nil // closing is what unlocks, and cannot fail for a file not written
}
