package mailer

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/mail"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

// Sealer encrypts a mail's data at rest. The owner is the mail; what belongs to one opens for no other.
type Sealer interface {
	Seal(plain []byte, owner string) ([]byte, error)
	Open(sealed []byte, owner string) ([]byte, error)
}

// Observer is told what became of each try. All three are from small closed sets.
type Observer interface {
	Mail(kind, outcome, code string)
}

// The outcomes of a try.
const (
	OutcomeSent    = "sent"
	OutcomeRetried = "retried"
	OutcomeFailed  = "failed" // given up
)

// Options are what a Mailer needs.
type Options struct {
	DB     *bun.DB
	Sealer Sealer
	// URL is the mail server, see Settings; empty sends nothing and refuses what would be queued.
	URL string
	// From is who mails come from: an address, or a name and an address.
	From string
	// AllowPlain sends without TLS to a server that does not offer it.
	AllowPlain bool
	// Roots are whose certificates the mail server may have; nil are the machine's.
	Roots *x509.CertPool
	// ShowLinks logs the links of invitations and the like, so that a demo needs no mailbox. Never set it elsewhere.
	ShowLinks bool
	Observer  Observer         // may be nil
	Now       func() time.Time // the machine's time; time.Now
	Logger    *slog.Logger     // nil is silent
}

// Mailer queues mails and sends them.
type Mailer struct {
	Options
	server *server // nil: not set up
	from   *mail.Address
}

// New returns a mailer, or an error that names the setting which is wrong.
func New(o Options) (*Mailer, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	m := &Mailer{Options: o}
	if o.URL == "" {
		return m, nil
	}
	var err error
	if m.server, err = parseURL(o.URL, o.AllowPlain, o.Roots); err != nil {
		return nil, fmt.Errorf("GUICHET_SMTP_URL: %w", err)
	}
	if m.from, err = mail.ParseAddress(o.From); err != nil {
		return nil, fmt.Errorf("GUICHET_MAIL_FROM is %q; it must be an address such as Guichet <guichet@example.com>", o.From)
	}
	return m, nil
}

// Check greets the mail server as before a mail, and sends nothing. Its error is a code that shows no secret.
func (m *Mailer) Check(ctx context.Context) error {
	if err := m.server.greet(ctx); err != nil {
		code, _ := failure(err)
		return fmt.Errorf("the mail server cannot be used: %s", code)
	}
	return nil
}

// Ready reports whether mails can be sent: whether a mail server is set.
func (m *Mailer) Ready() bool { return m.server != nil }

// longest are the most bytes that a mail's data may have, so that a queue stays small.
const longest = 64 << 10

// Send queues one mail in the caller's transaction. The language is that of the reader; one that there is no text in gets
// English. A kind that does not exist, and data that lack what its text needs, are errors of the program. Without a mail
// server it is unsupported.
func (m *Mailer) Send(ctx context.Context, tx bun.IDB, to, kind, language string, data map[string]string) error {
	if !m.Ready() {
		return conversation.Errorf(conversation.CodeUnsupported, "e-mail is not set up on this server: its operator has to set GUICHET_SMTP_URL")
	}
	address, err := mail.ParseAddress(to)
	if err != nil || address.Name != "" {
		return conversation.Invalid("email", "must be an e-mail address such as ana@example.com")
	}
	if err := checkData(kind, data); err != nil {
		return fmt.Errorf("queue a mail: %w", err)
	}
	id := postgres.NewID()
	plain, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("queue a mail: %w", err)
	}
	if len(plain) > longest {
		return fmt.Errorf("queue a mail: %d bytes of data, at most %d", len(plain), longest)
	}
	sealed, err := m.Sealer.Seal(plain, owner(id))
	if err != nil {
		return fmt.Errorf("queue a mail: %w", err)
	}
	if !slices.Contains(Languages(), language) {
		language = cmp.Or(Languages()...)
	}
	now := m.now()
	_, err = tx.NewRaw(`INSERT INTO mails (id, recipient, kind, language, data, due_at, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		id, address.Address, kind, language, sealed, now, now).Exec(ctx)
	if err != nil {
		return fmt.Errorf("queue a mail: %w", err)
	}
	return nil
}

// owner is what a mail's data are sealed for.
func owner(id string) string { return "mail " + id }

func (m *Mailer) now() time.Time { return m.Now().UTC().Truncate(time.Microsecond) }
