package ledger

import (
	"slices"
	"time"

	"guichet.dev/guichet/conversation"
)

// Row is a conversation as it stands in the database, locked by the transaction that loaded it.
type Row struct {
	ID           string
	AccountID    string
	Channel      conversation.Channel
	ContactID    string
	ThreadKey    string
	Status       conversation.Status
	SnoozedUntil time.Time
	AssigneeID   string
	TeamID       string
	MergedInto   string
	Priority     int64     // -1 low, 0 normal, 1 high, 2 urgent
	BlockedAt    time.Time // since when the contact is blocked on the account
	OfferUntil   time.Time // until when the assignee must take it up; zero: it is no offer
	QueuedAt     time.Time // since when it waits for somebody with room; zero: it does not

	LastSeq    int64 // of the newest event
	WakeSeq    int64 // of the newest event that the workflow must see
	InboundSeq int64 // of the newest message received
	AppliedSeq int64 // up to here Advance has taken everything into account
	AgentSeq   int64 // of the newest message that a person of ours wrote
	ReadSeq    int64 // up to here an agent has read

	WindowFrom      time.Time
	WindowRefusedAt time.Time
	Deadlines       []conversation.Deadline
	NextDeadlineAt  time.Time
	ClosingTold     time.Time
	ClosedTold      time.Time

	LastActivityAt time.Time
	LastMessageID  string
	LastMessageAt  time.Time
	Summary        string
	LastInboundAt  time.Time
	WaitingSince   time.Time
	FirstReplyAt   time.Time
	OpenedAt       time.Time
	DoneAt         time.Time
	CreatedAt      time.Time

	Tries        int64
	StuckCode    string
	FailingSince time.Time

	isNew  bool
	wake   bool
	events []entry
}

type entry struct {
	conversation.Event
	effectKey string
}

// New returns a conversation that does not exist yet; saving inserts it.
func New(id, accountID string, channel conversation.Channel, contactID, threadKey string, now time.Time) *Row {
	return &Row{
		ID: id, AccountID: accountID, Channel: channel, ContactID: contactID, ThreadKey: threadKey,
		Status: conversation.StatusOpen, LastActivityAt: now, OpenedAt: now, CreatedAt: now, isNew: true,
	}
}

// Append numbers an event and adds it to those that saving writes. The workflow hears of it if its kind says so.
func (r *Row) Append(e conversation.Event) int64 {
	return r.append(e, "", e.Kind.Wakes())
}

// AppendWaking is Append for an event that the workflow must see although its kind does not say so.
func (r *Row) AppendWaking(e conversation.Event) int64 {
	return r.append(e, "", true)
}

// AppendEffect appends what an automatic decision led to. The key is unique within the conversation: writing it again
// fails, so a decision can never take effect twice. The workflow does not hear of it: it is the one that decided.
func (r *Row) AppendEffect(e conversation.Event, key string) int64 {
	return r.append(e, key, false)
}

// AppendOnce appends an event with a key that is unique within the conversation, such as a call's id and phase. The
// caller has looked whether it is there already.
func (r *Row) AppendOnce(e conversation.Event, key string) int64 {
	return r.append(e, key, e.Kind.Wakes())
}

// HasKey reports whether an event with this key waits to be saved.
func (r *Row) HasKey(key string) bool {
	return slices.ContainsFunc(r.events, func(e entry) bool { return e.effectKey == key })
}

// Appends reports whether an event of this kind waits to be saved.
func (r *Row) Appends(kind conversation.EventKind) bool {
	return slices.ContainsFunc(r.events, func(e entry) bool { return e.Kind == kind })
}

func (r *Row) append(e conversation.Event, key string, wakes bool) int64 {
	r.LastSeq++
	e.Seq = r.LastSeq
	if wakes {
		r.WakeSeq = e.Seq
		r.wake = true
	}
	r.events = append(r.events, entry{e, key})
	return e.Seq
}

// Wake makes saving tell the workflow to look again, without an event.
func (r *Row) Wake() { r.wake = true }

// Settle makes saving tell the workflow nothing: it is the one that is at work, and has seen every event.
func (r *Row) Settle() { r.wake = false }

// Window returns the conversation's window with the account's margin.
func (r *Row) Window(margin time.Duration) conversation.Window {
	return conversation.Window{From: r.WindowFrom, RefusedAt: r.WindowRefusedAt, Margin: margin}
}

// Blocked reports whether the contact is blocked on the account.
func (r *Row) Blocked() bool { return !r.BlockedAt.IsZero() }

// Unexamined reports whether a received message has not been examined for opt-out yet.
func (r *Row) Unexamined() bool { return r.AppliedSeq < r.InboundSeq }
