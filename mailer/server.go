package mailer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"net/url"
	"strconv"
	"time"

	"github.com/wneessen/go-mail"
)

// sendTimeout is how long one mail may take, from the connection to the server's yes.
const sendTimeout = 15 * time.Second

// server is a mail server.
type server struct {
	host    string
	options []mail.Option
}

// Default ports: submission with TLS from the start (RFC 8314) and with STARTTLS (RFC 6409).
const (
	portTLS      = 465
	portStartTLS = 587
)

// parseURL reads smtps://user:password@host:port, with TLS from the start, or smtp://…, with STARTTLS, which must be offered
// unless plain is allowed. A user and a password are optional. No error shows the text.
func parseURL(text string, allowPlain bool, roots *x509.CertPool) (*server, error) {
	form := errors.New("must be smtp://user:password@host:port or smtps://…, with special characters of the password as %XX")
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return nil, form
	}
	s := &server{host: u.Hostname(), options: []mail.Option{
		mail.WithTimeout(sendTimeout), mail.WithTLSConfig(&tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12, RootCAs: roots}),
	}}
	port := portStartTLS
	switch u.Scheme {
	case "smtps":
		port = portTLS
		s.options = append(s.options, mail.WithSSL())
	case "smtp":
		policy := mail.TLSMandatory
		if allowPlain {
			policy = mail.TLSOpportunistic
		}
		s.options = append(s.options, mail.WithTLSPolicy(policy))
	default:
		return nil, form
	}
	if u.Port() != "" {
		n, err := strconv.ParseUint(u.Port(), 10, 16)
		if err != nil || n == 0 {
			return nil, form
		}
		port = int(n)
	}
	s.options = append(s.options, mail.WithPort(port))
	if u.User != nil {
		password, _ := u.User.Password()
		s.options = append(s.options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(u.User.Username()), mail.WithPassword(password))
	}
	if _, err := mail.NewClient(s.host, s.options...); err != nil {
		return nil, form
	}
	return s, nil
}

// dial greets the server: TLS and authentication are done.
func (s *server) dial(ctx context.Context) (*mail.Client, error) {
	client, err := mail.NewClient(s.host, s.options...)
	if err != nil {
		return nil, err
	}
	return client, client.DialWithContext(ctx)
}

func (s *server) greet(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	client, err := s.dial(ctx)
	if err != nil {
		return err
	}
	return ignoreClosed(client.Close())
}

// send delivers one mail over a connection of its own.
func (s *server) send(ctx context.Context, message *mail.Msg) error {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	client, err := s.dial(ctx)
	if err != nil {
		return err
	}
	if err := client.Send(message); err != nil {
		return errors.Join(err, ignoreClosed(client.Close()))
	}
	_ = client.Close() // the server has said yes: what it says to our goodbye changes nothing
	return nil
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// failure says of an error by a code what it was, and whether it is of no use to try again. The code is small and closed:
// the server's number or a word of ours, never a text.
func failure(err error) (code string, final bool) {
	var (
		refused *mail.SendError
		dns     *net.DNSError
		broken  net.Error
		bad     *tls.CertificateVerificationError
		answer  *textproto.Error // before the mail itself: greeting, STARTTLS, authentication
	)
	switch {
	case errors.As(err, &refused) && refused.ErrorCode() > 0:
		// What the server says of the sender or of us may be put right; what it says for good of the recipient or the
		// content will not.
		about := refused.Reason == mail.ErrSMTPRcptTo || refused.Reason == mail.ErrSMTPData || refused.Reason == mail.ErrSMTPDataClose
		return fmt.Sprintf("smtp_%d", refused.ErrorCode()), about && !refused.IsTemp() && refused.ErrorCode() >= 500
	case errors.As(err, &answer):
		return fmt.Sprintf("smtp_%d", answer.Code), false
	case errors.As(err, &bad):
		return "certificate", false
	case errors.As(err, &dns):
		return "name", false
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &broken) && broken.Timeout():
		return "timeout", false
	case errors.As(err, &refused):
		return "broken_off", false
	default:
		return "connection", false
	}
}
