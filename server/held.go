package server

import (
	"bytes"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"guichet.dev/guichet/idempotency"
)

// original is a huma.Context whose name as a field is not that of its method.
type original huma.Context

// held is a request whose answer is kept back until it is whole.
type held struct {
	original
	request io.Reader // nil: the request's own body
	status  int
	header  http.Header
	body    bytes.Buffer
}

func hold(ctx huma.Context) *held { return &held{original: ctx, header: http.Header{}} }

// BodyReader implements huma.Context.
func (h *held) BodyReader() io.Reader {
	if h.request != nil {
		return h.request
	}
	return h.original.BodyReader()
}

// SetStatus implements huma.Context.
func (h *held) SetStatus(status int) { h.status = status }

// Status implements huma.Context.
func (h *held) Status() int { return h.status }

// SetHeader implements huma.Context.
func (h *held) SetHeader(name, value string) { h.header.Set(name, value) }

// AppendHeader implements huma.Context.
func (h *held) AppendHeader(name, value string) { h.header.Add(name, value) }

// BodyWriter implements huma.Context.
func (h *held) BodyWriter() io.Writer { return &h.body }

func (h *held) answer() idempotency.Answer {
	return idempotency.Answer{Status: h.status, Header: h.header, Body: h.body.Bytes()}
}

// write gives an answer to who asked. That they may be gone is no matter of ours.
func write(ctx huma.Context, a idempotency.Answer) {
	for name, values := range a.Header {
		for i, v := range values {
			if i == 0 {
				ctx.SetHeader(name, v)
			} else {
				ctx.AppendHeader(name, v)
			}
		}
	}
	ctx.SetStatus(a.Status)
	if a.Status != http.StatusNoContent && a.Status != http.StatusNotModified {
		_, _ = ctx.BodyWriter().Write(a.Body)
	}
}
