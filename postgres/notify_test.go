package postgres_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"guichet.dev/guichet/internal/testkit"
	"guichet.dev/guichet/postgres"
)

const patience = 20 * time.Second

// ear is a listener that counts.
type ear struct {
	heard     chan string
	connected atomic.Int32
}

func listen(t *testing.T, url string, channels ...string) *ear {
	t.Helper()
	e := &ear{heard: make(chan string, 1000)}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- postgres.Listen(ctx, url, postgres.Subscription{
			Channels:  channels,
			OnNotify:  func(channel, payload string) { e.heard <- channel + ":" + payload },
			OnConnect: func() { e.connected.Add(1) },
			Logger:    testkit.Logger(t),
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Listen ended with %v", err)
		}
	})
	e.awaitConnections(t, 1)
	return e
}

func (e *ear) awaitConnections(t *testing.T, n int32) {
	t.Helper()
	testkit.Eventually(t, patience, func() error {
		if e.connected.Load() < n {
			return errors.New("not listening")
		}
		return nil
	})
}

func (e *ear) next(t *testing.T) string {
	t.Helper()
	select {
	case got := <-e.heard:
		return got
	case <-time.After(patience):
		t.Fatal("nothing was heard")
		return ""
	}
}

func TestListenHearsItsChannelsAndReconnects(t *testing.T) {
	t.Parallel()
	db := testkit.Database(t)
	e := listen(t, testkit.DatabaseURL(t), "mine", "Also Mine")
	execute(t, db, `NOTIFY other, 'x'`)
	execute(t, db, `NOTIFY mine, 'first'`)
	execute(t, db, `NOTIFY "Also Mine"`)
	if got := e.next(t) + " " + e.next(t); got != "mine:first Also Mine:" {
		t.Errorf("heard %q", got)
	}

	execute(t, db, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'guichet listen'")
	e.awaitConnections(t, 2)
	execute(t, db, `NOTIFY mine, 'again'`)
	if got := e.next(t); got != "mine:again" {
		t.Errorf("heard %q", got)
	}
}

func newNotifier(t *testing.T, url string) *postgres.Notifier {
	t.Helper()
	n, err := postgres.NewNotifier(url, testkit.Logger(t))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestNotifierCoalesces(t *testing.T) {
	t.Parallel()
	url := testkit.DatabaseURL(t)
	e := listen(t, url, "busy", "last")
	n := newNotifier(t, url)
	began := time.Now()
	for time.Since(began) < 100*time.Millisecond {
		n.Notify("busy")
	}
	took := time.Since(began)
	n.Notify("last")
	if err := n.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	busy, last := 0, false
	for !last {
		switch got := e.next(t); got {
		case "busy:":
			busy++
		case "last:":
			last = true
		default:
			t.Errorf("heard %q", got)
		}
	}
	// One in each interval, and one at each end.
	if most := int(took/(10*time.Millisecond)) + 2; busy < 1 || busy > most {
		t.Errorf("%d notifications in %v, want 1 to %d", busy, took, most)
	}
}

func TestNotifierSurvivesLostConnection(t *testing.T) {
	t.Parallel()
	url := testkit.DatabaseURL(t)
	e := listen(t, url, "a", "b")
	n := newNotifier(t, url)
	n.Notify("a")
	if got := e.next(t); got != "a:" {
		t.Errorf("heard %q", got)
	}
	execute(t, testkit.Database(t), "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'guichet notify'")
	n.Notify("b")
	if got := e.next(t); got != "b:" {
		t.Errorf("heard %q", got)
	}
	if err := n.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestNotifierCloseTellsWhatWasLost(t *testing.T) {
	t.Parallel()
	n := newNotifier(t, "postgres://nobody@127.0.0.1:1/none?sslmode=disable")
	n.Notify("lost")
	if err := n.Close(t.Context()); err == nil {
		t.Error("no error")
	}
}

func TestTellCarriesItsPayload(t *testing.T) {
	t.Parallel()
	url := testkit.DatabaseURL(t)
	e := listen(t, url, "visits")
	n, err := postgres.NewNotifier(url, testkit.Logger(t))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{"visits:one": true, "visits:two": true, "visits:": true}
	n.Tell("visits", "one")
	n.Tell("visits", "two")
	n.Notify("visits")
	for range len(want) {
		if got := e.next(t); !want[got] {
			t.Errorf("heard %q", got)
		} else {
			delete(want, got)
		}
	}
	if err := n.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
