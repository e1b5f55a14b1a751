package conversation

import "time"

// WindowLength is how long free text may be sent after a customer's message or call (WhatsApp: customer service window).
const WindowLength = 24 * time.Hour

// DefaultWindowMargin is kept back from the end of the window, because a message must reach the provider before it ends.
const DefaultWindowMargin = 60 * time.Second

// LateAfter is the default age from which an arriving message counts as late.
const LateAfter = 15 * time.Minute

// Window says since when free text may be sent. All times are the provider's.
type Window struct {
	// From is the time of the customer's newest message or call; zero if there was none.
	From time.Time `json:"from,omitzero"`
	// RefusedAt is the newest time at which the provider refused free text because its window was closed. A window that
	// began before is not trusted any more.
	RefusedAt time.Time `json:"refused_at,omitzero"`
	// Margin is kept back from the end.
	Margin time.Duration `json:"margin"`
}

// ExpiresAt returns when the window ends for us, zero if it is not open at any time.
func (w Window) ExpiresAt() time.Time {
	if w.From.IsZero() || !w.From.After(w.RefusedAt) {
		return time.Time{}
	}
	return w.From.Add(WindowLength - w.Margin)
}

// Open reports whether free text may be sent at now.
func (w Window) Open(now time.Time) bool {
	return now.Before(w.ExpiresAt())
}

// Extend returns the window after a message or call of the customer at t. An older one changes nothing.
func (w Window) Extend(t time.Time) Window {
	if t.After(w.From) {
		w.From = t
	}
	return w
}

// Refuse returns the window after the provider refused a message that was sent at t because its window was closed.
func (w Window) Refuse(t time.Time) Window {
	if t.After(w.RefusedAt) {
		w.RefusedAt = t
	}
	return w
}

// OpensWindow reports whether a message of this kind opens the window. Reactions are not documented either way; an account
// may decide that they do.
func (k MessageKind) OpensWindow() bool {
	return k != KindSystem && k != KindReaction
}

// Late reports whether a message that was written at "written" and arrived at "arrived" is late: it reopens and notifies,
// but nothing answers it automatically.
func Late(written, arrived time.Time, after time.Duration) bool {
	return arrived.Sub(written) > after
}
