package channel

import (
	"encoding/json"
	"time"

	"guichet.dev/guichet/conversation"
)

// Update is one thing that a webhook says.
type Update struct {
	Path      string // where it stands in the body, "entry/0/changes/1/messages/3"
	AccountID string // the provider's id of our end (WhatsApp: phone number id); empty for facts about the business account
	Kind      string // the provider's name of the thing, "messages", "statuses", "account_update"; a short code, no words
	Raw       json.RawMessage
	// Err is set if the update cannot be understood; it is parked. Its text names fields, never their values.
	Err  error
	Body Body
}

// Body is what an update says: one of the types below.
type Body interface{ body() }

// Message is a message that a customer wrote, or one that a colleague wrote in the provider's own phone app.
type Message struct {
	Person     conversation.Person // the customer, also for echoes
	ProviderID string
	At         time.Time
	Content    conversation.Content
	Echo       bool // written by our side in the phone app
}

// Receipt is a provider's word on an outgoing message.
type Receipt struct {
	ProviderID  string
	MessageID   string // ours, if the provider gives it back
	State       conversation.MessageState
	At          time.Time
	Participant string // in groups: which member
	Person      conversation.Person
	ErrorCode   string    // the first error's
	Failure     Behaviour // what a failure means; empty for other states
	Conversation,
	Pricing json.RawMessage
}

// Reaction is a customer's emoji on a message; an empty emoji takes it back.
type Reaction struct {
	Person     conversation.Person
	ProviderID string // of the reaction itself
	Target     string // provider id of the message reacted to
	Emoji      string
	At         time.Time
	Echo       bool
}

// Edit replaces the content of an earlier message.
type Edit struct {
	Person     conversation.Person
	ProviderID string
	Target     string
	Content    conversation.Content
	At         time.Time
	Echo       bool
}

// Revoke takes an earlier message back.
type Revoke struct {
	Person     conversation.Person
	ProviderID string
	Target     string
	At         time.Time
	Echo       bool
}

// IdentityChange says that a person got a new identity in place of an old one: a new number, a new user id.
type IdentityChange struct {
	ProviderID string // of the system message, empty for a webhook field of its own
	Before     conversation.Person
	After      conversation.Person
	At         time.Time
	Reason     string // "number", "user_id"
}

// Preference is a customer's use of the provider's own switch for marketing.
type Preference struct {
	Person conversation.Person
	Scope  conversation.ConsentScope
	State  conversation.ConsentState
	At     time.Time
}

// Call is a call on the channel. OpensWindow is set if the customer called us, answered or not, or took our call.
type Call struct {
	Person      conversation.Person
	ProviderID  string
	Event       string // connect, terminate, accepted, …
	OpensWindow bool
	At          time.Time
}

// ChatOpened says that a customer opened the chat for the first time, without writing yet.
type ChatOpened struct {
	Person     conversation.Person
	ProviderID string
	At         time.Time
}

// Notice is everything else: stored, shown to admins, without effect on conversations yet.
type Notice struct {
	Field string // the webhook field
	At    time.Time
}

func (Message) body()        {}
func (Receipt) body()        {}
func (Reaction) body()       {}
func (Edit) body()           {}
func (Revoke) body()         {}
func (IdentityChange) body() {}
func (Preference) body()     {}
func (Call) body()           {}
func (ChatOpened) body()     {}
func (Notice) body()         {}
