package whatsapp

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// Limits of the default transport.
const (
	dialTimeout      = 5 * time.Second
	handshakeTimeout = 5 * time.Second
	idleTimeout      = 60 * time.Second
	idlePerHost      = 64
	maxHeaderBytes   = 64 << 10
)

// newTransport returns a transport whose connections know whether they were written to. It speaks HTTP/1.1 only: there a
// connection carries one request at a time, so what was written belongs to that request.
func newTransport(control func(context.Context, string, string, syscall.RawConn) error) *http.Transport {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second, ControlContext: control}
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			raw, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &conn{Conn: raw}, nil
		},
		Protocols:              &protocols,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    handshakeTimeout,
		MaxIdleConnsPerHost:    idlePerHost,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
		DisableCompression:     true,
	}
}

var errSealed = errors.New("connection is sealed")

// conn is a connection that knows whether anything was written since a request took it, and that can be sealed: after
// that nothing more leaves it. Without the seal "nothing was written" would be no more than a guess when a deadline ends
// the wait, because the transport's writer runs beside it.
type conn struct {
	net.Conn
	mu      sync.Mutex
	written bool
	sealed  bool
}

// Write notes that something is written before it writes it.
func (c *conn) Write(b []byte) (int, error) {
	c.mu.Lock()
	if c.sealed {
		c.mu.Unlock()
		return 0, errSealed
	}
	c.written = true
	c.mu.Unlock()
	return c.Conn.Write(b)
}

// take marks the begin of a request: what was written before, TLS handshake or an earlier request, does not count.
func (c *conn) take() {
	c.mu.Lock()
	c.written = false
	c.mu.Unlock()
}

// seal stops the connection and reports whether anything was written since take.
func (c *conn) seal() (written bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sealed = true
	return c.written
}

// unwrap returns the conn beneath the connection that the transport uses, nil if it is not one of ours.
func unwrap(used net.Conn) *conn {
	for { // more than one layer with a proxy that speaks TLS
		secure, ok := used.(*tls.Conn)
		if !ok {
			break
		}
		used = secure.NetConn()
	}
	ours, ok := used.(*conn)
	if !ok {
		return nil
	}
	return ours
}
