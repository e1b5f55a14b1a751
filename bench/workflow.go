package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/client"

	"guichet.dev/guichet/internal/app"
	"guichet.dev/guichet/internal/devstack"
	"guichet.dev/guichet/workflows"
)

const (
	workflowAim      = 0.7 // of the peer's rate
	historyAim       = 6.0 // events for each message received
	signalsAtOnce    = 16  // of the peer, and webhooks of the product: as many as the dispatcher signals at a time
	sampledHistories = 20
	patienceForWave  = 2 * time.Minute
	lookEvery        = 25 * time.Millisecond // whether a wave is over: rarely, because looking takes from what is measured
)

// workflowResult is the last line.
type workflowResult struct {
	Measurement   string  `json:"measurement"`
	Conversations int     `json:"conversations"`
	Waves         int     `json:"waves"`
	Applied       figure  `json:"applied_per_second"`
	Peer          figure  `json:"peer_per_second"`
	Ratio         figure  `json:"ratio"`
	RatioAim      figure  `json:"ratio_aim"`
	Delay         figure  `json:"webhook_to_applied_ms"` // the median with one message at a time
	History       figure  `json:"history_events_per_message"`
	HistoryAim    figure  `json:"history_aim"`
	PeerHistory   figure  `json:"peer_history_events_per_signal"`
	Met           bool    `json:"aims_met"`
	Machine       machine `json:"machine"`
}

// flow is one run of the measurement.
type flow struct {
	stack   *stack
	peer    *peerWorkflows
	count   int // of conversations, and of the peer's workflows
	posted  atomic.Int64
	posters []*poster
}

func runWorkflow(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("workflow", flag.ContinueOnError)
	write := flags.Bool("write", false, "put the figures into "+performanceFile)
	count := flags.Int("conversations", 600, "how many conversations get a message in each wave")
	waves := flags.Int("waves", 9, "waves of each kind")
	if err := flags.Parse(args); err != nil {
		return err
	}
	f := &flow{count: *count}
	attributes := map[string]string{}
	for _, name := range workflows.SearchAttributes() {
		attributes[name] = "Keyword"
	}
	temporal, err := devstack.StartTemporal(ctx, devstack.TemporalConfig{SearchAttributes: attributes})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, temporal.Stop()) }()
	if f.stack, err = startStack(ctx, app.All, map[string]string{"TEMPORAL_ADDRESS": temporal.Address()}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.stack.close()) }()
	if f.peer, err = startPeer(f.stack.app.Temporal, false); err != nil {
		return err
	}
	defer f.peer.stop()
	for range signalsAtOnce {
		p, err := dialPoster(ctx, f.stack.app.Address(), f.stack.path())
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, p.close()) }()
		f.posters = append(f.posters, p)
	}
	result, err := f.measure(ctx, *waves)
	if err != nil {
		return err
	}
	if err := print(result); err != nil || !*write {
		return err
	}
	return writePerformance("workflow", "go run ./bench workflow "+strings.Join(args, " "), result.Machine, result.markdown())
}

func (f *flow) measure(ctx context.Context, waves int) (workflowResult, error) {
	r := workflowResult{
		Measurement: "workflow", Conversations: f.count, Waves: waves, RatioAim: workflowAim, HistoryAim: historyAim, Machine: thisMachine(),
	}
	c, err := f.compete(ctx, waves, "workflow", "applied_per_second", f.wave)
	if err != nil {
		return r, err
	}
	delay, err := f.delay(ctx)
	if err != nil {
		return r, err
	}
	r.Applied, r.Peer, r.Ratio, r.Delay = c.own, c.peer, c.ratio, figure(delay)
	r.History, r.PeerHistory = c.history, c.peerHistory
	r.Met = r.Ratio >= workflowAim && r.History <= historyAim
	return r, nil
}

// wave lets every customer write once and returns how many messages were applied a second, from the first webhook until
// the workflow of the last conversation has taken its message into account.
func (f *flow) wave(ctx context.Context) (float64, error) {
	began := time.Now()
	if err := atOnce(f.count, len(f.posters), func(poster, sender int) error { return f.say(f.posters[poster], sender) }); err != nil {
		return 0, err
	}
	for deadline := began.Add(patienceForWave); ; {
		var behind bool
		err := f.stack.app.DB.DB.QueryRowContext(ctx, "SELECT EXISTS (SELECT FROM conversations WHERE applied_seq < last_seq)").Scan(&behind)
		switch {
		case err != nil:
			return 0, err
		case !behind: // every webhook was answered, so every message is stored
			return float64(f.count) / time.Since(began).Seconds(), nil
		case time.Now().After(deadline):
			return 0, fmt.Errorf("not all of %d conversations were applied in %v", f.count, patienceForWave)
		}
		if err := wait(ctx, lookEvery); err != nil {
			return 0, err
		}
	}
}

// say posts one message of a customer.
func (f *flow) say(p *poster, sender int) error {
	status, err := p.post(textWebhook(nil, sender, "wamid.FLOW"+strconv.FormatInt(1e12+f.posted.Add(1), 10), time.Now().Unix()))
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("webhook answered %d", status)
	}
	return err
}

// delay returns the median time in milliseconds from the post of a webhook until it is applied, with nothing else going on.
func (f *flow) delay(ctx context.Context) (float64, error) {
	const samples = 40
	var took []float64
	for i := range samples {
		began := time.Now()
		if err := f.say(f.posters[0], i%f.count); err != nil {
			return 0, err
		}
		for behind := 1; behind > 0; {
			err := f.stack.app.DB.DB.QueryRowContext(ctx, "SELECT count(*) FROM conversations WHERE applied_seq < last_seq").Scan(&behind)
			if err != nil {
				return 0, err
			}
			if err := wait(ctx, time.Millisecond); err != nil {
				return 0, err
			}
		}
		took = append(took, time.Since(began).Seconds()*1000)
		if err := wait(ctx, 50*time.Millisecond); err != nil {
			return 0, err
		}
	}
	return median(took), nil
}

// histories returns how many events the histories of some conversations and of as many of the peer's workflows have.
func (f *flow) histories(ctx context.Context) (ours, peers int, err error) {
	var epoch int64
	if err := f.stack.app.DB.DB.QueryRowContext(ctx, "SELECT epoch FROM installation").Scan(&epoch); err != nil {
		return 0, 0, err
	}
	var ids []string
	if err := f.stack.app.DB.NewRaw("SELECT id::text FROM conversations ORDER BY id LIMIT ?", sampledHistories).Scan(ctx, &ids); err != nil {
		return 0, 0, err
	}
	for i, id := range ids {
		n, err := historyLength(ctx, f.stack.app.Temporal, workflows.ID(epoch, id))
		if err != nil {
			return 0, 0, err
		}
		p, err := historyLength(ctx, f.stack.app.Temporal, peerID(i))
		if err != nil {
			return 0, 0, err
		}
		ours, peers = ours+n, peers+p
	}
	return ours, peers, nil
}

// historyLength counts the events of a workflow's newest run, when nothing goes on in it.
func historyLength(ctx context.Context, c client.Client, id string) (int, error) {
	for {
		described, err := c.DescribeWorkflowExecution(ctx, id, "")
		if err != nil {
			return 0, err
		}
		if described.GetPendingWorkflowTask() == nil {
			return int(described.GetWorkflowExecutionInfo().GetHistoryLength()), nil
		}
		if err := wait(ctx, 10*time.Millisecond); err != nil {
			return 0, err
		}
	}
}

// atOnce does something for 0 to n-1, several at a time; each of the workers is told which one it is.
func atOnce(n, workers int, do func(worker, i int) error) error {
	var (
		next   atomic.Int64
		all    sync.WaitGroup
		failed = make([]error, workers)
	)
	for w := range workers {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && failed[w] == nil; i = int(next.Add(1)) - 1 {
				failed[w] = do(w, i)
			}
		})
	}
	all.Wait()
	return errors.Join(failed...)
}

// wait waits unless the context ends.
func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
