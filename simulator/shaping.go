package simulator

import (
	"time"
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
		s.state.Finished[DeliveryUnsubscribed]++
		return
	}
	f := s.webhookFault(u)
	if f == nil || s.closing { // a closing simulator only saves what it owes
		s.startAll(s.owe(u))
		return
	}
	switch f.Action {
	case ActionDrop:
		for _, d := range s.owe(u) {
			d.Held = true
		}
	case ActionDuplicate:
		for range 1 + f.Copies {
			s.startAll(s.owe(u))
		}
	case ActionDelay:
		for _, d := range s.owe(u) {
			d.NotBefore = d.Created.Add(time.Duration(f.Delay))
			s.start(d)
		}
	default:
		s.gather(f, u)
	}
}

// owe records one delivery of some updates. An update that cannot be encoded is
// reported and left out; it can only come from a raw value.
func (s *Server) owe(updates ...*update) []*delivery {
	body, err := envelope(updates)
	if err != nil {
		s.log.Error("webhook not sent", "error", err)
		return nil
	}
	fields := make([]string, 0, len(updates))
	for _, u := range updates {
		fields = append(fields, u.field+"."+u.kind)
	}
	return []*delivery{s.enqueue(updates[0].number, fields, body)}
}

func (s *Server) startAll(deliveries []*delivery) {
	for _, d := range deliveries {
		s.start(d)
	}
}

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
			s.startAll(s.owe(group...))
		}
		return
	}
	if b.fault.Action == ActionReorder {
		s.shuffle(b.updates)
	}
	var previous *delivery
	for _, u := range b.updates {
		for _, d := range s.owe(u) {
			if previous != nil && b.fault.Action == ActionReorder {
				d.gate = previous.first
			}
			s.start(d)
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
		if _, own := s.state.Overrides[u.number.ID]; own {
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

// release starts the deliveries that faults hold back and returns their number.
func (s *Server) release() int {
	count := 0
	for _, d := range s.state.Pending {
		if d.Held {
			d.Held = false
			s.start(d)
			count++
		}
	}
	return count
}
