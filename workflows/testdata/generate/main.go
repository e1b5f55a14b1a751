// Command generate records histories of the conversation's workflow from a real Temporal development server, for the test
// that replays them:
//
//	go run ./workflows/testdata/generate -set r1
//
// It needs the Temporal CLI, see GUICHET_TEMPORAL_CLI. It never writes over a history: those that are committed stand for
// workflows that are running somewhere. After a change behind a version gate, record a new set.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"

	"guichet.dev/guichet/activities"
	"guichet.dev/guichet/internal/devstack"
	"guichet.dev/guichet/workflows"
	"guichet.dev/guichet/workflows/recordtest"
)

// recorder is who histories say took part, instead of the name of a machine.
const recorder = "recorder"

func main() {
	set := flag.String("set", "", "the name of the set of histories, such as r1")
	only := flag.String("only", "", "record this scenario only")
	folder := flag.String("folder", "workflows/testdata/replay", "where the histories are")
	flag.Parse()
	if *set == "" {
		fmt.Fprintln(os.Stderr, "-set is required")
		os.Exit(2)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	for _, one := range scenarios() {
		if *only != "" && *only != one.name {
			continue
		}
		if err := record(ctx, one, *folder, *set+"-"+one.name); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", one.name, err)
			os.Exit(1)
		}
	}
}

// record plays a scenario on a server of its own and stores the history of each of its runs.
func record(ctx context.Context, one scenario, folder, name string) (err error) {
	attributes := map[string]string{}
	for _, attribute := range workflows.SearchAttributes() {
		attributes[attribute] = "Keyword"
	}
	server, err := devstack.StartTemporal(ctx, devstack.TemporalConfig{DynamicConfig: one.settings, SearchAttributes: attributes})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	quiet := log.NewStructuredLogger(slog.New(slog.DiscardHandler))
	c, err := client.Dial(client.Options{HostPort: server.Address(), Namespace: server.Namespace(), Identity: recorder, Logger: quiet})
	if err != nil {
		return err
	}
	defer c.Close()
	histories, err := play(ctx, c, one)
	if err != nil {
		return err
	}
	for i, history := range histories {
		file := name + ".json"
		if len(histories) > 1 {
			file = fmt.Sprintf("%s-%d.json", name, i+1)
		}
		if err := store(folder, file, history); err != nil {
			return err
		}
		fmt.Printf("%s: %d events\n", file, len(history.GetEvents()))
	}
	return nil
}

// play plays the scenario and returns the histories of all runs, the oldest first.
func play(ctx context.Context, c client.Client, one scenario) ([]*history.History, error) {
	record := recordtest.New(func() time.Time { return time.Now().UTC() })
	for _, queue := range []string{workflows.TaskQueue, workflows.SendTaskQueue} {
		sends := queue == workflows.SendTaskQueue
		w := worker.New(c, queue, worker.Options{DisableWorkflowWorker: sends, LocalActivityWorkerOnly: !sends, Identity: recorder})
		if !sends {
			workflows.Register(w)
		}
		w.RegisterActivity(activities.New(record, record))
		if err := w.Start(); err != nil {
			return nil, err
		}
		defer w.Stop()
	}
	s := &stage{Record: record, ctx: ctx, client: c}
	one.play(s)
	s.until("the workflow ended", func() bool { return !s.running() })
	if s.err != nil {
		return nil, s.err
	}
	var all []*history.History
	for _, first := range s.firstRuns {
		for run := first; run != ""; {
			found, err := read(ctx, c, run)
			if err != nil {
				return nil, err
			}
			all = append(all, found)
			last := found.Events[len(found.Events)-1]
			run = last.GetWorkflowExecutionContinuedAsNewEventAttributes().GetNewExecutionRunId()
		}
	}
	return all, nil
}

// read returns the whole history of a run.
func read(ctx context.Context, c client.Client, run string) (*history.History, error) {
	found := &history.History{}
	events := c.GetWorkflowHistory(ctx, workflowID, run, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		if err != nil {
			return nil, err
		}
		found.Events = append(found.Events, event)
	}
	return found, nil
}
