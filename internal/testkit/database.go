package testkit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/uptrace/bun"

	"guichet.dev/guichet/migrations"
	"guichet.dev/guichet/postgres"
)

// codeObjectInUse is the SQLSTATE for a database that somebody, such as autovacuum, is connected to.
const codeObjectInUse = "55006"

// admin is the pool that creates and drops databases.
var admin = sync.OnceValues(func() (*bun.DB, error) {
	at, err := serverURL()
	if err != nil {
		return nil, err
	}
	ctx, cancel := setupContext()
	defer cancel()
	return postgres.Open(ctx, at, postgres.Options{ApplicationName: "testkit", MaxOpenConns: 2, StatementTimeout: setupTimeout})
})

// template makes the migrated template once per test binary, and once per state of the migrations on the server.
var template = sync.OnceValues(func() (string, error) {
	ctx, cancel := setupContext()
	defer cancel()
	db, err := admin()
	if err != nil {
		return "", err
	}
	sum, err := migrationsHash()
	if err != nil {
		return "", err
	}
	name := "guichet_template_" + sum
	return name, ensureTemplate(ctx, db, name)
})

// databases remembers the database of each running test.
var databases = struct {
	sync.Mutex
	urls  map[testing.TB]string
	pools map[testing.TB]*bun.DB
}{urls: map[testing.TB]string{}, pools: map[testing.TB]*bun.DB{}}

// DatabaseURL returns the address of the test's own database, which has the newest schema and no rows. The same test
// always gets the same one. It is dropped when the test ends.
func DatabaseURL(t testing.TB) string {
	t.Helper()
	databases.Lock()
	defer databases.Unlock()
	if at, ok := databases.urls[t]; ok {
		return at
	}
	source, err := template()
	if err != nil {
		t.Fatalf("test database: %v", err)
	}
	at := clone(t, source)
	databases.urls[t] = at
	t.Cleanup(func() {
		databases.Lock()
		defer databases.Unlock()
		delete(databases.urls, t)
	})
	return at
}

// Database opens the test's own database, see DatabaseURL.
func Database(t testing.TB) *bun.DB {
	t.Helper()
	at := DatabaseURL(t)
	databases.Lock()
	defer databases.Unlock()
	if db, ok := databases.pools[t]; ok {
		return db
	}
	db, err := postgres.Open(t.Context(), at, postgres.Options{ApplicationName: "test", MaxOpenConns: 10})
	if err != nil {
		t.Fatalf("test database: %v", err)
	}
	databases.pools[t] = db
	t.Cleanup(func() {
		databases.Lock()
		delete(databases.pools, t)
		databases.Unlock()
		if err := db.Close(); err != nil {
			t.Errorf("close test database: %v", err)
		}
	})
	return db
}

// EmptyDatabaseURL returns the address of a new database without any schema, for tests of the migrations.
func EmptyDatabaseURL(t testing.TB) string {
	t.Helper()
	return clone(t, "template0")
}

// clone creates a database for the test and drops it at the end, whoever is still connected.
func clone(t testing.TB, source string) string {
	t.Helper()
	ctx, cancel := setupContext()
	defer cancel()
	db, err := admin()
	if err != nil {
		t.Fatalf("test database: %v", err)
	}
	name := "test_" + hex.EncodeToString(uuidBytes())
	if err := createDatabase(ctx, db, name, source); err != nil {
		t.Fatalf("test database: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := setupContext()
		defer cancel()
		if err := dropDatabase(ctx, db, name); err != nil {
			t.Errorf("drop test database: %v", err)
		}
	})
	at, err := databaseURL(name)
	if err != nil {
		t.Fatalf("test database: %v", err)
	}
	return at
}

func uuidBytes() []byte {
	id := uuid.New()
	return id[:]
}

func createDatabase(ctx context.Context, db *bun.DB, name, source string) error {
	statement := fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s", quote(name), quote(source))
	for {
		_, err := db.ExecContext(ctx, statement)
		if postgres.Code(err) != codeObjectInUse {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func dropDatabase(ctx context.Context, db *bun.DB, name string) error {
	_, err := db.ExecContext(ctx, "DROP DATABASE IF EXISTS "+quote(name)+" WITH (FORCE)")
	return err
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

// ensureTemplate migrates a draft and renames it when it is complete, while other test binaries wait.
func ensureTemplate(ctx context.Context, db *bun.DB, name string) (err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock(hashtext('guichet template'))"); err != nil {
		return err
	}
	defer func() {
		_, unlockErr := conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock_all()")
		err = errors.Join(err, unlockErr)
	}()
	exists, err := conn.NewSelect().Table("pg_database").Where("datname = ?", name).Exists(ctx)
	if err != nil || exists {
		return err
	}
	draft := name + "_new"
	if err := dropDatabase(ctx, db, draft); err != nil {
		return err
	}
	if err := createDatabase(ctx, db, draft, "template0"); err != nil {
		return err
	}
	if err := migrate(ctx, draft); err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx, fmt.Sprintf("ALTER DATABASE %s RENAME TO %s", quote(draft), quote(name)))
	return err
}

func migrate(ctx context.Context, name string) (err error) {
	at, err := databaseURL(name)
	if err != nil {
		return err
	}
	db, err := postgres.Open(ctx, at, postgres.Options{ApplicationName: "testkit", StatementTimeout: setupTimeout})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := migrations.Apply(ctx, db); err != nil {
		return fmt.Errorf("migrate the template: %w", err)
	}
	return nil
}

func databaseURL(name string) (string, error) {
	at, err := serverURL()
	if err != nil {
		return "", err
	}
	u, err := url.Parse(at)
	if err != nil {
		return "", errors.New(DatabaseEnv + " is not a URL")
	}
	u.Path = "/" + name
	return u.String(), nil
}

// migrationsHash names the state of the migrations by the files of their folder.
func migrationsHash() (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	folder := os.DirFS(filepath.Join(root, "migrations"))
	sum := sha256.New()
	err = fs.WalkDir(folder, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(folder, path)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(sum, "%s %d\n%s", path, len(text), text)
		return err
	})
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)[:8]), nil
}

// moduleRoot is above the working folder, which is that of the package under test.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no go.mod above the working folder: %w", io.ErrUnexpectedEOF)
		}
	}
}
