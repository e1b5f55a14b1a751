package whatsapp

import (
	"context"
	"net/http"
	"syscall"
	"time"

	"guichet.dev/guichet/channel"
)

// maxText is the longest body of a text message in characters (Cloud API, text messages).
const maxText = 4096

// Options are what an Adapter may be given; the zero value works.
type Options struct {
	// Transport carries the calls. If it is nil, one is made that knows what it wrote and speaks HTTP/1.1 only. With a
	// transport of the caller's own, fewer failures count as certain and more as unknown.
	Transport http.RoundTripper
	// DialControl is asked before each connection of the default transport, with the resolved address; an error stops it.
	// It is the place to refuse private networks.
	DialControl func(ctx context.Context, network, address string, conn syscall.RawConn) error
	// UserAgent is sent with each call; "Guichet" if it is empty.
	UserAgent string
	// Now is the clock; time.Now if it is nil.
	Now func() time.Time
}

// Adapter is the channel.Adapter of the WhatsApp Cloud API. It holds no account: every call names its own.
type Adapter struct {
	client    *http.Client
	userAgent string
	now       func() time.Time
}

var _ channel.Adapter = (*Adapter)(nil)

// New returns an adapter.
func New(options Options) *Adapter {
	transport := options.Transport
	if transport == nil {
		transport = newTransport(options.DialControl)
	}
	a := &Adapter{
		client: &http.Client{
			Transport: transport,
			// A redirect is an answer like any other: the token must not follow it.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		userAgent: options.UserAgent,
		now:       options.Now,
	}
	if a.userAgent == "" {
		a.userAgent = "Guichet"
	}
	if a.now == nil {
		a.now = time.Now
	}
	return a
}

// Capabilities says what WhatsApp can do.
func (a *Adapter) Capabilities() channel.Capabilities {
	return channel.Capabilities{Window: true, Reactions: true, ReplyTo: true, ReadReceipt: true, Typing: true, MaxText: maxText}
}
