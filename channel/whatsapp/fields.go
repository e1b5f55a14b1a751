package whatsapp

import (
	"strings"

	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/conversation"
)

// call is an element of value.calls.
type call struct {
	ID               text   `json:"id"`
	From             text   `json:"from"`
	FromUserID       text   `json:"from_user_id"`
	FromParentUserID text   `json:"from_parent_user_id"`
	To               text   `json:"to"`
	ToUserID         text   `json:"to_user_id"`
	ToParentUserID   text   `json:"to_parent_user_id"`
	Event            string `json:"event"`
	Timestamp        text   `json:"timestamp"`
	Direction        string `json:"direction"`
}

// outgoing reports whether we called. Older payloads have no direction: then it is ours if it comes from our number.
func (k *call) outgoing(display text) bool {
	if k.Direction != "" {
		return k.Direction == "BUSINESS_INITIATED"
	}
	return k.From != "" && strings.TrimPrefix(string(display), "+") == string(k.From)
}

// call reads one event of a call. A customer who calls us opens the window, answered or not (Cloud API, "Calling"): at the
// connect event, which comes once.
func (c *change) call(raw []byte) (channel.Body, error) {
	var k call
	if err := decode(raw, &k); err != nil {
		return nil, err
	}
	at, ok := unix(k.Timestamp)
	if !ok {
		return nil, fieldError("timestamp", "is no Unix time")
	}
	if k.ID == "" {
		return nil, fieldError("id", "is missing")
	}
	ours := k.outgoing(c.display)
	with := address{k.From, k.FromUserID, k.FromParentUserID}
	if ours {
		with = address{k.To, k.ToUserID, k.ToParentUserID}
	}
	who := person(with, find(c.contacts, with, with.empty()))
	if !matches(who) {
		return nil, fieldError("from", "names nobody")
	}
	event := shortCode(strings.ToLower(k.Event))
	return channel.Call{Person: who, ProviderID: string(k.ID), Event: event, OpensWindow: !ours && event == "connect", At: at}, nil
}

// callStatus reads what became of a call of ours; a customer who takes it opens the window.
func (c *change) callStatus(raw []byte) (channel.Body, error) {
	var s status
	if err := s.read(raw); err != nil {
		return nil, err
	}
	at, ok := unix(s.Timestamp)
	if !ok {
		return nil, fieldError("timestamp", "is no Unix time")
	}
	if s.ID == "" {
		return nil, fieldError("id", "is missing")
	}
	to, _ := s.recipient()
	who := person(to, find(c.contacts, to, to.empty()))
	if !matches(who) {
		return nil, fieldError("recipient_id", "names nobody")
	}
	event := shortCode(strings.ToLower(string(s.Status)))
	return channel.Call{Person: who, ProviderID: string(s.ID), Event: event, OpensWindow: event == "accepted", At: at}, nil
}

// preference reads a customer's use of WhatsApp's own switch for marketing.
func (c *change) preference(raw []byte) (channel.Body, error) {
	var p struct {
		WaID         text   `json:"wa_id"`
		UserID       text   `json:"user_id"`
		ParentUserID text   `json:"parent_user_id"`
		Category     string `json:"category"`
		Value        string `json:"value"`
		Timestamp    text   `json:"timestamp"`
	}
	if err := decode(raw, &p); err != nil {
		return nil, err
	}
	at, ok := unix(p.Timestamp)
	if !ok {
		return nil, fieldError("timestamp", "is no Unix time")
	}
	var state conversation.ConsentState
	switch p.Value {
	case "stop":
		state = conversation.ConsentOptedOut
	case "resume", "signup":
		state = conversation.ConsentOptedIn
	}
	if p.Category != "marketing_messages" || state == "" {
		return channel.Notice{Field: "user_preferences", At: at}, nil
	}
	of := address{p.WaID, p.UserID, p.ParentUserID}
	who := person(of, find(c.contacts, of, of.empty()))
	if !matches(who) {
		return nil, fieldError("wa_id", "names nobody")
	}
	return channel.Preference{Person: who, Scope: conversation.ScopeMarketing, State: state, At: at}, nil
}

// userIDUpdate reads a change of a business-scoped user id. The number stands in it as it is now, so it belongs to the
// person of after, and to that of before only if no earlier id is given.
func (c *change) userIDUpdate(raw []byte) (channel.Body, error) {
	type pair struct {
		Previous text `json:"previous"`
		Current  text `json:"current"`
	}
	var u struct {
		WaID         text `json:"wa_id"`
		UserID       pair `json:"user_id"`
		ParentUserID pair `json:"parent_user_id"`
		Timestamp    text `json:"timestamp"`
	}
	if err := decode(raw, &u); err != nil {
		return nil, err
	}
	at, ok := unix(u.Timestamp)
	if !ok {
		return nil, fieldError("timestamp", "is no Unix time")
	}
	old := address{"", u.UserID.Previous, u.ParentUserID.Previous}
	if old.empty() {
		old.number = u.WaID
	}
	now := address{u.WaID, u.UserID.Current, u.ParentUserID.Current}
	before, after := person(old, nil), person(now, nil)
	if k := find(c.contacts, now, false); k != nil {
		after.Name = k.Name // its ids may still be those of before
	}
	if !matches(before) || !matches(after) {
		return nil, fieldError("user_id", "is incomplete")
	}
	return channel.IdentityChange{Before: before, After: after, At: at, Reason: "user_id"}, nil
}
