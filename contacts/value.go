package contacts

import (
	"math"
	"net/mail"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/nyaruka/phonenumbers"
	"golang.org/x/text/language"

	"guichet.dev/guichet/conversation"
)

// Limits of what can be written down of a contact.
const (
	maxName      = 200    // characters
	maxPhones    = 20     // further ones
	maxEmail     = 254    // bytes (RFC 5321, section 4.5.3.1.3)
	maxTags      = 50     // of one contact
	maxTag       = 50     // characters
	maxNote      = 10_000 // characters
	maxTextValue = 2000   // characters, of an attribute
)

// check returns the value as it is stored, or the error for one that does not fit the definition. Field names it.
func (d Definition) check(field string, value any) (any, error) {
	text, isText := value.(string)
	switch d.Type {
	case NumberAttribute:
		if n, ok := value.(float64); ok && !math.IsInf(n, 0) && !math.IsNaN(n) {
			return n, nil
		}
		return nil, conversation.Invalid(field, "must be a number")
	case BooleanAttribute:
		if b, ok := value.(bool); ok {
			return b, nil
		}
		return nil, conversation.Invalid(field, "must be true or false")
	case DateAttribute:
		if _, err := time.Parse(time.DateOnly, text); isText && err == nil {
			return text, nil
		}
		return nil, conversation.Invalid(field, "must be a date such as 2026-11-22")
	case ListAttribute:
		if isText && slices.Contains(d.Options, text) {
			return text, nil
		}
		return nil, conversation.Invalid(field, "must be one of: %s", strings.Join(d.Options, ", "))
	case URLAttribute:
		at, err := url.Parse(text)
		if isText && err == nil && (at.Scheme == "https" || at.Scheme == "http") && at.Host != "" && fits(text, 1, maxTextValue) {
			return text, nil
		}
		return nil, conversation.Invalid(field, "must be an address that begins with https:// or http://")
	default:
		if isText && fits(text, 1, maxTextValue) {
			return text, nil
		}
		return nil, conversation.Invalid(field, "must be text of 1 to %d characters", maxTextValue)
	}
}

// cleanPhones returns phone numbers in E.164, each once. They are given with + and country code; spaces do not matter.
func cleanPhones(given []string) ([]string, error) {
	if len(given) > maxPhones {
		return nil, conversation.Invalid("phones", "must be at most %d", maxPhones)
	}
	phones := []string{}
	for _, text := range given {
		number, err := phonenumbers.Parse(strings.TrimSpace(text), "")
		if err != nil || !phonenumbers.IsPossibleNumber(number) {
			return nil, conversation.Invalid("phones", "each must be a number with + and country code")
		}
		if phone := phonenumbers.Format(number, phonenumbers.E164); !slices.Contains(phones, phone) {
			phones = append(phones, phone)
		}
	}
	return phones, nil
}

func cleanEmail(given string) (string, error) {
	given = strings.TrimSpace(given)
	if given == "" {
		return "", nil
	}
	at, err := mail.ParseAddress(given)
	if err != nil || at.Address != given || len(given) > maxEmail || strings.ContainsRune(given, 0) {
		return "", conversation.Invalid("email", "must be an e-mail address, or empty")
	}
	local, domain, _ := strings.Cut(given, "@")
	return local + "@" + strings.ToLower(domain), nil
}

// cleanLanguage returns a language tag in its canonical form, "pt-BR".
func cleanLanguage(given string) (string, error) {
	given = strings.TrimSpace(given)
	if given == "" {
		return "", nil
	}
	tag, err := language.Parse(given)
	if err != nil || tag == language.Und {
		return "", conversation.Invalid("language", "must be a language tag such as fr or pt-BR (BCP 47), or empty")
	}
	return tag.String(), nil
}

// cleanTags returns tags without surrounding space, each once whatever its case.
func cleanTags(given []string) ([]string, error) {
	tags := []string{}
	for _, tag := range given {
		tag = strings.Join(strings.Fields(tag), " ")
		if !fits(tag, 1, maxTag) {
			return nil, conversation.Invalid("tags", "each must have 1 to %d characters", maxTag)
		}
		if !slices.ContainsFunc(tags, func(t string) bool { return strings.EqualFold(t, tag) }) {
			tags = append(tags, tag)
		}
	}
	if len(tags) > maxTags {
		return nil, conversation.Invalid("tags", "must be at most %d", maxTags)
	}
	return tags, nil
}
