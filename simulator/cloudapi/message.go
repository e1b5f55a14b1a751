package cloudapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
)

// Types lists the message types that can be sent.
var Types = []string{"audio", "contacts", "document", "image", "interactive", "location", "reaction", "sticker", "template", "text", "video"}

// Request is the parsed body of POST /{PNID}/messages: either a message or a
// read mark.
type Request struct {
	Message *Message
	Read    *ReadMark
}

// ReadMark marks an incoming message and all earlier ones as read.
type ReadMark struct {
	MessageID string
	Typing    bool // also show that the business is typing
}

// Message is a send whose form has been checked.
type Message struct {
	To       string // as given; "" if addressed by UserID
	UserID   string // business-scoped user id, if To is empty
	Type     string
	Content  json.RawMessage // the object under the type's key
	Text     string          // what a phone shows of it in one line
	ReplyTo  string          // id of the quoted message
	Opaque   string          // biz_opaque_callback_data
	Media    []MediaUse      // uploads that it refers to, in a header too
	Reaction *Reaction
	Template *TemplateUse
}

// MediaUse is a reference to an upload.
type MediaUse struct {
	Type string // image, video, document, audio, sticker
	ID   string
}

// Reaction is an emoji on a message; an empty one takes it back.
type Reaction struct {
	MessageID string
	Emoji     string
}

// ParseRequest parses and checks the body of a send. The error is nil for an
// acceptable body; it never depends on state.
func ParseRequest(body []byte) (Request, *Error) {
	root, err := parseObject(body)
	if err != nil {
		return Request{}, err
	}
	c := &checker{limit: CodeParameter}
	if product, ok := root.fields["messaging_product"]; !ok || product == nil {
		return Request{}, NewError(CodeParameter, "The parameter messaging_product is required.")
	}
	c.oneOf(root, "messaging_product", true, "whatsapp")
	if _, ok := root.fields["status"]; ok {
		return parseReadMark(c, root)
	}
	m := parseBase(c, root)
	if c.err != nil {
		return Request{}, c.err
	}
	if _, ok := root.fields[m.Type]; !ok {
		return Request{}, NewError(CodeMissing, "Parameter '%s' is mandatory for type '%s'", m.Type, m.Type)
	}
	parseContent(c, root, m)
	if c.err != nil {
		return Request{}, c.err
	}
	content, encodeErr := json.Marshal(root.fields[m.Type])
	if encodeErr != nil {
		return Request{}, NewError(CodeParameter, "Param %s is not valid JSON.", m.Type)
	}
	m.Content, m.Media = content, c.media
	return Request{Message: m}, nil
}

func parseObject(body []byte) (node, *Error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var fields map[string]any
	if err := decoder.Decode(&fields); err != nil || fields == nil {
		return node{}, NewError(CodeParameter, "The body must be one JSON object.")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return node{}, NewError(CodeParameter, "The body must be one JSON object.")
	}
	return node{fields: fields}, nil
}

func parseReadMark(c *checker, root node) (Request, *Error) {
	c.oneOf(root, "status", true, "read")
	mark := &ReadMark{MessageID: c.str(root, "message_id", true, 0)}
	if typing, ok := c.object(root, "typing_indicator", false); ok {
		c.oneOf(typing, "type", true, "text")
		mark.Typing = true
	}
	if c.err != nil {
		return Request{}, c.err
	}
	return Request{Read: mark}, nil
}

func parseBase(c *checker, root node) *Message {
	m := &Message{Type: "text"}
	c.oneOf(root, "recipient_type", false, "individual")
	m.To = c.str(root, "to", false, 64)
	m.UserID = c.str(root, "recipient", false, 256)
	switch {
	case c.err != nil:
	case m.To == "" && m.UserID == "":
		c.fail(CodeParameter, "The parameter to is required.")
	case m.To != "":
		m.UserID = "" // `to` wins if both are given
		if digits := Digits(m.To); len(digits) < 5 || len(digits) > 20 {
			c.fail(CodeInvalid, "Param to is not a valid phone number.")
		}
	case !ValidUserID(m.UserID):
		c.fail(CodeInvalid, "Param recipient is not a valid business-scoped user id.")
	}
	if given := c.oneOf(root, "type", false, Types...); given != "" {
		m.Type = given
	}
	m.Opaque = c.str(root, "biz_opaque_callback_data", false, 512)
	if context, ok := c.object(root, "context", false); ok {
		m.ReplyTo = c.str(context, "message_id", true, 0)
		if m.Type == "reaction" {
			c.fail(CodeInvalid, "A reaction cannot have a context.")
		}
	}
	return m
}

func parseContent(c *checker, root node, m *Message) {
	if m.Type == "contacts" {
		parseContacts(c, root, m)
		return
	}
	content, ok := c.object(root, m.Type, true)
	if !ok {
		return
	}
	switch m.Type {
	case "text":
		m.Text = c.str(content, "body", true, 4096)
		c.boolean(content, "preview_url")
	case "image", "video", "document", "audio", "sticker":
		parseMedia(c, content, m)
	case "location":
		c.number(content, "latitude", -90, 90)
		c.number(content, "longitude", -180, 180)
		m.Text = c.str(content, "name", false, 1000)
		c.str(content, "address", false, 1000)
	case "reaction":
		m.Reaction = &Reaction{MessageID: c.str(content, "message_id", true, 0), Emoji: c.str(content, "emoji", false, 16)}
		if _, given := content.fields["emoji"]; !given {
			c.fail(CodeMissing, "The parameter reaction['emoji'] is required.")
		}
		m.Text = m.Reaction.Emoji
	case "interactive":
		c.limit = CodeInvalid
		m.Text = parseInteractive(c, content)
	case "template":
		m.Template = parseTemplateUse(c, content)
	}
}

func parseMedia(c *checker, content node, m *Message) {
	parseMediaSource(c, content, m.Type)
	if slices.Contains([]string{"image", "video", "document"}, m.Type) {
		m.Text = c.str(content, "caption", false, 1024)
	} else if _, ok := content.fields["caption"]; ok {
		c.fail(CodeParameter, "Param %s is not allowed.", content.at("caption"))
	}
	if m.Type == "document" {
		c.str(content, "filename", false, 240)
	}
	if m.Type == "audio" {
		c.boolean(content, "voice")
	}
}

// parseMediaSource checks where media of a type come from: an upload or an address.
func parseMediaSource(c *checker, content node, kind string) {
	id, link := c.str(content, "id", false, 0), c.str(content, "link", false, 2048)
	switch {
	case c.err != nil:
	case id == "" && link == "":
		c.fail(CodeMissing, "One of %s and %s is required.", content.at("id"), content.at("link"))
	case id != "" && link != "":
		c.fail(CodeParameter, "Only one of %s and %s may be given.", content.at("id"), content.at("link"))
	case link != "" && !webAddress(link):
		c.fail(CodeParameter, "Param %s is not a valid URI.", content.at("link"))
	case id != "":
		c.media = append(c.media, MediaUse{Type: kind, ID: id})
	}
}

func parseContacts(c *checker, root node, m *Message) {
	for i, card := range c.objects(root, "contacts", 1, 257) {
		name, ok := c.object(card, "name", true)
		if !ok {
			return
		}
		formatted := c.str(name, "formatted_name", true, 1024)
		if i == 0 {
			m.Text = formatted
		}
		c.objects(card, "phones", 0, 100)
		c.objects(card, "emails", 0, 100)
		c.objects(card, "addresses", 0, 100)
		c.objects(card, "urls", 0, 100)
	}
}

// Digits returns the digits of a phone number written with +, spaces, dots,
// dashes and brackets, or "" if anything else is in it.
func Digits(phone string) string {
	var digits strings.Builder
	for i, r := range phone {
		switch {
		case r >= '0' && r <= '9':
			digits.WriteRune(r)
		case r == '+' && i == 0, strings.ContainsRune(" ().-", r):
		default:
			return ""
		}
	}
	return digits.String()
}

// ValidUserID reports whether a text has the form of a business-scoped user id:
// a country code, a dot (with ENT. for the parent form) and letters or digits.
func ValidUserID(id string) bool {
	country, rest, ok := strings.Cut(id, ".")
	rest = strings.TrimPrefix(rest, "ENT.")
	if !ok || len(country) != 2 || len(rest) == 0 || len(rest) > 128 {
		return false
	}
	return !strings.ContainsFunc(country, func(r rune) bool { return r < 'A' || r > 'Z' }) &&
		!strings.ContainsFunc(rest, func(r rune) bool {
			return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
		})
}
