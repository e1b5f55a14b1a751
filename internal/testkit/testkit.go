// Package testkit gives tests what they must not fake: a real PostgreSQL database and a real Temporal server, each test
// its own part of them.
//
// One PostgreSQL server is shared by all test binaries of the user. The first that needs it starts it; it ends by itself
// when no test has asked for a database for a while. Its schema is migrated once into a template, which is cloned for
// each test. A Temporal development server is started once per test binary, and each test gets a namespace.
package testkit

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"
)

// setupTimeout bounds what a test waits for its surroundings, a first start of the database server included.
const setupTimeout = 2 * time.Minute

// Eventually calls the condition until it returns nil, and fails the test with the last error when the time is over.
// It looks often at first, so that a test lasts as long as what it waits for.
func Eventually(t testing.TB, timeout time.Duration, condition func() error) {
	t.Helper()
	deadline := time.Now().Add(timeout)
	pause := time.Millisecond
	for {
		err := condition()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %v", timeout, err)
		}
		time.Sleep(pause)
		pause = min(2*pause, 50*time.Millisecond)
	}
}

// Logger returns a logger that writes to the test's output, and nowhere once the test is over.
func Logger(t testing.TB) *slog.Logger {
	t.Helper()
	w := &testWriter{t: t}
	t.Cleanup(w.close)
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// testWriter forgets the test when it ends: a line of a goroutine that is still stopping would be a panic.
type testWriter struct {
	mu sync.Mutex
	t  testing.TB
}

// Write implements io.Writer.
func (w *testWriter) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.t == nil {
		return len(line), nil
	}
	return w.t.Output().Write(line)
}

func (w *testWriter) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.t = nil
}

// setupContext is for preparing and clearing up, which must also work when the test's own context has ended.
func setupContext() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), setupTimeout)
}
