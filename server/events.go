package server

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/feed"
	"guichet.dev/guichet/team"
)

const (
	// eventStream is the media type of Server-Sent Events (HTML standard, 9.2).
	eventStream = "text/event-stream"
	// permissionsEvery is how long a stream goes on with permissions that were taken back.
	permissionsEvery = 5 * time.Second
	// permissionsGrace is how long it goes on if the permissions cannot be read.
	permissionsGrace = 30 * time.Second
	// heartbeats tell the client, and proxies on the way, that the connection lives.
	heartbeatEvery = 15 * time.Second
	// frameTimeout is how long a client may take to read what was sent. Then it must come again, with its cursor.
	frameTimeout = 10 * time.Second
	// catchUpsAtOnce is how many clients of a process may read on in the database at once.
	catchUpsAtOnce = 4
	catchUpPage    = 500
	// writeAtOnce is how many bytes are sent before the next deadline.
	writeAtOnce = 64 << 10
)

type listenEvents struct {
	Cursor      string `query:"cursor" maxLength:"100" doc:"Go on behind this cursor. Without one, and without Last-Event-ID, the stream begins now"`
	LastEventID string `header:"Last-Event-ID" maxLength:"100" doc:"The same, as browsers send it when they connect again. It counts more than the parameter"`
}

func (in *listenEvents) from() (at feed.Cursor, given bool, err error) {
	text := in.LastEventID
	if text == "" {
		text = in.Cursor
	}
	if text == "" {
		return feed.Cursor{}, false, nil
	}
	at, err = feed.ParseCursor(text)
	return at, true, err
}

func (s *Server) registerEvents() {
	register(s, operation{
		id: "listen-events", method: http.MethodGet, path: "/events", permission: team.ReadConversations, tag: "events",
		summary:   "What happens, as it happens: a stream of Server-Sent Events",
		responses: s.describeStream(),
	}, func(_ context.Context, in *listenEvents) (*huma.StreamResponse, error) {
		from, given, err := in.from()
		if err != nil {
			return nil, err
		}
		if s.Live == nil {
			return nil, errNotLive()
		}
		now, signal, ready := s.Live.Now()
		if !ready {
			return nil, errNotLive()
		}
		if !given {
			from = now
		}
		return &huma.StreamResponse{Body: func(ctx huma.Context) {
			st := newStream(s, ctx, from, signal)
			s.Metrics.Streams.Inc()
			defer s.Metrics.Streams.Dec()
			if agent := st.principal.AgentID; agent != "" {
				defer s.Presence.Keeper.Enter(agent)()
			}
			st.run(given && from.Compare(now) > 0)
		}}, nil
	})
}

func errNotLive() error {
	return conversation.Errorf(conversation.CodeUnavailable, "live events are not there yet; try again")
}
