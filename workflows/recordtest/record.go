// Package recordtest is a record of one conversation in memory: a stand-in for what the activities do in Postgres, with a
// script for everything that can happen. Tests of the workflow and the recorder of replay histories share it.
package recordtest

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"guichet.dev/guichet/conversation"
)

// Record is the conversation. It is safe for concurrent use.
type Record struct {
	now func() time.Time

	mu        sync.Mutex
	stands    conversation.Advanced
	lastSeq   int64
	deadlines map[string]time.Time
	fired     []string
	failures  []error
	advances  int
	messages  []*message
	held      bool
	sendFails []error
	sends     int
	calling   int
	overlap   bool
	onSend    func()
}

// message is an outgoing message with what its next attempts come to.
type message struct {
	id      string
	results []conversation.SendResult
}

// New returns an open conversation whose clock is now.
func New(now func() time.Time) *Record {
	return &Record{
		now:       now,
		deadlines: map[string]time.Time{},
		stands:    conversation.Advanced{Status: conversation.StatusOpen, Channel: "whatsapp", AccountID: "account-1"},
	}
}

// Event writes down an event and returns its seq, which the workflow must be woken for.
func (r *Record) Event() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lastSeq++
	return r.lastSeq
}

// SetStatus changes the status.
func (r *Record) SetStatus(status conversation.Status) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stands.Status = status
}

// Assign gives the conversation to an agent, or to nobody.
func (r *Record) Assign(agentID string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stands.AssigneeID = agentID
}

// Deadline sets or moves the deadline of a kind.
func (r *Record) Deadline(kind string, in time.Duration) {
	at := r.now().Add(in)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.deadlines[kind] = at
}

// NoDeadline takes a deadline away.
func (r *Record) NoDeadline(kind string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.deadlines, kind)
}

// Queue adds an outgoing message. Its attempts come to the given results in turn; the last of them must settle it, or be
// unknown, after which it no longer holds up the next.
func (r *Record) Queue(results ...conversation.SendResult) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.messages = append(r.messages, &message{id: "message-" + strconv.Itoa(len(r.messages)+1), results: results})
}

// Hold makes every Send come to held, until it is called with false.
func (r *Record) Hold(held bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held = held
}

// FailAdvance makes the next calls of Advance fail with the given errors.
func (r *Record) FailAdvance(errs ...error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, errs...)
}

// FailSend makes the next calls of SendNext fail with the given errors.
func (r *Record) FailSend(errs ...error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sendFails = append(r.sendFails, errs...)
}

// OnSend is called in the middle of every Send.
func (r *Record) OnSend(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.onSend = f
}

// Advance applies what is new and fires what is due.
func (r *Record) Advance(_ context.Context, _ string) (conversation.Advanced, error) {
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.advances++
	if len(r.failures) > 0 {
		err := r.failures[0]
		r.failures = r.failures[1:]
		return conversation.Advanced{}, err
	}
	out := r.stands
	out.Now = now
	for seq := out.AppliedSeq + 1; seq <= r.lastSeq; seq++ {
		out.Steps = append(out.Steps, "opt_out#"+strconv.FormatInt(seq, 10)+"=none")
	}
	out.AppliedSeq = r.lastSeq
	for kind, at := range r.deadlines {
		if !now.Before(at) {
			r.fired = append(r.fired, kind)
			delete(r.deadlines, kind)
			out.Steps = append(out.Steps, kind+"=fired")
		}
	}
	out.NextDeadline, out.NextKind = time.Time{}, ""
	for kind, at := range r.deadlines {
		if out.NextDeadline.IsZero() || at.Before(out.NextDeadline) {
			out.NextDeadline, out.NextKind = at, kind
		}
	}
	out.Unsettled = len(r.messages) > 0
	r.stands = out
	r.stands.Steps = nil
	return out, nil
}

// SendNext takes the next result of the first message.
func (r *Record) SendNext(_ context.Context, _ string) (conversation.SendResult, error) {
	r.mu.Lock()
	r.sends++
	r.calling++
	r.overlap = r.overlap || r.calling > 1
	during := r.onSend
	r.mu.Unlock()
	if during != nil {
		during()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calling--
	switch {
	case len(r.sendFails) > 0:
		err := r.sendFails[0]
		r.sendFails = r.sendFails[1:]
		return conversation.SendResult{}, err
	case len(r.messages) == 0:
		return conversation.SendResult{Outcome: conversation.OutcomeNothing}, nil
	case r.held:
		return conversation.SendResult{Outcome: conversation.OutcomeHeld, Code: "account_paused"}, nil
	}
	first := r.messages[0]
	result := first.results[0]
	result.MessageID = first.id
	if first.results = first.results[1:]; len(first.results) == 0 {
		r.messages = r.messages[1:]
	}
	return result, nil
}

// Tally is what was asked of a record so far.
type Tally struct {
	AppliedSeq int64
	Advances   int
	Sends      int
	Waiting    int      // messages
	Fired      []string // deadlines, in order
	Overlap    bool     // two Sends ran at once
}

// Tally returns what was asked of the record so far.
func (r *Record) Tally() Tally {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Tally{
		AppliedSeq: r.stands.AppliedSeq,
		Advances:   r.advances,
		Sends:      r.sends,
		Waiting:    len(r.messages),
		Fired:      slices.Clone(r.fired),
		Overlap:    r.overlap,
	}
}
