package rules

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// value returns what a variable says, "" if it is not known.
func (p *Policy) value(name, language string, now time.Time) string {
	now = p.local(now)
	if key, ok := strings.CutPrefix(name, attributeVariable); ok {
		return attributeText(p.env.Contact.Attributes[key])
	}
	contact := p.env.Contact
	switch name {
	case "contact.name":
		return contact.Name
	case "contact.first_name":
		first, _, _ := strings.Cut(strings.TrimSpace(contact.Name), " ")
		return first
	case "contact.phone":
		return contact.Phone
	case "contact.email":
		return contact.Email
	case "agent.name":
		return p.env.Agent.Name
	case "team.name":
		return p.env.Team.Name
	case "account.name":
		return p.env.Account.Name
	case "hours.next_opening":
		return p.border(now, language, true)
	case "hours.next_closing":
		return p.border(now, language, false)
	case "window.closes_at":
		return moment(p.env.Window.ClosesAt, now, language)
	case "now.date":
		return calendarOf(language).FmtDateLong(now)
	case "now.time":
		return calendarOf(language).FmtTimeShort(now)
	default:
		return ""
	}
}

// border says when business hours next begin or end.
func (p *Policy) border(now time.Time, language string, opening bool) string {
	if p.facts.Hours == nil {
		return ""
	}
	next := p.facts.Hours.NextClosing
	if opening {
		next = p.facts.Hours.NextOpening
	}
	at, ok := next(now)
	if !ok {
		return ""
	}
	return moment(at, now, language)
}

func attributeText(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	default:
		return fmt.Sprint(v)
	}
}
