package simulator

import (
	"cmp"
	"time"

	"guichet.dev/guichet/simulator/cloudapi"
)

// States of a sent message.
const (
	StatusAccepted  = "accepted"
	StatusSent      = "sent"
	StatusDelivered = "delivered"
	StatusRead      = "read"
	StatusPlayed    = "played"
	StatusFailed    = "failed"
)

// What becomes of sends to a business that the customer blocked.
const (
	BlockSilent = "silent" // they stay at sent
	BlockFail   = "fail"   // they fail with 131026
)

// advance brings a sent message to a status, reports it and plans what follows.
func (s *Server) advance(m *message, status string) {
	t, c := s.state.thread(m.Number, m.Customer), s.customers[m.Customer]
	switch status {
	case StatusFailed:
		m.Status = status
	case StatusSent:
		m.Status = status
		s.setPrice(m, t)
		if m.Type == "reaction" {
			s.arriveReaction(m)
		} else {
			s.deliverSoon(m, t, c)
		}
	case StatusDelivered:
		if m.Status != StatusSent || c.Offline || t.Blocked != "" {
			return
		}
		m.Status = status
		s.arrive(m)
		if c.AutoRead {
			s.later(m, StatusRead, cmp.Or(time.Duration(c.ReadAfter), s.config.Delays.Read))
		}
	case StatusRead:
		if m.Status != StatusDelivered && (m.Status != StatusSent || c.Offline || t.Blocked != "") {
			return
		}
		m.Status = status
		s.arrive(m)
	case StatusPlayed:
		if m.Status == StatusFailed || m.Status == StatusPlayed || m.Status == StatusAccepted {
			return
		}
		m.Status = status
		s.arrive(m)
	}
	s.report(m, status, t, c)
}

// deliverSoon plans the delivery of a sent message unless the phone cannot get it.
func (s *Server) deliverSoon(m *message, t *thread, c *Customer) {
	next := StatusDelivered
	if c.InChat {
		next = StatusRead
	}
	if !c.Offline && t.Blocked == "" {
		s.later(m, next, cmp.Or(time.Duration(c.DeliveredAfter), s.config.Delays.Delivered))
	}
}

func (s *Server) arrive(m *message) {
	if m.Arrival == 0 {
		s.arrivals++
		m.Arrival = s.arrivals
	}
}

func (s *Server) arriveReaction(m *message) {
	s.arrive(m)
	if target := s.messages[m.ReplyTo]; target != nil {
		react(target, OriginBusiness, m.Text)
	}
}

// react sets the emoji of one side on a message; an empty one takes it away.
func react(target *message, origin, emoji string) {
	if target.Reactions == nil {
		target.Reactions = map[string]string{}
	}
	target.Reactions[origin] = emoji
	if emoji == "" {
		delete(target.Reactions, origin)
	}
}

// Terms of prices.
const (
	serviceCategory  = "service"
	freeEntryPoint   = "free_entry_point"
	freeService      = "free_customer_service"
	regular          = "regular"
	freeServiceCount = 1000 // service messages per number and month
	freeEntryTime    = 72 * time.Hour
	windowTime       = 24 * time.Hour
)

// setPrice fixes the price of a message as of October 2026: templates are
// charged, service messages above the monthly allowance too, and everything is
// free within a free entry point.
func (s *Server) setPrice(m *message, t *thread) {
	now := s.now()
	m.Price = regular
	if now.Before(t.FreeUntil) {
		m.Price = freeEntryPoint
		return
	}
	if m.Category == serviceCategory {
		month := m.Number + "/" + now.Format("2006-01")
		s.state.Service[month]++
		if s.state.Service[month] <= freeServiceCount {
			m.Price = freeService
		}
	}
}

// report sends the status webhook of a message.
func (s *Server) report(m *message, status string, t *thread, c *Customer) {
	n := s.number(m.Number)
	if n == nil {
		return // the number was taken out of the configuration
	}
	item := map[string]any{"id": m.ID, "status": status, "timestamp": unix(s.now())}
	if !c.HidesNumber {
		item["recipient_id"] = c.waID()
	}
	if !s.config.OmitUserIDs && (status != StatusFailed || m.ByUserID) {
		item["recipient_user_id"] = c.UserID
	}
	if m.Opaque != "" {
		item["biz_opaque_callback_data"] = m.Opaque
	}
	if status == StatusFailed {
		item["errors"] = []any{cloudapi.NewError(m.FailCode, "%s", m.Details).Webhook()}
	}
	s.addPricing(item, m, status, t)
	value := s.value(n)
	value["statuses"] = []any{item}
	if status != StatusFailed && !s.config.OmitUserIDs {
		value["contacts"] = []any{s.profile(c, status != StatusSent)}
	}
	s.emit(&update{number: n, field: "messages", kind: KindStatuses, customer: c, value: value})
}

// addPricing adds the price to `sent` and to one of `delivered` and `read`, and
// the conversation where the Graph version or a free entry point asks for it.
func (s *Server) addPricing(item map[string]any, m *message, status string, t *thread) {
	first := status == StatusSent
	if !first && (m.Priced || (status != StatusDelivered && status != StatusRead)) {
		return
	}
	if !first {
		m.Priced = true
	}
	item["pricing"] = map[string]any{
		"billable": m.Price == regular, "pricing_model": "PMP", "type": m.Price, "category": m.Category,
	}
	free := m.Price == freeEntryPoint
	if s.config.GraphVersion >= 24 && !free {
		return
	}
	origin, end := m.Category, t.LastInbound.Add(windowTime)
	if free {
		origin, end = "referral_conversion", t.FreeUntil
	}
	conversation := map[string]any{"id": digest(m.ID), "origin": map[string]any{"type": origin}}
	if first {
		conversation["expiration_timestamp"] = unix(end)
	}
	item["conversation"] = conversation
}
