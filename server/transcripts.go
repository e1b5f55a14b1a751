package server

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"guichet.dev/guichet/team"
	"guichet.dev/guichet/transcripts"
)

// transcriptTimeout is how long writing a transcript may take; less than writeTimeout.
const transcriptTimeout = 40 * time.Second

type exportTranscript struct {
	ConversationPath
	Format transcripts.Format `query:"format" default:"txt"`
	Zone   string             `query:"time_zone" default:"UTC" maxLength:"64" doc:"IANA time zone of the times, such as Europe/Paris"`
	Notes  bool               `query:"notes" doc:"With what colleagues noted"`
	Events bool               `query:"events" doc:"With what happened"`
}

func (s *Server) registerTranscripts() {
	op := operation{
		id: "export-transcript", method: http.MethodGet, path: "/conversations/{conversation_id}/transcript", permission: team.ExportConversations, tag: "conversations",
		summary: "A conversation as a file, oldest first, with those merged into it; who exported it is in the audit",
	}
	register(s, op, func(ctx context.Context, in *exportTranscript) (*huma.StreamResponse, error) {
		t, err := s.Transcripts.Open(ctx, viewer(ctx), in.ID, transcripts.Wish{Format: in.Format, Zone: in.Zone, Notes: in.Notes, Events: in.Events})
		if err != nil {
			return nil, err
		}
		return &huma.StreamResponse{Body: func(c huma.Context) { s.writeTranscript(c, t) }}, nil
	})
	files := map[string]*huma.MediaType{}
	for _, format := range transcripts.Formats() {
		kind, _, _ := strings.Cut(format.MediaType(), ";")
		files[kind] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
	}
	s.described(op).Responses["200"].Content = files
}

// writeTranscript writes as it reads. After an error it breaks the answer off, so that nobody takes a part for the whole.
func (s *Server) writeTranscript(c huma.Context, t *transcripts.Transcript) {
	ctx, cancel := context.WithTimeout(c.Context(), transcriptTimeout)
	defer cancel()
	c.SetHeader("Content-Type", t.Format.MediaType())
	c.SetHeader("Content-Disposition", `attachment; filename="`+t.Name+`"`)
	c.SetHeader("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
	if err := t.Write(ctx, c.BodyWriter()); err != nil {
		s.Logger.WarnContext(ctx, "transcript broken off", "request_id", requestID(ctx), errorAttr(err))
		panic(http.ErrAbortHandler)
	}
}
