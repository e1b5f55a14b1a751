package whatsapp_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/channel/whatsapp"
)

// line is a server without HTTP: it gives each connection to handle and closes it afterwards.
func line(t *testing.T, handle func(n int, c net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	var mu sync.Mutex
	var all []net.Conn
	open.Go(func() {
		for n := 1; ; n++ {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			all = append(all, c)
			mu.Unlock()
			open.Go(func() {
				defer func() { _ = c.Close() }()
				handle(n, c)
			})
		}
	})
	t.Cleanup(func() {
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
		mu.Lock()
		for _, c := range all { // what is on its way still comes; closed ones refuse the deadline
			_ = c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		}
		mu.Unlock()
		open.Wait()
	})
	return "http://" + listener.Addr().String()
}

// request reads one request and returns our message id in it; ok is false if there was none.
func request(r *bufio.Reader) (id string, ok bool) {
	q, err := http.ReadRequest(r)
	if err != nil {
		return "", false
	}
	var body struct {
		ID string `json:"biz_opaque_callback_data"`
	}
	if err := json.NewDecoder(q.Body).Decode(&body); err != nil {
		return "", false
	}
	return body.ID, true
}

const good = `{"messages":[{"id":"wamid.NEW"}]}`

var (
	whole = fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(good), good)
	cut   = whole[:len(whole)-2]
)

func TestUnknownOutcomes(t *testing.T) {
	t.Parallel()
	short := 200 * time.Millisecond
	for name, test := range map[string]struct {
		handle func(c net.Conn, r *bufio.Reader, done <-chan struct{})
		wait   time.Duration
		want   channel.SendError
	}{
		"closed after the request": {
			func(_ net.Conn, r *bufio.Reader, _ <-chan struct{}) { request(r) }, 0,
			channel.SendError{Behaviour: channel.Unknown, Code: "answer"},
		},
		"closed within the request": {
			func(_ net.Conn, r *bufio.Reader, _ <-chan struct{}) { _, _ = r.ReadByte() }, 0,
			channel.SendError{Behaviour: channel.Unknown, Code: "answer"},
		},
		"reset after the request": {
			func(c net.Conn, r *bufio.Reader, _ <-chan struct{}) {
				request(r)
				_ = c.(*net.TCPConn).SetLinger(0)
			}, 0,
			channel.SendError{Behaviour: channel.Unknown, Code: "answer"},
		},
		"no answer": {
			func(_ net.Conn, r *bufio.Reader, done <-chan struct{}) { request(r); <-done }, short,
			channel.SendError{Behaviour: channel.Unknown, Code: "timeout"},
		},
		"answer cut off": {
			func(c net.Conn, r *bufio.Reader, _ <-chan struct{}) { request(r); _, _ = io.WriteString(c, cut) }, 0,
			channel.SendError{Behaviour: channel.Unknown, Code: "answer", HTTP: 200},
		},
		"answer stalls": {
			func(c net.Conn, r *bufio.Reader, done <-chan struct{}) {
				request(r)
				_, _ = io.WriteString(c, cut)
				<-done
			}, short,
			channel.SendError{Behaviour: channel.Unknown, Code: "timeout", HTTP: 200},
		},
		"no HTTP": {
			func(c net.Conn, r *bufio.Reader, _ <-chan struct{}) {
				request(r)
				_, _ = io.WriteString(c, "220 mail\r\n\r\n")
			}, 0,
			channel.SendError{Behaviour: channel.Unknown, Code: "answer"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			done := make(chan struct{})
			var connections atomic.Int32
			base := line(t, func(_ int, c net.Conn) {
				connections.Add(1)
				test.handle(c, bufio.NewReader(c), done)
			})
			t.Cleanup(func() { close(done) }) // runs before the line waits for its connections
			ctx := t.Context()
			if test.wait > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, test.wait)
				defer cancel()
			}
			_, err := fenced().Send(ctx, accountAt(base), hello())
			wantError(t, name, err, test.want)
			if n := connections.Load(); n != 1 {
				t.Errorf("%d connections", n)
			}
		})
	}
}

func TestKnownFailures(t *testing.T) {
	t.Parallel()
	known := channel.SendError{Behaviour: channel.Retry, Code: "connect"}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = fenced().Send(t.Context(), accountAt(closed), hello())
	wantError(t, "nobody listens", err, known)

	_, err = fenced().Send(t.Context(), accountAt("http://192.0.2.1"), hello())
	wantError(t, "refused by the guard", err, known)

	plain := line(t, func(_ int, c net.Conn) { _, _ = io.WriteString(c, "220 mail\r\n") })
	_, err = fenced().Send(t.Context(), accountAt("https://"+plain[len("http://"):]), hello())
	wantError(t, "no TLS", err, known)

	done := make(chan struct{})
	silent := line(t, func(int, net.Conn) { <-done })
	defer close(done)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = fenced().Send(ctx, accountAt("https://"+silent[len("http://"):]), hello())
	wantError(t, "deadline within the TLS handshake", err, known)

	_, err = whatsapp.New(whatsapp.Options{Transport: silentTransport{}}).Send(t.Context(), accountAt(closed), hello())
	wantError(t, "a transport that tells nothing", err, channel.SendError{Behaviour: channel.Unknown, Code: "answer"})
}

// silentTransport fails without a word about what it did.
type silentTransport struct{}

func (silentTransport) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, io.ErrUnexpectedEOF
}

// arrivals counts how often each message came.
type arrivals struct {
	mu    sync.Mutex
	count map[string]int
}

func (a *arrivals) add(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.count[id]++
}

// check compares what came with what the adapter said.
func (a *arrivals) check(t *testing.T, outcomes map[string]error) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	said := make(map[channel.Behaviour]int)
	for id, err := range outcomes {
		n := a.count[id]
		var e *channel.SendError
		switch {
		case n > 1:
			t.Errorf("message %s came %d times (%v)", id, n, err)
		case err == nil:
			said["sent"]++
			if n != 1 {
				t.Errorf("message %s counts as sent and came %d times", id, n)
			}
		case !errors.As(err, &e):
			t.Errorf("message %s: %v", id, err)
		default:
			said[e.Behaviour]++
			if e.Behaviour == channel.Retry && n != 0 {
				t.Errorf("message %s counts as not sent and came", id)
			}
		}
	}
	t.Logf("outcomes: %v", said)
}

// The server closes used connections at the worst moments: as the next request comes, right after an answer, or in the
// middle of nothing. net/http repeats some requests then; a POST must never be.
func TestPostIsNeverSentTwice(t *testing.T) {
	t.Parallel()
	came := arrivals{count: make(map[string]int)}
	outcomes := make(map[string]error)
	t.Cleanup(func() { came.check(t, outcomes) }) // after the line has read everything
	base := line(t, func(n int, c net.Conn) {
		r := bufio.NewReader(c)
		for i := 1; ; i++ {
			id, ok := request(r)
			if !ok {
				return
			}
			came.add(id)
			if i == 2 && n%3 == 0 {
				return // no answer to the second
			}
			if _, err := io.WriteString(c, whole); err != nil || n%3 == 1 || i == 3 {
				return // the client keeps a connection that is closing
			}
		}
	})
	a := fenced()
	for i := range 300 {
		m := hello()
		m.MessageID = strconv.Itoa(i)
		_, outcomes[m.MessageID] = a.Send(t.Context(), accountAt(base), m)
	}
}

// Deadlines that end at any point of a call: what counts as not sent must not have come.
func TestDeadlineAtAnyPoint(t *testing.T) {
	t.Parallel()
	came := arrivals{count: make(map[string]int)}
	outcomes := make(map[string]error)
	t.Cleanup(func() { came.check(t, outcomes) })
	base := line(t, func(_ int, c net.Conn) {
		r := bufio.NewReader(c)
		for {
			id, ok := request(r)
			if !ok {
				return
			}
			came.add(id)
			if _, err := io.WriteString(c, whole); err != nil {
				return
			}
		}
	})
	a := fenced()
	for i := range 1500 {
		m := hello()
		m.MessageID = strconv.Itoa(i)
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%300)*2*time.Microsecond)
		_, outcomes[m.MessageID] = a.Send(ctx, accountAt(base), m)
		cancel()
	}
}
