package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/idempotency"
	"guichet.dev/guichet/postgres"
)

const (
	// idempotencyHeader names a request, so that it can be repeated (draft-ietf-httpapi-idempotency-key-header).
	idempotencyHeader = "Idempotency-Key"
	// replayedHeader says that an answer is that of an earlier request.
	replayedHeader = "Idempotency-Replayed"
	maxKey         = 255
	// bodyTimeout is how long a body may take to arrive.
	bodyTimeout = 5 * time.Second
)

// Repetitions remembers requests and their answers.
type Repetitions interface {
	Claim(ctx context.Context, r idempotency.Request) (*idempotency.Answer, error)
	Answered(ctx context.Context, r idempotency.Request, a idempotency.Answer) error
	Forget(ctx context.Context, r idempotency.Request) error
}

func describeIdempotencyKey() *huma.Param {
	length := maxKey
	return &huma.Param{
		Name: idempotencyHeader, In: "header", Schema: &huma.Schema{Type: huma.TypeString, MaxLength: &length},
		Description: "A value of your own, such as a UUID. The same request with the same key within 24 hours is carried out once and gets the same answer",
	}
}

// outcome is what a request's middleware hears from its handler.
type outcome struct{ unknown bool }

// noteUnknown tells the middleware that nobody knows whether the request took effect.
func noteUnknown(ctx context.Context, err error) {
	if o, ok := ctx.Value(keyOutcome).(*outcome); ok && errors.Is(err, postgres.ErrCommitUnknown) {
		o.unknown = true
	}
}

// repeatable carries a request with an idempotency key out once.
func (s *Server) repeatable(ctx huma.Context, next func(huma.Context)) {
	key := ctx.Header(idempotencyHeader)
	if key == "" || s.Repetitions == nil {
		next(ctx)
		return
	}
	if problem := checkKey(key); problem != nil {
		s.refuse(ctx, problem)
		return
	}
	body, problem := readBody(ctx)
	if problem != nil {
		s.refuse(ctx, problem)
		return
	}
	url := ctx.URL()
	r := idempotency.Request{
		Caller: credential(ctx.Context()), Route: ctx.Method() + " " + url.Path, Key: key,
		Body: []byte(url.RawQuery + "\n" + string(body)),
	}
	earlier, err := s.Repetitions.Claim(ctx.Context(), r)
	switch {
	case err != nil:
		s.refuse(ctx, keyProblem(s.problem(ctx.Context(), err)))
	case earlier != nil:
		ctx.SetHeader(replayedHeader, "true")
		write(ctx, *earlier)
	default:
		s.carryOut(ctx, r, body, next)
	}
}

// credential names the caller and the token: another token of the same agent may do and see less, and must not be shown
// what this one was answered.
func credential(ctx context.Context) string {
	p := caller(ctx)
	return string(p.Actor().Kind) + " " + p.Actor().ID + " " + p.TokenID
}

// carryOut lets a claimed request run and keeps its answer. What says nothing of the request itself is not kept: the caller
// is to try again.
func (s *Server) carryOut(ctx huma.Context, r idempotency.Request, body []byte, next func(huma.Context)) {
	var came outcome
	h := hold(huma.WithValue(ctx, keyOutcome, &came))
	h.request = bytes.NewReader(body)
	next(h)
	after := context.WithoutCancel(ctx.Context())
	var err error
	switch {
	case came.unknown: // it may have taken effect: never again under this key
	case passing(h.status):
		err = s.Repetitions.Forget(after, r)
	default:
		err = s.Repetitions.Answered(after, r, h.answer())
	}
	if err != nil {
		s.Logger.ErrorContext(after, "an answer was not kept for repetitions", "request_id", requestID(after), errorAttr(err))
	}
	write(ctx, h.answer())
}

// passing reports whether the same request can be answered otherwise a moment later although nothing was done.
func passing(status int) bool {
	return status >= 500 || status == statusGone || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout
}

func checkKey(key string) *Problem {
	ok := len(key) <= maxKey && !strings.ContainsFunc(key, func(r rune) bool { return r < '!' || r > '~' })
	if ok {
		return nil
	}
	return keyProblem(problemOf(conversation.Invalid(idempotencyHeader, "must have 1 to %d visible ASCII characters", maxKey)))
}

// keyProblem says that the wrong field is a header.
func keyProblem(p *Problem) *Problem {
	for i := range p.Fields {
		p.Fields[i].In = "header"
	}
	return p
}

// readBody reads the whole body, to compare it. One that is too large goes on as it is: it is refused further on.
func readBody(ctx huma.Context) ([]byte, *Problem) {
	if err := ctx.SetReadDeadline(time.Now().Add(bodyTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return nil, newProblem(ctx.Context(), http.StatusBadRequest, conversation.CodeInvalid, "the body did not arrive in full")
	}
	body, err := io.ReadAll(io.LimitReader(ctx.BodyReader(), maxAPIBody+1))
	if err != nil {
		return nil, newProblem(ctx.Context(), http.StatusBadRequest, conversation.CodeInvalid, "the body did not arrive in full")
	}
	return body, nil
}
