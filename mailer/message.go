package mailer

import (
	"strings"

	"github.com/wneessen/go-mail"
)

// message makes the mail that goes out. Its id is made of the row's, so that a repeat can be told.
func (m *Mailer) message(q queued, text Text) (*mail.Msg, error) {
	out := mail.NewMsg(mail.WithNoDefaultUserAgent())
	out.FromMailAddress(m.from)
	if err := out.To(q.to); err != nil {
		return nil, err
	}
	_, domain, _ := strings.Cut(m.from.Address, "@")
	out.SetMessageIDWithValue(q.id + "@" + domain)
	out.SetDateWithValue(q.createdAt)
	out.Subject(text.Subject)
	// RFC 3834: nobody's out-of-office is to answer.
	out.SetGenHeader("Auto-Submitted", "auto-generated")
	out.SetGenHeader("X-Auto-Response-Suppress", "All")
	if text.Unsubscribe != "" { // RFC 2369 and RFC 8058
		out.SetGenHeaderPreformatted("List-Unsubscribe", "<"+text.Unsubscribe+">")
		out.SetGenHeaderPreformatted("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
	}
	out.SetBodyString(mail.TypeTextPlain, text.Plain)
	out.AddAlternativeString(mail.TypeTextHTML, text.HTML)
	return out, nil
}
