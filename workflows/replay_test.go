package workflows_test

import (
	"crypto/sha256"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"

	"guichet.dev/guichet/workflows"
)

const replayFolder = "testdata/replay"

func histories(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(replayFolder, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no histories: %v", err)
	}
	return files
}

// A history that cannot be replayed is a running workflow that this code would break: see versions.go.
func TestReplay(t *testing.T) {
	t.Parallel()
	for _, file := range histories(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			replayer := worker.NewWorkflowReplayer()
			workflows.Register(replayer)
			quiet := log.NewStructuredLogger(slog.New(slog.DiscardHandler))
			if err := replayer.ReplayWorkflowHistoryFromJSONFile(quiet, file); err != nil {
				t.Error(err)
			}
		})
	}
}

// What must have been recorded at least.
func TestReplayCoversTheStories(t *testing.T) {
	t.Parallel()
	files := histories(t)
	for _, story := range []string{
		"in-reply-done", "snooze-and-wake", "window-closing", "continue-as-new-under-load-2", "send-failed-then-retried",
		"held-then-resumed", "advance-failing", "reopened-2",
	} {
		if !slices.ContainsFunc(files, func(file string) bool { return strings.HasSuffix(file, "-"+story+".json") }) {
			t.Errorf("no history of %s", story)
		}
	}
}

// A committed history never changes. To record one again would make the replay pass while workflows of the old form are
// still running.
func TestHistoriesNeverChange(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(replayFolder, "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for line := range strings.Lines(string(text)) {
		sum, name, found := strings.Cut(strings.TrimSpace(line), "  ")
		if !found || want[name] != "" {
			t.Errorf("line %q of the list", line)
		}
		want[name] = sum
	}
	for _, file := range histories(t) {
		name := filepath.Base(file)
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		// The recorded activities fail with these words; only their code may be kept.
		if strings.Contains(string(text), "no database") {
			t.Errorf("%s keeps the text of an error", file)
		}
		if got := fmt.Sprintf("%x", sha256.Sum256(text)); got != want[name] {
			t.Errorf("%s has the hash %s instead of %q", name, got, want[name])
		}
		delete(want, name)
	}
	for name := range want {
		t.Errorf("%s is missing", name)
	}
}
