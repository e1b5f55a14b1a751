package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/internal/app"
	"guichet.dev/guichet/postgres"
)

// senders is how many customers write.
const senders = 500

// ingestLevels are the concurrencies that are measured, each with the least ratio that is aimed at.
var ingestLevels = []struct {
	concurrency int
	aim         float64
}{{1, 0}, {16, 0.2}, {64, 0.3}}

// ingestLine is one concurrency: the medians of its rounds.
type ingestLine struct {
	Measurement string `json:"measurement"`
	Concurrency int    `json:"concurrency"`
	Rounds      int    `json:"rounds"`
	Accepted    figure `json:"accepted_per_second"`
	P50         figure `json:"p50_ms"`
	P99         figure `json:"p99_ms"`
	Peer        figure `json:"peer_inserts_per_second"`
	CPU         cpu    `json:"cpu_us_per_webhook"`
	PeerCPU     cpu    `json:"cpu_us_per_peer_insert"`
	Ratio       figure `json:"ratio"`
	Aim         figure `json:"aim,omitempty"`
}

// cpu is processor time for one thing done, in microseconds, of both cores together. The program's part includes the
// making, signing and posting of webhooks.
type cpu struct {
	Program  figure `json:"program"`
	Postgres figure `json:"postgres"`
}

// ingestResult is the last line.
type ingestResult struct {
	Measurement string       `json:"measurement"`
	Levels      []ingestLine `json:"levels"`
	exactness
	Met     bool    `json:"aims_met"`
	Machine machine `json:"machine"`
}

// ingest is one run of the measurement.
type ingest struct {
	stack   *stack
	peer    *bun.DB
	length  time.Duration
	rounds  int
	counter atomic.Int64 // of ids and of senders' turns
	mu      sync.Mutex
	acked   []string // provider ids
	unknown []string // posted without an answer, or with another than 200
}

func runIngest(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("ingest", flag.ContinueOnError)
	write := flags.Bool("write", false, "put the figures into "+performanceFile)
	seconds := flags.Float64("seconds", 3, "length of one round")
	rounds := flags.Int("rounds", 5, "rounds of each kind at each concurrency")
	only := flags.Int("only", 0, "measure this concurrency alone")
	profile := flags.String("cpuprofile", "", "write a CPU profile of the product's rounds to this file")
	if err := flags.Parse(args); err != nil {
		return err
	}
	in := &ingest{length: time.Duration(*seconds * float64(time.Second)), rounds: *rounds}
	if in.stack, err = startStack(ctx, app.Serve, nil); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.stack.close()) }()
	if in.peer, err = postgres.Open(ctx, in.stack.app.Config.DatabaseURL, postgres.Options{ApplicationName: "peer"}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.peer.Close()) }()
	if _, err := in.peer.DB.ExecContext(ctx, "CREATE TABLE peer (key text UNIQUE, body bytea)"); err != nil {
		return err
	}
	if *profile != "" {
		file, err := os.Create(*profile)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	result, err := in.measure(ctx, *only)
	if err != nil {
		return err
	}
	if err := print(result); err != nil {
		return err
	}
	if err := result.exactness.err(); err != nil || !*write {
		return err
	}
	return writePerformance("ingest", "go run ./bench ingest "+strings.Join(args, " "), result.Machine, result.markdown())
}

func (in *ingest) measure(ctx context.Context, only int) (ingestResult, error) {
	result := ingestResult{Measurement: "ingest", Met: true, Machine: thisMachine()}
	// Customers, plans and connections are made before anything is timed.
	for _, warm := range []func(context.Context, int) (round, error){in.product, in.inserts} {
		if _, err := warm(ctx, 64); err != nil {
			return result, err
		}
	}
	for _, level := range ingestLevels {
		if only != 0 && only != level.concurrency {
			continue
		}
		line, err := in.level(ctx, level.concurrency)
		if err != nil {
			return result, err
		}
		line.Aim = figure(level.aim)
		result.Met = result.Met && line.Ratio >= line.Aim
		if err := print(line); err != nil {
			return result, err
		}
		result.Levels = append(result.Levels, line)
	}
	var err error
	result.exactness, err = in.check(ctx)
	result.Met = result.Met && result.exactness.err() == nil
	return result, err
}

// tally collects what the rounds of one kind did.
type tally struct {
	rates, p50, p99, program, postgres []float64
}

// add plays one round.
func (t *tally) add(ctx context.Context, in *ingest, concurrency int, play func(context.Context, int) (round, error)) error {
	before := spentBy(in.stack.postgres.PID())
	r, err := play(ctx, concurrency)
	if err != nil {
		return err
	}
	program, postgres := spentBy(in.stack.postgres.PID()).since(before).each(len(r.latencies))
	t.program, t.postgres = append(t.program, program), append(t.postgres, postgres)
	t.rates, t.p50, t.p99 = append(t.rates, r.perSecond()), append(t.p50, r.quantile(0.5)), append(t.p99, r.quantile(0.99))
	return nil
}

func (t *tally) cpu() cpu { return cpu{figure(median(t.program)), figure(median(t.postgres))} }

// level plays the rounds of one concurrency, the product's and the peer's by turns.
func (in *ingest) level(ctx context.Context, concurrency int) (ingestLine, error) {
	var ours, peer tally
	var ratios []float64
	for i := range in.rounds {
		if err := peer.add(ctx, in, concurrency, in.inserts); err != nil {
			return ingestLine{}, err
		}
		if err := ours.add(ctx, in, concurrency, in.product); err != nil {
			return ingestLine{}, err
		}
		ratios = append(ratios, ours.rates[i]/peer.rates[i])
	}
	return ingestLine{
		Measurement: "ingest", Concurrency: concurrency, Rounds: in.rounds,
		Accepted: figure(median(ours.rates)), P50: figure(median(ours.p50)), P99: figure(median(ours.p99)), CPU: ours.cpu(),
		Peer: figure(median(peer.rates)), PeerCPU: peer.cpu(), Ratio: figure(median(ratios)),
	}, nil
}

// next returns a webhook that was not posted before, and its message's id.
func (in *ingest) next(to []byte) (string, []byte) {
	n := in.counter.Add(1)
	id := "wamid.BENCH" + strconv.FormatInt(1e12+n, 10)
	return id, textWebhook(to, int(n*31%senders), id, time.Now().Unix())
}

// product posts webhooks.
func (in *ingest) product(ctx context.Context, concurrency int) (r round, err error) {
	posters := make([]*poster, concurrency)
	defer func() {
		for _, p := range posters {
			if p != nil {
				err = errors.Join(err, p.close())
			}
		}
	}()
	for i := range posters {
		if posters[i], err = dialPoster(ctx, in.stack.app.Address(), in.stack.path()); err != nil {
			return r, err
		}
	}
	acked := make([][]string, concurrency)
	r, err = play(ctx, concurrency, in.length, func(w int) func(context.Context) error {
		var body []byte
		return func(context.Context) error {
			var id string
			id, body = in.next(body[:0])
			status, err := posters[w].post(body)
			if err == nil && status != http.StatusOK {
				err = fmt.Errorf("webhook answered %d", status)
			}
			if err != nil {
				in.mu.Lock()
				defer in.mu.Unlock()
				in.unknown = append(in.unknown, id)
				return err
			}
			acked[w] = append(acked[w], id)
			return nil
		}
	})
	for _, ids := range acked {
		in.acked = append(in.acked, ids...)
	}
	return r, err
}

// inserts is the peer: the same bodies, each in a single-row insert that commits by itself.
func (in *ingest) inserts(ctx context.Context, concurrency int) (round, error) {
	return play(ctx, concurrency, in.length, func(int) func(context.Context) error {
		var body []byte
		return func(ctx context.Context) error {
			var id string
			id, body = in.next(body[:0])
			_, err := in.peer.DB.ExecContext(ctx, "INSERT INTO peer (key, body) VALUES ($1, $2)", id, body)
			return err
		}
	})
}
