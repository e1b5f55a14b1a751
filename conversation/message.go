package conversation

// Direction tells who wrote a message.
type Direction string

// The directions.
const (
	Inbound  Direction = "in"
	Outbound Direction = "out"
)

// MessageState is how far an outgoing message has come; incoming messages are always Received.
type MessageState string

// The states. They only move forward, see [MessageState.Rank].
const (
	StateReceived  MessageState = "received" // incoming
	StateScheduled MessageState = "scheduled"
	StateQueued    MessageState = "queued"
	StateSending   MessageState = "sending"
	StateUnknown   MessageState = "unknown" // whether the provider took it is not known
	StateSent      MessageState = "sent"    // the provider took it
	StateDelivered MessageState = "delivered"
	StateRead      MessageState = "read"
	StatePlayed    MessageState = "played"
	StateFailed    MessageState = "failed"
	StateCancelled MessageState = "cancelled"
)

// Rank orders the states that a provider reports: sent 1 < delivered 2 < read 3 < played 4; 0 for all others.
func (s MessageState) Rank() int {
	switch s {
	case StateSent:
		return 1
	case StateDelivered:
		return 2
	case StateRead:
		return 3
	case StatePlayed:
		return 4
	default:
		return 0
	}
}

// Settled reports whether the next message of the conversation need not wait for this one.
func (s MessageState) Settled() bool {
	switch s {
	case StateScheduled, StateQueued, StateSending, StateUnknown:
		return false
	default:
		return true
	}
}

// Advance returns the state after a provider's report. States only move forward: a lower rank changes nothing, a failure
// after delivery changes nothing, and a delivery after a failure proves the failure wrong. The result does not depend on
// the order of the reports. An incoming message stays received.
func (s MessageState) Advance(report MessageState) MessageState {
	switch {
	case s == StateReceived || report == StateFailed && s.Rank() > StateSent.Rank():
		return s
	case report == StateFailed:
		return StateFailed
	case report.Rank() == 0:
		return s
	case s == StateFailed && report == StateSent:
		return s
	case report.Rank() > s.Rank():
		return report
	default:
		return s
	}
}

// ActorKind says who caused something.
type ActorKind string

// The actors.
const (
	ActorContact  ActorKind = "contact"
	ActorAgent    ActorKind = "agent"
	ActorToken    ActorKind = "token" // a program with an API token of its own
	ActorRule     ActorKind = "rule"
	ActorTimer    ActorKind = "timer" // a deadline that came
	ActorProvider ActorKind = "provider"
	ActorPhoneApp ActorKind = "phone_app" // a colleague in the WhatsApp Business app
	ActorSystem   ActorKind = "system"
)

// Actor is who caused something; ID is empty where the kind says it all.
type Actor struct {
	Kind ActorKind `json:"kind"`
	ID   string    `json:"id,omitempty"`
}

// Person reports whether a human being acted. What a program sends with a token of its own counts as automatic.
func (a Actor) Person() bool {
	return a.Kind == ActorAgent || a.Kind == ActorPhoneApp
}
