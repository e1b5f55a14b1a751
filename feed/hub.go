package feed

import (
	"context"
	"errors"
	"log/slog"
	"sort"
	"sync"
	"time"

	"guichet.dev/guichet/internal/clock"
)

const (
	hubBatch = 500
	hubPause = 40 * time.Millisecond // between two looks, so that a busy feed is read in batches
	// defaultKeep is how many entries a hub remembers: who comes back after some seconds finds all there.
	defaultKeep = 8192
)

// Audience is for whom an entry is: everybody unless it names an account, for those who may see it, or an agent.
type Audience struct {
	AccountID string
	AgentID   string
	NotAgent  string // this agent need not hear of it
}

// Audience returns for whom the entry is.
func (e Event) Audience() Audience {
	if e.Change != nil {
		return Audience{AccountID: e.Change.AccountID, AgentID: e.Change.AgentID}
	}
	return Audience{AccountID: e.AccountID}
}

// Frame is an entry as clients get it, made once for all of them.
type Frame struct {
	Cursor Cursor // zero for a signal
	For    Audience
	Body   []byte
}

// Hub reads the feed once for all clients of a process and remembers the newest entries. A client has no buffer in it, only a
// cursor of its own: one who is slow falls behind what the hub remembers and goes on in the database.
type Hub struct {
	Reader Reader
	Bell   *Bell
	// Render makes an entry's frame.
	Render func(Event) []byte
	Logger *slog.Logger
	Keep   int           // entries; default 8192
	Poll   time.Duration // default 1 s

	mu         sync.Mutex
	frames     []Frame // after start, up to end; elements never change, so that readers may hold parts of it
	start, end Cursor
	ready      bool
	signals    []Frame // those with the numbers up to signalled
	signalled  int64
	access     int64 // grows when permissions have changed
	grown      chan struct{}
}

// keptSignals is how many signals a hub remembers.
const keptSignals = 512

// Run follows the feed until the context ends, and returns nil then.
func (h *Hub) Run(ctx context.Context) error {
	h.setDefaults()
	rung, stop := h.Bell.Listen()
	defer stop()
	for ctx.Err() == nil {
		wait := h.follow(ctx)
		if !clock.Sleep(ctx, min(wait, hubPause)) {
			break
		}
		select {
		case <-ctx.Done():
		case <-rung:
		case <-time.After(max(0, wait-hubPause)):
		}
	}
	return nil
}

func (h *Hub) setDefaults() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.Keep == 0 {
		h.Keep = defaultKeep
	}
	if h.Poll == 0 {
		h.Poll = defaultPoll
	}
	if h.Logger == nil {
		h.Logger = slog.New(slog.DiscardHandler)
	}
}

// follow reads what is new and returns how long to wait for more.
func (h *Hub) follow(ctx context.Context) time.Duration {
	h.mu.Lock()
	from, ready := h.end, h.ready
	h.mu.Unlock()
	if !ready {
		return h.begin(ctx)
	}
	page, err := h.Reader.After(ctx, from, hubBatch)
	if errors.Is(err, ErrResync) {
		return h.begin(ctx)
	}
	if err != nil {
		if ctx.Err() == nil {
			h.Logger.WarnContext(ctx, "the feed cannot be read", "code", code(err))
		}
		return h.Poll
	}
	h.add(page)
	switch {
	case page.More:
		return 0
	case page.Pending:
		return pendingPoll
	default:
		return h.Poll
	}
}

// begin starts at the head, with nothing remembered.
func (h *Hub) begin(ctx context.Context) time.Duration {
	head, err := h.Reader.Head(ctx)
	if err != nil {
		if ctx.Err() == nil {
			h.Logger.WarnContext(ctx, "the feed cannot be read", "code", code(err))
		}
		return h.Poll
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.frames, h.start, h.end, h.ready = nil, head, head, true
	h.wake()
	return 0
}

func (h *Hub) add(page Page) {
	frames := make([]Frame, len(page.Events))
	for i, e := range page.Events {
		frames[i] = h.Frame(e)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.end = page.End
	if len(frames) == 0 {
		return
	}
	h.frames = append(h.frames, frames...)
	if over := len(h.frames) - h.Keep; over > h.Keep/2 {
		h.start = h.frames[over-1].Cursor
		h.frames = append([]Frame(nil), h.frames[over:]...)
	}
	h.wake()
}

// wake tells all who wait. The lock is held.
func (h *Hub) wake() {
	if h.grown != nil {
		close(h.grown)
		h.grown = nil
	}
}

// Frame makes an entry's frame.
func (h *Hub) Frame(e Event) Frame {
	return Frame{Cursor: e.Cursor, For: e.Audience(), Body: h.Render(e)}
}

// Signal gives all clients of this process a frame that stands in no database, such as who is typing. Who is not there
// misses it.
func (h *Hub) Signal(f Frame) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.signals = append(h.signals, f)
	h.signalled++
	if over := len(h.signals) - keptSignals; over > keptSignals {
		h.signals = append([]Frame(nil), h.signals[over:]...)
	}
	h.wake()
}

// Recheck makes all clients look at their permissions at once.
func (h *Hub) Recheck() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.access++
	h.wake()
}

// News is what a client has not seen.
type News struct {
	Frames  []Frame
	Signals []Frame
	// Known says that the hub remembers all that follows the cursor. If not, the client reads on in the database.
	Known bool
	// Cursor and Signal are what to ask with next, if Known.
	Cursor Cursor
	Signal int64
	// Access is another number whenever permissions may have changed.
	Access int64
	// More is closed when there is something new.
	More <-chan struct{}
}

// After returns what follows a cursor and the number of a signal.
func (h *Hub) After(from Cursor, signal int64) News {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.grown == nil {
		h.grown = make(chan struct{})
	}
	n := News{Cursor: from, Signal: h.signalled, Access: h.access, More: h.grown}
	if behind := min(h.signalled-signal, int64(len(h.signals))); behind > 0 {
		n.Signals = h.signals[int64(len(h.signals))-behind:]
	}
	n.Known = h.ready && from.Epoch == h.end.Epoch && from.Compare(h.start) >= 0
	if !n.Known {
		n.Signal = signal
		n.Signals = nil
		return n
	}
	if from.Compare(h.end) < 0 { // otherwise the client was with a process that is ahead
		next := sort.Search(len(h.frames), func(i int) bool { return h.frames[i].Cursor.Compare(from) > 0 })
		n.Frames, n.Cursor = h.frames[next:], h.end
	}
	return n
}

// Now returns the place of a client who begins now. It is not known before the hub has looked at the feed once.
func (h *Hub) Now() (at Cursor, signal int64, ready bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.end, h.signalled, h.ready
}
