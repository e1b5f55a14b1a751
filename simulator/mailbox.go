package simulator

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// maxMails is how many mails the mailbox keeps; the oldest go first.
const maxMails = 500

// Mail is one that the mailbox took.
type Mail struct {
	ID      string              `json:"id"`
	From    string              `json:"from"` // of the envelope
	To      []string            `json:"to"`   // of the envelope
	At      time.Time           `json:"at"`   // real time
	Subject string              `json:"subject"`
	Text    string              `json:"text"`
	HTML    string              `json:"html"`
	Header  map[string][]string `json:"header"`
	Broken  string              `json:"broken,omitempty"` // what is wrong with its form
}

// mailbox takes mails by SMTP. It has its own lock: a slow mail holds nothing else up.
type mailbox struct {
	owner    *Server
	smtp     *smtp.Server
	listener net.Listener // nil: there is none

	mu    sync.Mutex
	mails []Mail // the oldest first
	last  int64
}

func newMailbox(owner *Server) *mailbox { return &mailbox{owner: owner} }

// MailURL is the address of the mailbox for senders, such as smtp://127.0.0.1:8025; empty without one.
func (s *Server) MailURL() string {
	if s.mailbox.listener == nil {
		return ""
	}
	return "smtp://" + s.mailbox.listener.Addr().String()
}

// listen opens the address, if there is one.
func (b *mailbox) listen(addr string) error {
	if addr == "" {
		return nil
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("simulator: listen for mails: %w", err)
	}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &delivery{box: b}, nil }))
	server.Domain = "simulator.example"
	server.MaxMessageBytes, server.MaxRecipients = 10<<20, 100
	server.ReadTimeout, server.WriteTimeout = time.Minute, time.Minute
	server.EnableSMTPUTF8 = true
	server.ErrorLog = quiet{}
	b.listener, b.smtp = listener, server
	return nil
}

// quiet drops what the library logs: it holds addresses.
type quiet struct{}

// Printf implements smtp.Logger.
func (quiet) Printf(string, ...any) {}

// Println implements smtp.Logger.
func (quiet) Println(...any) {}

// serve takes mails until close; without a listener it returns when the simulator ends.
func (b *mailbox) serve() error {
	if b.listener == nil {
		<-b.owner.stop.Done()
		return nil
	}
	b.owner.log.Info("simulator takes mails", "url", b.owner.MailURL())
	if err := b.smtp.Serve(b.listener); err != nil && !errors.Is(err, smtp.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("simulator: take mails: %w", err)
	}
	return nil
}

func (b *mailbox) close() error {
	if b.listener == nil {
		return nil
	}
	err := errors.Join(b.smtp.Close(), b.listener.Close())
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (b *mailbox) put(m Mail) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last++
	m.ID = formatInt(b.last)
	b.mails = append(b.mails, m)
	if over := len(b.mails) - maxMails; over > 0 {
		b.mails = slices.Delete(b.mails, 0, over)
	}
}

// list returns the mails, the oldest first; of one recipient if to is not empty.
func (b *mailbox) list(to string) []Mail {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := []Mail{}
	for _, m := range b.mails {
		if to == "" || slices.ContainsFunc(m.To, func(one string) bool { return strings.EqualFold(one, to) }) {
			list = append(list, m)
		}
	}
	return list
}

func (b *mailbox) get(id string) (Mail, error) {
	for _, m := range b.list("") {
		if m.ID == id {
			return m, nil
		}
	}
	return Mail{}, &ControlError{Status: http.StatusNotFound, Field: "id", Message: "no such mail"}
}

// table lists the control routes of the mailbox.
func (b *mailbox) table() []controlRoute {
	return []controlRoute{
		{"GET /control/mailbox", "the mails that came in by SMTP, the oldest first; ?to=", nil, func(r *http.Request) (any, error) {
			return map[string]any{"mails": b.list(r.URL.Query().Get("to"))}, nil
		}},
		{"GET /control/mailbox/{id}", "one mail", nil, func(r *http.Request) (any, error) { return b.get(r.PathValue("id")) }},
		{"DELETE /control/mailbox", "empty the mailbox", nil, func(*http.Request) (any, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.mails = nil
			return done, nil
		}},
	}
}
