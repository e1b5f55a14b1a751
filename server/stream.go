package server

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/feed"
	"guichet.dev/guichet/team"
)

// stream is one client that listens.
type stream struct {
	s         *Server
	ctx       huma.Context
	w         http.ResponseWriter
	control   *http.ResponseController
	principal team.Principal
	checked   time.Time // when the permissions were read
	beaten    time.Time // when the client heard of its cursor
	at        feed.Cursor
	signal    int64
	endless   bool  // writing knows no deadline
	access    int64 // the hub's number when the permissions were read
}

func newStream(s *Server, ctx huma.Context, from feed.Cursor, signal int64) *stream {
	w, _ := ctx.BodyWriter().(http.ResponseWriter)
	return &stream{
		s: s, ctx: ctx, w: w, control: http.NewResponseController(w), principal: caller(ctx.Context()), checked: time.Now(), at: from, signal: signal,
		access: s.Live.After(from, signal).Access,
	}
}

// run serves the client until it goes away, may listen no longer, or the server stops. A client that was with a process that
// is ahead of this one has a cursor in the future: if doubtful is set, it is looked at whether it is that.
func (st *stream) run(doubtful bool) {
	st.ctx.SetHeader("Content-Type", eventStream)
	st.ctx.SetHeader("X-Accel-Buffering", "no") // nginx would keep events back
	st.ctx.SetStatus(http.StatusOK)
	if !st.tell(helloFrame(st.at)) || doubtful && !st.catchUp() {
		return
	}
	// Clients that came together do not ask together.
	ticks := time.NewTicker(permissionsEvery - rand.N(time.Second))
	defer ticks.Stop()
	for {
		news := st.s.Live.After(st.at, st.signal)
		if !st.permitted(news.Access) {
			return
		}
		if !news.Known {
			if !st.catchUp() {
				return
			}
			continue
		}
		if !st.send(news.Signals) || !st.send(news.Frames) {
			return
		}
		st.at, st.signal = news.Cursor, news.Signal
		if st.endless {
			return
		}
		select {
		case <-st.ctx.Context().Done():
			return
		case <-st.s.ending:
			return
		case <-news.More:
		case <-ticks.C:
		}
		if !st.beat() {
			return
		}
	}
}

// catchUp reads one page in the database.
func (st *stream) catchUp() bool {
	select {
	case st.s.streams <- struct{}{}:
		defer func() { <-st.s.streams }()
	case <-st.ctx.Context().Done():
		return false
	case <-st.s.ending:
		return false
	}
	ctx, cancel := context.WithTimeout(st.ctx.Context(), requestTimeout)
	defer cancel()
	page, err := st.s.Live.Reader.After(ctx, st.at, catchUpPage)
	if errors.Is(err, feed.ErrResync) {
		now, _, _ := st.s.Live.Now()
		st.at = now
		return st.tell(resyncFrame(now))
	}
	if err != nil {
		if ctx.Err() == nil {
			st.s.Logger.WarnContext(ctx, "a stream ends because the feed cannot be read", "request_id", requestID(ctx), errorAttr(err))
		}
		return false
	}
	frames := make([]feed.Frame, len(page.Events))
	for i, e := range page.Events {
		frames[i] = st.s.Live.Frame(e)
	}
	st.at = page.End
	return st.send(frames)
}

// permitted reads the permissions again if that is due, or if the hub was told that some have changed. What changes in them
// counts from then on, in both directions.
func (st *stream) permitted(access int64) bool {
	if access == st.access && time.Since(st.checked) < permissionsEvery-time.Second {
		return true
	}
	st.access = access
	now, err := st.s.principal(st.ctx)
	code := conversation.CodeOf(err)
	switch {
	case code == conversation.CodeUnauthorised || code == conversation.CodeForbidden || err == nil && !now.Can(team.ReadConversations):
		st.tell(forbiddenFrame())
		return false
	case err != nil:
		return time.Since(st.checked) < permissionsGrace
	}
	changed := !reflect.DeepEqual(now, st.principal)
	st.principal, st.checked = now, time.Now()
	return !changed || st.tell(permissionsFrame(st.at))
}

// beat tells an idle client how far it has come, so that it comes back at the right place.
func (st *stream) beat() bool {
	return time.Since(st.beaten) < heartbeatEvery || st.tell(heartbeatFrame(st.at))
}

// tell sends what is for this client.
func (st *stream) tell(frame []byte) bool {
	st.beaten = time.Now()
	return st.write(frame)
}

// send sends those frames that the client may see.
func (st *stream) send(frames []feed.Frame) bool {
	var part []byte
	for _, f := range frames {
		if !st.sees(f.For) {
			continue
		}
		if part = append(part, f.Body...); len(part) > writeAtOnce {
			if !st.write(part) {
				return false
			}
			part = part[:0]
		}
	}
	return len(part) == 0 || st.write(part)
}

// sees reports whether an entry is for this client.
func (st *stream) sees(a feed.Audience) bool {
	p := st.principal
	return (a.AgentID == "" || a.AgentID == p.AgentID) && (a.AccountID == "" || p.Sight.Sees(a.AccountID)) && (a.NotAgent == "" || a.NotAgent != p.AgentID)
}

// write reports whether the client is still there. Without a deadline, one that reads nothing would stay for ever: over a
// connection that knows none the client gets what there is and comes again for more.
func (st *stream) write(part []byte) bool {
	if st.w == nil {
		return false
	}
	st.endless = st.control.SetWriteDeadline(time.Now().Add(frameTimeout)) != nil
	if _, err := st.w.Write(part); err != nil {
		return false
	}
	return st.control.Flush() == nil
}
