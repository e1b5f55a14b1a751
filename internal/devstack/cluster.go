package devstack

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// superuser is the role that owns the cluster. There is no other.
const superuser = "guichet"

// locales are tried in turn: all are UTF-8 where it matters, and the first two know case beyond ASCII.
var locales = []string{"C.UTF-8", "en_US.UTF-8", "C"}

// cluster is the database files and what is needed to run them.
type cluster struct {
	folder   string // the data folder: ours
	bin      binaries
	as       *identity
	password string
}

func (c cluster) dir() string          { return filepath.Join(c.folder, "cluster") }
func (c cluster) passwordFile() string { return filepath.Join(c.folder, "password") }
func (c cluster) logFile() string      { return filepath.Join(c.folder, "postgres.log") }

// openCluster finds the files of an earlier start, or makes new ones.
func openCluster(ctx context.Context, cfg PostgresConfig) (cluster, error) {
	folder, err := filepath.Abs(cfg.DataDir)
	if err != nil {
		return cluster{}, err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return cluster{}, err
	}
	c := cluster{folder: folder}
	if c.as, err = postgresIdentity(c.dir()); err != nil {
		return cluster{}, err
	}
	major, err := c.version()
	if err != nil {
		return cluster{}, err
	}
	if c.bin, err = findPostgres(cfg.BinDir, major); err != nil {
		return cluster{}, err
	}
	if major == 0 {
		return c, c.create(ctx, cfg.Unsafe)
	}
	c.password, err = c.readPassword()
	return c, err
}

// version returns the major version that wrote the cluster, 0 if there is none.
func (c cluster) version() (int, error) {
	text, err := os.ReadFile(filepath.Join(c.dir(), "PG_VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

func (c cluster) readPassword() (string, error) {
	text, err := os.ReadFile(c.passwordFile())
	if err != nil {
		return "", fmt.Errorf("password of the development database: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// create makes the cluster under another name and renames it when it is complete: an initdb that is killed leaves
// nothing that looks like a database.
func (c *cluster) create(ctx context.Context, unsafe bool) error {
	c.password = rand.Text()
	draft := c.dir() + ".new"
	if err := errors.Join(os.RemoveAll(draft), os.MkdirAll(draft, 0o700)); err != nil {
		return err
	}
	if err := c.giveAway(draft); err != nil {
		return err
	}
	if err := c.initdb(ctx, draft, unsafe); err != nil {
		return err
	}
	if err := os.WriteFile(c.passwordFile(), []byte(c.password+"\n"), 0o600); err != nil {
		return err
	}
	if err := os.Remove(c.dir()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s holds no database and is not empty: %w", c.dir(), err)
	}
	return os.Rename(draft, c.dir())
}

// giveAway hands a file or folder to the user that the server runs as.
func (c *cluster) giveAway(path string) error {
	if c.as == nil {
		return nil
	}
	return os.Chown(path, int(c.as.uid), int(c.as.gid))
}

func (c *cluster) initdb(ctx context.Context, dir string, unsafe bool) error {
	secret := filepath.Join(c.folder, "password.new")
	if err := os.WriteFile(secret, []byte(c.password+"\n"), 0o600); err != nil {
		return err
	}
	defer func() { _ = os.Remove(secret) }() // the next start would overwrite it
	if err := c.giveAway(secret); err != nil {
		return err
	}
	var refused []byte
	for _, locale := range locales {
		args := []string{
			"--pgdata", dir, "--username", superuser, "--pwfile", secret, "--auth", "scram-sha-256",
			"--encoding", "UTF8", "--locale", locale,
		}
		if unsafe {
			args = append(args, "--no-sync")
		}
		cmd := exec.CommandContext(ctx, c.bin.tool("initdb"), args...)
		cmd.Env = childEnv()
		cmd.SysProcAttr = command{as: c.as, death: syscall.SIGKILL}.attributes()
		out, err := cmd.CombinedOutput()
		if err == nil {
			return nil
		}
		if !bytes.Contains(out, []byte("locale")) {
			return fmt.Errorf("initdb: %w: %s", err, bytes.TrimSpace(out))
		}
		refused = out
	}
	return fmt.Errorf("initdb: no locale of %v: %s", locales, bytes.TrimSpace(refused))
}

// childEnv is our environment without the settings that would redirect a child, with messages in English.
func childEnv() []string {
	env := []string{"LC_MESSAGES=C"}
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "PG") && !strings.HasPrefix(kv, "TEMPORAL_") && !strings.HasPrefix(kv, "LC_") && !strings.HasPrefix(kv, "LANG") {
			env = append(env, kv)
		}
	}
	return env
}
