package channel

import (
	"fmt"
	"time"
)

// Behaviour says what to do after a failed call.
type Behaviour string

// The behaviours.
const (
	Unknown      Behaviour = "unknown"       // it may have arrived: never again by itself
	Retry        Behaviour = "retry"         // a temporary fault: again after a while
	SlowPair     Behaviour = "slow_pair"     // too fast for this recipient
	SlowAccount  Behaviour = "slow_account"  // too fast for this account
	SlowAll      Behaviour = "slow_all"      // too fast for all accounts of the app
	StopAccount  Behaviour = "stop_account"  // the account must be reconnected: hold this message and all others
	WindowClosed Behaviour = "window_closed" // the window is closed at the provider
	OptedOut     Behaviour = "opted_out"     // the contact stopped (marketing) messages of this business
	Unreachable  Behaviour = "unreachable"   // this address cannot be reached on the channel
	Permanent    Behaviour = "permanent"     // this message will never go
)

// ChangesContact reports whether the behaviour tells something of the contact, whose row must be locked to write it down.
func (b Behaviour) ChangesContact() bool { return b == OptedOut }

// SendError is a provider's refusal, or a failure on the way to it. Provider texts can carry numbers and words, so it keeps
// codes only.
type SendError struct {
	Behaviour Behaviour
	Code      string // the provider's error code, or "connect", "timeout", "answer" for failures on the way
	HTTP      int    // status of the answer; 0 if there was none
	// RetryAfter is the provider's wish, 0 if it has none.
	RetryAfter time.Duration
}

func (e *SendError) Error() string {
	return fmt.Sprintf("provider error %s (http %d): %s", e.Code, e.HTTP, e.Behaviour)
}
