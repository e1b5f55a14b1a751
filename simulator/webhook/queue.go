// Package webhook delivers signed POSTs to a receiver as Meta does: in parallel,
// at least once, again and again until the answer is 200 or time is up. It
// knows nothing of what the bodies say.
package webhook

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Config is the schedule of deliveries, in real time.
type Config struct {
	Secret     string        // app secret that signs the bodies
	FirstRetry time.Duration // then doubled at each failure
	MaxRetry   time.Duration // longest pause
	GiveUp     time.Duration // after which a delivery is dropped
	Timeout    time.Duration // of one POST
	Parallel   int           // POSTs at once
	Logger     *slog.Logger
}

// Target is where deliveries go.
type Target struct {
	URL         string
	VerifyToken string // sent with the handshake
}

// States of a delivery.
const (
	Pending   = "pending"
	Held      = "held"
	Delivered = "delivered"
	Expired   = "expired"
)

// Delivery is one POST that is owed. The fields above the line are the caller's.
type Delivery struct {
	Route     []string  // names of targets, the most specific first; "" is the last resort
	Fields    []string  // for the log
	Body      []byte    // signed and sent as it is
	NotBefore time.Time // earliest attempt
	Held      bool      // until Release
	After     *Delivery `json:"-"` // whose first attempt comes before

	ID         int64
	Created    time.Time
	Attempts   int
	LastStatus int
	LastError  string
	tried      chan struct{} // closed after the first attempt
}

// Report is a line of the delivery log.
type Report struct {
	ID         int64     `json:"id"`
	Fields     []string  `json:"fields"`
	State      string    `json:"state"` // pending, held, delivered, expired
	Attempts   int       `json:"attempts"`
	LastStatus int       `json:"last_status,omitempty"`
	LastError  string    `json:"last_error,omitempty"`
	Created    time.Time `json:"created"`
}

func (d *Delivery) report(state string) Report {
	return Report{ID: d.ID, Fields: d.Fields, State: state, Attempts: d.Attempts, LastStatus: d.LastStatus, LastError: d.LastError, Created: d.Created}
}

// stored is what survives a restart.
type stored struct {
	Last     int64
	Targets  map[string]Target
	Owed     map[int64]*Delivery
	Finished map[string]int64
}

// keptReports bounds the log of finished deliveries.
const keptReports = 200

// Queue holds the deliveries that are owed. Its methods are safe for concurrent
// use. Close must be called.
type Queue struct {
	config  Config
	client  *http.Client
	slots   chan struct{}
	stop    context.Context // ends waiting
	halt    context.CancelFunc
	posting context.Context // ends POSTs that outlive the grace period
	abort   context.CancelFunc
	work    sync.WaitGroup

	mu      sync.Mutex
	stored  stored
	recent  []Report
	changed chan struct{} // closed and replaced when deliveries should try again
	closed  bool
}

// New returns a queue, with what a snapshot says is still owed if there is one.
func New(config Config, snapshot json.RawMessage) (*Queue, error) {
	q := &Queue{
		config: config, slots: make(chan struct{}, config.Parallel), changed: make(chan struct{}),
		stored: stored{Targets: map[string]Target{}, Owed: map[int64]*Delivery{}, Finished: map[string]int64{}},
		client: &http.Client{
			Transport:     &http.Transport{MaxIdleConnsPerHost: config.Parallel, IdleConnTimeout: 30 * time.Second},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	if len(snapshot) > 0 {
		if err := json.Unmarshal(snapshot, &q.stored); err != nil {
			return nil, fmt.Errorf("webhook: restore: %w", err)
		}
	}
	q.stop, q.halt = context.WithCancel(context.Background())
	q.posting, q.abort = context.WithCancel(context.Background())
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, d := range q.stored.Owed {
		q.start(d)
	}
	return q, nil
}

// Snapshot returns what New needs to go on after a restart.
func (q *Queue) Snapshot() (json.RawMessage, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return json.Marshal(q.stored)
}

// SetTarget sets where a name of a route leads; an empty URL takes it away.
func (q *Queue) SetTarget(name string, target Target) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if target.URL == "" {
		delete(q.stored.Targets, name)
	} else {
		q.stored.Targets[name] = target
	}
	close(q.changed)
	q.changed = make(chan struct{})
}

// Target returns where a name leads and whether it leads anywhere.
func (q *Queue) Target(name string) (Target, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	target, ok := q.stored.Targets[name]
	return target, ok
}

// Send takes over a delivery. It returns at once.
func (q *Queue) Send(d *Delivery) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stored.Last++
	d.ID, d.Created = q.stored.Last, time.Now().UTC()
	q.stored.Owed[d.ID] = d
	q.start(d)
}

// Release starts the deliveries that are held and returns their number.
func (q *Queue) Release() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	count := 0
	for _, d := range q.stored.Owed {
		if d.Held {
			d.Held = false
			q.start(d)
			count++
		}
	}
	return count
}

// Log returns counts by state and the reports of all that is owed and of the
// latest that are finished.
func (q *Queue) Log() (map[string]int64, []Report) {
	q.mu.Lock()
	defer q.mu.Unlock()
	counts := map[string]int64{Pending: 0, Held: 0, Delivered: 0, Expired: 0}
	maps.Copy(counts, q.stored.Finished)
	reports := slices.Clone(q.recent)
	for _, d := range q.stored.Owed {
		state := Pending
		if d.Held {
			state = Held
		}
		counts[state]++
		reports = append(reports, d.report(state))
	}
	slices.SortFunc(reports, func(a, b Report) int { return cmp.Compare(a.ID, b.ID) })
	return counts, reports
}

// Close ends all deliveries. POSTs in flight may finish within the grace period;
// what is not delivered by then stays owed in the snapshot.
func (q *Queue) Close(grace time.Duration) {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.halt()
	timer := time.AfterFunc(grace, q.abort)
	q.work.Wait()
	timer.Stop()
	q.abort()
	q.client.CloseIdleConnections()
}
