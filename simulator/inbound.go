package simulator

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"
)

// Outgoing is what a customer's phone sends. Which fields count depends on Type;
// Content, if given, replaces the object under the type's key as it is.
type Outgoing struct {
	Number      string          `json:"number,omitempty"`    // phone number id; the first number
	Type        string          `json:"type"`                // see CustomerTypes; text
	ID          string          `json:"id,omitempty"`        // made up if empty
	Timestamp   time.Time       `json:"timestamp,omitzero"`  // now
	Text        string          `json:"text,omitempty"`      // body, caption, title of a reply or button
	ReplyTo     string          `json:"reply_to,omitempty"`  // message id or callback data; replies default to the last question
	Forwarded   bool            `json:"forwarded,omitempty"` // context says so, without an id
	Referral    json.RawMessage `json:"referral,omitempty"`  // ad or post the customer comes from
	Media       *MediaFile      `json:"media,omitempty"`     // a small sample
	Latitude    float64         `json:"latitude,omitempty"`
	Longitude   float64         `json:"longitude,omitempty"`
	Name        string          `json:"name,omitempty"`        // of a location or a contact card
	Address     string          `json:"address,omitempty"`     // of a location
	ReplyID     string          `json:"reply_id,omitempty"`    // of a button_reply or list_reply
	Description string          `json:"description,omitempty"` // of a list_reply
	Payload     string          `json:"payload,omitempty"`     // of a button; response_json of an nfm_reply
	MessageID   string          `json:"message_id,omitempty"`  // target of reaction, edit and revoke
	Emoji       string          `json:"emoji,omitempty"`       // of a reaction; empty takes it back
	Content     json.RawMessage `json:"content,omitempty"`
}

// MediaFile is a file that a customer sends.
type MediaFile struct {
	MimeType string `json:"mime_type,omitempty"`
	Filename string `json:"filename,omitempty"`
	Data     []byte `json:"data,omitempty"` // base64 in JSON
	Voice    bool   `json:"voice,omitempty"`
	Animated bool   `json:"animated,omitempty"`
}

// CustomerTypes lists what a customer's phone can send. The four replies travel
// as type interactive.
var CustomerTypes = []string{
	"text", "image", "video", "audio", "document", "sticker", "location", "contacts", "interactive", "button_reply", "list_reply",
	"nfm_reply", "call_permission_reply", "button", "order", "reaction", "system", "unsupported", "edit", "revoke", "request_welcome",
}

var (
	mediaTypes  = []string{"image", "video", "audio", "document", "sticker"}
	replyTypes  = []string{"button_reply", "list_reply", "nfm_reply", "call_permission_reply"}
	closedTypes = []string{"reaction", "system", "edit", "revoke"} // they do not open the window
)

// fromCustomer sends a message from a customer's phone and returns it as the
// phone shows it.
func (s *Server) fromCustomer(address string, out Outgoing) (*PhoneMessage, error) {
	if out.Type == "" {
		out.Type = "text"
	}
	if !slices.Contains(CustomerTypes, out.Type) {
		return nil, &ControlError{Field: "type", Message: "unknown message type", Allowed: CustomerTypes}
	}
	n, err := s.pick(out.Number)
	if err != nil {
		return nil, err
	}
	file, err := s.upload(n, &out)
	if err != nil {
		return nil, err
	}
	defer s.change()()
	c, err := s.mustFind(address)
	if err != nil {
		return nil, err
	}
	if out.ID != "" && s.messages[out.ID] != nil {
		return nil, &ControlError{Field: "id", Message: "a message has this id already; use a duplicate fault for repeated webhooks"}
	}
	s.resolve(n, c, &out)
	content, err := s.compose(n, c, &out, file)
	if err != nil {
		return nil, err
	}
	return s.receive(n, c, &out, content), nil
}

// resolve turns references to messages into the provider's ids.
func (s *Server) resolve(n *Number, c *Customer, out *Outgoing) {
	if m := s.message(out.ReplyTo); m != nil {
		out.ReplyTo = m.ID
	}
	if m := s.message(out.MessageID); m != nil {
		out.MessageID = m.ID
	}
	asked := map[string]string{"button_reply": "interactive", "list_reply": "interactive", "nfm_reply": "interactive", "button": "template"}[out.Type]
	if out.ReplyTo != "" || asked == "" {
		return
	}
	for _, m := range slices.Backward(s.state.thread(n.ID, c.Key).messages) {
		if m.Origin == OriginBusiness && m.Type == asked && m.Arrival > 0 {
			out.ReplyTo = m.ID
			return
		}
	}
}

// receive records a customer's message and tells the business, unless it barred
// the customer.
func (s *Server) receive(n *Number, c *Customer, out *Outgoing, content any) *PhoneMessage {
	at := out.Timestamp
	if at.IsZero() {
		at = s.now()
	}
	wire := out.Type
	if slices.Contains(replyTypes, out.Type) {
		wire = "interactive"
	}
	encoded, err := json.Marshal(content)
	if err != nil {
		encoded = nil // only what was decoded from JSON gets here
	}
	m := &message{
		ID: cmp.Or(out.ID, s.newMessageID()), Number: n.ID, Customer: c.Key, Origin: OriginCustomer, Type: wire, Content: encoded,
		Text: cmp.Or(out.Text, out.Emoji, out.Name), ReplyTo: cmp.Or(out.ReplyTo, out.MessageID), At: at, Status: StatusSent,
	}
	s.add(m)
	s.applyToTarget(out)
	t := s.state.thread(n.ID, c.Key)
	if t.Barred {
		return s.show(m)
	}
	if !slices.Contains(closedTypes, out.Type) && at.After(t.LastInbound) {
		t.LastInbound = at
	}
	if len(out.Referral) > 0 {
		t.Entry = at
	}
	s.throughput(n).AllowN(s.now(), 1)
	s.emitMessage(n, c, m, out, content)
	return s.show(m)
}

// applyToTarget shows a reaction, an edit or a deletion on the message it is for.
func (s *Server) applyToTarget(out *Outgoing) {
	target := s.messages[out.MessageID]
	switch {
	case target == nil:
	case out.Type == "reaction":
		react(target, OriginCustomer, out.Emoji)
	case out.Type == "edit":
		target.Text, target.Edited = out.Text, true
	case out.Type == "revoke":
		target.Deleted = true
	}
}

// emitMessage sends the webhook of a customer's message.
func (s *Server) emitMessage(n *Number, c *Customer, m *message, out *Outgoing, content any) {
	item := map[string]any{"id": m.ID, "timestamp": unix(m.At), "type": m.Type}
	if content != nil {
		item[m.Type] = content
	}
	if !c.HidesNumber {
		item["from"] = c.waID()
	}
	if !s.config.OmitUserIDs {
		item["from_user_id"] = c.UserID
	}
	switch {
	case out.ReplyTo != "":
		context := map[string]any{"id": out.ReplyTo}
		if target := s.messages[out.ReplyTo]; target == nil || target.Origin != OriginCustomer {
			context["from"] = n.Display
		} else if !c.HidesNumber {
			context["from"] = c.waID()
		}
		item["context"] = context
	case out.Forwarded:
		item["context"] = map[string]any{"forwarded": true}
	}
	if len(out.Referral) > 0 {
		item["referral"] = out.Referral
	}
	if m.Type == "unsupported" {
		item["errors"] = []any{unsupportedError()}
	}
	value := s.value(n)
	value["messages"] = []any{item}
	if m.Type != "system" {
		value["contacts"] = []any{s.profile(c, true)}
	}
	s.emit(&update{number: n, field: "messages", kind: KindMessages, customer: c, value: value})
}

// upload stores the file of a media message before the state is locked.
func (s *Server) upload(n *Number, out *Outgoing) (*media, error) {
	if !slices.Contains(mediaTypes, out.Type) || len(out.Content) > 0 {
		return nil, nil
	}
	if out.Media == nil {
		out.Media = &MediaFile{Voice: out.Type == "audio"}
	}
	contentType, data := sample(out.Type)
	if len(out.Media.Data) > 0 {
		data = out.Media.Data
	}
	stored, err := s.putMedia(n, cmp.Or(out.Media.MimeType, contentType), data, inboundLife)
	if err != nil {
		s.log.Error("media not stored", "error", err)
		return nil, &ControlError{Status: 500, Field: "media", Message: "could not be stored"}
	}
	return stored, nil
}

// mediaContent is the object of a media message in a webhook, where the digest is
// base64 although the media node has it in hex.
func (s *Server) mediaContent(out *Outgoing, stored *media) map[string]any {
	sum, err := hex.DecodeString(stored.SHA256)
	if err != nil {
		sum = nil // we encoded it ourselves
	}
	content := map[string]any{
		"id": stored.ID, "mime_type": stored.Type, "sha256": base64.StdEncoding.EncodeToString(sum), "url": s.mediaURL(s.url(), stored.ID),
	}
	switch out.Type {
	case "audio":
		content["voice"] = out.Media.Voice
	case "sticker":
		content["animated"] = out.Media.Animated
	case "document":
		content["filename"] = cmp.Or(out.Media.Filename, "document.pdf")
	}
	if out.Text != "" && out.Type != "audio" && out.Type != "sticker" {
		content["caption"] = out.Text
	}
	return content
}
