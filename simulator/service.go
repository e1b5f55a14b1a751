package simulator

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"guichet.dev/guichet/simulator/cloudapi"
	"guichet.dev/guichet/simulator/webhook"
)

// Accepted is one send that the Cloud API has accepted.
type Accepted struct {
	Seq      int64     `json:"seq"` // order of acceptance
	ID       string    `json:"id"`
	Opaque   string    `json:"opaque,omitempty"` // biz_opaque_callback_data
	Number   string    `json:"number"`           // phone number id
	Phone    string    `json:"phone"`            // of the customer, now
	Type     string    `json:"type"`
	Status   string    `json:"status"`
	FailCode int       `json:"fail_code,omitempty"`
	At       time.Time `json:"at"`
}

// Clock is the simulator's time.
type Clock struct {
	Now           time.Time `json:"now"`
	OffsetSeconds float64   `json:"offset_seconds"` // ahead of real time
}

// WebhookLog says what became of the webhooks.
type WebhookLog struct {
	Counts     map[string]int64 `json:"counts"`  // by state
	Waiting    int              `json:"waiting"` // updates that a fault gathers
	Deliveries []webhook.Report `json:"deliveries"`
}

// DeliveryUnsubscribed counts updates that nobody was subscribed to.
const DeliveryUnsubscribed = "unsubscribed"

// serviceTable lists the control routes that are about no one customer.
func (s *Server) serviceTable() []controlRoute {
	return []controlRoute{
		{"GET /control/accepted", "sends that were accepted, in order, and how often each callback data was; ?phone= ?opaque= ?after=seq", nil, s.controlAccepted},
		{"GET /control/webhooks", "delivery log: counts by state, what is owed, the latest outcomes", nil, s.controlWebhooks},
		{"POST /control/webhooks/release", "send what drop faults hold back, and what others gather", nil, s.controlRelease},
		{"POST /control/raw", "send any value of any field, signed", json.RawMessage(`{"field":"account_alerts","value":{"entity_type":"WABA"}}`), s.controlRaw},
		{"GET /control/callback", "where webhooks go", nil, s.controlGetCallback},
		{"POST /control/callback", "set where webhooks go; verify asks the receiver first", json.RawMessage(`{"url":"http://127.0.0.1:8080/webhooks/whatsapp","verify":true}`), s.controlCallback},
		{"GET /control/clock", "the simulator's time", nil, func(*http.Request) (any, error) { defer s.change()(); return s.clock(), nil }},
		{"POST /control/clock", "set the offset to real time, or advance it", json.RawMessage(`{"advance":"23h"}`), s.controlClock},
		{"GET /control/faults", "faults with their counts", nil, s.controlFaults},
		{"POST /control/faults", "add a fault", json.RawMessage(`{"on":"messages","action":"error","code":131056,"count":1}`), s.controlAddFault},
		{"DELETE /control/faults", "clear all faults, release what they hold", nil, s.controlClearFaults},
		{"DELETE /control/faults/{id}", "clear one fault", nil, s.controlClearFaults},
		{"GET /control/templates", "all templates", nil, s.controlTemplates},
		{"POST /control/templates", "add a template or replace it", json.RawMessage(`{"name":"hello","language":"fr","category":"UTILITY","components":[{"type":"BODY","text":"Bonjour {{1}}"}]}`), func(r *http.Request) (any, error) {
			t, err := decode[cloudapi.Template](r)
			if err != nil {
				return nil, err
			}
			return s.putTemplate(t)
		}},
	}
}

func (s *Server) clock() Clock {
	return Clock{Now: s.now(), OffsetSeconds: time.Duration(s.state.Offset).Seconds()}
}

func (s *Server) controlClock(r *http.Request) (any, error) {
	body, err := decode[struct {
		Offset  *float64  `json:"offset_seconds"`
		Advance *Duration `json:"advance"`
	}](r)
	if err != nil {
		return nil, err
	}
	if (body.Offset == nil) == (body.Advance == nil) {
		return nil, &ControlError{Field: "offset_seconds", Message: "give either offset_seconds or advance"}
	}
	const century = 100 * 365 * 24 * time.Hour
	defer s.change()()
	offset := time.Duration(s.state.Offset)
	if body.Offset != nil {
		if !(*body.Offset >= -century.Seconds() && *body.Offset <= century.Seconds()) {
			return nil, &ControlError{Field: "offset_seconds", Message: "must be within a hundred years"}
		}
		offset = time.Duration(*body.Offset * float64(time.Second))
	} else {
		if step := time.Duration(*body.Advance); step < -century || step > century || (offset+step).Abs() > century {
			return nil, &ControlError{Field: "advance", Message: "must stay within a hundred years"}
		}
		offset += time.Duration(*body.Advance)
	}
	s.shift(offset)
	return s.clock(), nil
}

func (s *Server) controlAccepted(r *http.Request) (any, error) {
	query := r.URL.Query()
	after := int64(queryInt(query.Get("after"), 0))
	s.mu.Lock()
	defer s.mu.Unlock()
	list, counts := []Accepted{}, map[string]int{}
	for _, m := range s.state.Messages {
		if m.Origin != OriginBusiness || m.Seq <= after || (query.Get("opaque") != "" && query.Get("opaque") != m.Opaque) {
			continue
		}
		c := s.customers[m.Customer]
		if phone := query.Get("phone"); phone != "" && s.find(phone) != c {
			continue
		}
		list = append(list, Accepted{Seq: m.Seq, ID: m.ID, Opaque: m.Opaque, Number: m.Number, Phone: c.Phone, Type: m.Type, Status: m.Status, FailCode: m.FailCode, At: m.At})
		if m.Opaque != "" {
			counts[m.Opaque]++
		}
	}
	return map[string]any{"accepted": list, "counts": counts}, nil
}

func (s *Server) controlWebhooks(*http.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	log := WebhookLog{}
	log.Counts, log.Deliveries = s.queue.Log()
	log.Counts[DeliveryUnsubscribed] = s.state.Unheard
	for _, b := range s.buffers {
		log.Waiting += len(b.updates)
	}
	return log, nil
}

func (s *Server) controlRelease(*http.Request) (any, error) {
	defer s.change()()
	s.flushAll()
	return map[string]any{"released": s.queue.Release()}, nil
}

func (s *Server) controlRaw(r *http.Request) (any, error) {
	body, err := decode[struct {
		Number string          `json:"number"`
		Field  string          `json:"field"`
		Value  json.RawMessage `json:"value"`
		Body   json.RawMessage `json:"body"` // instead of field and value: the whole POST
	}](r)
	if err != nil {
		return nil, err
	}
	n, err := s.pick(body.Number)
	if err != nil {
		return nil, err
	}
	if len(body.Body) > 0 {
		defer s.change()()
		s.queue.Send(&webhook.Delivery{Route: route(n), Fields: []string{"raw"}, Body: body.Body})
		return done, nil
	}
	value, err := decodeValue(body.Value)
	if err != nil {
		return nil, err
	}
	u := &update{number: n, field: cmp.Or(body.Field, "messages"), kind: KindOther, value: value}
	if u.field == "messages" {
		u.kind = KindMessages
	}
	defer s.change()()
	s.emit(u)
	return done, nil
}

func (s *Server) controlGetCallback(*http.Request) (any, error) {
	target, _ := s.queue.Target("")
	return map[string]any{"url": target.URL}, nil
}

func (s *Server) controlCallback(r *http.Request) (any, error) {
	body, err := decode[struct {
		URL         string `json:"url"`
		VerifyToken string `json:"verify_token"`
		Verify      bool   `json:"verify"`
	}](r)
	if err != nil {
		return nil, err
	}
	if err := checkCallback(body.URL); err != nil || (body.Verify && body.URL == "") {
		return nil, &ControlError{Field: "url", Message: "must be an absolute http or https address, or empty to hold webhooks"}
	}
	wanted := webhook.Target{URL: body.URL, VerifyToken: cmp.Or(body.VerifyToken, s.config.VerifyToken)}
	if body.Verify {
		if err := s.queue.Handshake(r.Context(), wanted); err != nil {
			return nil, &ControlError{Status: http.StatusUnprocessableEntity, Field: "url", Message: "handshake failed: " + err.Error()}
		}
	}
	s.retarget("", wanted)
	return map[string]any{"url": wanted.URL, "verified": body.Verify}, nil
}

func (s *Server) controlFaults(*http.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Fault, 0, len(s.state.Faults))
	for _, f := range s.state.Faults {
		list = append(list, *f)
	}
	return map[string]any{"faults": list}, nil
}

func (s *Server) controlAddFault(r *http.Request) (any, error) {
	f, err := decode[Fault](r)
	if err != nil {
		return nil, err
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	defer s.change()()
	f.ID, f.Seen, f.Used = "f"+formatInt(s.state.next()), 0, 0
	stored := f
	s.state.Faults = append(s.state.Faults, &stored)
	return f, nil
}

// controlClearFaults removes one fault or all, sends what they gather and, when
// all are cleared, what they hold.
func (s *Server) controlClearFaults(r *http.Request) (any, error) {
	id := r.PathValue("id")
	defer s.change()()
	before := len(s.state.Faults)
	s.state.Faults = slices.DeleteFunc(s.state.Faults, func(f *Fault) bool { return id == "" || f.ID == id })
	if id != "" && len(s.state.Faults) == before {
		return nil, &ControlError{Status: http.StatusNotFound, Field: "id", Message: "no such fault"}
	}
	s.flushAll()
	if id == "" {
		s.queue.Release()
	}
	return done, nil
}

func (s *Server) controlTemplates(*http.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]cloudapi.Template, 0, len(s.state.Templates))
	for _, t := range s.state.Templates {
		list = append(list, *t)
	}
	return map[string]any{"templates": list}, nil
}

// phone lists the messages of a customer's phone: those that have arrived, in
// order of arrival, or all of both sides in the order in which they were sent.
func (s *Server) phone(c *Customer, number string, all bool) []*PhoneMessage {
	list := []*PhoneMessage{}
	for _, n := range s.config.Numbers {
		if number != "" && number != n.ID {
			continue
		}
		for _, m := range s.state.thread(n.ID, c.Key).messages {
			if all || (m.Arrival > 0 && m.Type != "reaction") {
				list = append(list, s.show(m))
			}
		}
	}
	slices.SortStableFunc(list, func(a, b *PhoneMessage) int {
		if all {
			return cmp.Compare(s.messages[a.ID].Seq, s.messages[b.ID].Seq)
		}
		return cmp.Compare(a.Arrival, b.Arrival)
	})
	return list
}

// typing lists the numbers that show the customer a typing indicator now.
func (s *Server) typing(c *Customer) []string {
	ids := []string{}
	for _, n := range s.config.Numbers {
		if s.now().Before(s.state.thread(n.ID, c.Key).TypingUntil) {
			ids = append(ids, n.ID)
		}
	}
	slices.SortFunc(ids, strings.Compare)
	return ids
}
