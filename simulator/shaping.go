package simulator

import (
	"time"

	"guichet.dev/guichet/simulator/webhook"
)

// buffer gathers updates that a webhook fault wants to send together.
type buffer struct {
	fault   *Fault
	updates []*update
	timer   *time.Timer
}

// emit tells the business about an update, in the way that a fault asks for.
func (s *Server) emit(u *update) {
	if s.state.Unsubscribed[u.number.WABAID] {
		s.state.Unheard++
		return
	}
	f := s.webhookFault(u)
	if f == nil || s.closing { // a closing simulator only saves what it owes
		s.owe(webhook.Delivery{}, u)
		return
	}
	switch f.Action {
	case ActionDrop:
		s.owe(webhook.Delivery{Held: true}, u)
	case ActionDuplicate:
		for range 1 + f.Copies {
			s.owe(webhook.Delivery{}, u)
		}
	case ActionDelay:
		s.owe(webhook.Delivery{NotBefore: time.Now().UTC().Add(time.Duration(f.Delay))}, u)
	default:
		s.gather(f, u)
	}
}

// owe hands over one delivery of some updates and returns it. An update that cannot be encoded is
// reported and left out; it can only come from a raw value.
func (s *Server) owe(d webhook.Delivery, updates ...*update) *webhook.Delivery {
	body, err := envelope(updates)
	if err != nil {
		s.log.Error("webhook not sent", "error", err)
		return nil
	}
	d.Route, d.Body = route(updates[0].number), body
	for _, u := range updates {
		d.Fields = append(d.Fields, u.field+"."+u.kind)
	}
	s.queue.Send(&d)
	return &d
}

// route names the callbacks of a number, the most specific first.
func route(n *Number) []string { return []string{n.ID, n.WABAID} }

// gather keeps an update until the fault's batch is full or its time is over.
func (s *Server) gather(f *Fault, u *update) {
	b := s.buffers[f.ID]
	if b == nil {
		b = &buffer{fault: f}
		s.buffers[f.ID] = b
		b.timer = time.AfterFunc(time.Duration(f.Window), func() {
			defer s.change()()
			s.flush(b)
		})
	}
	b.updates = append(b.updates, u)
	if len(b.updates) >= f.Size {
		s.flush(b)
	}
}

// flush sends what a fault has gathered: in one body, in a shuffled order one
// after the other, or all at the same moment.
func (s *Server) flush(b *buffer) {
	if s.buffers[b.fault.ID] != b {
		return // its time came just after it was full
	}
	delete(s.buffers, b.fault.ID)
	b.timer.Stop()
	if b.fault.Action == ActionBatch {
		for _, group := range s.byTarget(b.updates) {
			s.owe(webhook.Delivery{}, group...)
		}
		return
	}
	if b.fault.Action == ActionReorder {
		s.shuffle(b.updates)
	}
	var previous *webhook.Delivery
	for _, u := range b.updates {
		d := s.owe(webhook.Delivery{After: previous}, u)
		if b.fault.Action == ActionReorder {
			previous = d
		}
	}
}

// shuffle puts updates in another order than they had.
func (s *Server) shuffle(updates []*update) {
	first := updates[0]
	s.random.Shuffle(len(updates), func(i, j int) { updates[i], updates[j] = updates[j], updates[i] })
	if last := len(updates) - 1; updates[0] == first {
		updates[0], updates[last] = updates[last], updates[0]
	}
}

// byTarget splits updates by number where a number or WABA has its own callback.
func (s *Server) byTarget(updates []*update) [][]*update {
	var order []string
	groups := map[string][]*update{}
	for _, u := range updates {
		key := u.number.WABAID
		if _, own := s.queue.Target(u.number.ID); own {
			key = u.number.ID
		}
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], u)
	}
	result := make([][]*update, 0, len(order))
	for _, key := range order {
		result = append(result, groups[key])
	}
	return result
}

func (s *Server) flushAll() {
	for _, b := range s.buffers {
		s.flush(b)
	}
}
