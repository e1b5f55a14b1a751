package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	cutEvery  = 50 * time.Millisecond // some client or other is cut off
	awayAtAll = time.Second           // and comes back within
)

// heard is what the clients say at the end.
type heard struct {
	Heard         int    `json:"events_heard"`
	P50           figure `json:"p50_ms"`
	P99           figure `json:"p99_ms"`
	Reconnections int    `json:"reconnections"`
	Missed        int    `json:"missed"`
	Twice         int    `json:"twice"`
	Foreign       int    `json:"not_allowed"`
}

// exact reports whether every client heard of everything that it may see once, and of nothing else.
func (h heard) exact() bool { return h.Missed == 0 && h.Twice == 0 && h.Foreign == 0 }

// posted is one webhook.
type posted struct {
	account string
	at      time.Time
}

// crowd are all clients, and the customers who write.
type crowd struct {
	task

	mu     sync.RWMutex
	events []posted
	index  map[string]int // conversation/seq → event

	listeners []*listener
	total     atomic.Int64 // of events heard
	cuts      atomic.Int64
}

// listener is one client.
type listener struct {
	crowd     *crowd
	agent     taskAgent
	cursor    string
	back      time.Time // when it was connected last
	heard     map[int]int
	foreign   int
	latencies []time.Duration
	cut       chan struct{}
}

// runClients is the clients' process: it is told its task and when to begin, and says what it heard.
func runClients(ctx context.Context) error {
	c := &crowd{index: map[string]int{}}
	orders := json.NewDecoder(bufio.NewReader(os.Stdin))
	if err := orders.Decode(&c.task); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	connected, ended := make(chan error, c.Clients), sync.WaitGroup{}
	for i := range c.Clients {
		l := &listener{crowd: c, agent: c.Agents[i%len(c.Agents)], heard: map[int]int{}, cut: make(chan struct{}, 1)}
		c.listeners = append(c.listeners, l)
		ended.Go(func() { l.run(ctx, connected) })
	}
	for range c.Clients {
		if err := <-connected; err != nil {
			return err
		}
	}
	var begin string
	if err := errors.Join(print(c.Clients), orders.Decode(&begin)); err != nil {
		return err
	}
	if err := c.load(ctx); err != nil {
		return err
	}
	c.settle(ctx)
	stop()
	ended.Wait()
	return print(c.sum())
}

// load lets customers write at an even rate while clients are cut off.
func (c *crowd) load(ctx context.Context) error {
	posters := make([]*poster, len(c.Accounts))
	for i, a := range c.Accounts {
		var err error
		if posters[i], err = dialPoster(ctx, c.Address, "/webhooks/whatsapp/"+a.ID); err != nil {
			return err
		}
	}
	cutting, stop := context.WithCancel(ctx)
	defer stop()
	go c.cutOff(cutting)
	pace := time.NewTicker(time.Second / time.Duration(c.Rate))
	defer pace.Stop()
	for n := range c.Rate * c.Seconds {
		account := &c.Accounts[n%len(c.Accounts)]
		thread := &account.Threads[n/len(c.Accounts)%len(account.Threads)]
		thread.Seq++
		c.mu.Lock()
		c.index[fmt.Sprint(thread.ID, "/", thread.Seq)] = len(c.events)
		c.events = append(c.events, posted{account.ID, time.Now()})
		c.mu.Unlock()
		status, err := posters[n%len(posters)].post(textFor(account.Number, thread.Sender, fmt.Sprintf("wamid.EVENT%d", n)))
		if err != nil || status != http.StatusOK {
			return errors.Join(err, fmt.Errorf("webhook answered %d", status))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-pace.C:
		}
	}
	return nil
}

// cutOff ends one client's connection after the other, and once those of a tenth of them at the same time.
func (c *crowd) cutOff(ctx context.Context) {
	many := time.After(time.Duration(c.Seconds) * time.Second / 2)
	for {
		n := 1
		select {
		case <-ctx.Done():
			return
		case <-time.After(cutEvery):
		case <-many:
			n = len(c.listeners) / 10
		}
		for range n {
			select {
			case c.listeners[rand.N(len(c.listeners))].cut <- struct{}{}:
				c.cuts.Add(1)
			default: // it is being cut off already
			}
		}
	}
}

// wanted is how many events each account has had.
func (c *crowd) wanted() map[string]int {
	n := map[string]int{}
	for _, e := range c.events {
		n[e.account]++
	}
	return n
}

// settle waits until everything has been heard, or for as long as somebody would wait.
func (c *crowd) settle(ctx context.Context) {
	want := 0
	of := c.wanted()
	for _, l := range c.listeners {
		for _, id := range l.agent.Sees {
			want += of[id]
		}
	}
	for deadline := time.Now().Add(patience); int(c.total.Load()) < want && time.Now().Before(deadline) && ctx.Err() == nil; {
		time.Sleep(100 * time.Millisecond)
	}
	time.Sleep(2 * time.Second) // for what comes too often
}

func (c *crowd) sum() heard {
	h := heard{Reconnections: int(c.cuts.Load())}
	var all []time.Duration
	for _, l := range c.listeners {
		h.Foreign += l.foreign
		all = append(all, l.latencies...)
		for i, e := range c.events {
			if !slices.Contains(l.agent.Sees, e.account) {
				continue
			}
			switch n := l.heard[i]; n {
			case 0:
				h.Missed++
			default:
				h.Heard++
				h.Twice += n - 1
			}
		}
	}
	slices.Sort(all)
	r := round{latencies: all}
	h.P50, h.P99 = figure(r.quantile(0.5)), figure(r.quantile(0.99))
	return h
}

// run listens, and again whenever it is cut off, until the context ends.
func (l *listener) run(ctx context.Context, connected chan<- error) {
	for first := true; ctx.Err() == nil; first = false {
		conn, in, err := l.connect(ctx)
		if first {
			connected <- err
			if err != nil {
				return
			}
		}
		if err == nil {
			l.back = time.Now()
			done := make(chan struct{})
			go func() {
				select {
				case <-ctx.Done():
				case <-l.cut:
				case <-done:
				}
				_ = conn.Close() // ends the reading
			}()
			l.listen(in)
			close(done)
		}
		select {
		case <-ctx.Done():
		case <-time.After(rand.N(awayAtAll)):
		}
	}
}

// connect asks for the stream and reads up to its first event.
func (l *listener) connect(ctx context.Context) (net.Conn, *bufio.Reader, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", l.crowd.Address)
	if err != nil {
		return nil, nil, err
	}
	request := "GET /api/v1/events HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer " + l.agent.Token + "\r\n"
	if l.cursor != "" {
		request += "Last-Event-ID: " + l.cursor + "\r\n"
	}
	in := bufio.NewReaderSize(conn, 1024)
	_, err = conn.Write([]byte(request + "\r\n"))
	if err == nil {
		var answer *http.Response
		if answer, err = http.ReadResponse(in, nil); err == nil && answer.StatusCode != http.StatusOK { //nolint:bodyclose // closing the connection ends it
			err = fmt.Errorf("the stream answers %d", answer.StatusCode)
		} else if err == nil {
			in = bufio.NewReaderSize(answer.Body, 1024)
			err = l.one(in) // hello
		}
	}
	if err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	return conn, in, nil
}

// listen notes events until the connection ends.
func (l *listener) listen(in *bufio.Reader) {
	var err error
	for err == nil {
		err = l.one(in)
	}
}

// one reads one event of the stream.
func (l *listener) one(in *bufio.Reader) error {
	var id, name, data string
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return err
		}
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch key {
		case "id":
			id = value
		case "event":
			name = value
		case "data":
			data = value
		case "": // only now is the event whole
			if name == "conversation" {
				l.note([]byte(data))
			}
			if id != "" {
				l.cursor = id
			}
			return nil
		}
	}
}

// note counts an event, and times it if the client was there when it happened.
func (l *listener) note(data []byte) {
	now := time.Now()
	var e struct {
		ConversationID string `json:"conversation_id"`
		AccountID      string `json:"account_id"`
		Seq            int64  `json:"seq"`
	}
	if err := json.Unmarshal(data, &e); err != nil || !slices.Contains(l.agent.Sees, e.AccountID) {
		l.foreign++
		return
	}
	l.crowd.mu.RLock()
	i, known := l.crowd.index[fmt.Sprint(e.ConversationID, "/", e.Seq)]
	var at time.Time
	if known {
		at = l.crowd.events[i].at
	}
	l.crowd.mu.RUnlock()
	if !known {
		l.foreign++
		return
	}
	if l.heard[i]++; l.heard[i] == 1 {
		l.crowd.total.Add(1)
	}
	if at.After(l.back) {
		l.latencies = append(l.latencies, now.Sub(at))
	}
}
