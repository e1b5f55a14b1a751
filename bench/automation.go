package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"guichet.dev/guichet/internal/app"
	"guichet.dev/guichet/internal/devstack"
	"guichet.dev/guichet/workflows"
)

const (
	automationAim        = 0.7  // of the peer's rate
	automationHistoryAim = 12.0 // events for each message that is answered
)

// automationResult is the last line.
type automationResult struct {
	Measurement   string  `json:"measurement"`
	Conversations int     `json:"conversations"`
	Waves         int     `json:"waves"`
	Rules         int     `json:"rules"`
	Answered      figure  `json:"answered_per_second"`
	Peer          figure  `json:"peer_per_second"`
	Ratio         figure  `json:"ratio"`
	RatioAim      figure  `json:"ratio_aim"`
	Delay         figure  `json:"webhook_to_reply_ms"` // the median with one message at a time
	History       figure  `json:"history_events_per_message"`
	HistoryAim    figure  `json:"history_aim"`
	PeerHistory   figure  `json:"peer_history_events_per_signal"`
	Met           bool    `json:"aims_met"`
	Machine       machine `json:"machine"`
}

// provider takes replies as the Cloud API does, and notes when they came.
type provider struct {
	*httptest.Server
	taken atomic.Int64
	mu    sync.Mutex
	last  time.Time
}

func startProvider() *provider {
	p := &provider{}
	p.Server = httptest.NewServer(http.HandlerFunc(p.take))
	return p
}

func (p *provider) take(w http.ResponseWriter, r *http.Request) {
	var message struct{ To string }
	if err := json.NewDecoder(r.Body).Decode(&message); err != nil || message.To == "" {
		w.WriteHeader(http.StatusOK) // a question about the account
		return
	}
	p.mu.Lock()
	p.last = time.Now()
	p.mu.Unlock()
	n := p.taken.Add(1)
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"messaging_product":"whatsapp","contacts":[{"input":%q,"wa_id":%q}],"messages":[{"id":"wamid.REPLY%d"}]}`, message.To, message.To, n)
}

// lastTaken is when the newest reply came.
func (p *provider) lastTaken() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}

// answering is one run of the measurement: the flow of messages with automation that answers each.
type answering struct {
	*flow
	provider *provider
}

func runAutomation(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("automation", flag.ContinueOnError)
	write := flags.Bool("write", false, "put the figures into "+performanceFile)
	count := flags.Int("conversations", 300, "how many conversations get a message in each wave")
	waves := flags.Int("waves", 7, "waves of each kind")
	if err := flags.Parse(args); err != nil {
		return err
	}
	a := &answering{flow: &flow{count: *count}, provider: startProvider()}
	defer a.provider.Close()
	attributes := map[string]string{}
	for _, name := range workflows.SearchAttributes() {
		attributes[name] = "Keyword"
	}
	temporal, err := devstack.StartTemporal(ctx, devstack.TemporalConfig{SearchAttributes: attributes})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, temporal.Stop()) }()
	settings := map[string]string{"TEMPORAL_ADDRESS": temporal.Address(), "GUICHET_ALLOW_PRIVATE_PROVIDERS": "true"}
	if a.stack, err = startStack(ctx, app.All, settings); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.stack.close()) }()
	rules, err := a.stack.automate(ctx, a.provider.URL)
	if err != nil {
		return err
	}
	if a.peer, err = startPeer(a.stack.app.Temporal, true); err != nil {
		return err
	}
	defer a.peer.stop()
	for range signalsAtOnce {
		p, err := dialPoster(ctx, a.stack.app.Address(), a.stack.path())
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, p.close()) }()
		a.posters = append(a.posters, p)
	}
	result, err := a.measure(ctx, *waves)
	if err != nil {
		return err
	}
	result.Rules = rules
	if err := print(result); err != nil || !*write {
		return err
	}
	return writePerformance("automation", "go run ./bench automation "+strings.Join(args, " "), result.Machine, result.markdown())
}

func (a *answering) measure(ctx context.Context, waves int) (automationResult, error) {
	r := automationResult{
		Measurement: "automation", Conversations: a.count, Waves: waves, RatioAim: automationAim, HistoryAim: automationHistoryAim, Machine: thisMachine(),
	}
	c, err := a.compete(ctx, waves, "automation", "answered_per_second", a.wave)
	if err != nil {
		return r, err
	}
	delay, err := a.delay(ctx)
	if err != nil {
		return r, err
	}
	r.Answered, r.Peer, r.Ratio, r.Delay = c.own, c.peer, c.ratio, figure(delay)
	r.History, r.PeerHistory = c.history, c.peerHistory
	r.Met = r.Ratio >= automationAim && r.History <= automationHistoryAim
	return r, nil
}

// wave lets every customer write once and returns how many were answered a second, from the first webhook until the provider
// has the last reply.
func (a *answering) wave(ctx context.Context) (float64, error) {
	if err := wait(ctx, pauseBetweenReplies); err != nil {
		return 0, err
	}
	want := a.provider.taken.Load() + int64(a.count)
	began := time.Now()
	if err := atOnce(a.count, len(a.posters), func(poster, sender int) error { return a.say(a.posters[poster], sender) }); err != nil {
		return 0, err
	}
	for a.provider.taken.Load() < want {
		if time.Since(began) > patienceForWave {
			return 0, fmt.Errorf("%d of %d messages were not answered in %v", want-a.provider.taken.Load(), a.count, patienceForWave)
		}
		if err := wait(ctx, lookEvery); err != nil {
			return 0, err
		}
	}
	return float64(a.count) / a.provider.lastTaken().Sub(began).Seconds(), nil
}

// delay returns the median time in milliseconds from the post of a webhook until its reply is at the provider, with nothing
// else going on.
func (a *answering) delay(ctx context.Context) (float64, error) {
	const samples = 40
	var took []float64
	if err := wait(ctx, pauseBetweenReplies); err != nil {
		return 0, err
	}
	for i := range samples {
		want, began := a.provider.taken.Load()+1, time.Now()
		if err := a.say(a.posters[0], i%a.count); err != nil {
			return 0, err
		}
		for a.provider.taken.Load() < want {
			if time.Since(began) > patienceForWave {
				return 0, errors.New("a message was not answered")
			}
			if err := wait(ctx, time.Millisecond); err != nil {
				return 0, err
			}
		}
		took = append(took, a.provider.lastTaken().Sub(began).Seconds()*1000)
		if err := wait(ctx, 50*time.Millisecond); err != nil {
			return 0, err
		}
	}
	return median(took), nil
}

// markdown is the document's section.
func (r automationResult) markdown() string {
	return fmt.Sprintf("## Automation\n\nIn each wave %d customers write one message; each is examined for a wish to be left alone, %d rules are asked with business\n"+
		"hours, the conversation is assigned, and a reply goes out; a wave ends when the provider has the last reply. Beside it, on the\n"+
		"same Temporal dev server (in memory) by turns: as many workflows that run one empty local and one empty normal activity for\n"+
		"each signal, sent %d at a time. Medians of %d waves.\n\n"+
		"| what | figure | aim |\n|---|---|---|\n| messages answered/s | %.0f | |\n| peer's signals handled/s | %.0f | |\n| ratio | %.2f | ≥ %.2g |\n"+
		"| history events for each message (peer: %.1f) | %.1f | ≤ %.2g |\n| webhook to reply at the provider, one at a time | %.0f ms | |\n",
		r.Conversations, r.Rules, signalsAtOnce, r.Waves, r.Answered, r.Peer, r.Ratio, r.RatioAim, r.PeerHistory, r.History, r.HistoryAim, r.Delay)
}
