package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"
	"github.com/labstack/echo/v4"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

// Problem is the body of every answer that is an error (RFC 9457, application/problem+json).
type Problem struct {
	Title     string            `json:"title" doc:"The status in words"`
	Status    int               `json:"status" example:"409"`
	Code      conversation.Code `json:"code" doc:"Why, as a stable code for programs" example:"conflict"`
	Detail    string            `json:"detail" doc:"Why, in one sentence for people"`
	Fields    []FieldProblem    `json:"fields,omitempty" doc:"Which parts of the request are wrong"`
	Details   map[string]any    `json:"details,omitempty" doc:"Facts that belong to the code, such as assignee_id for a conflict"`
	RequestID string            `json:"request_id,omitempty" doc:"For questions to the people who run Guichet"`
}

// FieldProblem is one wrong part of a request. It never repeats the value.
type FieldProblem struct {
	In     string `json:"in,omitempty" enum:"body,query,path,header" doc:"Where the field stands"`
	Field  string `json:"field" doc:"The field in dotted form; empty for the body as a whole" example:"settings.pair_burst"`
	Detail string `json:"detail" doc:"What is wrong and what is allowed"`
}

// Error implements error.
func (p *Problem) Error() string { return fmt.Sprintf("%s: %s", p.Code, p.Detail) }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// Huma makes its own errors through these variables: as of here they are Problems too. Names of properties count as they
// are written: otherwise what stands under a name of another case would be taken unchecked.
func init() {
	huma.ValidateStrictCasing = true
	huma.NewError = func(status int, detail string, errs ...error) huma.StatusError {
		return problemOfStatus(status, detail, errs)
	}
	huma.NewErrorWithContext = func(ctx huma.Context, status int, detail string, errs ...error) huma.StatusError {
		if detail == brokenBody {
			status, detail, errs = http.StatusBadRequest, "the body did not arrive in full", nil
		}
		p := problemOfStatus(status, detail, errs)
		p.RequestID = requestID(ctx.Context())
		return p
	}
}

// brokenBody is what huma says of a body that breaks off, with the status 500. It is the client's fault.
const brokenBody = "cannot read request body"

// statuses says which HTTP status each code has. What is missing here is our own fault.
var statuses = map[conversation.Code]int{
	conversation.CodeInvalid:       http.StatusUnprocessableEntity,
	conversation.CodeUnauthorised:  http.StatusUnauthorized,
	conversation.CodeForbidden:     http.StatusForbidden,
	conversation.CodeNotFound:      http.StatusNotFound,
	conversation.CodeConflict:      http.StatusConflict,
	conversation.CodeStale:         http.StatusConflict,
	conversation.CodeAccountPaused: http.StatusConflict,
	conversation.CodeAccountError:  http.StatusConflict,
	conversation.CodeWindowClosed:  http.StatusUnprocessableEntity,
	conversation.CodeOptedOut:      http.StatusUnprocessableEntity,
	conversation.CodeBlocked:       http.StatusUnprocessableEntity,
	conversation.CodeUnsupported:   http.StatusUnprocessableEntity,
	conversation.CodeNoAddress:     http.StatusUnprocessableEntity,
	conversation.CodeRateLimited:   http.StatusTooManyRequests,
	conversation.CodeUnavailable:   http.StatusServiceUnavailable,
}

// statusGone is the customary status in logs for a client that went away.
const statusGone = 499

const hidden = "something went wrong on our side; the request id helps to find out what"

// problem turns any error of a command or query into the answer. It logs what it hides, once.
func (s *Server) problem(ctx context.Context, err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return newProblem(ctx, statusGone, conversation.CodeUnavailable, "the client went away")
	}
	if errors.Is(err, context.DeadlineExceeded) {
		s.Logger.WarnContext(ctx, "request took too long", "request_id", requestID(ctx), errorAttr(err))
		return newProblem(ctx, http.StatusServiceUnavailable, conversation.CodeUnavailable, "this took too long; try again")
	}
	if postgres.IsUnavailable(err) || errors.Is(err, postgres.ErrCommitUnknown) {
		s.Logger.ErrorContext(ctx, "the database does not answer", "request_id", requestID(ctx), errorAttr(err))
		return newProblem(ctx, http.StatusServiceUnavailable, conversation.CodeUnavailable, "the database does not answer; try again")
	}
	e, known := errors.AsType[*conversation.Error](err)
	_, mapped := statuses[conversation.CodeOf(err)]
	if !known || !mapped {
		s.Logger.ErrorContext(ctx, "request failed", "request_id", requestID(ctx), errorAttr(err))
		return newProblem(ctx, http.StatusInternalServerError, conversation.CodeInternal, hidden)
	}
	p := problemOf(e)
	p.RequestID = requestID(ctx)
	return p
}

// problemOf shows an expected refusal.
func problemOf(e *conversation.Error) *Problem {
	status := statuses[e.Code]
	p := &Problem{Title: title(status), Status: status, Code: e.Code, Detail: e.Message, Details: e.Details}
	if e.Field != "" {
		p.Fields = []FieldProblem{{Field: e.Field, Detail: e.Message}}
	}
	return p
}

// located says of each wrong field where it stands: what is no parameter stands in the body.
func (p *Problem) located(parameters map[string]string) *Problem {
	for i, f := range p.Fields {
		if f.In != "" || f.Field == "" {
			continue
		}
		p.Fields[i].In = "body"
		if place, ok := parameters[f.Field]; ok {
			p.Fields[i].In = place
		}
	}
	return p
}

func newProblem(ctx context.Context, status int, code conversation.Code, detail string) *Problem {
	return &Problem{Title: title(status), Status: status, Code: code, Detail: detail, RequestID: requestID(ctx)}
}

func title(status int) string {
	if text := http.StatusText(status); text != "" {
		return text
	}
	return "Client Closed Request"
}

// problemOfStatus describes what huma or echo refused by themselves.
func problemOfStatus(status int, detail string, errs []error) *Problem {
	p := &Problem{Title: title(status), Status: status, Code: codeOfStatus(status), Detail: detail}
	if p.Code == conversation.CodeInternal {
		p.Detail = hidden
		return p
	}
	for _, err := range errs {
		if located, ok := err.(huma.ErrorDetailer); ok {
			p.Fields = append(p.Fields, fieldProblem(located.ErrorDetail()))
		}
	}
	if len(p.Fields) > 0 {
		p.Detail = "the request is not valid: " + p.Fields[0].Detail
	}
	return p
}

func fieldProblem(d *huma.ErrorDetail) FieldProblem {
	f := FieldProblem{Field: d.Location, Detail: d.Message}
	if in, field, _ := strings.Cut(d.Location, "."); in == "body" || in == "query" || in == "path" || in == "header" {
		f.In, f.Field = in, field
	}
	// Of a missing property huma says the name in the text only.
	var missing string
	if n, _ := fmt.Sscanf(d.Message, validation.MsgExpectedRequiredProperty, &missing); n == 1 {
		f.Field = strings.TrimPrefix(f.Field+"."+missing, ".")
	}
	// A whole number that Go cannot store suits the schema: the decoder refuses it, with a text that repeats the value.
	if name := notStored.FindStringSubmatch(d.Message); name != nil {
		f.Field, f.Detail = name[1], "must be a whole number of at most 64 bits, written without an exponent"
	}
	return f
}

// notStored is how encoding/json names the field of a number that its type cannot hold.
var notStored = regexp.MustCompile(`^json: cannot unmarshal number .* into Go struct field [^.]*\.(\S+) of type u?int`)

func codeOfStatus(status int) conversation.Code {
	switch status {
	case http.StatusUnauthorized:
		return conversation.CodeUnauthorised
	case http.StatusForbidden:
		return conversation.CodeForbidden
	case http.StatusNotFound:
		return conversation.CodeNotFound
	case http.StatusTooManyRequests:
		return conversation.CodeRateLimited
	case http.StatusServiceUnavailable, http.StatusRequestTimeout:
		return conversation.CodeUnavailable
	}
	if status < 500 {
		return conversation.CodeInvalid
	}
	return conversation.CodeInternal
}

// writeEchoError answers what no handler answered: unknown routes, wrong methods, panics.
func (s *Server) writeEchoError(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	ctx := c.Request().Context()
	p, known := errors.AsType[*Problem](err)
	if !known {
		if e, ok := errors.AsType[*echo.HTTPError](err); ok {
			p = newProblem(ctx, e.Code, codeOfStatus(e.Code), strings.ToLower(title(e.Code)))
		} else {
			p = s.problem(ctx, err)
		}
	}
	c.Response().Header().Set(echo.HeaderContentType, p.ContentType(""))
	c.Response().WriteHeader(p.Status)
	if err := c.Echo().JSONSerializer.Serialize(c, p, ""); err != nil {
		s.Logger.DebugContext(ctx, "answer not written", "request_id", p.RequestID, errorAttr(err))
	}
}

// errorAttr describes an error for the log. A database's own text can quote values, so of those only the code is shown.
func errorAttr(err error) slog.Attr {
	if sql, ok := errors.AsType[interface {
		error
		SQLState() string
	}](err); ok {
		return slog.String("error", "database error "+sql.SQLState())
	}
	return slog.String("error", err.Error())
}
