package devstack

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// minPostgres is the oldest major version that Guichet's SQL is written for.
const minPostgres = 15

// ErrNoPostgres is wrapped by errors that say that this machine has no usable PostgreSQL server binaries.
var ErrNoPostgres = errors.New("no PostgreSQL server binaries")

// binaries is one installation of PostgreSQL.
type binaries struct {
	dir   string
	major int
}

func (b binaries) tool(name string) string { return filepath.Join(b.dir, name) }

// postgresFolders are the places in which packages put the server, which is often not in PATH.
var postgresFolders = []string{
	"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/libexec/postgresql*", "/usr/local/pgsql/bin",
	"/opt/homebrew/opt/postgresql*/bin", "/usr/local/opt/postgresql*/bin",
	"/Applications/Postgres.app/Contents/Versions/*/bin",
}

// FindPostgres returns the folder of the newest PostgreSQL server binaries of this machine.
func FindPostgres() (string, error) {
	b, err := findPostgres("", 0)
	return b.dir, err
}

// findPostgres looks into binDir alone if given. A cluster can only be read by its own major version: 0 means any.
func findPostgres(binDir string, major int) (binaries, error) {
	folders := []string{binDir}
	if binDir == "" {
		folders = candidateFolders()
	}
	var best binaries
	for _, dir := range folders {
		b, err := inspect(dir)
		if err != nil {
			if binDir != "" {
				return binaries{}, fmt.Errorf("%w in %s: %w", ErrNoPostgres, binDir, err)
			}
			continue // no server there: the next folder
		}
		if b.major > best.major && (major == 0 || b.major == major) {
			best = b
		}
	}
	switch {
	case best.major >= minPostgres:
		return best, nil
	case major != 0:
		return binaries{}, fmt.Errorf("%w of version %d, which wrote the data folder: install it, or remove the data (make reset)", ErrNoPostgres, major)
	default:
		return binaries{}, fmt.Errorf("%w of version %d or newer: install the package postgresql, or set DATABASE_URL", ErrNoPostgres, minPostgres)
	}
}

func candidateFolders() []string {
	var folders []string
	if path, err := exec.LookPath("postgres"); err == nil {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			folders = append(folders, filepath.Dir(real))
		}
		folders = append(folders, filepath.Dir(path))
	}
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		folders = append(folders, strings.TrimSpace(string(out)))
	}
	for _, pattern := range postgresFolders {
		if found, err := filepath.Glob(pattern); err == nil {
			folders = append(folders, found...)
		}
	}
	return folders
}

var postgresVersion = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// inspect asks the server for its version; initdb must lie beside it, as client packages come without.
func inspect(dir string) (binaries, error) {
	b := binaries{dir: dir}
	if _, err := os.Stat(b.tool("initdb")); err != nil {
		return binaries{}, err
	}
	out, err := exec.Command(b.tool("postgres"), "--version").Output()
	if err != nil {
		return binaries{}, err
	}
	m := postgresVersion.FindSubmatch(out)
	if m == nil {
		return binaries{}, fmt.Errorf("not a PostgreSQL version: %q", out)
	}
	b.major, err = strconv.Atoi(string(m[1]))
	return b, err
}
