package simulator

import (
	"container/heap"
	"strconv"
	"time"
)

func formatInt(n int64) string { return strconv.FormatInt(n, 10) }

// unix writes a time as messages and statuses carry it: whole seconds in text.
func unix(t time.Time) string { return formatInt(t.Unix()) }

// now is the simulator's time: the real one moved by the offset. The caller
// holds the lock.
func (s *Server) now() time.Time {
	return time.Now().UTC().Add(time.Duration(s.state.Offset))
}

// change locks the state for a change and returns the unlocking function.
func (s *Server) change() func() {
	s.mu.Lock()
	return func() {
		s.dirty = true
		s.mu.Unlock()
	}
}

// shift moves the clock. When it goes back, what was due soon stays due soon.
func (s *Server) shift(offset time.Duration) {
	if delta := offset - time.Duration(s.state.Offset); delta < 0 {
		for _, t := range s.state.Tasks {
			t.Due = t.Due.Add(delta)
		}
	}
	s.state.Offset = Duration(offset)
	s.nudge()
}

// taskHeap orders tasks by time, then by order of creation.
type taskHeap struct{ tasks *[]*task }

func (h taskHeap) Len() int { return len(*h.tasks) }
func (h taskHeap) Less(i, j int) bool {
	a, b := (*h.tasks)[i], (*h.tasks)[j]
	if a.Due.Equal(b.Due) {
		return a.Seq < b.Seq
	}
	return a.Due.Before(b.Due)
}
func (h taskHeap) Swap(i, j int) { (*h.tasks)[i], (*h.tasks)[j] = (*h.tasks)[j], (*h.tasks)[i] }
func (h taskHeap) Push(x any)    { *h.tasks = append(*h.tasks, x.(*task)) } //nolint:errcheck // the heap holds nothing else
func (h taskHeap) Pop() any {
	list := *h.tasks
	last := list[len(list)-1]
	list[len(list)-1] = nil
	*h.tasks = list[:len(list)-1]
	return last
}

// later brings a message to a status after a time on the simulator's clock.
func (s *Server) later(m *message, status string, after time.Duration) {
	t := &task{Due: s.now().Add(after), Seq: s.state.next(), Message: m.ID, Status: status}
	heap.Push(taskHeap{&s.state.Tasks}, t)
	s.nudge()
}

func (s *Server) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// schedule runs due tasks until the stop.
func (s *Server) schedule() {
	for {
		timer := time.NewTimer(s.runDue())
		select {
		case <-s.stop.Done():
			timer.Stop()
			return
		case <-s.wake:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// runDue runs what is due and returns the time until the next task.
func (s *Server) runDue() time.Duration {
	defer s.change()()
	for s.stop.Err() == nil && len(s.state.Tasks) > 0 {
		if wait := s.state.Tasks[0].Due.Sub(s.now()); wait > 0 {
			return wait
		}
		due := heap.Pop(taskHeap{&s.state.Tasks}).(*task) //nolint:errcheck // the heap holds nothing else
		if m := s.messages[due.Message]; m != nil {
			s.advance(m, due.Status)
		}
	}
	return time.Hour
}
