package oidc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"time"
)

const (
	callTimeout = 10 * time.Second
	dialTimeout = 5 * time.Second
	// maxAnswer is how many bytes of an answer are read. Key sets of large providers have some ten thousand.
	maxAnswer = 1 << 20
	// maxHeader is how many bytes the headers of an answer may have.
	maxHeader = 64 << 10
)

// DialControl is asked before each connection, with the resolved address; an error stops it.
type DialControl func(ctx context.Context, network, address string, conn syscall.RawConn) error

// newClient returns a client that calls https addresses only, unless plain ones are allowed. It asks no proxy: the proxy
// would connect to addresses that control never sees.
func newClient(control DialControl, allowPlain bool) *http.Client {
	dialer := &net.Dialer{Timeout: dialTimeout, ControlContext: control}
	transport := &http.Transport{
		DialContext: dialer.DialContext, TLSHandshakeTimeout: dialTimeout, ResponseHeaderTimeout: callTimeout,
		MaxResponseHeaderBytes: maxHeader, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true,
	}
	return &http.Client{
		Timeout: callTimeout, Transport: careful{transport, allowPlain},
		// A redirect would take the client secret elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// careful bounds what is called and what is read. The addresses come from the provider's own description of itself.
type careful struct {
	next       http.RoundTripper
	allowPlain bool
}

func (c careful) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" && (r.URL.Scheme != "http" || !c.allowPlain) {
		return nil, errors.New("a provider is called over https only")
	}
	answer, err := c.next.RoundTrip(r)
	if err != nil {
		return nil, fmt.Errorf("call the provider: %w", err)
	}
	answer.Body = http.MaxBytesReader(nil, answer.Body, maxAnswer)
	return answer, nil
}
