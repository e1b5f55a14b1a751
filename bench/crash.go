package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"
)

// crashOptions are the flags of the measurement.
type crashOptions struct {
	kills         int           // of the server, and of the worker
	length        time.Duration // of the load in which they happen
	conversations int           // in which people write
	sleepers      int           // that are only snoozed, to see their deadlines survive
	write, keep   bool
}

// runCrash kills every part of an installation again and again while customers and agents write, and then counts what was
// lost, what happened twice and what was left lying.
func runCrash(ctx context.Context, args []string) (err error) {
	var o crashOptions
	flags := flag.NewFlagSet("crash", flag.ContinueOnError)
	seconds := flags.Int("seconds", 120, "how long the load lasts")
	flags.IntVar(&o.kills, "kills", 10, "how often the server and the worker are each killed, half of it at chosen places in the code")
	flags.IntVar(&o.conversations, "conversations", 250, "in which customers and agents write")
	flags.IntVar(&o.sleepers, "snoozed", 210, "conversations that are snoozed when Temporal loses its data")
	flags.BoolVar(&o.write, "write", false, "put the figures into "+performanceFile)
	flags.BoolVar(&o.keep, "keep", false, "keep the data and the logs")
	if err := flags.Parse(args); err != nil {
		return err
	}
	o.length = time.Duration(*seconds) * time.Second
	if o.kills < 0 || o.conversations < 1 || o.sleepers < 1 || o.length <= 0 {
		return errors.New("crash: at least one second, one conversation and one that is snoozed")
	}
	began := time.Now()
	site, err := openCrashSite(ctx, o)
	defer func() { err = errors.Join(err, site.close()) }()
	if err != nil {
		return err
	}
	found, err := site.measure(ctx)
	if err != nil {
		return err
	}
	found.Seconds = figure(time.Since(began).Seconds())
	if err := print(found); err != nil {
		return err
	}
	if o.write {
		command := strings.TrimSpace("go run ./bench crash " + strings.Join(args, " "))
		if err := writePerformance("crash", command, found.Machine, found.markdown()); err != nil {
			return err
		}
	}
	if len(found.Broken) > 0 {
		return fmt.Errorf("crash: broken: %s", strings.Join(found.Broken, ", "))
	}
	return nil
}

// measure plays the whole story.
func (s *crashSite) measure(ctx context.Context) (*crashResult, error) {
	r := &crashResult{Measurement: "crash", Machine: thisMachine(), Conversations: s.options.conversations + s.options.sleepers}
	if err := s.populate(ctx); err != nil {
		return nil, err
	}
	loading, endLoad := context.WithCancel(ctx)
	defer endLoad()
	loaded := make(chan error, 1)
	go func() { loaded <- s.load.run(loading) }()
	if err := s.killAll(ctx); err != nil {
		return nil, err
	}
	if err := s.loseTemporal(ctx, r); err != nil {
		return nil, err
	}
	endLoad()
	if err := <-loaded; err != nil {
		return nil, err
	}
	if err := s.say("load", map[string]any{"written": s.load.said.len(), "replies": s.load.replies.len()}); err != nil {
		return nil, err
	}
	if err := s.awaitQuiet(ctx, r); err != nil {
		return nil, err
	}
	if err := s.check(ctx, r); err != nil {
		return nil, err
	}
	if err := s.closeWindows(ctx, r); err != nil {
		return nil, err
	}
	s.tellDeaths(r)
	r.judge()
	return r, nil
}

// say prints a line about how far the measurement is.
func (s *crashSite) say(what string, more map[string]any) error {
	line := map[string]any{"measurement": "crash", "at": figure(time.Since(s.began).Seconds()), "what": what}
	for name, value := range more {
		line[name] = value
	}
	return print(line)
}

// crashWait calls a condition until it holds or the time is over, and reports whether it held. While the database is away,
// that is no error: the condition says no.
func crashWait(ctx context.Context, most time.Duration, condition func(ctx context.Context) (bool, error)) (bool, error) {
	for deadline := time.Now().Add(most); ; {
		ok, err := condition(ctx)
		switch {
		case ctx.Err() != nil:
			return false, ctx.Err()
		case err == nil && ok:
			return true, nil
		case time.Now().After(deadline):
			return false, err
		}
		if !crashPause(ctx, 200*time.Millisecond) {
			return false, ctx.Err()
		}
	}
}

// crashPause waits and reports whether the context is still alive.
func crashPause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
