// Package channeltest is the conformance table that every channel adapter passes: what the inbox relies on whichever
// provider is behind it. It is used from the adapters' own tests.
package channeltest

import (
	"net/http"
	"net/url"
	"testing"

	"guichet.dev/guichet/channel"
)

// Case is one adapter with what the table needs to know of its provider's formats.
type Case struct {
	Adapter channel.Adapter
	// Secrets are those under which Sign signs. VerifyToken, if the provider has a handshake, must be set.
	Secrets channel.Secrets
	// Sign returns the headers with which the provider would post body.
	Sign func(secrets channel.Secrets, body []byte) http.Header
	// Bodies are well-formed posts by name; each says at least one thing.
	Bodies map[string][]byte
	// Text returns a post of one text message from one customer. jsonText stands between the quotes of its body, as it is.
	Text func(jsonText string) []byte
	// Mixed is a post in which at least one update cannot be understood, MixedGood how many can.
	Mixed     []byte
	MixedGood int
	// Handshake is a right query, Answer what it is answered with, Refused are wrong ones.
	Handshake url.Values
	Answer    string
	Refused   []url.Values
	// Account is one whose address answers nothing.
	Account channel.Account
	// Outbound is a message that the adapter can send, Unsupported one that it cannot.
	Outbound, Unsupported channel.Outbound
}

// Run runs the table.
func Run(t *testing.T, c Case) {
	t.Helper()
	t.Run("handshake", c.handshake)
	t.Run("verify", c.verify)
	t.Run("parse", c.parse)
	t.Run("garbage", c.garbage)
	t.Run("truncated", c.truncated)
	t.Run("nesting", c.nesting)
	t.Run("hostile text", c.hostileText)
	t.Run("one bad update", c.mixed)
	t.Run("send errors", c.sendErrors)
}

func (c Case) handshake(t *testing.T) {
	if c.Handshake == nil {
		t.Skip("the provider has no handshake")
	}
	if answer, ok := c.Adapter.Handshake(c.Secrets, c.Handshake); !ok || answer != c.Answer {
		t.Errorf("right handshake: got %q, %v; want %q, true", answer, ok, c.Answer)
	}
	for i, query := range append(c.Refused, url.Values{}, nil) {
		if _, ok := c.Adapter.Handshake(c.Secrets, query); ok {
			t.Errorf("wrong handshake %d was accepted", i)
		}
	}
	none := c.Secrets
	none.VerifyToken = ""
	if _, ok := c.Adapter.Handshake(none, c.Handshake); ok {
		t.Error("an account without a verify token accepted a handshake")
	}
}

func (c Case) verify(t *testing.T) {
	for name, body := range c.Bodies {
		header := c.Sign(c.Secrets, body)
		if !c.Adapter.Verify(c.Secrets, header, body) {
			t.Errorf("%s: right signature was refused", name)
			continue
		}
		c.tamper(t, name, header, body)
	}
	body := []byte(`{}`)
	wrong := c.Secrets
	wrong.AppSecret += "x"
	if c.Adapter.Verify(c.Secrets, c.Sign(wrong, body), body) {
		t.Error("a signature under another secret was accepted")
	}
	none := c.Secrets
	none.AppSecret = ""
	if c.Adapter.Verify(none, c.Sign(none, body), body) {
		t.Error("an account without a secret accepted a signature")
	}
	if c.Adapter.Verify(c.Secrets, nil, body) || c.Adapter.Verify(c.Secrets, http.Header{}, body) {
		t.Error("a post without a signature was accepted")
	}
}

// tamper changes the header and the body by one bit at a time.
func (c Case) tamper(t *testing.T, name string, header http.Header, body []byte) {
	for field, values := range header {
		for i := range len(values[0]) * 8 {
			changed := []byte(values[0])
			changed[i/8] ^= 1 << (i % 8)
			if c.Adapter.Verify(c.Secrets, http.Header{field: {string(changed)}}, body) {
				t.Errorf("%s: accepted with bit %d of %s changed", name, i, field)
			}
		}
		for _, value := range []string{"", " " + values[0], values[0] + " ", values[0] + "0", values[0][:len(values[0])-1]} {
			if c.Adapter.Verify(c.Secrets, http.Header{field: {value}}, body) {
				t.Errorf("%s: accepted a malformed %s", name, field)
			}
		}
		if c.Adapter.Verify(c.Secrets, http.Header{field: {values[0], values[0]}}, body) {
			t.Errorf("%s: accepted two headers %s", name, field)
		}
	}
	for i := 0; i < len(body)*8; i += 1 + len(body)/40 {
		changed := append([]byte(nil), body...)
		changed[i/8] ^= 1 << (i % 8)
		if c.Adapter.Verify(c.Secrets, header, changed) {
			t.Errorf("%s: accepted with bit %d of the body changed", name, i)
		}
	}
	if c.Adapter.Verify(c.Secrets, header, append(append([]byte(nil), body...), '\n')) {
		t.Errorf("%s: accepted with a byte more", name)
	}
}
