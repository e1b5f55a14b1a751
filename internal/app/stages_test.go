package app

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// diary notes what happens in which order.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) note(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
}

func (d *diary) stage(name string) stage {
	return stage{name, func(ctx context.Context) error {
		<-ctx.Done()
		d.note(name)
		return nil
	}}
}

func TestStagesStopInOppositeOrder(t *testing.T) {
	t.Parallel()
	var d diary
	ctx, cancel := context.WithCancel(t.Context())
	done := stage{"done early", func(context.Context) error { cancel(); return nil }}
	if err := runStages(ctx, time.Minute, []stage{d.stage("first"), done, d.stage("second"), d.stage("third")}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(d.lines, []string{"third", "second", "first"}) {
		t.Error(d.lines)
	}
}

func TestFailedStageStopsTheOthers(t *testing.T) {
	t.Parallel()
	var d diary
	broken := errors.New("port taken")
	err := runStages(t.Context(), time.Minute, []stage{d.stage("first"), {"broken", func(context.Context) error { return broken }}, d.stage("last")})
	if !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "broken: ") {
		t.Error(err)
	}
	if !slices.Equal(d.lines, []string{"last", "first"}) {
		t.Error(d.lines)
	}
}

func TestStageThatHangsIsNamed(t *testing.T) {
	t.Parallel()
	var d diary
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	hanging := stage{"hanging", func(context.Context) error { <-release; return nil }}
	err := runStages(ctx, 50*time.Millisecond, []stage{hanging, d.stage("last")})
	if err == nil || !strings.Contains(err.Error(), "hanging: did not stop in time") {
		t.Error(err)
	}
	if !slices.Equal(d.lines, []string{"last"}) {
		t.Error(d.lines)
	}
}
