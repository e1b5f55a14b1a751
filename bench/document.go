package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// writePerformance replaces one measurement's section of the document, between its markers, or adds it at the end.
func writePerformance(name, command string, on machine, figures string) error {
	text, err := os.ReadFile(performanceFile)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = []byte("# Performance\n\nThe sections between the markers are written by the commands named in them.\n"), os.MkdirAll(filepath.Dir(performanceFile), 0o755)
	}
	if err != nil {
		return err
	}
	begin, end := "<!-- begin "+name+" -->", "<!-- end "+name+" -->"
	section := fmt.Sprintf("%s\n%s\n\n%s, `%s`, %d cores of %s, %s, %s.\n%s", begin, strings.TrimSpace(figures),
		time.Now().UTC().Format("2 January 2006"), strings.TrimSpace(command), on.Cores, on.CPU, on.System, on.Go, end)
	before, rest, found := strings.Cut(string(text), begin)
	if !found {
		return os.WriteFile(performanceFile, []byte(strings.TrimRight(string(text), "\n")+"\n\n"+section+"\n"), 0o644)
	}
	_, after, found := strings.Cut(rest, end)
	if !found {
		return fmt.Errorf("%s: the marker %q is missing", performanceFile, end)
	}
	return os.WriteFile(performanceFile, []byte(before+section+after), 0o644)
}

// markdown is the document's section.
func (r ingestResult) markdown() string {
	var b strings.Builder
	b.WriteString("## Ingest\n\nSigned webhooks of one message each, from 500 senders, over kept HTTP connections, answered after their commit;\n" +
		"beside them single-row inserts of the same bodies (`key` unique, one commit each) on the same PostgreSQL, which waits for\n" +
		"the disk. Everything, the sender of the webhooks included, runs on this machine. Rounds alternate; the figures are medians,\n" +
		"the ratio that of the rounds' ratios.\n\n" +
		"| at a time | webhooks/s | p50 ms | p99 ms | inserts/s | ratio | aim |\n|---|---|---|---|---|---|---|\n")
	for _, l := range r.Levels {
		aim := "–"
		if l.Aim > 0 {
			aim = fmt.Sprintf("%.2g", float64(l.Aim))
		}
		fmt.Fprintf(&b, "| %d | %.0f | %.1f | %.1f | %.0f | %.2f | %s |\n", l.Concurrency, l.Accepted, l.P50, l.P99, l.Peer, l.Ratio, aim)
	}
	fmt.Fprintf(&b, "\nAcknowledged %d, stored %d, missing %d, twice %d.\n", r.Acknowledged, r.Stored, r.Missing, r.Duplicates)
	return b.String()
}

// markdown is the document's section.
func (r workflowResult) markdown() string {
	return fmt.Sprintf("## Workflows\n\nIn each wave %d customers write one message; a wave ends when the workflow of the last conversation has applied its\n"+
		"message. Beside it, on the same Temporal dev server (in memory) by turns: as many workflows that run one empty local\n"+
		"activity for each signal, sent %d at a time. Medians of %d waves.\n\n"+
		"| what | figure | aim |\n|---|---|---|\n| messages applied/s | %.0f | |\n| peer's signals handled/s | %.0f | |\n| ratio | %.2f | ≥ %.2g |\n"+
		"| history events for each message (peer: %.1f) | %.1f | ≤ %.2g |\n| webhook to applied, one at a time | %.0f ms | |\n",
		r.Conversations, signalsAtOnce, r.Waves, r.Applied, r.Peer, r.Ratio, r.RatioAim, r.PeerHistory, r.History, r.HistoryAim, r.Delay)
}
