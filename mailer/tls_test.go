package mailer_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"guichet.dev/guichet/mailer"
)

// secure is a mail server as offices have them: with TLS, for those who know a password.
type secure struct {
	address string

	mu    sync.Mutex
	taken []string
}

// newSecure starts a server; fromTheStart says that TLS comes before the first word (smtps), otherwise STARTTLS is offered.
func newSecure(t *testing.T, certificate tls.Certificate, fromTheStart bool) *secure {
	t.Helper()
	s := &secure{}
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &visit{secure: s, conn: c}, nil }))
	server.Domain, server.TLSConfig = "localhost", &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	server.ErrorLog = log.New(io.Discard, "", 0) // those who do not trust it end their connections
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address = listener.Addr().String()
	if fromTheStart {
		listener = tls.NewListener(listener, server.TLSConfig)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	t.Cleanup(func() {
		if err := errors.Join(server.Close(), <-ended); err != nil {
			t.Error(err)
		}
	})
	return s
}

// visit is one connection.
type visit struct {
	*secure
	conn *smtp.Conn
	in   bool
}

func (*visit) AuthMechanisms() []string { return []string{sasl.Plain} }

func (v *visit) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		_, encrypted := v.conn.TLSConnectionState()
		if v.in = encrypted && user == "guichet" && password == "p@ss word"; !v.in {
			return smtp.ErrAuthFailed
		}
		return nil
	}), nil
}

func (v *visit) Mail(string, *smtp.MailOptions) error {
	if !v.in {
		return smtp.ErrAuthRequired
	}
	return nil
}

func (*visit) Rcpt(string, *smtp.RcptOptions) error { return nil }

func (v *visit) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.taken = append(v.taken, string(text))
	return err
}

func (*visit) Reset()        {}
func (*visit) Logout() error { return nil }

func TestMailsGoOverTLS(t *testing.T) {
	site := httptest.NewTLSServer(nil) // for its certificate, which is for 127.0.0.1
	defer site.Close()
	roots := x509.NewCertPool()
	roots.AddCert(site.Certificate())
	for scheme, fromTheStart := range map[string]bool{"smtp": false, "smtps": true} {
		t.Run(scheme, func(t *testing.T) {
			server := newSecure(t, site.TLS.Certificates[0], fromTheStart)
			url := func(password string) func(*mailer.Options) {
				return func(o *mailer.Options) {
					o.URL, o.AllowPlain, o.Roots = scheme+"://guichet:"+password+"@"+server.address, false, roots
				}
			}
			p := newPost(t, url("p%40ss%20word"))
			if err := p.Check(t.Context()); err != nil {
				t.Error(err)
			}
			p.invite("ana@example.com")
			p.deliver(1)
			if len(server.taken) != 1 || !strings.Contains(server.taken[0], "To: <ana@example.com>") {
				t.Errorf("%q", server.taken)
			}
			for why, change := range map[string][]func(*mailer.Options){
				"smtp_535":    {url("wrong-word")},
				"certificate": {url("p%40ss%20word"), func(o *mailer.Options) { o.Roots = nil }},
			} {
				o := p.Options
				for _, c := range change {
					c(&o)
				}
				stranger, err := mailer.New(o)
				if err != nil {
					t.Fatal(err)
				}
				if err := stranger.Check(t.Context()); err == nil || !strings.HasSuffix(err.Error(), why) || strings.Contains(err.Error(), "word") {
					t.Errorf("%v, want %s", err, why)
				}
			}
		})
	}
}
