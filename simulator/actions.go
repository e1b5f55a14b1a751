package simulator

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"guichet.dev/guichet/simulator/cloudapi"
)

// PhoneMessage is a message as a customer's phone shows it.
type PhoneMessage struct {
	ID        string            `json:"id"`                 // provider's id
	Opaque    string            `json:"opaque,omitempty"`   // biz_opaque_callback_data of the sender
	Number    string            `json:"number"`             // phone number id of the business
	Origin    string            `json:"origin"`             // business, customer, phone_app
	Type      string            `json:"type"`               // as on the wire
	Text      string            `json:"text,omitempty"`     // one line of it
	Content   json.RawMessage   `json:"content,omitempty"`  // the object under the type's key
	ReplyTo   string            `json:"reply_to,omitempty"` // provider's id of the quoted message
	Status    string            `json:"status"`             // as known to the provider
	FailCode  int               `json:"fail_code,omitempty"`
	Reactions map[string]string `json:"reactions,omitempty"` // emoji by origin
	Deleted   bool              `json:"deleted,omitempty"`
	Edited    bool              `json:"edited,omitempty"`
	At        time.Time         `json:"at"`
	Arrival   int64             `json:"arrival,omitempty"` // order of arrival on phones
}

// show copies a message, because the caller reads it after the lock is gone.
func (s *Server) show(m *message) *PhoneMessage {
	p := &PhoneMessage{
		ID: m.ID, Opaque: m.Opaque, Number: m.Number, Origin: m.Origin, Type: m.Type, Text: m.Text, Content: m.Content, ReplyTo: m.ReplyTo,
		Status: m.Status, FailCode: m.FailCode, Deleted: m.Deleted, Edited: m.Edited, At: m.At, Arrival: m.Arrival,
		Reactions: map[string]string{},
	}
	for origin, emoji := range m.Reactions {
		p.Reactions[origin] = emoji
	}
	return p
}

// pick returns a number by id, the first one for "".
func (s *Server) pick(id string) (*Number, error) {
	n := s.number(cmp.Or(id, s.config.Numbers[0].ID))
	if n == nil {
		ids := []string{}
		for _, known := range s.config.Numbers {
			ids = append(ids, known.ID)
		}
		return nil, &ControlError{Field: "number", Message: "unknown phone number id", Allowed: ids}
	}
	return n, nil
}

func (s *Server) mustFind(address string) (*Customer, error) {
	if c := s.find(address); c != nil {
		return c, nil
	}
	return nil, &ControlError{Status: 404, Field: "phone", Message: "no customer has this phone or user id"}
}

// putCustomer adds a customer or changes one; fields that the JSON leaves out
// keep their value.
func (s *Server) putCustomer(patch json.RawMessage) (*Customer, error) {
	var wanted Customer
	if err := strictDecode(patch, &wanted); err != nil {
		return nil, err
	}
	digits := cloudapi.Digits(wanted.Phone)
	if len(digits) < 5 || len(digits) > 20 {
		return nil, &ControlError{Field: "phone", Message: "must be 5 to 20 digits"}
	}
	if wanted.WAID != "" && (!decimal(wanted.WAID) || len(wanted.WAID) > 20) {
		return nil, &ControlError{Field: "wa_id", Message: "must be digits"}
	}
	if wanted.DeliveredAfter < 0 || wanted.ReadAfter < 0 {
		return nil, &ControlError{Field: "delivered_after", Message: "delivered_after and read_after cannot be negative"}
	}
	if wanted.UserID != "" && !cloudapi.ValidUserID(wanted.UserID) {
		return nil, &ControlError{Field: "user_id", Message: "must look like FR.1234567890"}
	}
	defer s.change()()
	c := s.find(digits)
	for _, address := range []string{wanted.UserID, wanted.WAID} {
		if other := s.find(address); other != nil && other != c {
			return nil, &ControlError{Field: "user_id", Message: "user_id or wa_id belongs to another customer"}
		}
	}
	if c == nil {
		c = s.newCustomer(digits)
	}
	key, phone, userID, changes := c.Key, c.Phone, c.UserID, c.Changes
	s.dropCustomerIndex(c)
	if err := json.Unmarshal(patch, c); err != nil {
		return nil, &ControlError{Field: "body", Message: "cannot be read"}
	}
	c.Key, c.Phone, c.Changes, c.UserID = key, phone, changes, cmp.Or(c.UserID, userID)
	s.indexCustomer(c)
	if !c.Offline {
		s.backOnline(c)
	}
	shown := *c
	return &shown, nil
}

// backOnline plans the delivery of what waited for the customer's phone.
func (s *Server) backOnline(c *Customer) {
	for _, n := range s.config.Numbers {
		t := s.state.thread(n.ID, c.Key)
		for _, m := range t.messages {
			if m.Origin == OriginBusiness && m.Status == StatusSent && m.Type != "reaction" && m.Arrival == 0 {
				s.deliverSoon(m, t, c)
			}
		}
	}
}

// readMessages marks one message that has arrived, or all, as read or played.
func (s *Server) readMessages(c *Customer, id, status string) (int, error) {
	count := 0
	target := s.message(id)
	if id != "" && (target == nil || target.Customer != c.Key || target.Origin != OriginBusiness) {
		return 0, &ControlError{Field: "message_id", Message: "no message with this id was sent to the customer"}
	}
	if target != nil && target.Arrival == 0 {
		return 0, &ControlError{Status: 409, Field: "message_id", Message: "the message has not arrived on the phone"}
	}
	for _, m := range s.state.Messages {
		arrived := m.Customer == c.Key && m.Origin == OriginBusiness && m.Arrival > 0 && m.Type != "reaction"
		if !arrived || m.Status == status || (target != nil && m != target) {
			continue
		}
		before := m.Status
		s.advance(m, status)
		if m.Status != before {
			count++
		}
	}
	return count, nil
}

// numbersOf returns the numbers a customer has messages with, or the first.
func (s *Server) numbersOf(c *Customer) []*Number {
	var numbers []*Number
	for i := range s.config.Numbers {
		if len(s.state.thread(s.config.Numbers[i].ID, c.Key).messages) > 0 {
			numbers = append(numbers, &s.config.Numbers[i])
		}
	}
	if numbers == nil {
		numbers = append(numbers, &s.config.Numbers[0])
	}
	return numbers
}

// changeNumber gives a customer another phone and, as WhatsApp does, another
// user id, and tells the businesses from the old number.
func (s *Server) changeNumber(c *Customer, phone string) error {
	digits := cloudapi.Digits(phone)
	if len(digits) < 5 || len(digits) > 20 || s.find(digits) != nil {
		return &ControlError{Field: "phone", Message: "must be 5 to 20 digits that no customer has"}
	}
	previous := *c
	s.dropCustomerIndex(c)
	c.Changes = append(c.Changes, c.Phone, c.UserID)
	c.Phone, c.WAID, c.UserID = digits, "", s.newUserID(digits)
	s.indexCustomer(c)
	for _, n := range s.numbersOf(c) {
		system := map[string]any{"body": "User changed from " + previous.waID() + " to " + digits, "wa_id": digits, "type": "user_changed_number"}
		if !s.config.OmitUserIDs {
			system["user_id"] = c.UserID
		}
		s.system(n, &previous, system)
	}
	return nil
}

// changeUserID gives a customer another user id and reports it in both ways.
func (s *Server) changeUserID(c *Customer, id string) error {
	id = cmp.Or(id, s.newUserID(c.Phone))
	if !cloudapi.ValidUserID(id) || s.find(id) != nil {
		return &ControlError{Field: "user_id", Message: "must look like FR.1234567890 and be unused"}
	}
	previous := *c
	s.dropCustomerIndex(c)
	c.Changes, c.UserID = append(c.Changes, c.UserID), id
	s.indexCustomer(c)
	for _, n := range s.numbersOf(c) {
		change := map[string]any{
			"detail": "User id changed", "timestamp": unix(s.now()), "user_id": map[string]any{"previous": previous.UserID, "current": id},
		}
		if !c.HidesNumber {
			change["wa_id"] = c.waID()
		}
		s.emitField(n, c, "user_id_update", map[string]any{"contacts": []any{s.profile(c, true)}, "user_id_update": []any{change}})
		s.system(n, &previous, map[string]any{"body": "User id changed", "user_id": id, "type": "user_changed_user_id"})
	}
	return nil
}

// system sends a system message about a customer as known before the change.
func (s *Server) system(n *Number, previous *Customer, content map[string]any) {
	m := &message{ID: s.newMessageID(), Number: n.ID, Customer: previous.Key, Origin: OriginCustomer, Type: "system", At: s.now(), Status: StatusSent}
	s.add(m)
	s.emitMessage(n, previous, m, &Outgoing{Type: "system"}, content)
}

// emitField sends an update of a field other than messages.
func (s *Server) emitField(n *Number, c *Customer, field string, parts map[string]any) {
	value := s.value(n)
	for key, part := range parts {
		value[key] = part
	}
	s.emit(&update{number: n, field: field, kind: KindOther, customer: c, value: value, time: s.now().Unix()})
}

// preferMarketing stops or resumes marketing messages.
func (s *Server) preferMarketing(c *Customer, wanted string) error {
	allowed := []string{"resume", "signup", "stop"}
	if !slices.Contains(allowed, wanted) {
		return &ControlError{Field: "value", Message: "unknown", Allowed: allowed}
	}
	c.MarketingStopped = wanted == "stop"
	for _, n := range s.numbersOf(c) {
		preference := map[string]any{
			"category": "marketing_messages", "value": wanted, "detail": "User requested to " + wanted + " marketing messages", "timestamp": s.now().Unix(),
		}
		if !c.HidesNumber {
			preference["wa_id"] = c.waID()
		}
		if !s.config.OmitUserIDs {
			preference["user_id"] = c.UserID
		}
		s.emitField(n, c, "user_preferences", map[string]any{"contacts": []any{s.profile(c, true)}, "user_preferences": []any{preference}})
	}
	return nil
}

// call rings the business or hangs up; a call opens the window.
func (s *Server) call(c *Customer, n *Number, event, id string) (string, error) {
	allowed := []string{"connect", "terminate"}
	event = cmp.Or(event, "connect")
	if !slices.Contains(allowed, event) {
		return "", &ControlError{Field: "event", Message: "unknown", Allowed: allowed}
	}
	now := s.now()
	id = cmp.Or(id, "wacid."+digest(string(randomBytes(12))))
	item := map[string]any{"id": id, "to": n.Display, "event": event, "timestamp": unix(now), "direction": "USER_INITIATED"}
	if !c.HidesNumber {
		item["from"] = c.waID()
	}
	if event == "terminate" {
		item["status"] = "COMPLETED"
	}
	if t := s.state.thread(n.ID, c.Key); now.After(t.LastInbound) {
		t.LastInbound = now
	}
	s.emitField(n, c, "calls", map[string]any{"contacts": []any{s.profile(c, true)}, "calls": []any{item}})
	return id, nil
}

// echo sends a text typed in the WhatsApp Business app on the business's phone.
func (s *Server) echo(c *Customer, n *Number, out Outgoing) (*PhoneMessage, error) {
	if err := required("text", out.Text); err != nil {
		return nil, err
	}
	at := out.Timestamp
	if at.IsZero() {
		at = s.now()
	}
	m := &message{ID: cmp.Or(out.ID, s.newMessageID()), Number: n.ID, Customer: c.Key, Origin: OriginApp, Type: "text", Text: out.Text, At: at, Status: StatusDelivered}
	if s.messages[m.ID] != nil {
		return nil, &ControlError{Field: "id", Message: "a message has this id already"}
	}
	s.add(m)
	s.arrive(m)
	item := map[string]any{"from": n.Display, "id": m.ID, "timestamp": unix(at), "type": "text", "text": map[string]any{"body": out.Text}}
	if !c.HidesNumber {
		item["to"] = c.waID()
	}
	if !s.config.OmitUserIDs {
		item["to_user_id"] = c.UserID
	}
	s.emitField(n, c, "smb_message_echoes", map[string]any{"message_echoes": []any{item}})
	return s.show(m), nil
}
