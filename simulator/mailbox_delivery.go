package simulator

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/jhillyerd/enmime/v2"
)

// delivery is one SMTP session. It takes every sender and every recipient.
type delivery struct {
	box  *mailbox
	from string
	to   []string
	slow time.Duration
}

// Reset implements smtp.Session.
func (d *delivery) Reset() { d.from, d.to, d.slow = "", nil, 0 }

// Logout implements smtp.Session.
func (d *delivery) Logout() error { return nil }

// Mail implements smtp.Session.
func (d *delivery) Mail(from string, _ *smtp.MailOptions) error {
	d.from = from
	return nil
}

// Rcpt implements smtp.Session.
func (d *delivery) Rcpt(to string, _ *smtp.RcptOptions) error {
	if f := d.box.owner.mailFault(to); f != nil {
		switch f.Action {
		case ActionRefuse:
			return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such mailbox"}
		case ActionTemporary:
			return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "try again later"}
		case ActionSlow:
			d.slow = max(d.slow, time.Duration(f.Delay))
		}
	}
	d.to = append(d.to, to)
	return nil
}

// Data implements smtp.Session.
func (d *delivery) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if d.slow > 0 {
		select {
		case <-d.box.owner.stop.Done():
			return &smtp.SMTPError{Code: 421, EnhancedCode: smtp.EnhancedCode{4, 3, 2}, Message: "shutting down"}
		case <-time.After(d.slow):
		}
	}
	d.box.put(d.read(raw))
	return nil
}

// read takes a mail apart. One whose form is broken is kept as it is, so that it can be looked at.
func (d *delivery) read(raw []byte) Mail {
	m := Mail{From: d.from, To: slices.Clone(d.to), At: time.Now().UTC(), Header: map[string][]string{}}
	envelope, err := enmime.ReadEnvelope(bytes.NewReader(raw))
	if err != nil {
		m.Text, m.Broken = strings.ToValidUTF8(string(raw), "?"), err.Error()
		return m
	}
	for _, name := range envelope.GetHeaderKeys() {
		m.Header[name] = envelope.GetHeaderValues(name)
	}
	m.Subject, m.Text, m.HTML = envelope.GetHeader("Subject"), envelope.Text, envelope.HTML
	var wrong []string
	for _, e := range envelope.Errors {
		wrong = append(wrong, e.Error())
	}
	m.Broken = strings.Join(wrong, "; ")
	return m
}

// mailFault returns a copy of the fault that acts on a mail's recipient, or nil.
func (s *Server) mailFault(to string) *Fault {
	defer s.change()()
	for _, f := range s.state.Faults {
		if f.On == KindMails && (f.To == "" || strings.EqualFold(f.To, to)) && s.take(f) {
			acting := *f
			return &acting
		}
	}
	return nil
}
