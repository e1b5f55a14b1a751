package worker_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"go.temporal.io/api/serviceerror"

	"guichet.dev/guichet/workflows"
)

func TestDispatcherTellsAndDeletes(t *testing.T) {
	t.Parallel()
	d, l := newDesk(t), newLine()
	var ids []string
	for i := range 300 {
		ids = append(ids, d.conversation())
		d.change(ids[i], int64(i+1))
	}
	d.dispatch(l)
	d.dispatch(l) // another process
	eventually(t, "all rows deleted", func() bool { return d.rows() == 0 })
	for i, id := range ids {
		if got := l.heard(id); !slices.Equal(got, []int64{int64(i + 1)}) {
			t.Errorf("conversation %d heard %v", i, got)
		}
	}
}

func TestDispatcherTellsWhatChangedMeanwhile(t *testing.T) {
	t.Parallel()
	d, l := newDesk(t), newLine()
	id := d.conversation()
	d.change(id, 1)
	var once sync.Once
	l.set(nil, func(string) { once.Do(func() { d.change(id, 2) }) })
	begun := time.Now()
	d.dispatch(l)
	eventually(t, "the row deleted", func() bool { return d.rows() == 0 })
	if got := l.heard(id); !slices.Equal(got, []int64{1, 2}) {
		t.Errorf("heard %v", got)
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("the change waited for the lease: %v", took)
	}
}

// Changes that commit while the dispatcher deletes must not be lost.
func TestDispatcherLosesNoRace(t *testing.T) {
	t.Parallel()
	d, l := newDesk(t), newLine()
	const changes = 200
	ids := []string{d.conversation(), d.conversation(), d.conversation()}
	d.dispatch(l)
	d.dispatch(l)
	var writers sync.WaitGroup
	for _, id := range ids {
		writers.Go(func() {
			for seq := range int64(changes) {
				d.change(id, seq+1)
			}
		})
	}
	writers.Wait()
	eventually(t, "all rows deleted", func() bool { return d.rows() == 0 })
	for _, id := range ids {
		if got := l.heard(id); len(got) == 0 || slices.Max(got) != changes {
			t.Errorf("heard %v", got)
		}
	}
}

func TestDispatcherCountsTriesAgainstOneConversation(t *testing.T) {
	t.Parallel()
	d, l := newDesk(t), newLine()
	bad, good := d.conversation(), d.conversation()
	l.set(func(id string) error {
		if id == workflows.ID(1, bad) {
			return serviceerror.NewInvalidArgument("quotes a customer")
		}
		return nil
	}, nil)
	d.change(bad, 1)
	d.change(good, 1)
	d.dispatch(l)
	eventually(t, "two tries", func() bool {
		return d.count("SELECT coalesce(max(tries), 0) FROM dispatches WHERE error_code = 'InvalidArgument'") >= 2
	})
	if got := l.heard(good); len(got) != 1 {
		t.Errorf("the good one heard %v", got)
	}
	l.set(nil, nil)
	eventually(t, "all rows deleted", func() bool { return d.rows() == 0 })
}

// What would be an outage counts against the conversation when another was told in the same batch.
func TestDispatcherTellsAnOutageFromABadConversation(t *testing.T) {
	t.Parallel()
	d, l := newDesk(t), newLine()
	good, bad := d.conversation(), d.conversation()
	l.set(func(id string) error {
		if id == workflows.ID(1, bad) {
			return serviceerror.NewInternal("quotes a customer")
		}
		return nil
	}, nil)
	d.change(good, 1)
	d.change(bad, 1)
	d.dispatch(l)
	eventually(t, "a try", func() bool {
		return d.count("SELECT coalesce(max(tries), 0) FROM dispatches WHERE error_code = 'Internal'") >= 1
	})
}

func TestDispatcherSurvivesAnOutage(t *testing.T) {
	t.Parallel()
	d, l := newDesk(t), newLine()
	l.set(func(string) error { return serviceerror.NewUnavailable("down") }, nil)
	var ids []string
	for range 500 {
		ids = append(ids, d.conversation())
		d.change(ids[len(ids)-1], 1)
	}
	d.dispatch(l)
	eventually(t, "probes", func() bool { return l.called() >= 40 })
	if tried := d.count("SELECT count(*) FROM dispatches WHERE tries > 0"); tried != 0 {
		t.Errorf("%d conversations pay for the outage", tried)
	}
	if l.called() > 200 {
		t.Errorf("%d calls during an outage", l.called())
	}
	l.set(nil, nil)
	eventually(t, "all rows deleted", func() bool { return d.rows() == 0 })
	for _, id := range ids {
		if len(l.heard(id)) == 0 {
			t.Fatal("a conversation was forgotten")
		}
	}
}

func TestDispatcherTakesOverADeadLease(t *testing.T) {
	t.Parallel()
	d, l := newDesk(t), newLine()
	id := d.conversation()
	d.change(id, 1)
	d.exec("UPDATE dispatches SET due_at = clock_timestamp() + interval '2 seconds'") // a process leased it and died
	d.dispatch(l)
	eventually(t, "the row deleted", func() bool { return d.rows() == 0 })
	if got := l.heard(id); !slices.Equal(got, []int64{1}) {
		t.Errorf("heard %v", got)
	}
}

func TestDispatcherSettlesWhenStopped(t *testing.T) {
	t.Parallel()
	d, l := newDesk(t), newLine()
	id := d.conversation()
	d.change(id, 1)
	calling, goOn := make(chan struct{}), make(chan struct{})
	l.set(nil, func(string) { close(calling); <-goOn })
	stop := d.dispatch(l)
	<-calling
	go func() { time.Sleep(50 * time.Millisecond); close(goOn) }() // while stop waits
	stop()
	if n := d.rows(); n != 0 {
		t.Errorf("%d rows left after the signal was sent", n)
	}
}
