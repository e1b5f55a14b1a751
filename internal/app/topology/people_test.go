package topology_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"guichet.dev/guichet/internal/testkit"
)

const (
	customers = 24
	agents    = 4
)

// people write all the time: customers through the simulator, agents through the API.
type people struct {
	site          *site
	conversations []string
	counter       atomic.Int64
	mu            sync.Mutex
	said          []string // provider ids
	replied       []string // client ids that the API took
	errs          []error
	stop          context.CancelFunc
	done          sync.WaitGroup
}

func phone(i int) string { return fmt.Sprintf("3361%07d", i) }

// gather lets every customer write once and waits for the conversations.
func (s *site) gather() *people {
	s.t.Helper()
	p := &people{site: s}
	for i := range customers {
		p.say(s.t.Context(), phone(i))
	}
	testkit.Eventually(s.t, 60*time.Second, func() error {
		if p.conversations = s.texts("SELECT id::text FROM conversations WHERE applied_seq >= wake_seq ORDER BY id"); len(p.conversations) < customers {
			return fmt.Errorf("%d of %d conversations are there", len(p.conversations), customers)
		}
		return nil
	})
	return p
}

func (p *people) say(ctx context.Context, from string) {
	m, err := p.site.sim.Say(ctx, from, fmt.Sprintf("Message %d", p.counter.Add(1)))
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.errs = append(p.errs, err)
		return
	}
	p.said = append(p.said, m.ID)
}

func (p *people) reply(ctx context.Context, conversation string) {
	id := fmt.Sprintf("reply-%d", p.counter.Add(1))
	status, err := p.site.call(ctx, http.MethodPost, "/api/v1/conversations/"+conversation+"/messages", map[string]any{"client_id": id, "text": "Text of " + id}, nil)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err != nil:
		p.errs = append(p.errs, err)
	case status != http.StatusCreated:
		p.errs = append(p.errs, fmt.Errorf("a reply got status %d", status))
	default:
		p.replied = append(p.replied, id)
	}
}

// begin lets people write until end.
func (p *people) begin() {
	ctx, cancel := context.WithCancel(p.site.t.Context())
	p.stop = cancel
	turn := func(pause time.Duration, act func(ctx context.Context)) {
		p.done.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case <-time.After(pause/2 + rand.N(pause)): // the pace of people, not a wait for something
				}
				act(context.WithoutCancel(ctx))
			}
		})
	}
	turn(80*time.Millisecond, func(ctx context.Context) { p.say(ctx, phone(rand.IntN(customers))) })
	for range agents {
		turn(400*time.Millisecond, func(ctx context.Context) { p.reply(ctx, p.conversations[rand.IntN(customers)]) })
	}
}

// end stops the load and wants every request to have been answered well.
func (p *people) end() {
	p.site.t.Helper()
	p.stop()
	p.done.Wait()
	for _, err := range p.errs {
		p.site.t.Error(err)
	}
}

// more waits until people have written so much more that what was done meanwhile was done under load.
func (p *people) more(n int64) {
	p.site.t.Helper()
	until := p.counter.Load() + n
	testkit.Eventually(p.site.t, 60*time.Second, func() error {
		if now := p.counter.Load(); now < until {
			return fmt.Errorf("%d messages were written, %d are wanted", now, until)
		}
		return nil
	})
}
