// Command bench measures Guichet on this machine: go run ./bench NAME [flags]. Each measurement starts what it needs, prints
// one JSON object a line, the last of which is the result, and puts it beside a peer that does the least possible with the
// same database or the same Temporal in the same run, because absolute figures say more of the machine than of the product.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

// measurement is one thing that can be measured. It parses its own flags.
type measurement struct {
	what string
	run  func(ctx context.Context, args []string) error
}

// measurements are all of them, by name.
var measurements = map[string]measurement{
	"automation": {"messages answered by rules a second, beside workflows that do nothing", runAutomation},
	"crash":      {"everything killed under load: what is lost, doubled or left lying", runCrash},
	"inbox":      {"pages and counts of every view in every order, with many conversations", runInbox},
	"events":     {"from a webhook to all clients that listen to live events", runEvents},
	"ingest":     {"signed webhooks accepted a second, beside single-row inserts", runIngest},
	"optout":     {"wishes to be left alone found in messages that nobody trained on, beside keywords alone", runOptOut},
	"rules":      {"a thousand rules on one message, beside the same conditions in Go", runRules},
	"search":     {"people and messages found, at a million of the ones and ten millions of the others", runSearch},
	"workflow":   {"messages applied by workflows a second, beside workflows that do nothing", runWorkflow},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once
	err := run(ctx, os.Args[1:])
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 {
		if m, ok := measurements[args[0]]; ok {
			return m.run(ctx, args[1:])
		}
	}
	var known strings.Builder
	for _, name := range slices.Sorted(maps.Keys(measurements)) {
		fmt.Fprintf(&known, "  %-10s %s\n", name, measurements[name].what)
	}
	return fmt.Errorf("say what to measure:\n%s", known.String())
}
