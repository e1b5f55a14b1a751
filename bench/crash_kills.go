package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"time"

	guichetdb "guichet.dev/guichet/postgres"
)

// Where the server and the worker are made to die, with the chance at each passing. Both dispatch.
var (
	serverPlaces = []string{"intake.committed=0.05", "inbox.committed=0.1", "worker.signalled=0.1"}
	workerPlaces = []string{"outbox.claimed=0.3", "outbox.called=0.3", "inbox.advanced=0.05", "outbox.recorded=0.3", "outbox.reserved=0.3", "worker.signalled=0.1"}
)

// How often the parts that are not ours are killed during the load.
const (
	temporalKills = 3
	postgresKills = 1
)

// killAll kills everything as often as it was asked for, while people write. Everybody keeps a schedule of its own, so that
// deaths also coincide.
func (s *crashSite) killAll(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.options.length)
	defer cancel()
	var all sync.WaitGroup
	errs := make([]error, 4)
	for i, one := range []func() error{
		func() error { return s.harass(ctx, s.server, serverPlaces) },
		func() error { return s.harass(ctx, s.worker, workerPlaces) },
		func() error {
			return s.strike(ctx, "temporal", temporalKills, &s.downs.temporal, s.temporal.Kill, s.temporal.Restart)
		},
		func() error {
			return s.strike(ctx, "postgres", postgresKills, &s.downs.postgres, s.postgres.Kill, s.restartPostgres)
		},
	} {
		all.Go(func() { errs[i] = one() })
	}
	all.Wait()
	<-ctx.Done()
	if err := context.Cause(ctx); !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return errors.Join(errs...)
}

// harass kills a process at random times; each time the next one may die at a place, and the one after that lives until
// its turn comes.
func (s *crashSite) harass(ctx context.Context, p *crashProcess, places []string) error {
	rounds := (s.options.kills + 1) / 2
	for round := range rounds {
		slot := s.options.length / time.Duration(rounds)
		if !crashPause(ctx, rand.N(slot/2)+slot/20) {
			return nil
		}
		place := places[round%len(places)]
		if 2*round+1 >= s.options.kills {
			place = ""
		}
		if err := p.kill(place); err != nil {
			return err
		}
		p.awaitDeath(ctx, 5*time.Second)
		if place == "" {
			continue
		}
		if !p.awaitDeath(ctx, slot/3) && ctx.Err() == nil { // nothing came by there
			if err := p.kill(""); err != nil {
				return err
			}
			p.awaitDeath(ctx, 5*time.Second)
		}
		name, _, _ := strings.Cut(place, "=")
		if err := s.say("killed", map[string]any{"process": p.name, "twice, then at": name}); err != nil {
			return err
		}
	}
	return nil
}

// strike kills a server some times, evenly spread, and starts it again after a moment.
func (s *crashSite) strike(ctx context.Context, name string, times int, count *int, kill func() error, restart func(context.Context) error) error {
	slot := s.options.length / time.Duration(times+1)
	for range times {
		if !crashPause(ctx, slot+rand.N(slot/4)-slot/8) {
			return nil
		}
		if err := kill(); err != nil {
			return err
		}
		*count++
		time.Sleep(500*time.Millisecond + rand.N(2*time.Second))
		if err := restart(context.WithoutCancel(ctx)); err != nil {
			return err
		}
		if err := s.say("killed", map[string]any{"process": name}); err != nil {
			return err
		}
	}
	return nil
}

// restartPostgres also notes what was being sent: what came of those calls could not be recorded.
func (s *crashSite) restartPostgres(ctx context.Context) error {
	if err := s.postgres.Restart(ctx); err != nil {
		return err
	}
	s.noteInFlight()
	return nil
}

// noteInFlight remembers the messages that were being sent when something died: only their outcome may stay unknown.
func (s *crashSite) noteInFlight() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	_, err := crashWait(ctx, 20*time.Second, func(ctx context.Context) (bool, error) {
		ids, err := s.texts(ctx, "SELECT id::text FROM messages WHERE state = 'sending'")
		s.inFlight.add(ids...)
		return err == nil, err
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench: messages in flight are not known:", err)
	}
}

// texts returns the one column of a query.
func (s *crashSite) texts(ctx context.Context, query string, args ...any) (all []string, err error) {
	err = guichetdb.Rows(ctx, s.db, func(row *sql.Rows) error {
		var text string
		err := row.Scan(&text)
		all = append(all, text)
		return err
	}, query, args...)
	return all, err
}

// loseTemporal deletes Temporal's data while conversations have deadlines ahead and people go on writing, and repairs.
func (s *crashSite) loseTemporal(ctx context.Context, r *crashResult) error {
	if err := s.snooze(ctx); err != nil {
		return err
	}
	armed, err := s.numbers(ctx, "SELECT count(*) FROM conversations WHERE jsonb_array_length(deadlines) > 0",
		"SELECT count(*) FROM conversations WHERE status = 'snoozed'")
	if err != nil {
		return err
	}
	r.Armed, r.Snoozed = armed[0], armed[1]
	if err := s.temporal.Kill(); err != nil {
		return err
	}
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		if err := os.RemoveAll(s.temporalFile() + suffix); err != nil {
			return err
		}
	}
	if err := s.temporal.Restart(ctx); err != nil {
		return err
	}
	s.downs.lost++
	told, err := s.command(ctx, "repair", "--all")
	if err != nil {
		return err
	}
	if err := s.say("Temporal lost its data", map[string]any{"armed": r.Armed, "repair": told}); err != nil {
		return err
	}
	crashPause(ctx, 3*time.Second) // people write on
	return ctx.Err()
}

// snooze puts the sleepers aside for about three quarters of a minute, and waits until their workflows know.
func (s *crashSite) snooze(ctx context.Context) error {
	until := time.Now().Add(45 * time.Second)
	if err := s.load.snooze(ctx, until); err != nil {
		return err
	}
	known, err := crashWait(ctx, 40*time.Second, func(ctx context.Context) (bool, error) {
		left, err := s.numbers(ctx, "SELECT count(*) FROM conversations WHERE status = 'snoozed' AND applied_seq < wake_seq")
		return err == nil && left[0] == 0, err
	})
	if err != nil {
		return err
	}
	return s.say("snoozed", map[string]any{"conversations": s.options.sleepers, "armed": known})
}
